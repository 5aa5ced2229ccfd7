//! Repeated refusals: counted in memory, and recorded together.
//!
//! The first refusal of its kind is recorded at once. Those that follow within a minute are counted, and
//! one record has their number; it is written with the next change or login after that minute, or when
//! the token is closed. So a caller who is refused in a loop does not cause a write with each call. What
//! was counted and not recorded is lost if the process is killed.
//!
//! Over all processes, callers without a login can cause a limited number of records a day (`Quota`).
//! Refusals beyond it are counted in the quota's row; their number is recorded at the next login or day.

use parking_lot::Mutex;

use crate::ck;
use crate::clock::UnixTime;
use crate::error::Result;
use crate::secret::Secret;

use super::Repeated;
use super::{Entry, Event};
use crate::token::record::damaged::damaged;
use crate::token::record::domain::Domain;

/// How long refusals of one kind are counted before they are recorded.
const WINDOW: UnixTime = 60;
/// The most kinds of refusals that are counted separately.
const KINDS: usize = 64;

/// A refusal that is to be recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::token) struct RefusalRecord {
    pub(in crate::token) entry: Entry,
    /// Nobody was logged in, so the quota limits it.
    pub(in crate::token) public: bool,
    /// It counts against the limit of wrong PINs, so the number of such refusals is bounded.
    pub(in crate::token) bounded: bool,
}

/// Refusals that differ in time alone.
struct RefusalCount {
    /// The last of them.
    refusal: RefusalRecord,
    /// Beginning of the minute in which refusals of this kind are counted.
    opened: UnixTime,
    /// Refusals since the last record of this kind.
    unrecorded: Option<Repeated>,
}

/// The refusals that this process counts.
#[derive(Default)]
pub(in crate::token) struct Refusals(Mutex<Vec<RefusalCount>>);

impl Refusals {
    /// Counts a refusal. Returns what is to be recorded now, which is mostly nothing.
    pub(in crate::token) fn note(&self, refusal: RefusalRecord) -> Vec<RefusalRecord> {
        let at = refusal.entry.at;
        if refusal.bounded {
            let mut all = self.take(at);
            all.push(refusal);
            return all;
        }
        let mut kinds = self.0.lock();
        let full = kinds.len() >= KINDS;
        if !full || kinds.iter().any(|kind| same(&kind.refusal, &refusal)) {
            return Self::count(&mut kinds, refusal, at);
        }
        // Beyond `KINDS`, refusals that differ in their details are one kind.
        let entry = Entry {
            mechanism: None,
            by: None,
            target: None,
            ..refusal.entry
        };
        Self::count(&mut kinds, RefusalRecord { entry, ..refusal }, at)
    }

    fn count(
        kinds: &mut Vec<RefusalCount>,
        refusal: RefusalRecord,
        at: UnixTime,
    ) -> Vec<RefusalRecord> {
        let found = kinds.iter_mut().find(|kind| same(&kind.refusal, &refusal));
        let Some(kind) = found else {
            let mut all = Self::drain(kinds, at);
            all.push(refusal.clone());
            kinds.push(RefusalCount {
                refusal,
                opened: at,
                unrecorded: None,
            });
            return all;
        };
        let repeated = kind.unrecorded.get_or_insert(Repeated {
            count: 0,
            since: at,
        });
        repeated.count += 1;
        kind.refusal.entry.at = at;
        if at.abs_diff(kind.opened) < WINDOW {
            return Vec::new();
        }
        Self::drain(kinds, at)
    }

    /// Whether everything that was counted is recorded.
    pub(in crate::token) fn is_empty(&self) -> bool {
        self.0.lock().iter().all(|kind| kind.unrecorded.is_none())
    }

    /// Takes all that was counted and not recorded.
    pub(in crate::token) fn take(&self, at: UnixTime) -> Vec<RefusalRecord> {
        Self::drain(&mut self.0.lock(), at)
    }

    fn drain(kinds: &mut Vec<RefusalCount>, at: UnixTime) -> Vec<RefusalRecord> {
        let mut all = Vec::new();
        for kind in kinds.iter_mut() {
            if let Some(repeated) = kind.unrecorded.take() {
                let mut refusal = kind.refusal.clone();
                refusal.entry.repeated = Some(repeated);
                all.push(refusal);
                kind.opened = at;
            }
        }
        kinds.retain(|kind| at.abs_diff(kind.opened) < WINDOW);
        all
    }

