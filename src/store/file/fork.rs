//! Keeping SQLite's state in a forked child apart from its parent's.
//!
//! SQLite keeps one record for each open file, found by device and inode, with the POSIX locks that
//! the process holds on it. A child after fork inherits the records but not the locks. Were it to
//! open the same file, SQLite would believe that it holds locks which it does not hold, and two
//! processes would write at once. So SQLite is shown other device numbers in a child: the inherited
//! records then match no file, and stay unused.
//!
//! SQLite's own mutexes are taken around a fork, so that no child inherits one that a thread of the
//! parent held. (The connections' own mutexes do not exist: see `connection`.) The child closes the
//! descriptors of its parent's locks and connections: see `listed`.

use std::ffi::{c_char, c_int};
use std::mem;
use std::ptr;
use std::sync::Once;

use rusqlite::ffi;

use super::sys;
use crate::store::{epoch, listed};

/// SQLite's static mutexes, in the order in which SQLite takes them.
const MUTEXES: [c_int; 6] = [
    ffi::SQLITE_MUTEX_STATIC_OPEN,
    ffi::SQLITE_MUTEX_STATIC_MAIN,
    ffi::SQLITE_MUTEX_STATIC_VFS1,
    ffi::SQLITE_MUTEX_STATIC_PRNG,
    ffi::SQLITE_MUTEX_STATIC_LRU,
    ffi::SQLITE_MUTEX_STATIC_PMEM,
];

// SQLite uses files beyond 2 GiB, so `struct stat` must have a 64-bit `off_t` here too.
const _: () = assert!(size_of::<libc::off_t>() == 8);

/// Prepares SQLite. Call it before any other function of SQLite.
pub(super) fn prepare() {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        // SAFETY: SQLite is not initialised yet, the option takes one int, and its absence costs
        // only statistics: their mutex is taken at each allocation.
        unsafe { ffi::sqlite3_config(ffi::SQLITE_CONFIG_MEMSTATUS, 0 as c_int) };
        show_other_devices();
        sys::take_limits_for_space();
        // SAFETY: the handlers take no argument and live as long as the program; the module is
        // never unloaded.
        unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
    });
}

fn show_other_devices() {
    type Fstat = unsafe extern "C" fn(c_int, *mut libc::stat) -> c_int;
    type Stat = unsafe extern "C" fn(*const c_char, *mut libc::stat) -> c_int;
    // SAFETY: the default file system of SQLite is static. The two functions have the types of
    // those that they replace; SQLite casts them back before it calls them.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(ptr::null());
        let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) else {
            return;
        };
        let fstat = mem::transmute::<Fstat, unsafe extern "C" fn()>(fstat);
        let stat = mem::transmute::<Stat, unsafe extern "C" fn()>(stat);
        set(vfs, c"fstat".as_ptr(), Some(fstat));
        set(vfs, c"stat".as_ptr(), Some(stat));
    }
}

unsafe extern "C" fn fstat(file: c_int, out: *mut libc::stat) -> c_int {
    // SAFETY: SQLite's arguments, passed on.
    let result = unsafe { libc::fstat(file, out) };
    if result == 0 {
        // SAFETY: the call succeeded, so `out` is a filled structure.
        unsafe { disguise(&mut *out) };
    }
    result
}

unsafe extern "C" fn stat(path: *const c_char, out: *mut libc::stat) -> c_int {
    // SAFETY: SQLite's arguments, passed on.
    let result = unsafe { libc::stat(path, out) };
    if result == 0 {
        // SAFETY: the call succeeded, so `out` is a filled structure.
        unsafe { disguise(&mut *out) };
    }
    result
}

/// The bits changed are unused: device numbers take the low 32 bits, or a few more on some machines.
fn disguise(stat: &mut libc::stat) {
    stat.st_dev ^= epoch::of_this_process() << 44;
}

extern "C" fn before_fork() {
    listed::before_fork();
    for id in MUTEXES {
        // SAFETY: SQLite's static mutexes always exist.
        unsafe { ffi::sqlite3_mutex_enter(ffi::sqlite3_mutex_alloc(id)) };
    }
}

extern "C" fn in_parent() {
    give_mutexes_back();
    listed::in_parent();
}

fn give_mutexes_back() {
    for id in MUTEXES.into_iter().rev() {
        // SAFETY: this thread holds the mutex since `before_fork`.
        unsafe { ffi::sqlite3_mutex_leave(ffi::sqlite3_mutex_alloc(id)) };
    }
}

extern "C" fn in_child() {
    epoch::begin_next();
    give_mutexes_back();
    listed::in_child();
}
