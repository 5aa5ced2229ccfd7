//! Calls of the system and of SQLite that no safe interface offers.

use std::ffi::{CString, c_int, c_void};
use std::fs::File;
use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use rusqlite::{Connection, ffi};

/// How a byte of a file is locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// With others that share it.
    Shared,
    /// Alone; the file must be open for writing.
    Alone,
    /// Not any more.
    Free,
}

/// Locks one byte of `file`, which need not be there, and waits for others that hold it. The lock
/// belongs to this opening of the file: it ends when the last descriptor of it is closed.
pub(super) fn lock(file: &File, byte: i64, kind: Lock) -> io::Result<()> {
    let mut asked = flock(byte, kind);
    loop {
        // SAFETY: the descriptor is open, and the structure outlives the call.
        let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_SETLKW, &raw mut asked) };
        if done == 0 {
            return Ok(());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

/// Whether another opening of `file` holds a lock on the byte; also where the system cannot tell.
pub(super) fn locked_by_another(file: &File, byte: i64) -> bool {
    let mut found = flock(byte, Lock::Alone);
    // SAFETY: as above.
    let done = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_OFD_GETLK, &raw mut found) };
    done != 0 || c_int::from(found.l_type) != libc::F_UNLCK
}

fn flock(byte: i64, kind: Lock) -> libc::flock {
    let kind = match kind {
        Lock::Shared => libc::F_RDLCK,
        Lock::Alone => libc::F_WRLCK,
        Lock::Free => libc::F_UNLCK,
    };
    // SAFETY: a C structure of numbers, for all of which zero is a value; l_pid must be 0.
    let mut flock: libc::flock = unsafe { mem::zeroed() };
    flock.l_type = libc::c_short::try_from(kind).unwrap_or_default();
    flock.l_whence = libc::c_short::try_from(libc::SEEK_SET).unwrap_or_default();
    flock.l_start = byte;
    flock.l_len = 1;
    flock
}

/// Sets the length of the file at `path` without opening it: a descriptor that is closed would take
/// the locks of this process on the file with it.
pub(super) fn set_length(path: &Path, length: u64) -> io::Result<()> {
    let path = CString::new(path.as_os_str().as_bytes())?;
    let length = libc::off_t::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: a string that ends with a zero byte.
    match unsafe { libc::truncate(path.as_ptr(), length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Leaves the log and its index where they are when the last connection is closed, so that the next
/// one needs no new files.
pub(super) fn keep_log_file(conn: &Connection) {
    let mut keep: c_int = 1;
    // SAFETY: the handle is open, "main" is its database, and this file control takes an int.
    unsafe {
        ffi::sqlite3_file_control(
            conn.handle(),
            c"main".as_ptr(),
            ffi::SQLITE_FCNTL_PERSIST_WAL,
            (&raw mut keep).cast(),
        );
    }
}

/// Makes SQLite take a quota that is used up for a disk that is full: both are over when something is
/// deleted. Call it before SQLite opens a file.
pub(super) fn take_quotas_for_space() {
    type Write = unsafe extern "C" fn(c_int, *const c_void, usize) -> isize;
    // SAFETY: the default file system of SQLite is static. The function has the type of the one that
    // it replaces; SQLite casts it back before it calls it.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(ptr::null());
        let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) else {
            return;
        };
        let write = mem::transmute::<Write, unsafe extern "C" fn()>(write);
        set(vfs, c"write".as_ptr(), Some(write));
    }
}

unsafe extern "C" fn write(file: c_int, bytes: *const c_void, len: usize) -> isize {
    // SAFETY: SQLite's arguments, passed on.
    let written = unsafe { libc::write(file, bytes, len) };
    if written < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EDQUOT) {
        // SAFETY: this thread's own error number.
        unsafe { *libc::__errno_location() = libc::ENOSPC };
    }
    written
}
