//! The state of the process: the one global of the library.

use std::cell::RefCell;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::ck;
use crate::error::{Result, refuse};
use crate::fork::Mark;
use crate::module::Module;
use crate::session::Session;

/// What one process owns. It is never freed. A forked child does not touch its parent's state, in which threads
/// that the child does not have may hold locks, and whose files are the parent's; it makes its own.
struct ProcessState {
    mark: Mark,
    module: ArcSwapOption<Module>,
    /// The number of the C_Initialize whose module that is, set after the module and cleared before it.
    initialization: AtomicU64,
    /// Held while `module` is made or closed.
    changing: Mutex<()>,
}

/// The number of no C_Initialize.
const NONE: u64 = 0;
/// How many C_Initialize succeeded, in the parents of a forked process too: no two modules have the same number.
static INITIALIZATIONS: AtomicU64 = AtomicU64::new(NONE);

/// How many sessions a thread knows at once.
const KNOWN: usize = 4;

thread_local! {
    /// Sessions that this thread has called lately, each at the place that its handle gives. They are not kept open.
    static KNOWN_SESSIONS: RefCell<[KnownSession; KNOWN]> = RefCell::default();
}

#[derive(Default)]
struct KnownSession {
    /// The C_Initialize to which it belongs; `NONE` at an empty place.
    initialization: u64,
    handle: ck::CK_SESSION_HANDLE,
    session: Weak<Session>,
}

static STATE: AtomicPtr<ProcessState> = AtomicPtr::new(ptr::null_mut());
static EXITING: AtomicBool = AtomicBool::new(false);

/// Runs `at_exit` before the destructors of other libraries in this file: those of the crypto library run at exit
/// too, and its functions may abort the process afterwards. Entries of .fini_array run from the last to the first;
/// the number makes the linker put this one last.
#[used]
#[cfg_attr(target_os = "linux", unsafe(link_section = ".fini_array.99999"))]
static AT_EXIT: extern "C" fn() = at_exit;

extern "C" fn at_exit() {
    set_exiting(true);
}

pub(super) fn set_exiting(exiting: bool) {
    EXITING.store(exiting, Ordering::SeqCst);
}

/// The process runs its destructors: no call may do anything any more.
pub(super) fn is_exiting() -> bool {
    EXITING.load(Ordering::Relaxed)
}

/// Runs `call` with this process's module; `None` before C_Initialize and after C_Finalize. The module lives
/// while `call` runs, so C_Finalize waits for nobody. Nothing is written that other threads read.
pub(super) fn with_module<T>(call: impl FnOnce(&Module) -> T) -> Option<T> {
    if is_exiting() {
        return None;
    }
    let module = own_state()?.module.load();
    module.as_deref().map(call)
}

/// The open session of this handle, where this thread has called it lately. Nothing is written that threads with other
/// sessions read. The session lives while the caller holds it, and its token with it, so C_Finalize waits for nobody.
pub(super) fn known_session(handle: ck::CK_SESSION_HANDLE) -> Option<Arc<Session>> {
    if is_exiting() {
        return None;
    }
    let initialization = initialization()?;
    let find = |known: &RefCell<[KnownSession; KNOWN]>| {
        let known = &known.borrow()[place(handle)];
        let same = known.initialization == initialization && known.handle == handle;
        same.then(|| known.session.upgrade())?
    };
    // At the end of a thread there may be none.
    KNOWN_SESSIONS.try_with(find).ok()?
}

/// Lets `known_session` find this session of the module of that `initialization`, which was asked for before the module.
pub(super) fn know_session(initialization: Option<u64>, session: &Arc<Session>) {
    let Some(initialization) = initialization else {
        return;
    };
    let known = KnownSession {
        initialization,
        handle: session.handle(),
        session: Arc::downgrade(session),
    };
    // At the end of a thread there is nothing that remembers it.
    let place = place(known.handle);
    let _ = KNOWN_SESSIONS.try_with(|all| all.borrow_mut()[place] = known);
}

/// The number of the C_Initialize whose module is open; `None` where none is.
pub(super) fn initialization() -> Option<u64> {
    let number = own_state()?.initialization.load(Ordering::SeqCst);
    (number != NONE).then_some(number)
}

fn place(handle: ck::CK_SESSION_HANDLE) -> usize {
    (handle % KNOWN as u64) as usize
}

/// C_Initialize: `open` runs once, whatever the number of threads that race.
///
/// # Errors
/// CKR_CRYPTOKI_ALREADY_INITIALIZED, and those of `open`.
pub(super) fn initialize(open: impl FnOnce() -> Result<Module>) -> Result<()> {
    let state = own_state().unwrap_or_else(first_state);
    let _changing = state.changing.lock();
    if state.module.load().is_some() {
        return refuse(
            ck::CKR_CRYPTOKI_ALREADY_INITIALIZED,
            "C_Initialize was called before",
        );
    }
    state.module.store(Some(Arc::new(open()?)));
    let number = INITIALIZATIONS.fetch_add(1, Ordering::SeqCst) + 1;
    state.initialization.store(number, Ordering::SeqCst);
    Ok(())
}

/// C_Finalize. The module closes under the lock, so that the next C_Initialize finds it closed;
/// calls that still run close it at their end instead.
///
/// # Errors
/// CKR_CRYPTOKI_NOT_INITIALIZED.
pub(super) fn finalize() -> Result<()> {
    if let Some(state) = own_state() {
        let _changing = state.changing.lock();
        state.initialization.store(NONE, Ordering::SeqCst);
        if let Some(closed) = state.module.swap(None) {
            closed.close();
            return Ok(());
        }
    }
    refuse(
        ck::CKR_CRYPTOKI_NOT_INITIALIZED,
        "C_Initialize was not called",
    )
}

/// The state of this process; `None` before the first C_Initialize, and in a forked child before its own.
fn own_state() -> Option<&'static ProcessState> {
    // SAFETY: null, or a leaked box.
    let state = unsafe { STATE.load(Ordering::Acquire).as_ref() }?;
    state.mark.is_ours().then_some(state)
}

/// The first state of this process; of several threads that begin one, the first wins.
fn first_state() -> &'static ProcessState {
    let found = STATE.load(Ordering::Acquire);
    if let Some(state) = own_state() {
        return state;
    }
    let made = Box::into_raw(Box::new(ProcessState {
        mark: Mark::new(),
        module: ArcSwapOption::empty(),
        initialization: AtomicU64::new(NONE),
        changing: Mutex::new(()),
    }));
    match STATE.compare_exchange(found, made, Ordering::AcqRel, Ordering::Acquire) {
        // SAFETY: a box that was leaked just now.
        Ok(_) => unsafe { &*made },
        // SAFETY: another thread of this process put its leaked box there; ours, hardly more than
        // a page, is left behind.
        Err(winner) => unsafe { &*winner },
    }
}
