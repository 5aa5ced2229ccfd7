//! What a process may rely on without asking the database: for a while, the lease, the generation that an
//! acknowledged write told it.
//!
//! Only a write proves anything, since a primary that was replaced answers reads for ever. The lease counts
//! from before the write was sent, by a clock that nobody sets and that runs during suspension. So whoever
//! changes what others may rely on, and then waits until every lease of before has ended, knows that nobody
//! relies on it any more.
//!
//! *Who has to wait.* A process whose row in `tenon.lease` was not seen for `QUIET` has no lease. One that was
//! quiet for long makes itself seen by a write of its own before it asks for a lease, so that the waiting
//! process, which looks after its commit, sees everybody who may have read the state before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::{Deadline, SharedClock, boot_time};
use crate::store::error::{Error, Loss, Result};

use super::answer::{Columns, Value};
use super::link::Link;
use super::pool::Pool;

/// A process that was not seen for this long has no lease. Far longer than any lease.
const QUIET: Duration = Duration::from_secs(20);
/// How long a process counts as seen without a write that says so first.
const SEEN: Duration = Duration::from_secs(5);
/// Rows of processes that were not seen for this long are removed.
pub(super) const FORGOTTEN: Duration = Duration::from_secs(30 * 86_400);
/// Pause before another server is asked.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest lease that is taken, whatever the token's row says.
const LONGEST: Duration = Duration::from_secs(5);

/// The server's timeline, in SQL. `pg_control_checkpoint` tells it later, after the next checkpoint.
macro_rules! timeline {
    () => {
        "('x' || substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8))::bit(32)::bigint"
    };
}
pub(super) use timeline;

const TOUCH: &str =
    "UPDATE tenon.lease SET seen = clock_timestamp() WHERE token = $1 AND writer = $2";
const RENEW: &str = concat!(
    "WITH mine AS (UPDATE tenon.lease SET seen = clock_timestamp() WHERE token = $1 AND writer = $2 RETURNING 1) \
     SELECT t.generation, pg_postmaster_start_time(), t.lease, ",
    timeline!(),
    ", w.stamp, t.accepted, t.lost, t.known, t.noticed, (extract(epoch FROM clock_timestamp()) * 1000)::bigint \
     FROM tenon.token t LEFT JOIN mine ON true \
     LEFT JOIN tenon.writer w ON w.token = t.id AND w.writer = $2 WHERE t.id = $1"
);
/// Marks a token whose database has lost changes, for everybody.
const LOSE: &str = "UPDATE tenon.token SET lost = greatest(lost, $2), known = greatest(known, $3), \
     noticed = CASE WHEN lost = 0 THEN extract(epoch FROM clock_timestamp())::bigint ELSE noticed END \
     WHERE id = $1 RETURNING lost, known, noticed";
const OTHERS: &str = "SELECT EXISTS (SELECT 1 FROM tenon.lease WHERE token = $1 AND writer <> $2 \
     AND seen > clock_timestamp() - make_interval(secs => $3))";

/// The process, as the database knows it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Writer {
    pub(super) token: i64,
    pub(super) writer: i64,
}

/// What makes a token usable although its database has lost changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::store) enum Losses {
    Refused,
    /// The security officer is asked whether to accept the loss.
    Shown,
}

/// What an acknowledged write told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Grant {
    pub(super) generation: u64,
    /// The server's start, which tells it from others.
    pub(super) server: i64,
}

pub(super) struct Lease {
    me: Writer,
    /// By `boot_time`. Written after `generation` and `server`, and read before them.
    until: AtomicU64,
    generation: AtomicU64,
    server: AtomicI64,
    /// Milliseconds.
    length: AtomicU64,
    /// By `boot_time`.
    seen: AtomicU64,
    /// The highest timeline that was seen: each failover begins a new one.
    timeline: AtomicI64,
    /// Numbers of this process's changes: the last that was acknowledged, and the last that was begun.
    acknowledged: AtomicI64,
    begun: AtomicI64,
    /// How often the security officer had accepted a loss, as last told; negative before that.
    accepted: AtomicI64,
    /// The database's.
    clock: Arc<SharedClock>,
    losses: Losses,
    /// The loss that was shown.
    loss: Mutex<Option<Loss>>,
    /// The token's row, or this process's, is not there any more.
    gone: AtomicBool,
    renewing: Mutex<()>,
}

impl Lease {
    pub(super) fn new(me: Writer, losses: Losses) -> Self {
        Self {
            me,
            until: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            server: AtomicI64::new(0),
            length: AtomicU64::new(0),
            seen: AtomicU64::new(0),
            timeline: AtomicI64::new(0),
            acknowledged: AtomicI64::new(0),
            begun: AtomicI64::new(0),
            accepted: AtomicI64::new(-1),
            clock: Arc::default(),
            losses,
            loss: Mutex::default(),
            gone: AtomicBool::new(false),
            renewing: Mutex::new(()),
        }
    }