    /// Counts again what `take` returned and could not be recorded.
    pub(in crate::token) fn give_back(&self, refusals: Vec<RefusalRecord>) {
        let mut kinds = self.0.lock();
        for mut refusal in refusals {
            let at = refusal.entry.at;
            let repeated = refusal.entry.repeated.take();
            let mut repeated = repeated.unwrap_or(Repeated {
                count: 1,
                since: at,
            });
            if let Some(kind) = kinds.iter_mut().find(|kind| same(&kind.refusal, &refusal)) {
                if let Some(since) = kind.unrecorded {
                    repeated.count += since.count;
                }
                kind.unrecorded = Some(repeated);
                continue;
            }
            kinds.push(RefusalCount {
                opened: at,
                refusal,
                unrecorded: Some(repeated),
            });
        }
    }
}

/// Whether two refusals differ only in time and number.
fn same(one: &RefusalRecord, other: &RefusalRecord) -> bool {
    let key = |refusal: &RefusalRecord| {
        let Entry {
            event,
            login,
            rv,
            mechanism,
            by,
            number,
            target,
            ..
        } = &refusal.entry;
        (
            (refusal.public, refusal.bounded),
            *event,
            *login,
            *rv,
            *mechanism,
            *by,
            *number,
            *target,
        )
    };
    key(one) == key(other)
}

/// Row of the quota.
pub(in crate::token) const QUOTA_ROW: &str = "audit.quota";
/// The most refusals of callers without a login that are recorded in a day.
pub(in crate::token) const REFUSALS_A_DAY: u64 = 256;
const DAY: UnixTime = 86_400;

/// Numbers of refusals and changes that callers without a login caused today, over all processes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::token) struct Quota {
    /// Beginning of the day, in Unix seconds.
    began: UnixTime,
    refusals: u64,
    changes: u64,
    /// Refusals that were not recorded, and whose number is in no record yet.
    omitted: u64,
    /// Time of the first of them.
    omitted_since: UnixTime,
}

impl Quota {
    /// Row bytes: the five numbers (8 each) ‖ tag under the store key (32).
    pub(in crate::token) fn encode(&self, store: &Domain) -> Vec<u8> {
        let numbers = [
            self.began,
            self.refusals,
            self.changes,
            self.omitted,
            self.omitted_since,
        ];
        let body = numbers.map(u64::to_be_bytes).concat();
        let tag = store.tag(&[QUOTA_ROW.as_bytes(), &body]);
        [&body[..], &tag].concat()
    }

    /// Decodes the row; where there is none yet, nothing of the quota is used.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR for a damaged row.
    pub(in crate::token) fn decode(store: &Domain, row: Option<&[u8]>) -> Result<Self> {
        let Some(row) = row else {
            return Ok(Self::default());
        };
        row.split_first_chunk::<40>()
            .filter(|(body, tag)| {
                Secret::copy(&store.tag(&[QUOTA_ROW.as_bytes(), &body[..]])).ct_eq(tag)
            })
            .and_then(|(body, _)| {
                let [began, refusals, changes, omitted, since] = body.as_chunks().0 else {
                    return None;
                };
                Some(Self {
                    began: u64::from_be_bytes(*began),
                    refusals: u64::from_be_bytes(*refusals),
                    changes: u64::from_be_bytes(*changes),
                    omitted: u64::from_be_bytes(*omitted),
                    omitted_since: u64::from_be_bytes(*since),
                })
            })
            .ok_or_else(|| damaged("the count of what callers without a login did"))
    }

    /// Begins a new day when the last one is over. A reading of the clock that is in doubt begins none:
    /// else a clock set far ahead would use up the quota of days to come.
    pub(in crate::token) fn at(&mut self, now: UnixTime, believed: bool) {
        let over = now < self.began || now - self.began >= DAY;
        if over && believed {
            *self = Self {
                began: now,
                refusals: 0,
                changes: 0,
                ..*self
            };
        }
    }

    /// Whether the refusal may be recorded; one that may not is counted as omitted.
    pub(in crate::token) fn admit(&mut self, refusal: &RefusalRecord) -> bool {
        // Wrong PINs are always recorded, however many other refusals there are.
        if refusal.bounded {
            return true;
        }
        let entry = &refusal.entry;
        if self.refusals < REFUSALS_A_DAY {
            self.refusals += 1;
            return true;
        }
        let repeated = entry.repeated.unwrap_or(Repeated {
            count: 1,
            since: entry.at,
        });
        if self.omitted == 0 {
            self.omitted_since = repeated.since;
        }
        self.omitted = self.omitted.saturating_add(repeated.count);
        false
    }

    /// Counts one more change, and tells whether at most `limit` were made today.
    pub(in crate::token) fn admit_change(&mut self, limit: u64) -> bool {
        self.changes = self.changes.saturating_add(1);
        self.changes <= limit
    }

