//! An open store, as its callers hold it.

use std::fmt;
use std::num::NonZeroU8;
use std::path::Path;

use crate::clock::Deadline;

use super::door::{Snapshot, Tx};
use super::engine::Engine;
use super::error::Error;
use super::file::{FileCopy, Progress};
use super::line::Ticket;
use super::modes::{Durability, Generation, Run};

/// How often a change that is rolled back is run, the first time included.
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

    /// Runs `look` on one consistent state of the store: every change answered before the call is
    /// in it. May be called inside `read` and `write`; inside `write` it does not see the change in
    /// the making. `look` may run again where an engine loses what it was reading, so it leaves
    /// nothing behind but what it returns.
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

    /// Makes one change, whole or not at all: what `change` returns `Ok` for survives power loss
    /// once this returns; on its `Err`, or a panic, nothing of it is kept.
    ///
    /// Threads that call this at once may share a transaction, so `change` sees what others before it
    /// did, and all are answered when it is committed. Keep it short: every other writer of the
    /// token waits for it. Where the transaction is rolled back for a reason that is not in `change`,
    /// `change` runs again on the state of that moment. So it does nothing but to `tx`: what else
    /// follows from a change comes after this has returned.
    ///
    /// # Errors
    /// Those of `change`; `ReadOnly`, `Busy`, `Full`, `Corrupt`, `Moved`, `SchemaTooNew`, `Sqlite`;
    /// `RolledBack` where it was rolled back time and again; and `Nested` when called inside another
    /// `write` to this store on the same thread.
    pub fn write<T, E: From<Error>>(
        &self,
        change: impl Fn(&Tx<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        self.change(Durability::Full, change)
    }

    /// As `write`, without waiting for the disk: the change survives the end of the process, and
    /// not always a power loss.
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

    /// Joins the line of that number (from 1 on) and waits until `admit`, which is told how many are
    /// ahead, says yes. The place is given back when the ticket is dropped or its process ends. `None`
    /// when the deadline passed before; `admit` is asked at least once.
    ///
    /// # Errors
    /// Those of `admit`; `Symlink`, `PermissionsRefused`, `Full`, `Io` where the file beside the store
    /// cannot be used that keeps the places.
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

    /// Erases for good what a change has erased and a reader has kept, if it can be done now; it may be
    /// prevented again. Not to be called inside `write`.
    ///
    /// # Errors
    /// `Busy`, `Corrupt`, `Sqlite`; none for a store that was opened for reading.
    pub fn finish_erasing(&self) -> Result<(), Error> {
        self.engine.finish_erasing()
    }

    /// Gives the space that was removed back to the file system, in steps between which other writers
    /// get their turn. Not to be called inside `write`.
    ///
    /// # Errors
    /// `Busy`, `Corrupt`, `Sqlite`; none for a store that was opened for reading.
    pub fn give_back_space(&self) -> Result<(), Error> {
        self.engine.give_back_space()
    }

    /// Runs `again`, whose change takes space away and was refused with `Full`, with the space that
    /// the store keeps back for it.
    pub fn with_reserve<T, E: From<Error>>(
        &self,
        again: impl Fn() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut answer = None;
        self.engine.with_reserve(&mut || answer = Some(again()));
        answer.unwrap_or_else(|| Err(Error::Full.into()))
    }

    /// Copies the store, as it is now, into a new file in the folder of `target`, which nobody sees
    /// before `FileCopy::publish`. The file is not a store in use: a log that lies beside the place
    /// to which it is moved does not belong to it.
    ///
    /// # Errors
    /// `NotFound` when the folder is not there; `Full`, `Busy`, `Corrupt`, `Sqlite`, `Io`.
    pub fn copy(&self, target: &Path, progress: Progress) -> Result<FileCopy, Error> {
        self.engine.copy(target, progress)
    }

    /// The file that nothing else in this process may open, by whatever path: closing it would
    /// drop the store's locks. `None` for a store that is no file of this machine.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.engine.file()
    }

    /// Whether the store was replaced or removed by others. Nothing can be done with it then, and
    /// another one may be opened in its place.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.engine.is_gone()
    }

    /// Whether another store can be opened in the place of this one, which is gone, while this one is
    /// still there.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.engine.is_replaced()
    }

    /// False in a child of the process that opened the store: it may not be used there, and dropping
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
