//! An open store, for its callers.

use std::fmt;
use std::num::NonZeroU8;
use std::path::Path;
use std::sync::Arc;

use crate::clock::{Deadline, SharedClock};

use super::door::{Snapshot, Tx};
use super::engine::Engine;
use super::error::{Error, Loss};
use super::file::{CopyProgress, FileCopy};
use super::line::Ticket;
use super::modes::{Durability, Generation, Run};

/// How often a change that is rolled back is run, including the first run.
const RUNS: usize = 8;

/// One open store. Threads share it by reference.
pub struct Store {
    engine: Box<dyn Engine>,
}

impl Store {
    /// The store that `engine` keeps.
    #[must_use]
    pub fn over(engine: impl Engine + 'static) -> Self {
        Self {
            engine: Box::new(engine),
        }
    }

    /// Runs `look` on one consistent state of the store, which contains every change answered before
    /// the call. May be called inside `read` and `write`; inside `write` it does not see the unfinished
    /// change. `look` may run again where an engine loses what it was reading, so its return value
    /// must be its only effect.
    ///
    /// # Errors
    /// Those of `look`; `Busy`, `Corrupt`, `Moved`, `Sqlite`.
    pub fn read<T, E: From<Error>>(
        &self,
        look: impl Fn(&Snapshot<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut answer = None;
        self.engine
            .read(&mut |snapshot| answer = Some(look(snapshot)))?;
        answer.unwrap_or_else(|| Err(Error::Busy.into()))
    }

    /// Makes one change, whole or not at all. Where `change` returns `Ok`, the change survives a power
    /// loss once this returns; on its `Err`, or a panic, nothing of it is kept.
    ///
    /// Threads that call this at once may share a transaction, so `change` may see changes made just
    /// before it; all are answered when the transaction is committed. Keep `change` short: every other
    /// writer of the token waits for it. Where the transaction is rolled back for a reason that is not
    /// in `change`, `change` runs again on the state of that moment. So `change` must have no effect
    /// but on `tx`: whatever else follows from it is done after this has returned.
    ///
    /// # Errors
    /// Those of `change`; `ReadOnly`, `Busy`, `Full`, `Corrupt`, `Moved`, `SchemaTooNew`, `Sqlite`;
    /// `RolledBack` where that happened each time; and `Nested` when called inside another
    /// `write` to this store on the same thread.
    pub fn write<T, E: From<Error>>(
        &self,
        change: impl Fn(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.change(Durability::Full, change)
    }

    /// As `write`, without waiting for the disk: the change survives the end of the process, but
    /// perhaps not a power loss.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn write_relaxed<T, E: From<Error>>(
        &self,
        change: impl Fn(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.change(Durability::Process, change)
    }

    fn change<T, E: From<Error>>(
        &self,
        durability: Durability,
        change: impl Fn(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        for run in 0..RUNS {
            let mut answer = None;
            let again = run > 0;
            let made = self.engine.change(Run { durability, again }, &mut |tx| {
                answer.insert(change(tx)).is_ok()
            });
            match (made, answer) {
                (Err(Error::RolledBack), _) | (Ok(()), None) => {}
                (Err(error), _) => return Err(error.into()),
                (Ok(()), Some(answer)) => return answer,
            }
        }
        Err(Error::RolledBack.into())
    }

    /// Whether the store has changed, mostly without a system call. See `Generation`.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.engine.generation()
    }

    /// For a cache that read `keys` in a snapshot of generation `since`: a generation at which they are still
    /// the same and after which no answered change touched them; `None` where the store must be read. A
    /// key is an object's uid, for its row and material, or the name of a value in `meta`.
    #[must_use]
    pub fn untouched(&self, keys: &[&[u8]], since: u64) -> Option<u64> {
        self.engine.untouched(keys, since)
    }

    /// Whether others, who take away what an operation in progress uses, wait until it was asked for again: true
    /// where hosts share the store by leases.
    #[must_use]
    pub fn is_shared_by_lease(&self) -> bool {
        self.engine.is_shared_by_lease()
    }

    /// Joins line `line` (from 1 on) and calls `admit` with the number of tickets ahead until it
    /// returns true. The place is given back when the ticket is dropped or its process ends. `None` when
    /// the deadline passed first; `admit` is called at least once.
    ///
    /// # Errors
    /// Those of `admit`; `Symlink`, `PermissionsRefused`, `Full`, `Io` where the file that keeps the
    /// places cannot be used.
    pub fn queue<E: From<Error>>(
        &self,
        line: NonZeroU8,
        deadline: Deadline,
        mut admit: impl FnMut(usize) -> Result<bool, E>,
    ) -> Result<Option<Ticket>, E> {
        let mut refused = None;
        let place = self.engine.queue(line, deadline, &mut |ahead| {
            admit(ahead).unwrap_or_else(|error| {
                refused = Some(error);
                true
            })
        })?;
        refused.map_or(Ok(place), Err)
    }

    /// Removes the last copies of erased material, where no reader prevents it. Not to be called inside
    /// `write`.
    ///
    /// # Errors
    /// `Busy`, `Corrupt`, `Sqlite`; none for a store that was opened for reading.
    pub fn finish_erasing(&self) -> Result<(), Error> {
        self.engine.finish_erasing()
    }

    /// Gives free space back to the file system, in steps between which other writers get their turn.
    /// Not to be called inside `write`.
    ///
    /// # Errors
    /// `Busy`, `Corrupt`, `Sqlite`; none for a store that was opened for reading.
    pub fn give_back_space(&self) -> Result<(), Error> {
        self.engine.give_back_space()
    }

    /// Gives up the store's reserve of disk space and runs `again`, a change that frees space and was
    /// refused with `Full`.
    pub fn with_reserve<T, E: From<Error>>(
        &self,
        again: impl Fn() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut answer = None;
        self.engine.with_reserve(&mut || answer = Some(again()));
        answer.unwrap_or_else(|| Err(Error::Full.into()))
    }

    /// Copies the present state of the store into a new file in the folder of `target`, which has no
    /// visible name before `FileCopy::publish`. A log that lies beside the place to which the copy is
    /// moved does not belong to it.
    ///
    /// # Errors
    /// `NotFound` when the folder is not there; `Full`, `Busy`, `Corrupt`, `Sqlite`, `Io`.
    pub fn copy(&self, target: &Path, progress: CopyProgress) -> Result<FileCopy, Error> {
        self.engine.copy(target, progress)
    }

    /// The file that nothing else in this process may open, by whatever path: closing it would
    /// drop the store's locks. `None` for a store that is no local file.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.engine.file()
    }

    /// The clock that all hosts share which have the store open; `None` where they are one.
    #[must_use]
    pub fn shared_clock(&self) -> Option<Arc<SharedClock>> {
        self.engine.shared_clock()
    }

    /// What the store has lost, where it was opened although it has: see `Config::shows_losses`.
    #[must_use]
    pub fn loss(&self) -> Option<Loss> {
        self.engine.loss()
    }

    /// Whether the store was replaced or removed by others. It can no longer be used, and another one
    /// may be opened in its place.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.engine.is_gone()
    }

    /// Whether the store was where it belongs when that was last looked at, a few milliseconds ago, as
    /// mostly can be told without a system call. False where `is_gone` has to be asked.
    #[must_use]
    pub fn was_there_lately(&self) -> bool {
        self.engine.was_there_lately()
    }

    /// Whether another store can be opened in the place of this one before this one, which is gone, is
    /// dropped.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.engine.is_replaced()
    }

    /// False in a child of the process that opened the store: the child may not use it, and dropping
    /// it there closes nothing that is the parent's.
    #[must_use]
    pub fn is_of_this_process(&self) -> bool {
        self.engine.is_of_this_process()
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("file", &self.file())
            .finish_non_exhaustive()
    }
}
