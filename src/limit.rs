//! The process's limit on the length of files (RLIMIT_FSIZE).
//!
//! A call that would make a file longer than the limit sends SIGXFSZ, which by default ends the process.
//! A library must not change what a signal does in its program, so it asks before it lengthens a file.

use std::io::{Error, ErrorKind, Result};

use rustix::process::{Resource, getrlimit};

/// The greatest length of a file that this process may write, in bytes; `None` for no limit.
pub(crate) fn file_length() -> Option<u64> {
    getrlimit(Resource::Fsize).current
}

/// # Errors
/// `FileTooLarge` where this process may not make a file `length` bytes long.
pub(crate) fn check_file_length(length: u64) -> Result<()> {
    match file_length() {
        Some(limit) if length > limit => Err(Error::new(
            ErrorKind::FileTooLarge,
            format!(
                "the file would have {length} bytes, and the process may make files of {limit} bytes \
                 only (RLIMIT_FSIZE): raise the limit (`ulimit -f`, LimitFSIZE=)"
            ),
        )),
        _ => Ok(()),
    }
}
