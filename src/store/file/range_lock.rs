//! Locks on bytes of a file that belong to an *open file description* (fcntl's F_OFD_SETLK).
//!
//! The kernel gives such a lock back when the last descriptor of its description is closed, at the
//! latest when the process ends. Unlike POSIX locks, these are not lost when the process closes
//! another descriptor of the file, and two descriptions in one process exclude each other as those of
//! two processes do.
//!
//! A forked child closes the descriptions that it inherited: see `listed`.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::ptr;

use super::files;
use crate::store::error::Result;
use crate::store::listed::Listed;

/// An open file, with the locks that it holds.
#[derive(Debug)]
pub(super) struct Description {
    file: Listed<File>,
}

/// A lock that another description or process holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) bytes: Range<i64>,
    /// The process, where the lock belongs to one: SQLite's POSIX locks do.
    pub(super) process: Option<u32>,
}

impl Description {
    /// The regular file at `path`, opened as `files::open_regular` does.
    pub(super) fn open(path: &Path, options: &mut OpenOptions) -> Result<Self> {
        let file = Listed::open(|| files::open_regular(path, options))?;
        Ok(Self { file })
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        self.file.metadata()
    }

    /// Locks the bytes for this description alone; false where another description has locked any of them.
    pub(super) fn try_lock(&self, bytes: Range<i64>) -> io::Result<bool> {
        self.try_lock_as(libc::F_WRLCK, &bytes)
    }

    /// Locks the bytes for this description and others that lock them by this; false where one has locked
    /// any of them for itself alone. The file may be open for reading only.
    pub(super) fn try_lock_shared(&self, bytes: Range<i64>) -> io::Result<bool> {
        self.try_lock_as(libc::F_RDLCK, &bytes)
    }

    fn try_lock_as(&self, kind: libc::c_int, bytes: &Range<i64>) -> io::Result<bool> {
        match self.control(libc::F_OFD_SETLK, &mut request(kind, bytes)) {
            Ok(()) => Ok(true),
            Err(e) if matches!(e.raw_os_error(), Some(libc::EAGAIN | libc::EACCES)) => Ok(false),
            Err(e) => Err(e),
        }
    }

    pub(super) fn unlock(&self, bytes: Range<i64>) -> io::Result<()> {
        self.control(libc::F_OFD_SETLK, &mut request(libc::F_UNLCK, &bytes))
    }

    /// One of the locks that others hold on any of the bytes.
    pub(super) fn find(&self, bytes: Range<i64>) -> io::Result<Option<Held>> {
        if bytes.is_empty() {
            return Ok(None);
        }
        let mut lock = request(libc::F_WRLCK, &bytes);
        self.control(libc::F_OFD_GETLK, &mut lock)?;
        if libc::c_int::from(lock.l_type) == libc::F_UNLCK {
            return Ok(None);
        }
        let end = match lock.l_len {
            0 => i64::MAX,
            len => lock.l_start.saturating_add(len),
        };
        Ok(Some(Held {
            bytes: lock.l_start..end,
            process: u32::try_from(lock.l_pid).ok().filter(|pid| *pid != 0),
        }))
    }

    fn control(&self, command: libc::c_int, lock: &mut libc::flock) -> io::Result<()> {
        control(&self.file, command, lock)
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        // A child that inherited an unlisted descriptor shares the locks, so closing alone would not end
        // them.
        if self.file.is_of_this_process() {
            let _ = self.unlock(0..i64::MAX);
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lock {
    /// Shared with others that take it shared.
    Shared,
    /// Exclusive; the file must be open for writing.
    Alone,
    /// Gives the lock back.
    Free,
}

/// Locks one byte of `file`, which may be behind its end, and waits for others that hold it. The lock
/// ends when the last descriptor of this open file is closed, a forked child's included.
pub(super) fn lock(file: &File, byte: i64, kind: Lock) -> io::Result<()> {
    let kind = match kind {
        Lock::Shared => libc::F_RDLCK,
        Lock::Alone => libc::F_WRLCK,
        Lock::Free => libc::F_UNLCK,
    };
    loop {
        match control(
            file,
            libc::F_OFD_SETLKW,
            &mut request(kind, &(byte..byte + 1)),
        ) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// Whether another open file holds a lock on the byte; true also where the system cannot tell.
pub(super) fn locked_by_another(file: &File, byte: i64) -> bool {
    let mut found = request(libc::F_WRLCK, &(byte..byte + 1));
    let told = control(file, libc::F_OFD_GETLK, &mut found);
    told.is_err() || libc::c_int::from(found.l_type) != libc::F_UNLCK
}

fn control(file: &File, command: libc::c_int, lock: &mut libc::flock) -> io::Result<()> {
    // SAFETY: an open descriptor, and a structure that lives through the call.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, ptr::from_mut(lock)) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn request(kind: libc::c_int, bytes: &Range<i64>) -> libc::flock {
    // The kernel takes a length of 0 for all bytes to the end.
    let length = if bytes.end == i64::MAX {
        0
    } else {
        bytes.end.saturating_sub(bytes.start)
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the constants fit the fields"
    )]
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: bytes.start,
        l_len: length,
        // The kernel requires 0 here for locks of descriptions.
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(folder: &tempfile::TempDir) -> Description {
        let path = folder.path().join("lock");
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        Description::open(&path, &mut options).unwrap()
    }

    #[test]
    fn descriptions_exclude_each_other_until_they_are_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let (one, two) = (open(&folder), open(&folder));
        assert!(one.try_lock(3..5).unwrap());
        assert!(!two.try_lock(4..9).unwrap());
        let held = two.find(0..i64::MAX).unwrap().unwrap();
        assert_eq!((held.bytes, held.process), (3..5, None));
        assert_eq!(two.find(5..9).unwrap(), None);
        one.unlock(3..4).unwrap();
        assert!(two.try_lock(0..4).unwrap());
        drop(one);
        assert!(two.try_lock(0..i64::MAX).unwrap());
    }
}
