//! The token's time: `max(clock, mark)`, and never backwards within a process.
//!
//! The mark is the highest clock reading that the token has committed (BYOK rules, section 1).
//! A reading far above it counts for refusing, but is not stored and erases nothing until the
//! security officer accepts it: a clock thrown ahead must not destroy keys.
//!
//! The officer alone may lower the mark. The store counts how often that was done, so that a
//! process which finds a higher count forgets the readings it remembers: otherwise its next change
//! would put the old mark back, and only a restart would show it the new one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::Mutex;

use crate::clock::{Clock, UnixTime};
use crate::error::Result;
use crate::secret::Secret;

use super::vault::{Domain, damaged};

/// Row of the mark.
pub(super) const MARK_ROW: &str = "clock";
/// How far above the mark a reading is believed: 400 days.
const BELIEVED_AHEAD: UnixTime = 400 * 86_400;

/// The clock mark, as the store has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Mark {
    /// Unix seconds.
    pub(super) at: UnixTime,
    /// How often the security officer has lowered it.
    pub(super) lowered: u64,
}

impl Mark {
    /// Row bytes: time (8) ‖ count of lowerings (8) ‖ tag under the store key (32).
    pub(super) fn encode(self, store: &Domain) -> Vec<u8> {
        let body = [self.at.to_be_bytes(), self.lowered.to_be_bytes()].concat();
        let tag = store.tag(&[MARK_ROW.as_bytes(), &body]);
        [&body[..], &tag].concat()
    }

    /// # Errors
    /// CKR_DEVICE_ERROR for a row that is missing or damaged.
    pub(super) fn decode(store: &Domain, row: Option<&[u8]>) -> Result<Self> {
        row.and_then(|row| row.split_first_chunk::<16>())
            .filter(|(body, tag)| {
                Secret::copy(&store.tag(&[MARK_ROW.as_bytes(), &body[..]])).ct_eq(tag)
            })
            .and_then(|(body, _)| {
                let (at, lowered) = body.split_first_chunk()?;
                Some(Self {
                    at: u64::from_be_bytes(*at),
                    lowered: u64::from_be_bytes(lowered.try_into().ok()?),
                })
            })
            .ok_or_else(|| damaged("the clock mark"))
    }
}

/// The present, as the token sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    /// Unix seconds; what every decision uses.
    pub(super) at: UnixTime,
    /// Near enough to the mark that material may be erased because of it.
    pub(super) believed: bool,
}

/// What clock and mark say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockStatus {
    /// What the system's clock shows, in Unix seconds.
    pub reading: UnixTime,
    /// The highest reading that the token has committed.
    pub mark: UnixTime,
    /// What the token decides by.
    pub now: UnixTime,
    /// `now` is at most 400 days above the mark: it is stored, and may erase what has expired.
    pub believed: bool,
}

/// Clock, mark and the highest readings of this process.
pub(super) struct TokenTime {
    clock: Arc<dyn Clock>,
    mark: AtomicU64,
    highest: AtomicU64,
    /// The highest reading that was believed: what the next change commits.
    credible: AtomicU64,
    /// Lowerings of the mark that this process knows of.
    lowered: Mutex<u64>,
}

