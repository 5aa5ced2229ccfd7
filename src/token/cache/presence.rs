//! Whether an object in memory is still the one that its handle names.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::store::Generation;

/// The object is not in memory under its handle: not yet, or not any more.
const ABSENT: u64 = u64::MAX;
/// A session object, which stays the one until it is taken out of memory.
const SESSION: u64 = u64::MAX - 1;

/// What an object says of its own place in memory, so that whoever holds the object need not look there.
/// A generation of the store is below both special values.
#[derive(Debug)]
pub(in crate::token) struct Presence {
    /// The store's generation at which the object was last known to be as the store has it.
    at: AtomicU64,
    /// It was used since it was last its turn to leave memory.
    used: AtomicBool,
    /// A session keeps work that is ready with the key.
    kept: AtomicBool,
}

impl Default for Presence {
    fn default() -> Self {
        Self {
            at: AtomicU64::new(ABSENT),
            used: AtomicBool::new(false),
            kept: AtomicBool::new(false),
        }
    }
}

impl Presence {
    /// A token object comes into memory, which was read at this generation.
    pub(super) fn begin(&self, generation: u64) {
        self.at.store(generation, Ordering::SeqCst);
    }

    /// A session object comes into memory.
    pub(super) fn begin_in_session(&self) {
        self.at.store(SESSION, Ordering::SeqCst);
    }

    /// The object leaves memory.
    pub(super) fn end(&self) {
        self.at.store(ABSENT, Ordering::SeqCst);
    }

    /// The generation at which a token object was last known to be as the store has it.
    pub(super) fn known_at(&self) -> u64 {
        self.at.load(Ordering::SeqCst)
    }

    /// Notes that a token object is still what the store has at `generation`, unless it has left memory.
    pub(in crate::token) fn confirm(&self, generation: u64) {
        let raised = |at| (at < generation && at < SESSION).then_some(generation);
        // An error says that nothing was to be raised.
        let _ = self
            .at
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, raised);
    }

    /// Whether the object is in memory, and is what the store has at the generation `now`, which a session object
    /// does not ask for.
    pub(in crate::token) fn is_current(&self, now: impl FnOnce() -> Generation) -> bool {
        match self.at.load(Ordering::SeqCst) {
            SESSION => true,
            ABSENT => false,
            // `now` is read after `at`, and before the object is used.
            at => now() == Generation::Settled(at),
        }
    }

    /// Whether the object has left memory.
    pub(in crate::token) fn has_ended(&self) -> bool {
        self.at.load(Ordering::SeqCst) == ABSENT
    }

    /// Notes a use. Mostly it is noted already, and nothing is written that other threads read.
    pub(in crate::token) fn note_use(&self) {
        set(&self.used);
    }

    /// Whether the object was used since the last call.
    pub(super) fn take_use(&self) -> bool {
        self.used.swap(false, Ordering::Relaxed)
    }

    /// Notes that a session keeps work that is ready with the key.
    pub(in crate::token) fn note_kept(&self) {
        set(&self.kept);
    }

    /// Whether a session ever kept such work.
    pub(in crate::token) fn was_kept(&self) -> bool {
        self.kept.load(Ordering::SeqCst)
    }
}

/// What the caller does next comes after the flag is set, whoever sets it.
fn set(flag: &AtomicBool) {
    if !flag.load(Ordering::Acquire) {
        flag.store(true, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_current_between_its_coming_and_its_leaving() {
        let presence = Presence::default();
        let at = |generation| presence.is_current(|| Generation::Settled(generation));
        presence.confirm(5);
        assert!(!at(5) && presence.has_ended());
        presence.begin(4);
        assert!(at(4) && !at(5) && !presence.has_ended());
        presence.confirm(5);
        presence.confirm(3);
        assert!(at(5) && !at(3) && !at(4));
        assert!(!presence.is_current(|| Generation::Unsettled));
        presence.end();
        presence.confirm(6);
        assert!(!at(5) && !at(6) && presence.has_ended());
    }

    #[test]
    fn a_session_object_asks_for_no_generation() {
        let presence = Presence::default();
        presence.begin_in_session();
        presence.confirm(7);
        assert!(presence.is_current(|| unreachable!("the store is not asked")));
        presence.end();
        assert!(!presence.is_current(|| unreachable!("the store is not asked")));
    }
}
