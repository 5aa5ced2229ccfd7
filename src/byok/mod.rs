//! The life of an external key: facts in, state and effects out. Pure.
//!
//! Facts are stored, the state is derived from them and never stored (BYOK rules, section 1).

use std::fmt;

use crate::ck;
use crate::clock::UnixTime;

pub mod profile;

pub use profile::Profile;

/// What is known of an external key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// A material was imported once; its binding outlives it.
    pub bound: bool,
    /// The material is in the store.
    pub material: bool,
    /// End of the material's life; 0 = never.
    pub expires_at: UnixTime,
    /// The operator switched the key off.
    pub disabled: bool,
    /// When the scheduled deletion takes effect; 0 = none is scheduled.
    pub deletion_at: UnixTime,
}

impl Facts {
    /// The material is present and has not expired.
    #[must_use]
    pub fn live(&self, now: UnixTime) -> bool {
        self.material && !expired(self.expires_at, now)
    }

    /// The material is present and has expired: it is to be erased at this touch.
    #[must_use]
    pub fn stale(&self, now: UnixTime) -> bool {
        self.material && expired(self.expires_at, now)
    }
}

/// Whether a deadline has come; 0 never does. At the very second it has.
#[must_use]
pub fn expired(deadline: UnixTime, now: UnixTime) -> bool {
    deadline != 0 && now >= deadline
}

/// Derived state of an external key.
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
pub fn state(facts: &Facts, now: UnixTime) -> State {
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

/// Why the lifecycle refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The key is in a state that does not allow it.
    State(State),
    /// Other material than the bound one. `named` tells whether the caller may learn that it was
    /// this (rule 3): only where the wrap protects integrity.
    Mismatch {
        /// The wrap protects integrity.
        named: bool,
    },
    /// The expiry asked for has passed.
    ExpiryPast,
    /// The expiry asked for is further away than the profile allows.
    ExpiryMaximum(&'static str),
    /// The attribute is fixed, or belongs to external keys alone.
    Fixed,
    /// A deletion is scheduled outside 7 to 30 days ahead.
    DeletionWindow,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(State::PendingImport) => {
                f.write_str("the external key has no live material: import it again")
            }
            Self::State(State::Disabled) => {
                f.write_str("the external key is disabled: set CKA_TENON_DISABLED to FALSE")
            }
            Self::State(State::PendingDeletion) => {
                f.write_str("the external key is scheduled for deletion: cancel that first")
            }
            Self::State(State::Deleted) => f.write_str("the external key is deleted"),
            Self::State(State::Enabled) => f.write_str("the external key is enabled"),
            Self::Mismatch { named: true } => {
                f.write_str("this is not the material that the key is bound to for ever")
            }
            Self::Mismatch { named: false } => f.write_str("the wrapped key is not valid"),
            Self::Fixed => f.write_str("the attribute of this key is fixed"),
            Self::DeletionWindow => {
                f.write_str("a deletion is scheduled 7 to 30 days ahead, or cancelled with 0")
            }
            Self::ExpiryPast => f.write_str("the expiry has already passed"),
            Self::ExpiryMaximum(service) => {
                write!(
                    f,
                    "the expiry is further away than profile {service} allows"
                )
            }
        }
    }
}

impl std::error::Error for Error {}

/// What is known of an import once its blob is open.
#[derive(Debug, Clone, Copy)]
pub struct Import {
    /// `Some(equal)` when the key is bound, from a comparison in constant time.
    pub same: Option<bool>,
    /// The wrap protects integrity.
    pub integrity: bool,
    /// CKA_TENON_EXPIRES_AT of this import, if it was given.
    pub expires_at: Option<UnixTime>,
}

/// Whether the state allows an import at all: judged before any private-key operation.
///
/// # Errors
/// `State`: PendingDeletion (rule 2) and Deleted.
pub fn may_import(facts: &Facts, now: UnixTime) -> Result<(), Error> {
    match state(facts, now) {
        State::PendingImport | State::Enabled | State::Disabled => Ok(()),
        refused @ (State::PendingDeletion | State::Deleted) => Err(Error::State(refused)),
    }
}

/// The facts after an import (rules 1 to 3): first material binds, the same material sets the
/// expiry anew, other material changes nothing.
///
/// # Errors
/// `State`, `Mismatch`, `ExpiryPast`, `ExpiryMaximum`.
pub fn import(
    facts: &Facts,
    import: &Import,
    profile: &Profile,
    now: UnixTime,
) -> Result<Facts, Error> {
    may_import(facts, now)?;
    if import.same == Some(false) {
        return Err(Error::Mismatch {
            named: import.integrity,
        });
    }
    Ok(Facts {
        bound: true,
        material: true,
        expires_at: expiry(import.expires_at, profile, now)?,
        ..*facts
    })
}

