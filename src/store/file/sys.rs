//! Calls of the system and of SQLite that have no safe interface.

use std::ffi::{CString, c_int, c_void};
use std::io;
use std::mem;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;

use rusqlite::{Connection, ffi};

use crate::limit;

/// Sets the length of the file at `path` without opening it: closing a descriptor would drop the locks
/// of this process on the file.
pub(super) fn set_length(path: &Path, length: u64) -> io::Result<()> {
    limit::check_file_length(length)?;
    let path = CString::new(path.as_os_str().as_bytes())?;
    let length = libc::off_t::try_from(length).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: a string that ends with a zero byte.
    match unsafe { libc::truncate(path.as_ptr(), length) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// Keeps the log and its index when the last connection is closed, so that the next connection needs
/// no new files.
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

/// Makes SQLite treat a used-up quota, and the process's limit on the length of files, like a full disk.
/// A quota has room again when something is deleted; a write beyond the limit would end the process. Call
/// this before SQLite opens a file.
pub(super) fn take_limits_for_space() {
    type Write = unsafe extern "C" fn(c_int, *const c_void, usize, libc::off_t) -> isize;
    // SAFETY: the default file system of SQLite is static. The function has the type of those that
    // it replaces; SQLite casts it back before it calls it.
    unsafe {
        let vfs = ffi::sqlite3_vfs_find(ptr::null());
        let Some(set) = vfs.as_ref().and_then(|vfs| vfs.xSetSystemCall) else {
            return;
        };
        let write = mem::transmute::<Write, unsafe extern "C" fn()>(write);
        // The system decides which of the two SQLite uses.
        set(vfs, c"pwrite".as_ptr(), Some(write));
        set(vfs, c"pwrite64".as_ptr(), Some(write));
    }
}

unsafe extern "C" fn write(
    file: c_int,
    bytes: *const c_void,
    len: usize,
    offset: libc::off_t,
) -> isize {
    let end = u64::try_from(offset).map_or(u64::MAX, |offset| offset.saturating_add(len as u64));
    if limit::check_file_length(end).is_ok() {
        // SAFETY: SQLite's arguments, passed on.
        let written = unsafe { libc::pwrite(file, bytes, len, offset) };
        if written >= 0 || io::Error::last_os_error().raw_os_error() != Some(libc::EDQUOT) {
            return written;
        }
    }
    // SAFETY: this thread's own error number.
    unsafe { *libc::__errno_location() = libc::ENOSPC };
    -1
}
