//! The one connection that changes the database, and its open transaction.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::clock::Deadline;

use crate::store::modes::{Durability, Generation};

use super::counter::{self, Counter};
use super::log_mark::LogMark;
use super::open_files::OpenFiles;
use super::queue::{self, Queue, QueuePlace};
use super::recent::Touched;
use super::rows::{FileRows, GENERATION};
use super::schema;
use crate::store::error::{Error, Result};
use crate::store::group::AppliedChange;
use crate::store::outcome::Outcome;

/// The most changes that share one transaction.
const BATCH: usize = 64;

/// How long a transaction waits for SQLite's lock at least: a checkpoint may hold the lock even when it
/// is this process's turn.
const LEAST_TIMEOUT: Duration = Duration::from_millis(100);
/// How many pages one transaction gives back to the file system.
const SHRINK: u32 = 256;

/// Name in `meta` of the generation that last erased material. It is there until a process that has
/// emptied the write-ahead log since then writes again.
const ERASED: &str = "store.erased";

pub(in crate::store) struct StoreWriter {
    conn: Connection,
    open_files: Arc<OpenFiles>,
    queue: Queue,
    /// Schema version that this process understands.
    schema: u32,
    busy_timeout: Duration,
    synchronous: Durability,
    /// Generation up to which this process has emptied the log.
    emptied: u64,
    /// The last write failed because the disk was full.
    disk_was_full: bool,
    batch: Option<Batch>,
    /// This process's place among those that write, held while it may hold SQLite's lock.
    turn: Option<QueuePlace>,
}

/// An open transaction.
struct Batch {
    outcome: Arc<Outcome>,
    durability: Durability,
    /// The generation from which it started.
    generation: u64,
    erased_at: Option<u64>,
    log_mark: Option<LogMark>,
    changes: usize,
    changed: bool,
    erased: bool,
    touched: Touched,
    /// A change erased, and its caller empties the log later.
    emptying_postponed: bool,
    /// A change erased, and the log must be empty before the change is answered.
    emptying_demanded: bool,
    /// A change failed in a way that made SQLite roll the transaction back.
    broken: bool,
}

impl StoreWriter {
    /// A writer on `conn`, whose file is open as `open_files` and has the schema version `schema`. It
    /// waits for other processes in `queue`.
    pub(super) fn new(
        conn: Connection,
        open_files: Arc<OpenFiles>,
        queue: Queue,
        schema: u32,
        busy_timeout: Duration,
    ) -> Self {
        Self {
            conn,
            open_files,
            queue,
            schema,
            busy_timeout,
            synchronous: Durability::Full,
            emptied: 0,
            disk_was_full: false,
            batch: None,
            turn: None,
        }
    }

    /// Makes one change in the open transaction. Where none is open it begins one, which waits for other
    /// processes until the deadline.
    pub(super) fn change(
        &mut self,
        durability: Durability,
        deadline: Deadline,
        change: &mut dyn FnMut(&FileRows<'_>) -> bool,
    ) -> Result<AppliedChange> {
        let mut batch = match self.batch.take() {
            Some(batch) => batch,
            None => self.in_turn(deadline, |writer| writer.begin(durability))?,
        };
        let part = self.apply(&mut batch, change);
        self.batch = Some(batch);
        Ok(part)
    }

    /// Whether further changes may join the open transaction.
    pub(super) fn takes_more(&self) -> bool {
        self.batch.as_ref().is_some_and(|batch| {
            batch.changes < BATCH && !batch.broken && batch.durability == Durability::Full
        })
    }

    /// Commits the open transaction and tells the threads that share it.
    pub(super) fn end(&mut self, counter: &Counter) {
        let Some(batch) = self.batch.take() else {
            return;
        };
        let result = if batch.broken {
            Err(Error::RolledBack)
        } else {
            self.commit(&batch, counter)
        };
        if let Err(e) = &result {
            self.disk_was_full |= matches!(e, Error::Full | Error::RolledBack);
            self.give_up(counter);
        }
        self.turn = None;
        batch.outcome.set(result);
    }

    /// Waits for this process's turn and runs `begin`. The turn ends with the transaction.
    fn in_turn<T>(
        &mut self,
        deadline: Deadline,
        begin: impl FnOnce(&mut Self) -> Result<T>,
    ) -> Result<T> {
        self.turn = self.wait_for_turn(deadline)?;
        let least = self.busy_timeout.min(LEAST_TIMEOUT);
        self.conn.busy_timeout(deadline.left().max(least))?;
        let begun = begin(self);
        if begun.is_err() {
            self.turn = None;
        }
        begun
    }

    /// Waits until the processes that came earlier had their turn. `None` where the file of the queue
    /// cannot be used: SQLite's own lock decides then, which is less fair.
    fn wait_for_turn(&self, deadline: Deadline) -> Result<Option<QueuePlace>> {
        let first = |ahead| Ok::<_, Error>(ahead == 0);
        match self.queue.wait(queue::WRITERS, deadline, first) {
            Ok(None) => Err(Error::Busy),
            Ok(turn) => Ok(turn),
            Err(_) => Ok(None),
        }
    }

    /// Opens the counter at `path` and settles it where it differs from the database.
    pub(super) fn attach(&self, path: &Path) -> Result<Counter> {
        let counter = Counter::for_writing(path, &self.open_files)?;
        if counter.read() != Generation::Settled(self.rows().generation()?) {
            self.settle(&counter)?;
        }
        Ok(counter)
    }

    /// Makes the counter say the committed generation.
    pub(super) fn settle(&self, counter: &Counter) -> Result<()> {
        self.locked(|generation| counter.settle(generation))
    }

    /// Runs `work` with the committed generation, under the write lock.
    pub(super) fn locked<T>(&self, work: impl FnOnce(u64) -> Result<T>) -> Result<T> {
        let _turn = match &self.turn {
            Some(_) => None,
            None => self.wait_for_turn(Deadline::after(self.busy_timeout))?,
        };
        self.open_files.check()?;
        self.run("BEGIN IMMEDIATE")?;
        let done = self.known_generation().and_then(work);
        self.run("ROLLBACK")?;
        done
    }

    /// The rows that this connection sees now.
    pub(in crate::store) fn rows(&self) -> FileRows<'_> {
        FileRows::new(&self.conn)
    }

