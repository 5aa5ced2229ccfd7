//! The one connection that changes things, and its open transaction.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use super::counter::{self, Counter, Generation};
use super::error::{Error, Result};
use super::group::Outcome;
use super::schema;
use super::snapshot::{GENERATION, Snapshot};
use super::tx::Tx;

/// Changes that one transaction takes at most.
const BATCH: usize = 64;

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
    /// Schema version that this process understands.
    schema: u32,
    busy_timeout: Duration,
    synchronous: Durability,
    /// Generation up to which this process has emptied the log.
    emptied: u64,
    /// The disk was full when something was last written.
    cramped: bool,
    batch: Option<Batch>,
}

/// An open transaction.
struct Batch {
    outcome: Arc<Outcome>,
    durability: Durability,
    /// The generation that it started from.
    generation: u64,
    erased_at: Option<u64>,
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
    /// A writer on `conn`, whose file has the schema version `schema`.
    pub(super) fn new(conn: Connection, schema: u32, busy_timeout: Duration) -> Self {
        Self {
            conn,
            schema,
            busy_timeout,
            synchronous: Durability::Full,
            emptied: 0,
            cramped: false,
            batch: None,
        }
    }

    /// Makes one change in the open transaction; begins one if there is none.
    pub(super) fn change<T, E: From<Error>>(
        &mut self,
        durability: Durability,
        change: impl FnOnce(&Tx<'_>) -> std::result::Result<T, E>,
    ) -> Result<Part<T, E>> {
        let mut batch = match self.batch.take() {
            Some(batch) => batch,
            None => self.begin(durability)?,
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
        batch.outcome.set(result);
    }

    /// Makes the counter say what the database says.
    pub(super) fn settle(&self, counter: &Counter) -> Result<()> {
        self.locked(|generation| {
            counter.settle(generation);
            Ok(())
        })
    }

    /// Runs `work` with the committed generation, under the write lock.
    pub(super) fn locked<T>(&self, work: impl FnOnce(u64) -> Result<T>) -> Result<T> {
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
        let erased_at = self.snapshot().number(ERASED)?;
        if erased_at.is_some_and(|at| at > self.emptied) {
            let generation = self.snapshot().generation()?;
            self.empty_log(generation);
        }
        Ok(())
    }

    /// Empties the log, where that can be done.
    pub(super) fn tidy(&mut self) {
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
        Ok(Batch {
            outcome: Arc::default(),
            durability,
            generation: self.snapshot().generation()?,
            erased_at: self.snapshot().number(ERASED)?,
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
            if batch.erased {
                owed = true;
                tx.set_number(ERASED, generation)?;
            } else if batch.erased_at.is_some() && !owed {
                tx.forget_number(ERASED)?;
            }
            counter.announce(generation);
            self.run("COMMIT")?;
            counter.committed(generation);
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

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::store::connection::{Use, connect};
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
        let writer = Writer::new(conn, newest, Duration::from_secs(1));
        let file = path.with_extension("gen");
        let counter = Counter::open(&file, true).unwrap().unwrap();
        (writer, counter)
    }

    fn put(writer: &mut Writer, row: &Row) -> Part<(), Error> {
        writer
            .change(Durability::Full, |tx| tx.put(row, &[]))
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
            .change(Durability::Full, |tx| tx.remove(&[1; 16]))
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
                .change(durability, |tx| tx.put(&row(1, 1), &[]))
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
