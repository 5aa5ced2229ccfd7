//! An open token of the database.

use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::clock::{Deadline, SharedClock};
use crate::config::LogLevel;
use crate::log;
use crate::store::door::{Snapshot, Tx};
use crate::store::engine::Engine;
use crate::store::epoch;
use crate::store::error::{Error, Loss, Result};
use crate::store::file::{CopyProgress, FileCopy};
use crate::store::group::GroupCommit;
use crate::store::line::Ticket;
use crate::store::modes::{Generation, Options, Run};

use super::answer::Value;
use super::lease::{FORGOTTEN, Grant, Lease, Losses, Writer};
use super::link::Link;
use super::places;
use super::pool::Pool;
use super::rows::{Lesson, SqlRows};
use super::schema;
use super::writer::SqlWriter;

/// How often a look is made that lost its server, the first time included.
const LOOKS: usize = 8;
/// How long a look whether the token is still there may take: what the caller asks next waits for the database anyway.
const GLANCE: Duration = Duration::from_secs(1);

const SNAPSHOT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
const GENERATION: &str =
    "SELECT generation, pg_postmaster_start_time() FROM tenon.token WHERE id = $1";
const FIND: &str = "SELECT id FROM tenon.token WHERE slot = $1";
/// Processes that ended long ago.
const FORGET: &str = "DELETE FROM tenon.writer w USING tenon.lease l WHERE w.token = $1 \
     AND l.token = w.token AND l.writer = w.writer AND l.seen < clock_timestamp() - make_interval(secs => $2)";
/// The number is a random one: a database that went back must not give it to another process.
const JOIN: &str = "WITH me AS (INSERT INTO tenon.writer (token, writer, stamp) \
     VALUES ($1, ('x' || replace(gen_random_uuid()::text, '-', ''))::bit(64)::bigint, 0) RETURNING token, writer) \
     INSERT INTO tenon.lease (token, writer, seen) SELECT token, writer, clock_timestamp() FROM me RETURNING writer";

pub(super) struct SqlStore {
    pool: Arc<Pool>,
    lease: Arc<Lease>,
    group: GroupCommit<SqlWriter>,
    read_only: bool,
    busy_timeout: Duration,
    epoch: u64,
}

impl SqlStore {
    /// Opens the token of `slot`. Tables of an earlier release are upgraded on the way.
    ///
    /// # Errors
    /// `NotFound`; `SchemaTooNew`; `Unreachable`, `Database`.
    pub(super) fn open(
        pool: Arc<Pool>,
        slot: u64,
        place: PathBuf,
        options: &Options,
        losses: Losses,
    ) -> Result<Self> {
        let deadline = Deadline::after(options.busy_timeout);
        let me = pool.with(deadline, |link| {
            Self::join(link, deadline, (slot, place.as_path()), options.read_only)
        })?;
        pool.joined(me.writer);
        let lease = Arc::new(Lease::new(me, losses));
        let writer = SqlWriter::new(Arc::clone(&pool), Arc::clone(&lease));
        let store = Self {
            lease,
            pool,
            group: GroupCommit::new(writer, options.busy_timeout),
            read_only: options.read_only,
            busy_timeout: options.busy_timeout,
            epoch: epoch::of_this_process(),
        };
        store.lease.ensure(&store.pool, deadline)?;
        Ok(store)
    }

    /// Finds the token of `slot`, and makes this process known to it.
    fn join(
        link: &mut Link,
        deadline: Deadline,
        (slot, place): (u64, &Path),
        read_only: bool,
    ) -> Result<Writer> {
        match schema::admit(link, deadline) {
            Ok(true) => {}
            Ok(false) => return Err(Error::NotFound(place.into())),
            Err(Error::SchemaTooOld(_)) if !read_only => schema::make(link, deadline)?,
            Err(error) => return Err(error),
        }
        let slot = i64::try_from(slot).unwrap_or(i64::MAX);
        link.collect(FIND, &[Value::Int(slot)])?;
        let found = link.run(deadline)?.last().rows.pop();
        let token = match found {
            Some(row) => row.int(0)?,
            None => return Err(Error::NotFound(place.into())),
        };
        let forgotten = Value::Double(FORGOTTEN.as_secs_f64());
        link.collect(FORGET, &[Value::Int(token), forgotten])?;
        link.collect(JOIN, &[Value::Int(token)])?;
        let round = link.run(deadline)?;
        if let Some(warning) = round.warning {
            return Err(Error::Unreachable(warning));
        }
        let writer = round.last().one()?.int(0)?;
        Ok(Writer { token, writer })
    }

