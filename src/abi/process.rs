//! The state of the process: the one global of the library.

use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;

use crate::ck;
use crate::error::{Result, refuse};
use crate::fork::Mark;
use crate::module::Module;

/// What one process owns. It is never freed. A forked child does not touch its parent's state, in which threads
/// that the child does not have may hold locks, and whose files are the parent's; it makes its own.
struct ProcessState {
    mark: Mark,
    module: ArcSwapOption<Module>,
    /// Held while `module` is made or closed.
    changing: Mutex<()>,
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
