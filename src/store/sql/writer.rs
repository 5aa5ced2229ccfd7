//! Changes: a transaction each, and how its end is made certain.
//!
//! The first statement locks the token's row and raises the generation; whatever is read comes in later
//! statements, which see what the lock made certain. COMMIT is sent once every earlier answer was good. Where its
//! own answer does not come, or has a warning, the outcome is *not known*. It is settled by another change that
//! locks the token's row, reads the number of this process's last change, and is acknowledged: then that change is
//! decided, kept by the standby, and this server is the one that counts.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::clock::{Deadline, boot_time};
use crate::config::LogLevel;
use crate::log;
use crate::store::error::{Error, Result};
use crate::store::group::{AppliedChange, Writing};
use crate::store::modes::Durability;
use crate::store::outcome::Outcome;

use super::answer::Value;
use super::lease::{Grant, Lease, Losses, timeline};
use super::link::{BEGIN, Link};
use super::pool::Pool;
use super::rows::{Lesson, SqlRows, Told};

/// The most changes that share one transaction.
const BATCH: usize = 64;

const LIMITS: &str = "SELECT set_config('lock_timeout', $1, true), \
     set_config('statement_timeout', $1, true), \
     set_config('idle_in_transaction_session_timeout', $1, true)";
/// Touches no row where the token is gone, or its database lacks what this process knows: `Lease` finds out which.
const LOCK: &str = concat!(
    "UPDATE tenon.token SET generation = generation + 1, \
     had_standby = had_standby OR current_setting('synchronous_standby_names') <> '' \
     WHERE id = $1 AND generation >= $2 AND (lost = 0 OR $3) \
     RETURNING generation - 1, pg_postmaster_start_time(), lease, ",
    timeline!(),
    ", current_setting('synchronous_standby_names') <> '', had_standby"
);
/// As `LOCK`, by the number of the last acknowledged change.
const NUMBER: &str =
    "UPDATE tenon.writer SET stamp = $3 WHERE token = $1 AND writer = $2 AND stamp >= $4";
const LAST_NUMBER: &str = "SELECT stamp FROM tenon.writer WHERE token = $1 AND writer = $2";

pub(super) struct SqlWriter {
    pool: Arc<Pool>,
    lease: Arc<Lease>,
    /// The connection of the transaction before.
    link: Option<Link>,
    batch: Option<Batch>,
    /// The change whose outcome is not known.
    unsettled: Option<i64>,
    /// It was told that the database has no synchronous standby any more.
    told_of_standby: bool,
}

/// An open transaction.
struct Batch {
    link: Link,
    outcome: Arc<Outcome>,
    deadline: Deadline,
    /// The number of this process's changes that it has.
    number: i64,
    told: Told,
    changes: usize,
    changed: bool,
    /// What made it of no use.
    broken: Option<Error>,
}

impl Batch {
    /// The transaction cannot go on.
    fn break_by(&mut self, error: Error) -> Option<Error> {
        self.broken = Some(error.clone());
        Some(error)
    }

    /// Takes back the last change alone, which was refused, or failed by `failure`; `sent` where any of it was sent
    /// to the server. Returns the failure, or what made the transaction of no use.
    fn undo(&mut self, failure: Option<Error>, sent: bool) -> Option<Error> {
        self.link.forget();
        if !sent {
            // Not even its savepoint is there.
            self.changes -= 1;
            return failure;
        }
        if self.told.generation.is_none() {
            // The transaction did not begin.
            return self.break_by(failure.unwrap_or(Error::RolledBack));
        }
        let undone = self
            .link
            .collect("ROLLBACK TO change", &[])
            .and_then(|()| self.link.run(self.deadline));
        match undone {
            Ok(_) => failure,
            Err(_) => self.break_by(Error::RolledBack),
        }
    }
}

impl Writing for SqlWriter {
    type Rows<'c> = SqlRows<'c>;

