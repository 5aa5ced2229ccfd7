//! Facts of a key with a profile, external or generated, and the state that they give.

use crate::ck;
use crate::clock::UnixTime;

/// An older version of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OlderVersion {
    /// Its place among the key's versions, from 1.
    pub number: usize,
    /// CKA_TENON_MATERIAL_ID.
    pub material_id: [u8; 16],
}

/// What is known of a key with a profile: an external key, or a managed one, which the token generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExternalFacts {
    /// The token generated the material: it cannot be imported, deleted or made to expire (rule 6).
    pub generated: bool,
    /// The profile is that of a service, and not `open`.
    pub of_service: bool,
    /// A material was imported once, whose binding outlives it; or the token generated the material.
    pub bound: bool,
    /// The material is in the store.
    pub material: bool,
    /// End of the material's life; 0 = never.
    pub expires_at: UnixTime,
    /// The operator switched the key off.
    pub disabled: bool,
    /// When the scheduled deletion takes effect; 0 = none is scheduled.
    pub deletion_at: UnixTime,
    /// `rotate` opened a new version, which waits for its material.
    pub version_pending: bool,
    /// Material was imported for the version that `rotate` makes current.
    pub next: bool,
    /// Number of older versions.
    pub older: usize,
    /// An older version that the key needs has no material: the key is PendingImport (rule 10, *pending*).
    pub older_missing: bool,
    /// The first end of the material of an older version that the key needs; 0 = never.
    pub older_end: UnixTime,
    /// That older version, or the one that has no material; `None` where there is none.
    pub older_lacking: Option<OlderVersion>,
    /// When the last of the shares ends that have come and wait for others; 0 = never. `None` where none has.
    pub shares_end: Option<UnixTime>,
    /// The key encrypts by mechanisms whose ciphertext does not name its version (rule 8).
    pub raw: bool,
}

impl ExternalFacts {
    /// The material is present and has not expired, and so is that of each older version that the key
    /// needs.
    #[must_use]
    pub fn live(&self, now: UnixTime) -> bool {
        self.current_lives(now) && self.older_live(now)
    }

    fn current_lives(&self, now: UnixTime) -> bool {
        self.material && !expired(self.expires_at, now)
    }

    fn older_live(&self, now: UnixTime) -> bool {
        !self.older_missing && !expired(self.older_end, now)
    }

    /// The older version for whose material alone the key waits.
    #[must_use]
    pub fn waits_for_older(&self, now: UnixTime) -> Option<OlderVersion> {
        let waits = self.current_lives(now) && !self.older_live(now);
        self.older_lacking.filter(|_| waits)
    }

    /// When time ends the key's use; 0 = never.
    #[must_use]
    pub fn ends_at(&self) -> UnixTime {
        match (self.expires_at, self.older_end) {
            (0, at) | (at, 0) => at,
            (one, other) => one.min(other),
        }
    }

    /// Shares of its material have come, and wait for others.
    #[must_use]
    pub fn shares_wait(&self, now: UnixTime) -> bool {
        self.shares_end.is_some_and(|end| !expired(end, now))
    }

    /// Material was imported, of the current version or of an older one.
    #[must_use]
    pub fn any_material(&self) -> bool {
        self.material || self.older != 0
    }

    /// The material is present and has expired: it is to be erased at this touch.
    #[must_use]
    pub fn stale(&self, now: UnixTime) -> bool {
        self.material && expired(self.expires_at, now)
    }
}

/// Whether a deadline (Unix seconds, 0 = never) has come. It has from its own second on.
#[must_use]
pub fn expired(deadline: UnixTime, now: UnixTime) -> bool {
    deadline != 0 && now >= deadline
}

/// Derived state of a key with a profile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// No live material.
    PendingImport,
    /// Usable.
    Enabled,
    /// Switched off by the operator.
    Disabled,
    /// A deletion is scheduled.
    PendingDeletion,
    /// The scheduled deletion has come; erased at the next touch.
    Deleted,
}

impl State {
    /// KeyState, as the services write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::PendingImport => "PendingImport",
            Self::Enabled => "Enabled",
            Self::Disabled => "Disabled",
            Self::PendingDeletion => "PendingDeletion",
            Self::Deleted => "Deleted",
        }
    }

    /// CKA_TENON_KEY_STATE; a deleted key has none.
    #[must_use]
    pub fn number(self) -> Option<ck::CK_ULONG> {
        match self {
            Self::PendingImport => Some(ck::STATE_PENDING_IMPORT),
            Self::Enabled => Some(ck::STATE_ENABLED),
            Self::Disabled => Some(ck::STATE_DISABLED),
            Self::PendingDeletion => Some(ck::STATE_PENDING_DELETION),
            Self::Deleted => None,
        }
    }
}

/// The state that `facts` give at `now`.
#[must_use]
pub(crate) fn state(facts: &ExternalFacts, now: UnixTime) -> State {
    if expired(facts.deletion_at, now) {
        return State::Deleted;
    }
    if facts.deletion_at != 0 {
        return State::PendingDeletion;
    }
    if !facts.live(now) {
        return State::PendingImport;
    }
    if facts.disabled {
        return State::Disabled;
    }
    State::Enabled
}
