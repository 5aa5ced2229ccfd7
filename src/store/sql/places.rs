//! Lines in which the processes of all hosts wait for each other, first come, first served.
//!
//! A place is a row. Its number is given under the lock of the line's row, so a place is seen by everybody
//! behind it. It ends when it is given back; where its process has ended, or its host is cut off, it ends by the
//! database's clock.

use std::num::NonZeroU8;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::clock::{Deadline, boot_time};
use crate::store::error::{Error, Result};
use crate::store::line::{Held, Ticket};

use super::answer::Value;
use super::lease::Writer;
use super::pool::Pool;

/// How long a place lasts from the last look at the places ahead on. Whoever does something in a place asks
/// `Ticket::is_held` before it answers.
const LASTS: Duration = Duration::from_secs(15);
/// Pause between two looks at the places ahead.
const PAUSE: Duration = Duration::from_millis(20);
/// How long giving a place back may take.
const RETURN: Duration = Duration::from_secs(2);

const NEXT: &str = "INSERT INTO tenon.line AS l (token, line, last) VALUES ($1, $2, 1) \
     ON CONFLICT (token, line) DO UPDATE SET last = l.last + 1 RETURNING last";
const TAKE: &str = "INSERT INTO tenon.place (token, line, number, ends) \
     VALUES ($1, $2, $3, clock_timestamp() + make_interval(secs => $4))";
const STAY: &str = "UPDATE tenon.place SET ends = clock_timestamp() + make_interval(secs => $4) \
     WHERE token = $1 AND line = $2 AND number = $3 AND ends > clock_timestamp()";
const AHEAD: &str = "SELECT count(*) FROM tenon.place \
     WHERE token = $1 AND line = $2 AND number < $3 AND ends > clock_timestamp()";
const GIVE_BACK: &str = "DELETE FROM tenon.place WHERE token = $1 AND line = $2 AND (number = $3 OR ends < clock_timestamp())";

/// A place, given back when it is dropped.
struct Place {
    pool: Arc<Pool>,
    token: i64,
    line: i64,
    number: i64,
    /// By `boot_time`: until then the place lasts, by any clock.
    until: AtomicU64,
}

/// See `Engine::queue`. `patience`: how long the database may take for one answer.
pub(super) fn wait(
    pool: &Arc<Pool>,
    me: Writer,
    line: NonZeroU8,
    (deadline, patience): (Deadline, Duration),
    admit: &mut dyn FnMut(usize) -> bool,
) -> Result<Option<Ticket>> {
    let place = Place::take(pool, me, line, Deadline::after(patience))?;
    loop {
        if admit(place.ahead(Deadline::after(patience))?) {
            return Ok(Some(Ticket::that_may_end(place)));
        }
        if deadline.left().is_zero() {
            return Ok(None);
        }
        thread::sleep(PAUSE.min(deadline.left()));
    }
}

impl Place {
    fn take(pool: &Arc<Pool>, me: Writer, line: NonZeroU8, deadline: Deadline) -> Result<Self> {
        let (token, line) = (me.token, i64::from(line.get()));
        let mut begun = boot_time();
        // A place whose commit was lost may be there.
        let mut lost = None;
        let number = pool.with(deadline, |link| {
            begun = boot_time();
            link.begin()?;
            link.collect(NEXT, &[Value::Int(token), Value::Int(line)])?;
            let number = link.run(deadline)?.last().one()?.int(0)?;
            if let Some(lost) = lost.replace(number) {
                link.collect(GIVE_BACK, &values(token, line, lost))?;
            }
            let [token, line, number] = values(token, line, number);
            let lasts = Value::Double(LASTS.as_secs_f64());
            link.collect(TAKE, &[token, line, number, lasts])?;
            link.run(deadline)?;
            match link.commit(deadline) {
                Err(Error::OutcomeUnknown | Error::RolledBack) => {
                    Err(Error::Unreachable("a place in line was lost".into()))
                }
                committed => committed,
            }
        });
        let number = number.and_then(|()| lost.ok_or(Error::Busy))?;
        Ok(Self {
            pool: Arc::clone(pool),
            token,
            line,
            number,
            until: AtomicU64::new(until(begun)),
        })
    }

    fn ahead(&self, deadline: Deadline) -> Result<usize> {
        self.pool.with(deadline, |link| {
            let begun = boot_time();
            let [token, line, number] = self.values();
            let lasts = Value::Double(LASTS.as_secs_f64());
            link.collect(STAY, &[token, line, number, lasts])?;
            if link.run(deadline)?.last().touched() == 0 {
                // It ended while the database was not there.
                return Err(Error::Busy);
            }
            self.until.store(until(begun), Ordering::Relaxed);
            link.collect(AHEAD, &self.values())?;
            let ahead = link.run(deadline)?.last().one()?.int(0)?;
            Ok(usize::try_from(ahead).unwrap_or(usize::MAX))
        })
    }

    fn values(&self) -> [Value<'static>; 3] {
        values(self.token, self.line, self.number)
    }
}

fn values(token: i64, line: i64, number: i64) -> [Value<'static>; 3] {
    [Value::Int(token), Value::Int(line), Value::Int(number)]
}

fn until(begun: u64) -> u64 {
    begun.saturating_add(u64::try_from(LASTS.as_nanos()).unwrap_or(u64::MAX))
}

impl Held for Place {
    fn is_held(&self) -> bool {
        boot_time() < self.until.load(Ordering::Relaxed)
    }
}

impl Drop for Place {
    /// A place that cannot be given back ends by the database's clock.
    fn drop(&mut self) {
        let deadline = Deadline::after(RETURN);
        let Ok(mut link) = self.pool.take(deadline) else {
            return;
        };
        let given = link
            .collect(GIVE_BACK, &self.values())
            .and_then(|()| link.run(deadline));
        if given.is_ok() {
            self.pool.give(link);
        }
    }
}
