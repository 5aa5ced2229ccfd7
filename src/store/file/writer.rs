//! The one connection that changes things, and its open transaction.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use crate::clock::Deadline;

use super::counter::{self, Counter, Generation};
use super::error::{Error, Result};
use super::group::Outcome;
use super::log_mark::LogMark;
use super::place::Place;
use super::queue::{self, Queue, Ticket};
use super::schema;
use super::snapshot::{GENERATION, Snapshot};
use super::tx::Tx;

/// Changes that one transaction takes at most.
const BATCH: usize = 64;

/// How long a transaction at least waits for SQLite's lock, which a checkpoint may hold although the
/// turn is this process's.
const LEAST_TIMEOUT: Duration = Duration::from_millis(100);
/// Pages that one transaction gives back to the file system.
const SHRINK: u32 = 256;

/// Name in `meta` of the generation that last erased material: there until a process that has
/// emptied the write-ahead log since then writes again.
const ERASED: &str = "store.erased";

/// What a committed change survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Durability {
    /// Power loss.
    Full,
    /// The end of the process.
    Process,
}

/// The connection that changes things.
pub(super) struct Writer {
    conn: Connection,
    place: Arc<Place>,
    queue: Queue,
    /// Schema version that this process understands.
    schema: u32,
    busy_timeout: Duration,
    synchronous: Durability,
    /// Generation up to which this process has emptied the log.
    emptied: u64,
    /// The disk was full when something was last written.
    cramped: bool,
    batch: Option<Batch>,
    /// This process's place among those that write, held as long as it may hold SQLite's lock.
    turn: Option<Ticket>,
}

/// An open transaction.
struct Batch {
    outcome: Arc<Outcome>,
    durability: Durability,
    /// The generation that it started from.
    generation: u64,
    erased_at: Option<u64>,
    log_mark: Option<LogMark>,
    changes: usize,
    changed: bool,
    erased: bool,
    /// A change erased, and somebody else empties the log.
    emptying_postponed: bool,
    /// A change erased, and the log is to be empty when it is answered.
    emptying_demanded: bool,
    broken: Option<Error>,
}

/// One change's part in a transaction.
pub(super) struct Part<T, E> {
    /// What the change's closure came to: its result, or its panic.
    pub(super) answer: std::result::Result<std::result::Result<T, E>, Box<dyn Any + Send>>,
    /// How the transaction will end.
    pub(super) outcome: Arc<Outcome>,
    /// Whether this change made the transaction fail.
    pub(super) broke: bool,
}

impl Writer {
    /// A writer on `conn`, whose file is at `place` and has the schema version `schema`, and where it
    /// waits in `queue`.
    pub(super) fn new(
        conn: Connection,
        place: Arc<Place>,
        queue: Queue,
        schema: u32,
        busy_timeout: Duration,
    ) -> Self {
        Self {
            conn,
            place,
            queue,
            schema,
            busy_timeout,
            synchronous: Durability::Full,
            emptied: 0,
            cramped: false,
            batch: None,
            turn: None,
        }
    }

    /// How long a change waits for other processes.
    pub(super) fn busy_timeout(&self) -> Duration {
        self.busy_timeout
    }