    pub(super) fn me(&self) -> Writer {
        self.me
    }

    /// What this process may rely on now.
    pub(super) fn current(&self) -> Option<Grant> {
        let until = self.until.load(Ordering::Acquire);
        let server = self.server.load(Ordering::Acquire);
        let generation = self.generation.load(Ordering::Acquire);
        (boot_time() < until).then_some(Grant { generation, server })
    }

    /// As `current`; where the lease is over, asks for a new one first.
    ///
    /// # Errors
    /// Those of `Pool::take`; `WentBack`, `TokenGone`.
    pub(super) fn ensure(&self, pool: &Pool, deadline: Deadline) -> Result<Grant> {
        if let Some(grant) = self.current() {
            return Ok(grant);
        }
        let _alone = self.renewing.lock();
        if let Some(grant) = self.current() {
            return Ok(grant);
        }
        loop {
            match self.renew(pool, deadline) {
                Err(Error::Unreachable(_)) if !deadline.left().is_zero() => {
                    pool.empty();
                    std::thread::sleep(PAUSE.min(deadline.left()));
                }
                Err(Error::TokenGone) => {
                    self.gone.store(true, Ordering::Relaxed);
                    return Err(Error::TokenGone);
                }
                renewed => return renewed,
            }
        }
    }

    fn renew(&self, pool: &Pool, deadline: Deadline) -> Result<Grant> {
        let mut link = pool.take(deadline)?;
        let patience = pool.patience(deadline);
        let mut write = |sql| {
            let written = self.write(&mut link, sql, patience);
            written.inspect_err(|_| pool.pass_over(&link))
        };
        let mut begun = boot_time();
        let quiet = begun.saturating_sub(self.seen.load(Ordering::Relaxed));
        if quiet > nanoseconds(SEEN) {
            write(TOUCH)?;
            self.seen.store(begun, Ordering::Relaxed);
            begun = boot_time();
        }
        let least = match quiet > nanoseconds(FORGOTTEN) / 2 {
            // Its row may have been removed.
            true => 0,
            false => self.acknowledged.load(Ordering::SeqCst),
        };
        let known = self.generation.load(Ordering::SeqCst);
        let row = write(RENEW)?.ok_or(Error::TokenGone)?;
        // Too slow for others to know of it.
        if boot_time().saturating_sub(self.seen.load(Ordering::Relaxed)) > nanoseconds(QUIET) / 2 {
            self.seen.store(0, Ordering::Relaxed);
            return Err(Error::Unreachable("the answer came too late".into()));
        }
        self.seen.fetch_max(begun, Ordering::Relaxed);
        self.clock.learn(row.unsigned(9)?, begun);
        let accepted = row.int(5)?;
        let missing = if self.accepted.swap(accepted, Ordering::SeqCst) < accepted {
            // What was known before counts no more.
            self.timeline.store(row.int(3)?, Ordering::SeqCst);
            self.acknowledged
                .store(row.optional_int(4)?.unwrap_or(0), Ordering::SeqCst);
            0
        } else {
            self.check_timeline(row.int(3)?)
                .inspect_err(|_| pool.pass_over(&link))?;
            Self::missing(&row, least, known)?
        };
        self.check_losses(&mut link, &row, missing, known, deadline)?;
        if row.optional_int(4)?.is_none() {
            return Err(Error::TokenGone);
        }
        pool.give(link);
        let grant = Grant {
            generation: row.unsigned(0)?,
            server: row.int(1)?,
        };
        self.grant(grant, begun, row.unsigned(2)?);
        Ok(grant)
    }

    /// Runs a statement that writes, as a transaction of its own, and returns the row that it answers.
    fn write(&self, link: &mut Link, sql: &str, deadline: Deadline) -> Result<Option<Columns>> {
        link.collect(
            sql,
            &[Value::Int(self.me.token), Value::Int(self.me.writer)],
        )?;
        let round = link.run(deadline)?;
        match round.warning {
            // For example: the wait for the standby was cancelled.
            Some(warning) => Err(Error::Unreachable(warning)),
            None => Ok(round.answers.into_iter().flat_map(|a| a.rows).next()),
        }
    }

    /// A server on an earlier timeline was replaced by another one.
    ///
    /// # Errors
    /// `Unreachable`.
    pub(super) fn check_timeline(&self, timeline: i64) -> Result<()> {
        let seen = self.timeline.fetch_max(timeline, Ordering::SeqCst);
        if seen > timeline {
            return Err(Error::Unreachable(format!(
                "the server is on timeline {timeline}, and one on timeline {seen} has replaced it"
            )));
        }
        Ok(())
    }

