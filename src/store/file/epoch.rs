//! Which generation of processes this one belongs to.

use std::sync::atomic::{AtomicU64, Ordering};

/// Forks between the first process that used the store and this one.
static EPOCH: AtomicU64 = AtomicU64::new(0);

/// A number that tells this process from its ancestors.
pub(super) fn of_this_process() -> u64 {
    EPOCH.load(Ordering::Relaxed)
}

/// This process is a child that has just begun.
pub(super) fn begin_next() {
    EPOCH.fetch_add(1, Ordering::Relaxed);
}
