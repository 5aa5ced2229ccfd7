//! The token's time (BYOK rules, section 1).
//!
//! The time is `max(clock, mark)`. The *mark* is the highest reading of the clock that the token has
//! committed. Within a process the time never goes back, except behind readings in doubt.
//!
//! A reading more than `clock.leap` above the mark is *in doubt*: uses are refused by it, but it is not
//! stored as the mark, it erases nothing, and it has no effect once the clock is right again. The token
//! notes the first such reading that it meets while somebody is logged in. If a reading is still in
//! doubt a day or more after that note, it becomes the mark; a reading below the note clears the note.
//! The security officer can make a reading the mark at once.
//!
//! Without a login the mark moves by at most `clock.leap` beyond where a login moved it last: otherwise
//! whoever can set the clock, but knows no PIN, could move the mark into the future in small steps.
//!
//! Where hosts share the token by a database, a reading that differs from the database's clock by more than
//! `clock.skew` is *skewed*: it does not move the mark, notes no doubt, and erases nothing.
//!
//! Only the security officer may lower the mark. The store counts how often that was done. A process
//! that finds a higher count drops the readings that it remembers: otherwise its next change would
//! restore the old mark, and it would not use the new one before it is started again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::byok;
use crate::ck;
use crate::clock::{Clock, SharedClock, UnixTime, utc};
use crate::config::LogLevel;
use crate::error::{Error, Result, refuse};
use crate::log;
use crate::secret::Secret;

use crate::token::record::damaged::damaged;
use crate::token::record::domain::Domain;

/// Row of the mark.
pub(in crate::token) const MARK_ROW: &str = "clock";
/// How long readings must be in doubt before one becomes the mark.
const DOUBT: UnixTime = 86_400;
/// How far the mark may be behind before a use of a key stores it.
const BEHIND: UnixTime = 3600;
/// How long a process waits before it tries again to store the mark.
const RETRY: UnixTime = 60;

/// The clock mark as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::token) struct ClockMark {
    /// Unix seconds.
    pub(in crate::token) at: UnixTime,
    /// How often the security officer has lowered the mark.
    pub(in crate::token) lowered: u64,
    /// Where a login moved the mark last: without a login it moves at most `clock.leap` beyond this.
    vouched: UnixTime,
    /// The first reading in doubt that was met with a login; 0 when there is none. It is cleared when a
    /// reading becomes the mark or the clock goes back below it.
    doubt: UnixTime,
}

impl ClockMark {
    /// A mark set by somebody who knows a PIN, or of a new token.
    pub(in crate::token) fn vouched(at: UnixTime, lowered: u64) -> Self {
        Self {
            at,
            lowered,
            vouched: at,
            doubt: 0,
        }
    }

    /// Row bytes: time (8) ‖ count of lowerings (8) ‖ vouched (8) ‖ doubt (8) ‖ tag under the store
    /// key (32).
    pub(in crate::token) fn encode(self, store: &Domain) -> Vec<u8> {
        let numbers = [self.at, self.lowered, self.vouched, self.doubt];
        let body = numbers.map(u64::to_be_bytes).concat();
        let tag = store.tag(&[MARK_ROW.as_bytes(), &body]);
        [&body[..], &tag].concat()
    }

    /// # Errors
    /// CKR_DEVICE_ERROR for a row that is missing or damaged.
    pub(in crate::token) fn decode(store: &Domain, row: Option<&[u8]>) -> Result<Self> {
        row.and_then(|row| row.split_first_chunk::<32>())
            .filter(|(body, tag)| {
                Secret::copy(&store.tag(&[MARK_ROW.as_bytes(), &body[..]])).ct_eq(tag)
            })
            .and_then(|(body, _)| {
                let [at, lowered, vouched, doubt] = body.as_chunks().0 else {
                    return None;
                };
                Some(Self {
                    at: u64::from_be_bytes(*at),
                    lowered: u64::from_be_bytes(*lowered),
                    vouched: u64::from_be_bytes(*vouched),
                    doubt: u64::from_be_bytes(*doubt),
                })
            })
            .ok_or_else(|| damaged("the clock mark"))
    }
}

