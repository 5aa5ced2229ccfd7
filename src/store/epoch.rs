//! Telling a process from those that it was forked from.

use std::sync::atomic::{AtomicU64, Ordering};

/// Forks between the first process that used the store and this one.
static EPOCH: AtomicU64 = AtomicU64::new(0);

/// A number that differs between this process and its ancestors.
pub(super) fn of_this_process() -> u64 {
    EPOCH.load(Ordering::Relaxed)
}

/// Called in a forked child, first of all.
pub(super) fn begin_next() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
}