    /// Empties the log if material was erased since this process last emptied it.
    pub(super) fn finish_erasing(&mut self) -> Result<()> {
        self.open_files.check()?;
        let erased_at = self.rows().number(ERASED)?;
        if erased_at.is_some_and(|at| at > self.emptied) {
            let generation = self.rows().generation()?;
            self.empty_log(generation);
        }
        Ok(())
    }

    /// Empties the log, unless a reader or an error prevents that.
    pub(super) fn tidy(&mut self) {
        if self.open_files.check().is_err() {
            return;
        }
        if let Ok(generation) = self.rows().generation() {
            self.empty_log(generation);
        }
    }

    /// Moves pages from the database's end into free ones and shortens the file. Whether there are more
    /// free pages.
    pub(super) fn shrink(&self) -> Result<bool> {
        let free = || -> Result<i64> {
            let pages = self
                .conn
                .query_row("PRAGMA freelist_count", [], |row| row.get(0))?;
            Ok(pages)
        };
        let before = free()?;
        if before == 0 {
            return Ok(false);
        }
        self.conn
            .execute_batch(&format!("PRAGMA incremental_vacuum({SHRINK})"))?;
        let after = free()?;
        // A file made without auto_vacuum does not shrink; its free pages are used again.
        Ok(after != 0 && after < before)
    }

    fn begin(&mut self, durability: Durability) -> Result<Batch> {
        self.open_files.check()?;
        if self.disk_was_full {
            // Folding the log back frees more space than it takes, where the database has free pages.
            self.empty_log(self.rows().generation()?);
        }
        self.synchronise(durability)?;
        self.run("BEGIN IMMEDIATE")?;
        let batch = self.look(durability);
        if batch.is_err() {
            self.run("ROLLBACK")?;
        }
        batch
    }

    fn look(&self, durability: Durability) -> Result<Batch> {
        schema::still_known(&self.conn, self.schema)?;
        let generation = self.known_generation()?;
        Ok(Batch {
            outcome: Arc::default(),
            durability,
            generation,
            erased_at: self.rows().number(ERASED)?,
            log_mark: LogMark::read(&self.conn)?,
            changes: 0,
            changed: false,
            erased: false,
            touched: Touched::default(),
            emptying_postponed: false,
            emptying_demanded: false,
            broken: false,
        })
    }

    /// The generation in the open transaction, which holds the write lock.
    fn known_generation(&self) -> Result<u64> {
        let generation = self.rows().generation()?;
        self.open_files
            .check_generation(generation, self.open_files.generation())?;
        Ok(generation)
    }