/// The token's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::token) struct Now {
    /// Unix seconds. Every decision uses this.
    pub(in crate::token) at: UnixTime,
    /// Whether the reading is neither in doubt nor skewed, so that material may be erased by it.
    pub(in crate::token) believed: bool,
}

/// The clock's reading, the mark, and what follows from them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStatus {
    /// The reading of the system's clock, in Unix seconds.
    pub reading: UnixTime,
    /// The highest reading that the token has committed.
    pub mark: UnixTime,
    /// The time that decisions use.
    pub now: UnixTime,
    /// Whether the reading is not in doubt: it is stored, and erases what has expired.
    pub believed: bool,
    /// The first reading in doubt that was noted. One a day or more after it becomes the mark.
    pub doubted_since: Option<UnixTime>,
    /// `clock.leap` in seconds: a reading further above the mark is in doubt.
    pub leap: UnixTime,
    /// What the clock of the token's database shows; `None` for a token in a file.
    pub database: Option<UnixTime>,
    /// The reading differs from it by more than `clock.skew`.
    pub skewed: bool,
}

pub(in crate::token) struct TokenTime {
    clock: Arc<dyn Clock>,
    leap: UnixTime,
    /// The clock of the token's database, and `clock.skew`.
    shared: Option<(Arc<SharedClock>, UnixTime)>,
    /// The last reading was skewed.
    was_skewed: AtomicBool,
    /// The committed mark as this process last saw it; `mark` and `doubt` repeat its fields.
    known: Mutex<ClockMark>,
    mark: AtomicU64,
    doubt: AtomicU64,
    /// The highest reading that was not in doubt, or the mark.
    highest: AtomicU64,
    /// The reading at which the mark could not be stored last.
    failed: AtomicU64,
}

impl TokenTime {
    pub(in crate::token) fn new(clock: Arc<dyn Clock>, leap: UnixTime) -> Self {
        Self {
            clock,
            leap,
            shared: None,
            was_skewed: AtomicBool::new(false),
            known: Mutex::default(),
            mark: AtomicU64::new(0),
            doubt: AtomicU64::new(0),
            highest: AtomicU64::new(0),
            failed: AtomicU64::new(0),
        }
    }

    /// Readings that differ from `shared` by more than `skew` move nothing.
    pub(in crate::token) fn beside(self, shared: Option<Arc<SharedClock>>, skew: UnixTime) -> Self {
        Self {
            shared: shared.map(|shared| (shared, skew)),
            ..self
        }
    }

    pub(in crate::token) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    /// The clock's reading, for a call that asks more than one question of it.
    pub(in crate::token) fn reading(&self) -> UnixTime {
        self.clock.now()
    }

    pub(in crate::token) fn now(&self) -> Now {
        self.judged(self.reading())
    }

    /// The token's time when the clock shows `reading`.
    pub(in crate::token) fn judged(&self, reading: UnixTime) -> Now {
        if self.doubts(reading, self.mark.load(Ordering::SeqCst)) || self.is_skewed(reading) {
            return Now {
                at: reading.max(self.highest.load(Ordering::SeqCst)),
                believed: false,
            };
        }
        Now {
            at: raise(&self.highest, reading),
            believed: true,
        }
    }

    pub(in crate::token) fn status(&self) -> ClockStatus {
        let reading = self.clock.now();
        let Now { at, believed } = self.judged(reading);
        let known = *self.known.lock();
        ClockStatus {
            reading,
            mark: known.at,
            now: at,
            believed,
            doubted_since: Some(known.doubt).filter(|doubt| *doubt != 0),
            leap: self.leap,
            database: self.shared.as_ref().and_then(|(shared, _)| shared.now()),
            skewed: self.is_skewed(reading),
        }
    }

    /// Takes over the committed mark, which another process may have moved.
    pub(in crate::token) fn learn(&self, mark: ClockMark) {
        let mut known = self.known.lock();
        if (mark.lowered, mark.at) < (known.lowered, known.at) {
            return;
        }
        if mark.lowered > known.lowered {
            self.highest.store(mark.at, Ordering::SeqCst);
        } else {
            raise(&self.highest, mark.at);
        }
        self.mark.store(mark.at, Ordering::SeqCst);
        self.doubt.store(mark.doubt, Ordering::SeqCst);
        *known = mark;
    }

