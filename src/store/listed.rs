//! Descriptors that a forked child must not keep: those of locks, and those of connections.
//!
//! A child inherits every descriptor, and with it would keep its parent's locks and connections alive
//! after the parent's end. So these are listed, and a child closes those that it inherited, first of all.

use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::thread;

use super::epoch;

/// How many descriptors are listed. One more still works, but children inherit it.
const LISTED: usize = 1024;
const FREE: RawFd = -1;

static OPEN: [AtomicI32; LISTED] = [const { AtomicI32::new(FREE) }; LISTED];
/// Held while a descriptor is opened and listed, or closed and struck off, and during a fork.
static BUSY: AtomicBool = AtomicBool::new(false);

/// What owns a listed descriptor. In a child of the process that opened it the descriptor is closed
/// already, and whatever is asked of it fails.
pub(super) struct Listed<T: AsRawFd + IntoRawFd> {
    owner: ManuallyDrop<T>,
    epoch: u64,
}

impl<T: AsRawFd + IntoRawFd> Listed<T> {
    /// What `open` opens, which must not wait for long: the process does not fork meanwhile.
    pub(super) fn open<E>(open: impl FnOnce() -> Result<T, E>) -> Result<Self, E> {
        let owner = alone(|| {
            let owner = open()?;
            list(owner.as_raw_fd());
            Ok::<_, E>(owner)
        })?;
        Ok(Self {
            owner: ManuallyDrop::new(owner),
            epoch: epoch::of_this_process(),
        })
    }

    /// What is open already. A child that was forked before this call keeps its copy.
    pub(super) fn of(owner: T) -> Self {
        alone(|| list(owner.as_raw_fd()));
        Self {
            owner: ManuallyDrop::new(owner),
            epoch: epoch::of_this_process(),
        }
    }

    /// False in a child of the process that opened it.
    pub(super) fn is_of_this_process(&self) -> bool {
        epoch::of_this_process() == self.epoch
    }
}

impl<T: AsRawFd + IntoRawFd> Deref for Listed<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.owner
    }
}

impl<T: AsRawFd + IntoRawFd> DerefMut for Listed<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.owner
    }
}

impl<T: AsRawFd + IntoRawFd> fmt::Debug for Listed<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listed").finish_non_exhaustive()
    }
}

impl<T: AsRawFd + IntoRawFd> Drop for Listed<T> {
    fn drop(&mut self) {
        // A child closed the descriptor when it began; the number may be another file's.
        if !self.is_of_this_process() {
            return;
        }
        // SAFETY: `owner` is not used after this, since `self` is being dropped.
        let owner = unsafe { ManuallyDrop::take(&mut self.owner) };
        alone(|| {
            strike_off(owner.as_raw_fd());
            drop(owner);
        });
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

/// Part of the fork handler in `file::fork`.
pub(super) fn before_fork() {
    while BUSY.swap(true, Ordering::Acquire) {
        thread::yield_now();
    }
}

/// Part of the fork handler in `file::fork`.
pub(super) fn in_parent() {
    BUSY.store(false, Ordering::Release);
}

/// Part of the fork handler in `file::fork`: closes what the child inherited. Locks and connections stay the
/// parent's.
pub(super) fn in_child() {
    for place in &OPEN {
        let descriptor = place.swap(FREE, Ordering::Relaxed);
        if descriptor != FREE {
            // SAFETY: a listed descriptor is open and owned by one `Listed`, which does not use it in this
            // process, since the epoch differs.
            unsafe { libc::close(descriptor) };
        }
    }
    in_parent();
}