    fn apply(
        &self,
        batch: &mut Batch,
        change: &mut dyn FnMut(&FileRows<'_>) -> bool,
    ) -> AppliedChange {
        batch.changes += 1;
        let before = self.conn.total_changes();
        let rows = self.rows();
        let (kept, ended) = match self.run("SAVEPOINT change") {
            Err(error) => (Ok(true), Err(error)),
            Ok(()) => {
                // A panic is kept, and goes on in its own thread once the others have their answer.
                let kept = catch_unwind(AssertUnwindSafe(|| change(&rows)));
                let ended = self.close_savepoint(matches!(kept, Ok(true)));
                (kept, ended)
            }
        };
        batch.broken |= ended.is_err();
        if ended.is_ok() && matches!(kept, Ok(true)) {
            batch.changed |= self.conn.total_changes() != before;
            batch.erased |= rows.has_erased();
            batch.touched = batch.touched.and(rows.touched());
            batch.emptying_postponed |= rows.is_emptying_postponed();
            batch.emptying_demanded |= rows.has_erased() && !rows.is_emptying_postponed();
        }
        AppliedChange {
            kept,
            outcome: Arc::clone(&batch.outcome),
            broke: ended.err(),
        }
    }

    fn close_savepoint(&self, kept: bool) -> Result<()> {
        // SQLite may have rolled back the whole transaction, for example on a full disk.
        if self.conn.is_autocommit() {
            return Err(Error::RolledBack);
        }
        if !kept {
            self.run("ROLLBACK TO change")?;
        }
        self.run("RELEASE change")
    }

    fn commit(&mut self, batch: &Batch, counter: &Counter) -> Result<()> {
        // SQLite may have rolled back the whole transaction by itself.
        if self.conn.is_autocommit() {
            return Err(Error::RolledBack);
        }
        let mut generation = batch.generation;
        let mut owed = batch.erased_at.is_some_and(|at| at > self.emptied);
        if batch.changed {
            generation = counter::next(generation)?;
            owed |= batch.erased;
            let committed = self.commit_as(generation, owed, batch, counter);
            committed.map_err(|error| for_everyone(error, batch.changes))?;
            self.open_files.has_come_to(generation);
            let seen = counter.committed(generation);
            // A file that was replaced meanwhile does not hold what was committed.
            self.open_files.check()?;
            // The change is made, whatever becomes of the counter: readers ask the database where it does
            // not say so.
            if !seen {
                let _ = self.settle(counter);
            }
        } else {
            self.run("ROLLBACK")?;
        }
        if owed && (batch.emptying_demanded || !batch.emptying_postponed) {
            self.empty_log(generation);
        }
        Ok(())
    }

    /// Commits the open transaction with the store's own numbers. `owed`: erased material is still in the
    /// log, which is to be emptied.
    fn commit_as(
        &self,
        generation: u64,
        owed: bool,
        batch: &Batch,
        counter: &Counter,
    ) -> Result<()> {
        let rows = self.rows();
        rows.set_number(GENERATION, generation)?;
        if let Some(mark) = batch.log_mark {
            mark.at(generation).write(&self.conn)?;
        }
        if batch.erased {
            rows.set_number(ERASED, generation)?;
        } else if batch.erased_at.is_some() && !owed {
            rows.remove_value(ERASED)?;
        }
        self.open_files.check()?;
        counter.announce(generation, batch.touched)?;
        self.run("COMMIT")
    }

    /// Ends a transaction that failed, and takes back what the counter announced. Where that fails too,
    /// the counter stays odd and readers ask the database.
    fn give_up(&self, counter: &Counter) {
        if !self.conn.is_autocommit() {
            let _ = self.run("ROLLBACK");
        }
        if counter.read() == Generation::Unsettled {
            let _ = self.settle(counter);
        }
    }

    /// Folds the log into the database and empties it, unless a reader needs it. `generation` is one that
    /// this process has seen committed.
    fn empty_log(&mut self, generation: u64) {
        if self.open_files.check().is_err() {
            return;
        }
        // A reader may keep its snapshot for long: a later call tries again instead of waiting.
        let emptied = self.conn.busy_timeout(Duration::ZERO).and_then(|()| {
            self.conn
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        });
        let restored = self.conn.busy_timeout(self.busy_timeout);
        if matches!((emptied, restored), (Ok(0), Ok(()))) {
            self.emptied = generation;
            self.disk_was_full = false;
        }
    }

    fn synchronise(&mut self, durability: Durability) -> Result<()> {
        if self.synchronous == durability {
            return Ok(());
        }
        self.conn.execute_batch(match durability {
            Durability::Full => "PRAGMA synchronous = FULL",
            Durability::Process => "PRAGMA synchronous = NORMAL",
        })?;
        self.synchronous = durability;
        Ok(())
    }

    fn run(&self, sql: &str) -> Result<()> {
        self.conn.prepare_cached(sql)?.execute([])?;
        Ok(())
    }
}

/// The error of a commit as every thread that shared the transaction gets it. `RolledBack` makes each
/// of them run its change again in a transaction of its own, whose error concerns that change alone.
fn for_everyone(error: Error, changes: usize) -> Error {
    match error {
        Error::Moved(_) | Error::Corrupt(_) => error,
        Error::Busy => Error::RolledBack,
        _ if changes > 1 => Error::RolledBack,
        _ => error,
    }
}

impl Drop for StoreWriter {
    /// SQLite folds the log into the database when the last connection is closed. Where one of the files
    /// is not the one that was opened, it is told to leave both alone.
    fn drop(&mut self) {
        let _ = match self.open_files.check() {
            Ok(()) => self.conn.pragma_update(None, "journal_size_limit", 0),
            Err(_) => self
                .conn
                .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
                .map(drop),
        };
    }
}

#[cfg(test)]
mod tests;