impl TokenTime {
    pub(super) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            mark: AtomicU64::new(0),
            highest: AtomicU64::new(0),
            credible: AtomicU64::new(0),
            lowered: Mutex::new(0),
        }
    }

    pub(super) fn clock(&self) -> Arc<dyn Clock> {
        self.clock.clone()
    }

    pub(super) fn now(&self) -> Now {
        let reading = self.clock.now();
        let mark = self.mark.load(Ordering::SeqCst);
        if believed(reading, mark) {
            raise(&self.credible, reading);
        }
        let at = raise(&self.highest, reading);
        Now {
            at,
            believed: believed(at, mark),
        }
    }

    pub(super) fn status(&self) -> ClockStatus {
        let Now { at, believed } = self.now();
        ClockStatus {
            reading: self.clock.now(),
            mark: self.mark.load(Ordering::SeqCst),
            now: at,
            believed,
        }
    }

    /// Learns the committed mark, which another process may have moved.
    pub(super) fn learn(&self, mark: Mark) {
        let mut lowered = self.lowered.lock();
        let readings = [&self.mark, &self.highest, &self.credible];
        if mark.lowered > *lowered {
            *lowered = mark.lowered;
            for reading in readings {
                reading.store(mark.at, Ordering::SeqCst);
            }
        } else if mark.lowered == *lowered {
            for reading in readings {
                raise(reading, mark.at);
            }
        }
    }

    /// The mark to commit over the stored one: this process's highest reading where that is higher
    /// and believed.
    pub(super) fn advanced(&self, stored: Mark) -> Mark {
        self.learn(stored);
        self.now();
        let reading = self.credible.load(Ordering::SeqCst);
        if reading > stored.at && believed(reading, stored.at) {
            return Mark {
                at: reading,
                ..stored
            };
        }
        stored
    }

    /// The mark that the security officer sets, whatever stood there: the clock's reading. `None`
    /// where that is below the stored mark and `lower` is not asked for.
    pub(super) fn accepted(&self, stored: Mark, lower: bool) -> Option<Mark> {
        let at = self.clock.now();
        if lower {
            let lowered = stored.lowered.saturating_add(1);
            return Some(Mark { at, lowered });
        }
        (at >= stored.at).then_some(Mark { at, ..stored })
    }
}

/// Raises `to` to `reading` where that is higher, and returns what it is then.
fn raise(to: &AtomicU64, reading: UnixTime) -> UnixTime {
    let known = to.load(Ordering::SeqCst);
    if known >= reading {
        return known;
    }
    to.fetch_max(reading, Ordering::SeqCst).max(reading)
}

fn believed(reading: UnixTime, mark: UnixTime) -> bool {
    reading <= mark.saturating_add(BELIEVED_AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const AT: UnixTime = 1_800_000_000;
    const MARK: Mark = Mark { at: AT, lowered: 0 };

    fn time(reading: UnixTime) -> (ManualClock, TokenTime) {
        let clock = ManualClock::at(reading);
        let time = TokenTime::new(Arc::new(clock.clone()));
        time.learn(MARK);
        (clock, time)
    }

    fn mark(at: UnixTime) -> Mark {
        Mark { at, lowered: 0 }
    }

    #[test]
    fn a_clock_turned_back_revives_nothing() {
        let (clock, time) = time(AT - 1000);
        assert_eq!(time.now().at, AT);
        clock.set(AT + 50);
        assert_eq!(time.now().at, AT + 50);
        clock.set(AT + 10);
        assert_eq!(time.now().at, AT + 50);
        assert_eq!(
            time.advanced(MARK),
            mark(AT + 50),
            "what was refused by is committed"
        );
        assert_eq!(time.advanced(mark(AT + 60)), mark(AT + 60));
    }

    #[test]
    fn a_clock_thrown_ahead_refuses_but_is_not_stored() {
        let (clock, time) = time(AT + BELIEVED_AHEAD);
        assert!(time.now().believed);
        assert_eq!(time.advanced(MARK), mark(AT + BELIEVED_AHEAD));

        clock.set(AT + BELIEVED_AHEAD + 1);
        let (clock, time) = self::time(clock.now());
        let now = time.now();
        assert_eq!((now.at, now.believed), (AT + BELIEVED_AHEAD + 1, false));
        assert_eq!(time.advanced(MARK), MARK);
        clock.set(AT + 5);
        assert_eq!(time.now(), now, "within a process it never goes back");
        assert_eq!(time.advanced(MARK), mark(AT + 5));
    }

    #[test]
    fn acceptance_stores_the_reading() {
        let (clock, time) = time(AT + 2 * BELIEVED_AHEAD);
        assert!(!time.now().believed);
        let accepted = time.accepted(MARK, false).unwrap();
        assert_eq!(accepted, mark(AT + 2 * BELIEVED_AHEAD));
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
        let lowered = time.accepted(MARK, true).unwrap();
        assert_eq!((lowered.at, lowered.lowered), (AT - 100, 1));
        assert_eq!(time.now().at, AT + 100);
        assert_eq!(time.advanced(lowered), lowered, "nor put it back");
        assert_eq!(time.now().at, AT - 100);
        time.learn(mark(AT + 100));
        assert_eq!(time.now().at, AT - 100, "a mark from before is an old one");
    }
}