    /// Runs `look` once in a snapshot that has everything that `grant` knows of. `None` where another server
    /// answered, or the lease ended meanwhile.
    fn look(
        &self,
        grant: Grant,
        deadline: Deadline,
        look: &mut dyn FnMut(&Snapshot<'_>),
    ) -> Result<Option<()>> {
        let mut link = self.pool.take(deadline)?;
        let rows = SqlRows::new(&mut link, self.lease.me().token, self.busy_timeout);
        rows.collect_bare(SNAPSHOT, &[], Lesson::None)?;
        rows.collect(GENERATION, &[], Lesson::Generation)?;
        look(&rows);
        let told = rows.told();
        let failure = rows.failure();
        drop(rows);
        if let Some(Error::Unreachable(what)) = failure {
            return Err(Error::Unreachable(what));
        }
        link.forget();
        let Some(generation) = told.generation else {
            // Nothing was read.
            if failure.is_none() {
                self.pool.give(link);
            }
            return match failure {
                Some(error) => Err(error),
                None => Ok(Some(())),
            };
        };
        let end = if failure.is_some() {
            "ROLLBACK"
        } else {
            "COMMIT"
        };
        link.collect(end, &[])?;
        if link.run_unanswered(deadline).is_ok() {
            self.pool.give(link);
        }
        // A look that outlasted the lease holds where its server is still the one that counts.
        let still = self
            .lease
            .ensure(&self.pool, Deadline::after(self.busy_timeout))?;
        let same = told.server == grant.server && told.server == still.server;
        Ok((same && generation >= grant.generation).then_some(()))
    }
}

impl Engine for SqlStore {
    fn read(&self, look: &mut dyn FnMut(&Snapshot<'_>)) -> Result<()> {
        let deadline = Deadline::after(self.busy_timeout);
        let mut failed = Error::Busy;
        for _ in 0..LOOKS {
            let grant = self.lease.ensure(&self.pool, deadline)?;
            match self.look(grant, deadline, look) {
                Ok(Some(())) => return Ok(()),
                Ok(None) => {
                    // A connection to another server than the one that granted the lease.
                    self.pool.empty();
                }
                Err(error @ Error::Unreachable(_)) if !deadline.left().is_zero() => {
                    self.pool.empty();
                    self.lease.end();
                    failed = error;
                }
                Err(error) => return Err(error),
            }
        }
        Err(failed)
    }

    fn change(&self, run: Run, change: &mut dyn FnMut(&Tx<'_>) -> bool) -> Result<()> {
        if self.read_only {
            return Err(Error::ReadOnly);
        }
        let mut revoked = false;
        self.group.change(run, &mut |rows| {
            let kept = change(rows);
            // Where this fails, the rows remember it.
            let _ = kept.then(|| rows.flush());
            revoked = kept && rows.has_revoked();
            kept
        })?;
        if revoked {
            self.lease
                .wait_for_others(&self.pool, Deadline::after(self.busy_timeout));
        }
        Ok(())
    }

    fn generation(&self) -> Generation {
        if let Some(grant) = self.lease.current() {
            return Generation::Settled(grant.generation);
        }
        match self
            .lease
            .ensure(&self.pool, Deadline::after(self.busy_timeout))
        {
            Ok(grant) => Generation::Settled(grant.generation),
            Err(error) => {
                log::note(LogLevel::Error, &error.to_string());
                Generation::Unsettled
            }
        }
    }

    fn untouched(&self, _keys: &[&[u8]], since: u64) -> Option<u64> {
        let grant = self.lease.current()?;
        (grant.generation == since).then_some(since)
    }

    fn is_shared_by_lease(&self) -> bool {
        true
    }

    fn queue(
        &self,
        line: NonZeroU8,
        deadline: Deadline,
        admit: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Ticket>> {
        places::wait(
            &self.pool,
            self.lease.me(),
            line,
            (deadline, self.busy_timeout),
            admit,
        )
    }

    /// Old rows stay in the engine's pages and logs until it reuses them, and in its backups.
    fn finish_erasing(&self) -> Result<()> {
        Ok(())
    }

    fn give_back_space(&self) -> Result<()> {
        Ok(())
    }

    fn with_reserve(&self, again: &mut dyn FnMut()) {
        again();
    }

    fn copy(&self, target: &Path, progress: CopyProgress) -> Result<FileCopy> {
        let mut copied = Err(Error::Busy);
        let progress = std::cell::RefCell::new(progress);
        self.read(&mut |snapshot| {
            copied = FileCopy::of_rows(target, snapshot, None, &mut *progress.borrow_mut());
        })?;
        copied
    }

    fn file(&self) -> Option<&Path> {
        None
    }

    fn shared_clock(&self) -> Option<Arc<SharedClock>> {
        Some(Arc::clone(self.lease.clock()))
    }

    fn loss(&self) -> Option<Loss> {
        self.lease.loss()
    }

    fn is_gone(&self) -> bool {
        let deadline = Deadline::after(self.busy_timeout.min(GLANCE));
        self.lease.is_gone(&self.pool, deadline)
    }

    fn was_there_lately(&self) -> bool {
        self.lease.current().is_some()
    }

    /// Another token has another row.
    fn is_replaced(&self) -> bool {
        self.is_gone()
    }

    fn is_of_this_process(&self) -> bool {
        epoch::of_this_process() == self.epoch
    }
}