    /// Makes one change in the open transaction; begins one if there is none, which waits for other
    /// processes until the deadline.
    pub(super) fn change<T, E: From<Error>>(
        &mut self,
        durability: Durability,
        deadline: Deadline,
        change: impl FnOnce(&Tx<'_>) -> std::result::Result<T, E>,
    ) -> Result<Part<T, E>> {
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
            batch.changes < BATCH && batch.broken.is_none() && batch.durability == Durability::Full
        })
    }

    /// Commits the open transaction and tells its members.
    pub(super) fn end(&mut self, counter: &Counter) {
        let Some(mut batch) = self.batch.take() else {
            return;
        };
        let result = match batch.broken.take() {
            Some(e) => Err(e),
            None => self.commit(&batch, counter),
        };
        if let Err(e) = &result {
            self.cramped |= matches!(e, Error::Full | Error::RolledBack);
            self.give_up(counter);
        }
        self.turn = None;
        batch.outcome.set(result);
    }

    /// Runs `begin` in this process's turn, which ends with the transaction.
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

    /// Waits until those processes had their turn that came before this one. `None` where the file of
    /// the queue cannot be used: SQLite's own lock decides then, which is less fair.
    fn wait_for_turn(&self, deadline: Deadline) -> Result<Option<Ticket>> {
        let first = |ahead| Ok::<_, Error>(ahead == 0);
        match self.queue.wait(queue::WRITERS, deadline, first) {
            Ok(None) => Err(Error::Busy),
            Ok(turn) => Ok(turn),
            Err(_) => Ok(None),
        }
    }

    /// Makes the counter say what the database says.
    pub(super) fn settle(&self, counter: &Counter) -> Result<()> {
        self.locked(|generation| counter.settle(generation))
    }

    /// Runs `work` with the committed generation, under the write lock.
    pub(super) fn locked<T>(&self, work: impl FnOnce(u64) -> Result<T>) -> Result<T> {
        let _turn = match &self.turn {
            Some(_) => None,
            None => self.wait_for_turn(Deadline::after(self.busy_timeout))?,
        };
        self.place.check()?;
        self.run("BEGIN IMMEDIATE")?;
        let done = self.snapshot().generation().and_then(work);
        self.run("ROLLBACK")?;
        done
    }

    /// The state that this connection sees now.
    pub(super) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot::new(&self.conn)
    }

    /// Empties the log if material was erased and that is still to be done.
    pub(super) fn finish_erasing(&mut self) -> Result<()> {
        self.place.check()?;
        let erased_at = self.snapshot().number(ERASED)?;
        if erased_at.is_some_and(|at| at > self.emptied) {
            let generation = self.snapshot().generation()?;
            self.empty_log(generation);
        }
        Ok(())
    }

    /// Empties the log, where that can be done.
    pub(super) fn tidy(&mut self) {
        if self.place.check().is_err() {
            return;
        }
        if let Ok(generation) = self.snapshot().generation() {
            self.empty_log(generation);
        }
    }

    /// Moves pages at the database's end into free ones, and cuts it. Whether more pages are free.
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
        // A file that was made without the means for this does not shrink; its pages are used again.
        Ok(after != 0 && after < before)
    }

    fn begin(&mut self, durability: Durability) -> Result<Batch> {
        self.place.check()?;
        if self.cramped {
            // Where there is room in the database again, its log gives back more than it takes.
            self.empty_log(self.snapshot().generation()?);
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
        let generation = self.snapshot().generation()?;
        self.place.has_come_to(generation);
        Ok(Batch {
            outcome: Arc::default(),
            durability,
            generation,
            erased_at: self.snapshot().number(ERASED)?,
            log_mark: LogMark::read(&self.conn)?,
            changes: 0,
            changed: false,
            erased: false,
            emptying_postponed: false,
            emptying_demanded: false,
            broken: None,
        })
    }

    fn apply<T, E: From<Error>>(
        &self,
        batch: &mut Batch,
        change: impl FnOnce(&Tx<'_>) -> std::result::Result<T, E>,
    ) -> Part<T, E> {
        batch.changes += 1;
        let before = self.conn.total_changes();
        let tx = Tx::new(self.snapshot());
        let (answer, ended) = match self.run("SAVEPOINT change") {
            Err(e) => (Ok(Err(e.clone().into())), Err(e)),
            Ok(()) => {
                // A panic is the caller's, and goes on to him once the others are served.
                let answer = catch_unwind(AssertUnwindSafe(|| change(&tx)));
                let kept = matches!(answer, Ok(Ok(_)));
                (answer, self.close_savepoint(kept))
            }
        };
        let broke = ended.is_err();
        match ended {
            Err(e) => batch.broken = Some(e),
            Ok(()) if matches!(answer, Ok(Ok(_))) => {
                batch.changed |= self.conn.total_changes() != before;
                batch.erased |= tx.erased();
                batch.emptying_postponed |= tx.emptying_postponed();
                batch.emptying_demanded |= tx.erased() && !tx.emptying_postponed();
            }
            Ok(()) => {}
        }
        Part {
            answer,
            outcome: Arc::clone(&batch.outcome),
            broke,
        }
    }

    fn close_savepoint(&self, kept: bool) -> Result<()> {
        // SQLite may have rolled back the whole transaction: when the disk is full, for one.
        if self.conn.is_autocommit() {
            return Err(Error::RolledBack);
        }
        if !kept {
            self.run("ROLLBACK TO change")?;
        }
        self.run("RELEASE change")
    }

    fn commit(&mut self, batch: &Batch, counter: &Counter) -> Result<()> {
        if self.conn.is_autocommit() {
            return Err(Error::RolledBack);
        }
        let mut generation = batch.generation;
        let mut owed = batch.erased_at.is_some_and(|at| at > self.emptied);
        if batch.changed {
            generation = counter::next(generation)?;
            let tx = Tx::new(self.snapshot());
            tx.set_number(GENERATION, generation)?;
            if let Some(mark) = batch.log_mark {
                mark.at(generation).write(&self.conn)?;
            }
            if batch.erased {
                owed = true;
                tx.set_number(ERASED, generation)?;
            } else if batch.erased_at.is_some() && !owed {
                tx.forget_number(ERASED)?;
            }
            self.place.check()?;
            counter.announce(generation)?;
            self.run("COMMIT")?;
            self.place.has_come_to(generation);
            let seen = counter.committed(generation);
            // A file that was replaced meanwhile does not hold what was just committed.
            self.place.check()?;
            if !seen {
                self.settle(counter)?;
            }
        } else {
            self.run("ROLLBACK")?;
        }
        if owed && (batch.emptying_demanded || !batch.emptying_postponed) {
            self.empty_log(generation);
        }
        Ok(())
    }

    /// Ends a transaction that failed, and takes back what the counter announced. Where that
    /// fails too, the counter stays odd and readers ask the database.
    fn give_up(&self, counter: &Counter) {
        if !self.conn.is_autocommit() {
            let _ = self.run("ROLLBACK");
        }
        if counter.read() == Generation::Unsettled {
            let _ = self.settle(counter);
        }
    }

    /// Folds the log into the database and empties it, unless a reader needs it. `generation` is
    /// one that this process has seen committed.
    fn empty_log(&mut self, generation: u64) {
        if self.place.check().is_err() {
            return;
        }
        // A reader may keep its snapshot for long: better to come back than to wait for it.
        let emptied = self.conn.busy_timeout(Duration::ZERO).and_then(|()| {
            self.conn
                .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        });
        let restored = self.conn.busy_timeout(self.busy_timeout);
        if matches!((emptied, restored), (Ok(0), Ok(()))) {
            self.emptied = generation;
            self.cramped = false;
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

impl Drop for Writer {
    /// The last connection that is closed folds the log into the database and empties it. It leaves
    /// both alone where they are not the ones that it has open.
    fn drop(&mut self) {
        let _ = match self.place.check() {
            Ok(()) => self.conn.pragma_update(None, "journal_size_limit", 0),
            Err(_) => self
                .conn
                .set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
                .map(drop),
        };
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::file::connection::{Use, connect};
    use crate::store::{Row, Store};

    fn row(number: u8, len: usize) -> Row {
        Row {
            uid: [number; 16],
            class: 0,
            key_type: None,
            private: false,
            hidden: false,
            expires_at: 0,
            deletion_at: 0,
            version: 0,
            format: 0,
            sealed: vec![number; len],
            mac: Vec::new(),
        }
    }

    fn writer(directory: &Path) -> (Writer, Counter) {
        let path = directory.join("slot-0000.tenon");
        drop(Store::create(&path).unwrap());
        let conn = connect(&path, Use::Write, Duration::from_secs(1)).unwrap();
        let newest = schema::newest(schema::MIGRATIONS);
        let place = Arc::new(Place::of(&path, true).unwrap());
        let queue = Queue::of(&path).unwrap();
        let timeout = Duration::from_secs(1);
        let writer = Writer::new(conn, Arc::clone(&place), queue, newest, timeout);
        let file = path.with_extension("gen");
        let counter = Counter::attach(&file, &place, &writer).unwrap();
        (writer, counter)
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(1))
    }

    fn put(writer: &mut Writer, row: &Row) -> Part<(), Error> {
        writer
            .change(Durability::Full, soon(), |tx| tx.put(row, &[]))
            .unwrap()
    }

    #[test]
    fn all_who_shared_a_transaction_share_its_failure() {
        let directory = tempfile::tempdir().unwrap();
        let (mut writer, counter) = writer(directory.path());
        let first = put(&mut writer, &row(1, 10));
        assert!(writer.takes_more());
        let second = put(&mut writer, &row(2, 10));
        // As SQLite does by itself where a transaction cannot go on.
        writer.run("ROLLBACK").unwrap();
        writer.end(&counter);
        for part in [first, second] {
            assert!(matches!(part.answer, Ok(Ok(()))));
            assert_eq!(part.outcome.wait(), Err(Error::RolledBack));
        }
        assert_eq!(counter.read(), Generation::Settled(0));
        assert_eq!(writer.snapshot().object(&[1; 16]), Ok(None));

        let third = put(&mut writer, &row(3, 10));
        writer.end(&counter);
        assert_eq!(third.outcome.wait(), Ok(()));
        assert_eq!(counter.read(), Generation::Settled(1));
    }

    #[test]
    fn a_full_disk_is_said_to_whom_it_hit_and_passes() {
        let directory = tempfile::tempdir().unwrap();
        let (mut writer, counter) = writer(directory.path());
        let first = put(&mut writer, &row(1, 10));
        writer.end(&counter);
        assert_eq!(first.outcome.wait(), Ok(()));

        let pages: i64 = writer
            .conn
            .query_row("PRAGMA page_count", [], |row| row.get(0))
            .unwrap();
        writer
            .conn
            .pragma_update(None, "max_page_count", pages + 2)
            .unwrap();
        let small = put(&mut writer, &row(2, 10));
        let large = put(&mut writer, &row(3, 100_000));
        assert!(matches!(large.answer, Ok(Err(Error::Full))));
        if large.broke {
            assert!(!writer.takes_more());
        }
        writer.end(&counter);
        match small.outcome.wait() {
            Ok(()) => assert!(!large.broke),
            Err(e) => assert!(large.broke && e == Error::RolledBack),
        }

        let removed = writer
            .change(Durability::Full, soon(), |tx| tx.remove(&[1; 16]))
            .unwrap();
        writer.end(&counter);
        assert_eq!(removed.outcome.wait(), Ok(()));
        assert!(matches!(removed.answer, Ok(Ok(true))));
        let generation = writer.snapshot().generation().unwrap();
        assert_eq!(counter.read(), Generation::Settled(generation));
    }

    #[test]
    fn a_transaction_takes_so_many_changes_and_no_more() {
        let directory = tempfile::tempdir().unwrap();
        let (mut writer, counter) = writer(directory.path());
        for change in 1..=BATCH {
            put(&mut writer, &row(1, change));
            assert_eq!(writer.takes_more(), change < BATCH);
        }
        writer.end(&counter);
        assert_eq!(counter.read(), Generation::Settled(1));
    }

    #[test]
    fn a_relaxed_transaction_is_not_shared() {
        let directory = tempfile::tempdir().unwrap();
        let (mut writer, counter) = writer(directory.path());
        for (durability, level) in [
            (Durability::Process, 1),
            (Durability::Full, 2),
            (Durability::Process, 1),
        ] {
            let part: Part<(), Error> = writer
                .change(durability, soon(), |tx| tx.put(&row(1, 1), &[]))
                .unwrap();
            assert_eq!(writer.takes_more(), durability == Durability::Full);
            writer.end(&counter);
            assert_eq!(part.outcome.wait(), Ok(()));
            let set: i64 = writer
                .conn
                .query_row("PRAGMA synchronous", [], |row| row.get(0))
                .unwrap();
            assert_eq!(set, level);
        }
    }
}
