//! Locks on bytes of a file that belong to an *open file description* (fcntl's F_OFD_SETLK).
//!
//! The kernel gives such a lock back when the last descriptor of its description is closed, at the
//! latest when the process ends. Unlike POSIX locks, these are not lost when the process closes
//! another descriptor of the file, and two descriptions in one process exclude each other as those of
//! two processes do.
//!
//! A forked child inherits every descriptor and with it would keep its parent's locks alive after the
//! parent's end. So all descriptions are listed, and a child closes those that it inherited.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::ops::Range;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::path::Path;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;

use super::{epoch, files};
use crate::store::error::{Error, Result};

/// How many descriptions are listed. One more still works, but children inherit it.
const LISTED: usize = 1024;
const FREE: RawFd = -1;

/// Descriptors of the descriptions of this process.
static OPEN: [AtomicI32; LISTED] = [const { AtomicI32::new(FREE) }; LISTED];
/// Held while a descriptor is opened and listed, or closed and struck off, and during a fork.
static BUSY: AtomicBool = AtomicBool::new(false);

/// An open file, with the locks that it holds.
#[derive(Debug)]
pub(super) struct Description {
    /// `None` once the descriptor is closed.
    file: Option<File>,
    epoch: u64,
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
        let file = alone(|| {
            let file = files::open_regular(path, options)?;
            list(file.as_raw_fd());
            Ok::<_, Error>(file)
        })?;
        Ok(Self {
            file: Some(file),
            epoch: epoch::of_this_process(),
        })
    }

    pub(super) fn metadata(&self) -> io::Result<Metadata> {
        match &self.file {
            Some(file) => file.metadata(),
            None => Err(io::ErrorKind::NotFound.into()),
        }
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
        match &self.file {
            Some(file) => control(file, command, lock),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }
}

impl Drop for Description {
    fn drop(&mut self) {
        if epoch::of_this_process() != self.epoch {
            // This is a child, which closed the descriptor when it began; the number may be another file's.
            if let Some(file) = self.file.take() {
                let _ = file.into_raw_fd();
            }
            return;
        }
        // A child that inherited an unlisted descriptor shares the locks, so closing alone would not end
        // them.
        let _ = self.unlock(0..i64::MAX);
        if let Some(file) = self.file.take() {
            alone(|| {
                strike_off(file.as_raw_fd());
                drop(file);
            });
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

/// Runs `work`, which must be short, while no other thread does so and the process does not fork.
fn alone<T>(work: impl FnOnce() -> T) -> T {
    before_fork();
    let done = work();
    in_parent();
    done
}

fn list(descriptor: RawFd) {
    let free = |place: &&AtomicI32| place.load(Ordering::Relaxed) == FREE;
    if let Some(place) = OPEN.iter().find(free) {
        place.store(descriptor, Ordering::Relaxed);
    }
}

fn strike_off(descriptor: RawFd) {
    let listed = |place: &&AtomicI32| place.load(Ordering::Relaxed) == descriptor;
    if let Some(place) = OPEN.iter().find(listed) {
        place.store(FREE, Ordering::Relaxed);
    }
}

/// Part of the fork handler in `fork`.
pub(super) fn before_fork() {
    while BUSY.swap(true, Ordering::Acquire) {
        thread::yield_now();
    }
}

/// Part of the fork handler in `fork`.
pub(super) fn in_parent() {
    BUSY.store(false, Ordering::Release);
}

/// Part of the fork handler in `fork`: closes what the child inherited. The locks stay the parent's.
pub(super) fn in_child() {
    for place in &OPEN {
        let descriptor = place.swap(FREE, Ordering::Relaxed);
        if descriptor != FREE {
            // SAFETY: a listed descriptor is open and owned by one `Description`, which does not use it in
            // this process, since the epoch differs.
            unsafe { libc::close(descriptor) };
        }
    }
    in_parent();
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
