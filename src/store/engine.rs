//! An engine's open store: transactions, lines, copies and files. Rows are read and changed by `door`.

use std::num::NonZeroU8;
use std::path::Path;
use std::sync::Arc;

use crate::clock::{Deadline, SharedClock};

use super::door::{Snapshot, Tx};
use super::error::{Loss, Result};
use super::file::{CopyProgress, FileCopy};
use super::line::Ticket;
use super::modes::{Generation, Run};

/// One open store, as an engine keeps it. Threads share it by reference.
pub trait Engine: Send + Sync {
    /// See `Store::read`. Runs `look` once where it answers `Ok`.
    fn read(&self, look: &mut dyn FnMut(&Snapshot<'_>)) -> Result<()>;

    /// Runs `change` and commits it where it returns true. `Ok` where it is committed, and where it
    /// returned false.
    ///
    /// # Errors
    /// `RolledBack` where nothing was kept because of another change, or for a reason that passes:
    /// the change may be run again. Every other error is final.
    fn change(&self, run: Run, change: &mut dyn FnMut(&Tx<'_>) -> bool) -> Result<()>;

    /// See `Store::generation`.
    fn generation(&self) -> Generation;

    /// See `Store::untouched`.
    fn untouched(&self, keys: &[&[u8]], since: u64) -> Option<u64>;

    /// See `Store::is_shared_by_lease`.
    fn is_shared_by_lease(&self) -> bool;

    /// Joins line `line` and calls `admit` with the number of tickets ahead until it returns true;
    /// `None` when the deadline passed first.
    fn queue(
        &self,
        line: NonZeroU8,
        deadline: Deadline,
        admit: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Ticket>>;

    /// See `Store::finish_erasing`.
    fn finish_erasing(&self) -> Result<()>;

    /// See `Store::give_back_space`.
    fn give_back_space(&self) -> Result<()>;

    /// See `Store::with_reserve`.
    fn with_reserve(&self, again: &mut dyn FnMut());

    /// See `Store::copy`.
    fn copy(&self, target: &Path, progress: CopyProgress) -> Result<FileCopy>;

    /// The file that nothing else in this process may open; `None` where the store is no file.
    fn file(&self) -> Option<&Path>;

    /// See `Store::shared_clock`.
    fn shared_clock(&self) -> Option<Arc<SharedClock>> {
        None
    }

    /// See `Store::loss`.
    fn loss(&self) -> Option<Loss> {
        None
    }

    /// See `Store::is_gone`.
    fn is_gone(&self) -> bool;

    /// See `Store::was_there_lately`.
    fn was_there_lately(&self) -> bool;

    /// See `Store::is_replaced`.
    fn is_replaced(&self) -> bool;

    /// See `Store::is_of_this_process`.
    fn is_of_this_process(&self) -> bool;
}