    fn change(
        &mut self,
        _durability: Durability,
        deadline: Deadline,
        change: &mut dyn FnMut(&SqlRows<'_>) -> bool,
    ) -> Result<AppliedChange> {
        let mut batch = match self.batch.take() {
            Some(batch) => batch,
            None => self.begin(deadline)?,
        };
        let part = self.apply(&mut batch, change);
        self.batch = Some(batch);
        part
    }

    fn takes_more(&self) -> bool {
        self.batch
            .as_ref()
            .is_some_and(|batch| batch.changes < BATCH && batch.broken.is_none())
    }

    fn end(&mut self) {
        if let Some(batch) = self.batch.take() {
            let outcome = Arc::clone(&batch.outcome);
            let ended = match batch.broken {
                Some(_) => {
                    self.give_up(batch.link, batch.deadline);
                    Err(Error::RolledBack)
                }
                None => self.commit(batch),
            };
            outcome.set(ended);
        }
    }
}

impl SqlWriter {
    pub(super) fn new(pool: Arc<Pool>, lease: Arc<Lease>) -> Self {
        Self {
            pool,
            lease,
            link: None,
            batch: None,
            unsettled: None,
            told_of_standby: false,
        }
    }

    fn begin(&mut self, deadline: Deadline) -> Result<Batch> {
        self.settle(deadline)?;
        Ok(Batch {
            link: self.connection(deadline)?,
            outcome: Arc::default(),
            deadline,
            number: self.lease.begin(),
            told: Told::default(),
            changes: 0,
            changed: false,
            broken: None,
        })
    }

    fn connection(&mut self, deadline: Deadline) -> Result<Link> {
        match self.link.take() {
            Some(link) if link.is_usable() => Ok(link),
            _ => self.pool.take(deadline),
        }
    }