    /// The mark to commit in place of the stored one. `login`: somebody is logged in. `stored` may be a mark
    /// that this transaction wrote and that is never committed, so it is not taken over here: the caller
    /// calls `learn` after the commit.
    pub(in crate::token) fn advanced(&self, stored: ClockMark, login: bool) -> ClockMark {
        let reading = self.clock.now();
        if self.is_skewed(reading) {
            return stored;
        }
        if self.doubts(reading, stored.at) {
            return if login {
                doubted(stored, reading)
            } else {
                stored
            };
        }
        // What this process has refused by is committed, even where the clock was turned back since.
        let highest = self.highest_with(stored).max(reading);
        let limit = if login {
            UnixTime::MAX
        } else {
            stored.vouched.saturating_add(self.leap)
        };
        let mut mark = ClockMark { doubt: 0, ..stored };
        if !self.doubts(highest, stored.at) {
            mark.at = mark.at.max(highest.min(limit));
        }
        if login {
            mark.vouched = mark.vouched.max(reading.min(mark.at));
        }
        mark
    }

    /// The highest reading that this process has believed, or `stored`, by the rules of `learn`.
    fn highest_with(&self, stored: ClockMark) -> UnixTime {
        let known = self.known.lock();
        let highest = self.highest.load(Ordering::SeqCst);
        match stored.lowered.cmp(&known.lowered) {
            std::cmp::Ordering::Greater => stored.at,
            std::cmp::Ordering::Equal => highest.max(stored.at),
            std::cmp::Ordering::Less => highest,
        }
    }

    /// Whether the mark is to be stored although nothing else is written: it is an hour behind at a use of
    /// a `limited` key, or a reading in doubt is to be noted, taken or cleared. Mostly false, at the cost
    /// of a few atomic loads.
    pub(in crate::token) fn overdue(&self, reading: UnixTime, login: bool, limited: bool) -> bool {
        let (mark, doubt) = (
            self.mark.load(Ordering::SeqCst),
            self.doubt.load(Ordering::SeqCst),
        );
        let wanted = if self.doubts(reading, mark) {
            login && (doubt == 0 || reading < doubt || reading - doubt >= DOUBT)
        } else {
            doubt != 0 || (limited && reading > mark.saturating_add(BEHIND))
        };
        if !wanted
            || self.is_skewed(reading)
            || reading.abs_diff(self.failed.load(Ordering::Relaxed)) < RETRY
        {
            return false;
        }
        let known = *self.known.lock();
        self.advanced(known, login) != known
    }

    /// Notes that the mark could not be stored now, so that the next uses do not try at once.
    pub(in crate::token) fn store_failed(&self) {
        self.failed.store(self.clock.now(), Ordering::Relaxed);
    }

    /// The mark that the security officer accepts: the clock's reading. `None` where it is below the
    /// stored mark and `lower` is false.
    pub(in crate::token) fn accepted(&self, stored: ClockMark, lower: bool) -> Option<ClockMark> {
        let at = self.clock.now();
        if lower {
            return Some(ClockMark::vouched(at, stored.lowered.saturating_add(1)));
        }
        (at >= stored.at).then(|| ClockMark::vouched(at, stored.lowered))
    }

    /// Adds clock, mark and time to a refusal because of time.
    pub(in crate::token) fn explained(&self, mut error: Error) -> Error {
        let status = self.status();
        let mut what = format!(
            "{}; the token's time is {}, its mark {}, and the host's clock shows {}",
            error.what,
            utc(status.now),
            utc(status.mark),
            utc(status.reading),
        );
        if !status.believed {
            what += ", which is in doubt: set the clock right, or see `tenon clock show`";
        }
        error.what = what.into();
        error
    }

    /// As `explained`, if `byok` refuses because of time; else the error alone.
    pub(in crate::token) fn explained_byok(&self, error: byok::Error) -> Error {
        if error.is_of_time() {
            return self.explained(error.into());
        }
        error.into()
    }

    /// # Errors
    /// CKR_ACTION_PROHIBITED for a reading that is skewed.
    pub(in crate::token) fn check_skew(&self) -> Result<()> {
        if !self.is_skewed(self.clock.now()) {
            return Ok(());
        }
        refuse(
            ck::CKR_ACTION_PROHIBITED,
            "the host's clock differs from the database's by more than `clock.skew`: set it right",
        )
    }

