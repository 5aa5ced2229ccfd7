//! What an engine does besides reading and changing rows.

use std::num::NonZeroU8;
use std::path::Path;

use crate::clock::Deadline;

use super::door::{Snapshot, Tx};
use super::error::Result;
use super::file::{FileCopy, Progress};
use super::line::Ticket;
use super::modes::{Generation, Run};

/// One open store, as an engine keeps it. Threads share it by reference.
pub trait Engine: Send + Sync {
    /// See `Store::read`. Runs `look` once where it answers `Ok`.
    fn read(&self, look: &mut dyn FnMut(&Snapshot<'_>)) -> Result<()>;

    /// Runs `change`, which answers whether it is to be kept, and commits it. `Ok` where it is
    /// committed, or was not to be kept for a reason of its own.
    ///
    /// # Errors
    /// `RolledBack` where nothing was kept for a reason that lies in other changes, or passes:
    /// the change may be run again. Every other error is final.
    fn change(&self, run: Run, change: &mut dyn FnMut(&Tx<'_>) -> bool) -> Result<()>;

    /// See `Store::generation`.
    fn generation(&self) -> Generation;

    /// Joins the line of that number and asks `admit`, telling it how many are ahead, until it says
    /// yes; `None` when the deadline passed before.
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
    fn copy(&self, target: &Path, progress: Progress) -> Result<FileCopy>;

    /// The file that nobody else in this process may open, where there is one.
    fn file(&self) -> Option<&Path>;

    /// See `Store::is_gone`.
    fn is_gone(&self) -> bool;

    /// See `Store::is_replaced`.
    fn is_replaced(&self) -> bool;

    /// See `Store::is_of_this_process`.
    fn is_of_this_process(&self) -> bool;
}