    fn apply(
        &self,
        batch: &mut Batch,
        change: &mut dyn FnMut(&SqlRows<'_>) -> bool,
    ) -> Result<AppliedChange> {
        let is_first = batch.changes == 0;
        batch.changes += 1;
        let me = self.lease.me();
        let rows = SqlRows::new(&mut batch.link, me.token, batch.deadline);
        if is_first {
            lock(&rows, &self.lease, batch.deadline)?;
            let values = [
                Value::Int(me.writer),
                Value::Int(batch.number),
                Value::Int(self.lease.acknowledged()),
            ];
            rows.collect(NUMBER, &values, Lesson::There)?;
        } else {
            rows.learn_before(batch.told);
        }
        // A change that fails takes back what it did, and no more.
        rows.collect_bare("SAVEPOINT change", &[], Lesson::None)?;
        // A panic is kept, and goes on in its own thread once the others have their answer.
        let mut kept = catch_unwind(AssertUnwindSafe(|| change(&rows)));
        if matches!(kept, Ok(true)) {
            // Where this fails, `failure` says so.
            let _ = rows.flush();
        }
        let failure = rows.failure();
        let (told, changed, sent) = (rows.told(), rows.has_changed(), rows.has_sent());
        drop(rows);
        batch.told = told;
        let broke = match failure {
            None if matches!(kept, Ok(true)) => {
                batch.changed |= changed;
                None
            }
            // It is not the change that failed, whatever it made of that.
            Some(error @ (Error::Unreachable(_) | Error::RolledBack | Error::Busy)) => {
                kept = kept.map(|_| true);
                batch.break_by(match error {
                    // Nothing is lost where the connection fails before COMMIT: the change can run again.
                    Error::Unreachable(what) => {
                        self.pool.empty();
                        match batch.deadline.left().is_zero() {
                            true => Error::Unreachable(what),
                            false => Error::RolledBack,
                        }
                    }
                    error => error,
                })
            }
            Some(Error::TokenGone) => {
                kept = kept.map(|_| true);
                batch.break_by(self.why_gone(batch.deadline))
            }
            failure => batch.undo(failure, sent),
        };
        Ok(AppliedChange {
            kept,
            outcome: Arc::clone(&batch.outcome),
            broke,
        })
    }

    /// Why the token's row is not there as this process knows it.
    fn why_gone(&self, deadline: Deadline) -> Error {
        self.lease.end();
        match self.lease.ensure(&self.pool, deadline) {
            // The loss was accepted: the change can run again.
            Ok(_) => Error::RolledBack,
            Err(error) => error,
        }
    }

    fn commit(&mut self, batch: Batch) -> Result<()> {
        let Batch {
            mut link,
            deadline,
            number,
            told,
            changed,
            ..
        } = batch;
        if !changed {
            self.give_up(link, deadline);
            return Ok(());
        }
        if let Some(settings) = told.settings
            && let Err(error) = self.lease.check_timeline(settings.timeline)
        {
            log::note(LogLevel::Warning, &error.to_string());
            self.pool.pass_over(&link);
            self.pool.empty();
            return Err(Error::RolledBack);
        }
        let begun = boot_time();
        self.unsettled = Some(number);
        match link.commit(self.pool.patience(deadline)) {
            Ok(()) => {
                self.link = Some(link);
                self.acknowledge(number, told, begun);
                Ok(())
            }
            Err(Error::Unreachable(_) | Error::OutcomeUnknown) => {
                self.pool.pass_over(&link);
                drop(link);
                self.pool.empty();
                self.lease.end();
                match self.settle(deadline)? {
                    true => Ok(()),
                    false => Err(Error::RolledBack),
                }
            }
            // The server has refused: a constraint that is checked at the end, for example.
            Err(_) => {
                self.unsettled = None;
                Err(Error::RolledBack)
            }
        }
    }

    fn acknowledge(&mut self, number: i64, told: Told, begun: u64) {
        self.unsettled = None;
        self.lease.acknowledge(number);
        if let (Some(before), Some(settings)) = (told.generation, told.settings) {
            let grant = Grant {
                generation: before + 1,
                server: told.server,
            };
            self.lease.grant(grant, begun, settings.lease);
            let is_alone = settings.had_standby && !settings.has_standby;
            if is_alone && !self.told_of_standby {
                log::note(
                    LogLevel::Error,
                    "the database has no synchronous standby any more: changes are kept by one server alone",
                );
            }
            self.told_of_standby = is_alone;
        }
    }

    /// Ends a transaction that is not committed.
    fn give_up(&mut self, mut link: Link, deadline: Deadline) {
        if link.roll_back(deadline) {
            self.link = Some(link);
        }
    }

    /// Makes certain how the last change ended, where that is not known. Whether it was made.
    ///
    /// # Errors
    /// `OutcomeUnknown` when the deadline has passed; `WentBack`, `TokenGone`.
    fn settle(&mut self, deadline: Deadline) -> Result<bool> {
        let Some(number) = self.unsettled else {
            return Ok(true);
        };
        loop {
            match self.try_to_settle(number, deadline) {
                // Its row is not there as it was.
                Err(Error::TokenGone) => match self.why_gone(deadline) {
                    Error::RolledBack if !deadline.left().is_zero() => {}
                    Error::RolledBack => return Err(Error::OutcomeUnknown),
                    error => return Err(error),
                },
                Err(
                    Error::Unreachable(_) | Error::RolledBack | Error::Busy | Error::OutcomeUnknown,
                ) => {
                    self.link = None;
                    self.pool.empty();
                    if deadline.left().is_zero() {
                        return Err(Error::OutcomeUnknown);
                    }
                }
                settled => return settled,
            }
        }
    }

    fn try_to_settle(&mut self, number: i64, deadline: Deadline) -> Result<bool> {
        let mut link = self.connection(deadline)?;
        let me = self.lease.me();
        let rows = SqlRows::new(&mut link, me.token, deadline);
        lock(&rows, &self.lease, deadline)?;
        let last = rows.answer(LAST_NUMBER, &[Value::Int(me.writer)])?;
        let last = last.first().ok_or(Error::TokenGone)?.int(0)?;
        // Writes the row as it is, so that there is something to acknowledge.
        let known = Value::Int(self.lease.acknowledged());
        let values = [Value::Int(me.writer), Value::Int(last), known];
        rows.collect(NUMBER, &values, Lesson::There)?;
        rows.flush()?;
        let told = rows.told();
        drop(rows);
        if let Some(settings) = told.settings {
            self.lease
                .check_timeline(settings.timeline)
                .inspect_err(|_| self.pool.pass_over(&link))?;
        }
        let begun = boot_time();
        link.commit(self.pool.patience(deadline)).map_err(|_| {
            self.pool.pass_over(&link);
            Error::OutcomeUnknown
        })?;
        self.link = Some(link);
        self.acknowledge(last, told, begun);
        Ok(last == number)
    }
}

/// Begins a transaction and locks the token's row. Until the deadline the server waits for locks, runs a
/// statement, and keeps a transaction that does nothing.
fn lock(rows: &SqlRows<'_>, lease: &Lease, deadline: Deadline) -> Result<()> {
    let milliseconds = deadline.left().as_millis().max(1).to_string();
    rows.collect_bare(BEGIN, &[], Lesson::None)?;
    rows.collect_bare(LIMITS, &[Value::Text(&milliseconds)], Lesson::None)?;
    let values = [
        Value::Int(lease.known().cast_signed()),
        Value::Bool(lease.losses() == Losses::Shown),
    ];
    rows.collect(LOCK, &values, Lesson::Generation)
}