    /// Whether the reading differs from the database's clock by more than `clock.skew`. The log is told when that
    /// begins.
    fn is_skewed(&self, reading: UnixTime) -> bool {
        let Some((shared, skew)) = &self.shared else {
            return false;
        };
        let Some(now) = shared.now() else {
            return false;
        };
        let apart = reading.abs_diff(now);
        let is_skewed = apart > *skew;
        let was_skewed = self.was_skewed.load(Ordering::Relaxed);
        if was_skewed != is_skewed {
            self.was_skewed.store(is_skewed, Ordering::Relaxed);
        }
        if is_skewed && !was_skewed {
            let line = format!(
                "this host's clock shows {}, and the database's {}: {apart} seconds apart, more than `clock.skew` ({skew}); \
                 the token's time is not moved and nothing is erased until it is set right",
                utc(reading),
                utc(now)
            );
            log::note(LogLevel::Error, &line);
        }
        is_skewed
    }

    fn doubts(&self, reading: UnixTime, mark: UnixTime) -> bool {
        reading > mark.saturating_add(self.leap)
    }
}

/// The mark that a login makes of a reading in doubt.
fn doubted(stored: ClockMark, reading: UnixTime) -> ClockMark {
    match stored.doubt {
        0 => ClockMark {
            doubt: reading,
            ..stored
        },
        doubt if reading < doubt => ClockMark {
            doubt: reading,
            ..stored
        },
        doubt if reading - doubt >= DOUBT => ClockMark::vouched(reading, stored.lowered),
        _ => stored,
    }
}