    /// How many changes the database has lost, at least, by what this process knew before it asked: the number of its
    /// last acknowledged change, and the generation that an acknowledged write told it.
    fn missing(row: &Columns, least: i64, known: u64) -> Result<u64> {
        let generations = known.saturating_sub(row.unsigned(0)?);
        let own = match row.optional_int(4)? {
            Some(stamp) => least - stamp,
            None => least,
        };
        Ok(generations.max(u64::try_from(own).unwrap_or(0)))
    }

    /// Refuses a token whose database has lost changes, and tells everybody.
    ///
    /// # Errors
    /// `WentBack`.
    fn check_losses(
        &self,
        link: &mut Link,
        row: &Columns,
        missing: u64,
        known: u64,
        deadline: Deadline,
    ) -> Result<()> {
        let mut loss = Loss {
            changes: row.unsigned(6)?,
            known: row.unsigned(7)?,
            noticed: row.unsigned(8)?,
        };
        if missing > loss.changes || (missing > 0 && known > loss.known) {
            let values = [
                Value::Int(self.me.token),
                Value::Int(missing.cast_signed()),
                Value::Int(known.cast_signed()),
            ];
            link.collect(LOSE, &values)?;
            let row = link.run(deadline)?.last().one()?;
            loss = Loss {
                changes: row.unsigned(0)?,
                known: row.unsigned(1)?,
                noticed: row.unsigned(2)?,
            };
        }
        let lost = (loss.changes > 0).then_some(loss);
        *self.loss.lock() = lost;
        match lost {
            Some(loss) if self.losses == Losses::Refused => Err(Error::WentBack(loss)),
            _ => Ok(()),
        }
    }

    /// The loss that the security officer may accept.
    pub(super) fn loss(&self) -> Option<Loss> {
        *self.loss.lock()
    }

    pub(super) fn clock(&self) -> &Arc<SharedClock> {
        &self.clock
    }

    pub(super) fn losses(&self) -> Losses {
        self.losses
    }

    /// The highest generation that an acknowledged write has told.
    pub(super) fn known(&self) -> u64 {
        self.generation.load(Ordering::SeqCst)
    }

    /// Takes note of what an acknowledged write told, which began at `begun`. `length` is in milliseconds.
    pub(super) fn grant(&self, grant: Grant, begun: u64, length: u64) {
        let length = Duration::from_millis(length).min(LONGEST);
        self.length.store(
            u64::try_from(length.as_millis()).unwrap_or(0),
            Ordering::Relaxed,
        );
        // What an earlier look told says less than what is known.
        if grant.generation < self.generation.load(Ordering::SeqCst) {
            return;
        }
        self.generation.store(grant.generation, Ordering::SeqCst);
        self.server.store(grant.server, Ordering::SeqCst);
        self.until
            .fetch_max(begun.saturating_add(nanoseconds(length)), Ordering::SeqCst);
    }

    /// Whether the token was found to be removed, or replaced by another. Asks the database where the lease is over;
    /// one that does not answer until the deadline has the token.
    pub(super) fn is_gone(&self, pool: &Pool, deadline: Deadline) -> bool {
        let knows = || self.gone.load(Ordering::Relaxed);
        knows() || (self.ensure(pool, deadline).is_err() && knows())
    }

    /// Ends the lease: nothing is relied on before it is renewed.
    pub(super) fn end(&self) {
        self.until.store(0, Ordering::SeqCst);
    }

    /// The number of a change that begins now.
    pub(super) fn begin(&self) -> i64 {
        self.begun.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// The change with this number is known to be made, and no later one.
    pub(super) fn acknowledge(&self, number: i64) {
        self.acknowledged.store(number, Ordering::SeqCst);
    }

    /// The number of the last change that is known to be made.
    pub(super) fn acknowledged(&self) -> i64 {
        self.acknowledged.load(Ordering::SeqCst)
    }

    /// Waits until no other process relies on what was true before the last commit of this one. A database that
    /// cannot tell whether there are others makes it wait as if there were.
    pub(super) fn wait_for_others(&self, pool: &Pool, deadline: Deadline) {
        let length = Duration::from_millis(self.length.load(Ordering::Relaxed));
        let wait = Deadline::after(length + length / 4);
        let values = [
            Value::Int(self.me.token),
            Value::Int(self.me.writer),
            Value::Double(QUIET.as_secs_f64()),
        ];
        let ask = || -> Result<bool> {
            let mut link = pool.take(deadline)?;
            link.collect(OTHERS, &values)?;
            let answer = link.run(deadline)?.last();
            pool.give(link);
            answer.one()?.bool(0)
        };
        if ask() != Ok(false) {
            std::thread::sleep(wait.left());
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
