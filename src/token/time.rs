//! The token's time: `max(clock, mark)`, and never backwards within a process.
//!
//! The mark is the highest clock reading that the token has committed (BYOK rules, section 1).
//! A reading far above it counts for refusing, but is not stored and erases nothing until the
//! security officer accepts it: a clock thrown ahead must not destroy keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock::{Clock, UnixTime};

/// How far above the mark a reading is believed: 400 days.
const BELIEVED_AHEAD: UnixTime = 400 * 86_400;

/// The present, as the token sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Now {
    /// Unix seconds; what every decision uses.
    pub(super) at: UnixTime,
    /// Near enough to the mark that material may be erased because of it.
    pub(super) believed: bool,
}

/// Clock, mark and the highest reading of this process.
pub(super) struct TokenTime {
    clock: Arc<dyn Clock>,
    mark: AtomicU64,
    highest: AtomicU64,
}

impl TokenTime {
    pub(super) fn new(clock: Arc<dyn Clock>, mark: UnixTime) -> Self {
        Self {
            clock,
            mark: AtomicU64::new(mark),
            highest: AtomicU64::new(mark),
        }
    }

    pub(super) fn now(&self) -> Now {
        let reading = self.clock.now();
        let at = self
            .highest
            .fetch_max(reading, Ordering::SeqCst)
            .max(reading);
        Now {
            at,
            believed: believed(at, self.mark.load(Ordering::SeqCst)),
        }
    }

    /// Learns the mark of the store, which another process may have moved.
    pub(super) fn learn(&self, mark: UnixTime) {
        self.mark.fetch_max(mark, Ordering::SeqCst);
        self.highest.fetch_max(mark, Ordering::SeqCst);
    }

    /// The mark to commit over the stored one: the clock's reading where it is higher and believed.
    pub(super) fn advanced(&self, stored: UnixTime) -> UnixTime {
        let reading = self.clock.now();
        if reading > stored && believed(reading, stored) {
            return reading;
        }
        stored
    }
}

fn believed(reading: UnixTime, mark: UnixTime) -> bool {
    reading <= mark.saturating_add(BELIEVED_AHEAD)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::ManualClock;

    const MARK: UnixTime = 1_800_000_000;

    fn time(reading: UnixTime) -> (ManualClock, TokenTime) {
        let clock = ManualClock::at(reading);
        (clock.clone(), TokenTime::new(Arc::new(clock), MARK))
    }

    #[test]
    fn a_clock_turned_back_revives_nothing() {
        let (clock, time) = time(MARK - 1000);
        assert_eq!(time.now().at, MARK);
        clock.set(MARK + 50);
        assert_eq!(time.now().at, MARK + 50);
        clock.set(MARK + 10);
        assert_eq!(time.now().at, MARK + 50);
        assert_eq!(
            time.advanced(MARK),
            MARK + 10,
            "the mark holds readings, not maxima"
        );
        assert_eq!(time.advanced(MARK + 20), MARK + 20);
    }

    #[test]
    fn a_clock_thrown_ahead_refuses_but_is_not_stored() {
        let (clock, time) = time(MARK + BELIEVED_AHEAD);
        assert!(time.now().believed);
        assert_eq!(time.advanced(MARK), MARK + BELIEVED_AHEAD);
        clock.set(MARK + BELIEVED_AHEAD + 1);
        let now = time.now();
        assert_eq!((now.at, now.believed), (MARK + BELIEVED_AHEAD + 1, false));
        assert_eq!(time.advanced(MARK), MARK);
    }
}