/// The expiry that an import sets: the one asked for, else the profile's default.
///
/// # Errors
/// `ExpiryPast`, `ExpiryMaximum`.
pub fn expiry(
    asked: Option<UnixTime>,
    profile: &Profile,
    now: UnixTime,
) -> Result<UnixTime, Error> {
    let at = match (asked, profile.default_life) {
        (Some(at), _) => at,
        (None, Some(life)) => now.saturating_add(life),
        (None, None) => 0,
    };
    if expired(at, now) {
        return Err(Error::ExpiryPast);
    }
    match profile.greatest_life {
        Some(life) if at > now.saturating_add(life) => Err(Error::ExpiryMaximum(profile.name)),
        _ => Ok(at),
    }
}

/// What destroying an external key, by C_DestroyObject, comes to (rule 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destruction {
    /// It was never bound: it goes whole.
    Whole,
    /// Its material is erased; key and binding stay.
    Material,
    /// It is bound and has no material: nothing happens.
    Nothing,
}

/// Decides what C_DestroyObject on an external key does.
#[must_use]
pub fn destruction(facts: &Facts) -> Destruction {
    match (facts.bound, facts.material) {
        (false, _) => Destruction::Whole,
        (true, true) => Destruction::Material,
        (true, false) => Destruction::Nothing,
    }
}

/// Whether C_SetAttributeValue may give attribute `kind` of a key this value, as far as its origin
/// decides. Usage and identity of an external key are fixed (rules 9 and 13, section 3).
///
/// # Errors
/// `Fixed`, `DeletionWindow`.
pub fn may_change(
    external: bool,
    kind: ck::CK_ATTRIBUTE_TYPE,
    value: Option<&[u8]>,
    now: UnixTime,
) -> Result<(), Error> {
    match (external, kind) {
        (
            true,
            ck::CKA_LABEL
            | ck::CKA_START_DATE
            | ck::CKA_END_DATE
            | ck::CKA_TENON_DISABLED
            | ck::CKA_TENON_DESCRIPTION
            | ck::CKA_TENON_TAGS,
        ) => Ok(()),
        (true, ck::CKA_TENON_DELETION_AT) => deletion_window(value, now),
        (true, _)
        | (
            false,
            ck::CKA_TENON_DISABLED
            | ck::CKA_TENON_DELETION_AT
            | ck::CKA_TENON_DESCRIPTION
            | ck::CKA_TENON_TAGS,
        ) => Err(Error::Fixed),
        (false, _) => Ok(()),
    }
}