    /// The record of the number of omitted refusals, if there are any and somebody logs in or a new day
    /// has begun.
    pub(in crate::token) fn take_omitted(
        &mut self,
        logged_in: bool,
        now: UnixTime,
    ) -> Option<Entry> {
        if self.omitted == 0 || !(logged_in || self.refusals == 0) {
            return None;
        }
        let mut entry = super::Doing::from(Event::RefusalsOmitted).entry(
            crate::policy::Login::Public,
            now,
            ck::CKR_OK,
        );
        entry.repeated = Some(Repeated {
            count: self.omitted,
            since: self.omitted_since,
        });
        self.omitted = 0;
        Some(entry)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::Login;
    use crate::token::identity::audit::Doing;

    fn refusal(at: UnixTime, mechanism: u64, rv: ck::CK_RV) -> RefusalRecord {
        let doing: Doing = Event::ImportRefused.with(mechanism);
        RefusalRecord {
            entry: doing.entry(Login::Public, at, rv),
            public: true,
            bounded: rv == ck::CKR_PIN_INCORRECT,
        }
    }

    fn counts(refusals: &[RefusalRecord]) -> Vec<Option<u64>> {
        let counts = refusals.iter().map(|refusal| refusal.entry.repeated);
        counts.map(|repeated| Some(repeated?.count)).collect()
    }

    #[test]
    fn repeats_are_one_record_a_minute() {
        let refusals = Refusals::default();
        let note = |at| refusals.note(refusal(at, 1, ck::CKR_WRAPPED_KEY_INVALID));
        assert_eq!(counts(&note(100)), [None], "the first at once");
        for _ in 0..1000 {
            assert_eq!(note(120), []);
        }
        assert_eq!(counts(&note(160)), [Some(1001)]);
        assert_eq!(note(161), [], "the next minute");
        let rest = refusals.take(170);
        assert_eq!(counts(&rest), [Some(1)]);
        refusals.give_back(rest);
        note(171);
        assert_eq!(counts(&refusals.take(172)), [Some(2)], "none is lost");
        assert_eq!(refusals.take(172), []);
    }

    #[test]
    fn kinds_beyond_a_number_are_counted_as_one() {
        let refusals = Refusals::default();
        let mut recorded = 0;
        for mechanism in 0..10_000 {
            let all = refusals.note(refusal(100, mechanism, ck::CKR_WRAPPED_KEY_INVALID));
            recorded += all.len();
        }
        assert_eq!(recorded, KINDS + 1);
        assert_eq!(
            counts(&refusals.take(101)),
            [Some(10_000 - KINDS as u64 - 1)]
        );
    }

    #[test]
    fn wrong_pins_are_recorded_one_by_one() {
        let refusals = Refusals::default();
        for _ in 0..3 {
            let all = refusals.note(refusal(100, 1, ck::CKR_PIN_INCORRECT));
            assert_eq!(counts(&all), [None]);
        }
    }

    #[test]
    fn empty_pins_are_recorded_like_other_refusals() {
        let refusals = Refusals::default();
        let empty = |at| RefusalRecord {
            bounded: false,
            ..refusal(at, 1, ck::CKR_PIN_INCORRECT)
        };
        assert_eq!(counts(&refusals.note(empty(100))), [None]);
        for _ in 0..1000 {
            assert_eq!(refusals.note(empty(120)), []);
        }
        let mut quota = Quota::default();
        quota.at(DAY, true);
        let admitted = (0..1000).filter(|_| quota.admit(&empty(DAY))).count();
        assert_eq!(admitted as u64, REFUSALS_A_DAY);
    }

    #[test]
    fn a_day_has_a_number_of_records_and_the_rest_is_counted() {
        let mut quota = Quota::default();
        let at = |quota: &mut Quota, now, believed, mechanism| {
            quota.at(now, believed);
            quota.admit(&refusal(now, mechanism, ck::CKR_WRAPPED_KEY_INVALID))
        };
        for _ in 0..REFUSALS_A_DAY {
            assert!(at(&mut quota, DAY, true, 1));
        }
        assert!(!at(&mut quota, DAY + 1, true, 1));
        assert!(!at(&mut quota, 9 * DAY, false, 1), "no day begins in doubt");
        assert!(quota.admit(&refusal(0, 1, ck::CKR_PIN_INCORRECT)));
        assert_eq!(quota.take_omitted(false, DAY + 2), None);
        quota.at(2 * DAY, true);
        let entry = quota.take_omitted(false, 2 * DAY).unwrap();
        let told = Repeated {
            count: 2,
            since: DAY + 1,
        };
        assert_eq!(entry.repeated, Some(told));
        assert_eq!(quota.take_omitted(true, 2 * DAY), None, "it is told once");
    }
}