/// Raises `to` to `reading` if that is higher, and returns the higher of the two.
fn raise(to: &AtomicU64, reading: UnixTime) -> UnixTime {
    let known = to.load(Ordering::SeqCst);
    if known >= reading {
        return known;
    }
    to.fetch_max(reading, Ordering::SeqCst).max(reading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const AT: UnixTime = 1_800_000_000;
    const DAY: UnixTime = 86_400;
    const LEAP: UnixTime = 8 * DAY;
    const YEAR: UnixTime = AT + 366 * DAY;

    fn mark(at: UnixTime) -> ClockMark {
        ClockMark::vouched(at, 0)
    }

    fn time(reading: UnixTime) -> (ManualClock, TokenTime) {
        let clock = ManualClock::at(reading);
        let time = TokenTime::new(Arc::new(clock.clone()), LEAP);
        time.learn(mark(AT));
        (clock, time)
    }

    #[test]
    fn a_clock_turned_back_revives_nothing() {
        let (clock, time) = time(AT - 1000);
        assert_eq!(time.now().at, AT);
        clock.set(AT + 50);
        assert_eq!(time.now().at, AT + 50);
        clock.set(AT + 10);
        assert_eq!(time.now().at, AT + 50);
        let committed = time.advanced(mark(AT), true);
        assert_eq!(committed.at, AT + 50, "what was refused by is committed");
        assert_eq!(time.advanced(mark(AT + 60), true), mark(AT + 60));
    }

    #[test]
    fn a_reading_in_doubt_refuses_and_does_not_stick() {
        let (clock, time) = time(AT + LEAP);
        assert!(time.now().believed);
        assert_eq!(time.advanced(mark(AT), true), mark(AT + LEAP));

        let (clock, time) = {
            clock.set(AT + LEAP + 1);
            self::time(clock.now())
        };
        let now = time.now();
        assert_eq!((now.at, now.believed), (AT + LEAP + 1, false));
        assert_eq!(time.advanced(mark(AT), false), mark(AT));
        clock.set(AT + 5);
        assert_eq!((time.now().at, time.now().believed), (AT + 5, true));
    }

    #[test]
    fn a_clock_that_differs_from_the_databases_moves_nothing() {
        let shared = Arc::new(SharedClock::default());
        let (clock, time) = time(AT);
        let time = time.beside(Some(Arc::clone(&shared)), 60);
        assert!(time.now().believed, "the database has not said yet");
        shared.learn((AT + 1000) * 1000, crate::clock::boot_time());
        for (reading, believed) in [(AT + 900, false), (AT + 1100, false), (AT + 1030, true)] {
            clock.set(reading);
            assert_eq!(time.now().believed, believed, "{reading}");
            assert_eq!(time.status().skewed, !believed);
            assert_eq!(time.check_skew().is_ok(), believed);
            let moved = time.advanced(mark(AT), true);
            assert_eq!(moved, if believed { mark(reading) } else { mark(AT) });
        }
        clock.set(AT + 2 * BEHIND);
        assert!(!time.overdue(time.reading(), true, true));
        clock.set(YEAR);
        assert_eq!(time.advanced(mark(AT), true).doubt, 0, "nor is it noted");
    }

    #[test]
    fn a_doubt_of_a_day_is_taken_and_one_that_ends_is_cleared() {
        let (clock, time) = time(YEAR);
        let noted = time.advanced(mark(AT), true);
        assert_eq!((noted.at, noted.doubt), (AT, YEAR));
        clock.set(YEAR + DAY - 1);
        assert_eq!(time.advanced(noted, true), noted, "not a day yet");
        clock.set(YEAR + DAY);
        assert_eq!(time.advanced(noted, false), noted, "nobody is logged in");
        assert_eq!(time.advanced(noted, true), mark(YEAR + DAY));

        let (clock, time) = self::time(YEAR - 100);
        let again = time.advanced(noted, true);
        assert_eq!(
            again.doubt,
            YEAR - 100,
            "below the note the day begins anew"
        );
        clock.set(AT + 5);
        for login in [false, true] {
            assert_eq!(time.advanced(again, login).doubt, 0);
        }
    }

    #[test]
    fn without_a_login_the_mark_goes_one_leap_in_all() {
        let (clock, time) = time(AT);
        let mut stored = mark(AT);
        for days in 1..100 {
            clock.set(AT + days * 4 * DAY);
            stored = time.advanced(stored, false);
        }
        assert_eq!(stored.at, AT + LEAP);
        // The clock is right again. A login vouches for its reading, and not for where the mark was pushed.
        let (_, time) = self::time(AT + 100);
        let vouched = time.advanced(stored, true);
        assert_eq!((vouched.at, vouched.vouched), (AT + LEAP, AT + 100));
    }

    #[test]
    fn uses_store_a_mark_that_is_an_hour_behind() {
        let (clock, time) = time(AT + BEHIND);
        assert!(!time.overdue(time.reading(), true, true));
        clock.set(AT + BEHIND + 1);
        assert!(time.overdue(time.reading(), true, true));
        assert!(
            !time.overdue(time.reading(), true, false),
            "an unlimited key needs no mark"
        );
        time.store_failed();
        assert!(
            !time.overdue(time.reading(), true, true),
            "not again at once"
        );
        clock.set(AT + BEHIND + 1 + RETRY);
        assert!(time.overdue(time.reading(), true, true));
        clock.set(YEAR);
        assert!(
            time.overdue(time.reading(), true, false),
            "a doubt is noted"
        );
        assert!(
            !time.overdue(time.reading(), false, true),
            "by a login alone"
        );
    }

    #[test]
    fn acceptance_stores_the_reading() {
        let (clock, time) = time(YEAR);
        assert!(!time.now().believed);
        let accepted = time.accepted(mark(AT), false).unwrap();
        assert_eq!(accepted, mark(YEAR));
        time.learn(accepted);
        assert!(time.now().believed);
        clock.set(AT);
        assert_eq!(time.accepted(accepted, false), None, "it is not lowered so");
    }

    #[test]
    fn a_lowered_mark_makes_every_process_forget_its_readings() {
        let (clock, time) = time(AT + 100);
        time.now();
        clock.set(AT - 100);
        let lowered = time.accepted(mark(AT), true).unwrap();
        assert_eq!((lowered.at, lowered.lowered), (AT - 100, 1));
        assert_eq!(time.now().at, AT + 100);
        assert_eq!(time.advanced(lowered, true), lowered, "nor put it back");
        assert_eq!(time.now().at, AT + 100, "it is not committed yet");
        time.learn(lowered);
        assert_eq!(time.now().at, AT - 100);
        time.learn(mark(AT + 100));
        assert_eq!(time.now().at, AT - 100, "a mark from before is an old one");
    }
}