/// A deletion is scheduled 7 to 30 days ahead, or cancelled by 0.
fn deletion_window(value: Option<&[u8]>, now: UnixTime) -> Result<(), Error> {
    const DAY: UnixTime = 86_400;
    let at = value
        .and_then(|bytes| bytes.try_into().ok())
        .map(UnixTime::from_be_bytes)
        .ok_or(Error::DeletionWindow)?;
    let window = now.saturating_add(7 * DAY)..=now.saturating_add(30 * DAY);
    if at == 0 || window.contains(&at) {
        return Ok(());
    }
    Err(Error::DeletionWindow)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixTime = 1_800_000_000;
    const LIVE: Facts = Facts {
        bound: true,
        material: true,
        expires_at: 0,
        disabled: false,
        deletion_at: 0,
    };

    fn again(same: bool) -> Import {
        Import {
            same: Some(same),
            integrity: true,
            expires_at: None,
        }
    }

    #[test]
    fn state_follows_from_facts() {
        let cases = [
            (Facts::default(), State::PendingImport),
            (LIVE, State::Enabled),
            (
                Facts {
                    expires_at: NOW + 1,
                    ..LIVE
                },
                State::Enabled,
            ),
            (
                Facts {
                    expires_at: NOW,
                    ..LIVE
                },
                State::PendingImport,
            ),
            (
                Facts {
                    material: false,
                    ..LIVE
                },
                State::PendingImport,
            ),
            (
                Facts {
                    disabled: true,
                    ..LIVE
                },
                State::Disabled,
            ),
            (
                Facts {
                    disabled: true,
                    material: false,
                    ..LIVE
                },
                State::PendingImport,
            ),
            (
                Facts {
                    deletion_at: NOW + 1,
                    ..LIVE
                },
                State::PendingDeletion,
            ),
            (
                Facts {
                    deletion_at: NOW + 1,
                    material: false,
                    ..LIVE
                },
                State::PendingDeletion,
            ),
            (
                Facts {
                    deletion_at: NOW,
                    disabled: true,
                    ..LIVE
                },
                State::Deleted,
            ),
        ];
        for (facts, expected) in cases {
            assert_eq!(state(&facts, NOW), expected, "{facts:?}");
        }
    }

    #[test]
    fn first_import_binds_for_ever() {
        let first = Import {
            same: None,
            ..again(true)
        };
        let bound = import(&Facts::default(), &first, &profile::OPEN, NOW).unwrap();
        assert_eq!(bound, LIVE);
        let erased = Facts {
            material: false,
            ..bound
        };
        for facts in [
            bound,
            erased,
            Facts {
                disabled: true,
                ..bound
            },
        ] {
            assert_eq!(
                import(&facts, &again(false), &profile::OPEN, NOW),
                Err(Error::Mismatch { named: true })
            );
        }
        let blind = Import {
            integrity: false,
            ..again(false)
        };
        assert_eq!(
            import(&erased, &blind, &profile::OPEN, NOW),
            Err(Error::Mismatch { named: false })
        );
    }

    #[test]
    fn reimport_sets_the_expiry_anew() {
        let old = Facts {
            expires_at: NOW + 10,
            disabled: true,
            ..LIVE
        };
        let later = Import {
            expires_at: Some(NOW + 99),
            ..again(true)
        };
        let facts = import(&old, &later, &profile::OPEN, NOW).unwrap();
        assert_eq!((facts.expires_at, facts.disabled), (NOW + 99, true));
        let unsaid = import(&old, &again(true), &profile::OPEN, NOW).unwrap();
        assert_eq!(
            unsaid.expires_at, 0,
            "the profile's default, never the old expiry"
        );
        for past in [1, NOW - 1, NOW] {
            let import_past = Import {
                expires_at: Some(past),
                ..again(true)
            };
            assert_eq!(
                import(&old, &import_past, &profile::OPEN, NOW),
                Err(Error::ExpiryPast)
            );
        }
    }

    #[test]
    fn profile_bounds_the_expiry() {
        let day = Profile {
            name: "day",
            default_life: Some(60),
            greatest_life: Some(100),
        };
        assert_eq!(expiry(None, &day, NOW), Ok(NOW + 60));
        assert_eq!(expiry(Some(NOW + 100), &day, NOW), Ok(NOW + 100));
        assert_eq!(
            expiry(Some(NOW + 101), &day, NOW),
            Err(Error::ExpiryMaximum("day"))
        );
    }

    #[test]
    fn no_import_while_deletion_is_pending() {
        let pending = Facts {
            deletion_at: NOW + 1,
            ..LIVE
        };
        assert_eq!(
            import(&pending, &again(true), &profile::OPEN, NOW),
            Err(Error::State(State::PendingDeletion))
        );
    }

    #[test]
    fn fixed_attributes_of_an_external_key() {
        let set = |external, kind, value: &[u8]| may_change(external, kind, Some(value), NOW);
        for kind in [
            ck::CKA_ID,
            ck::CKA_ENCRYPT,
            ck::CKA_TENON_PROFILE,
            ck::CKA_MODIFIABLE,
        ] {
            assert_eq!(set(true, kind, b"x"), Err(Error::Fixed));
        }
        assert_eq!(set(true, ck::CKA_LABEL, b"x"), Ok(()));
        assert_eq!(set(false, ck::CKA_ID, b"x"), Ok(()));
        assert_eq!(set(false, ck::CKA_TENON_DISABLED, &[1]), Err(Error::Fixed));
        let day = 86_400;
        let days = |n: u64| {
            set(
                true,
                ck::CKA_TENON_DELETION_AT,
                &(NOW + n * day).to_be_bytes(),
            )
        };
        assert_eq!((days(7), days(30)), (Ok(()), Ok(())));
        assert_eq!(days(6), Err(Error::DeletionWindow));
        assert_eq!(days(31), Err(Error::DeletionWindow));
        assert_eq!(set(true, ck::CKA_TENON_DELETION_AT, &[0; 8]), Ok(()));
    }

    #[test]
    fn destroying_erases_material_alone() {
        assert_eq!(destruction(&Facts::default()), Destruction::Whole);
        assert_eq!(destruction(&LIVE), Destruction::Material);
        assert_eq!(
            destruction(&Facts {
                material: false,
                ..LIVE
            }),
            Destruction::Nothing
        );
    }
}
