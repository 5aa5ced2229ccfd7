//! The life of an external key: facts in, state and effects out. Pure.
//!
//! Facts are stored, the state is derived from them and never stored (BYOK rules, section 1).

use std::fmt;

use crate::ck;
use crate::clock::UnixTime;

mod algorithm;
mod job;
mod matrix;
mod metadata;
pub mod profile;

pub use algorithm::{ALGORITHMS, Algorithm, OaepHash, Scheme, WrappingKey};
pub use job::{Job, Refused};
pub use matrix::{Act, allows};
pub use metadata::{Metadata, parse_tags};
pub use profile::{Profile, Rule, Usage};

pub use crate::keytype::{Curve, Spec};

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
    /// A new version waits for its material.
    pub version_pending: bool,
    /// There are older versions, whose material goes with the key's own.
    pub rotated: bool,
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
    /// The profile of this service does not have it.
    Profile(&'static str, Rule),
    /// The import job does not serve.
    Job(Refused),
    /// A wrapping algorithm that the configuration leaves off.
    Pkcs1Off,
    /// The value is none that the attribute can have.
    Value(&'static str),
    /// A new version waits for its material already.
    VersionPending,
    /// The attribute is fixed, or belongs to external keys alone.
    Fixed,
    /// A deletion is scheduled outside 7 to 30 days ahead.
    DeletionWindow,
}

impl Error {
    /// Another present could have brought another answer.
    #[must_use]
    pub fn is_of_time(&self) -> bool {
        matches!(
            self,
            Self::ExpiryPast
                | Self::DeletionWindow
                | Self::State(State::Deleted)
                | Self::Profile(_, Rule::ExpiryMaximum)
        )
    }
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
            Self::VersionPending => {
                f.write_str("a new version of the key waits for its material already: import that")
            }
            Self::Fixed => f.write_str("the attribute of this key is fixed"),
            Self::DeletionWindow => {
                f.write_str("a deletion is scheduled 7 to 30 days ahead, or cancelled with 0")
            }
            Self::ExpiryPast => f.write_str("the expiry has already passed"),
            Self::Profile(service, rule) => write!(f, "{service} {rule}"),
            Self::Job(why) => why.fmt(f),
            Self::Pkcs1Off => f.write_str(
                "RSAES_PKCS1_V1_5 brings the material of external keys only where `byok.pkcs1` is set",
            ),
            Self::Value(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {}

/// What is known of an import once its blob is open.
#[derive(Debug, Clone, Copy)]
pub struct Import {
    /// `Some(equal)` when the key is bound, from comparisons in constant time with the binding of
    /// each of its versions.
    pub same: Option<bool>,
    /// The material came out of the blob, and does not stand for a bad one.
    pub genuine: bool,
    /// The wrap protects integrity.
    pub integrity: bool,
    /// CKA_TENON_EXPIRES_AT of this import, if it was given.
    pub expires_at: Option<UnixTime>,
}

/// Whether the key's state allows it; of an import, judged before any private-key operation.
///
/// # Errors
/// `State`.
pub fn may(act: Act, facts: &Facts, now: UnixTime) -> Result<(), Error> {
    let state = state(facts, now);
    if allows(state, act) {
        return Ok(());
    }
    Err(Error::State(state))
}

/// The facts after an import (rules 1 to 3, and 10): first material binds, the same material sets the
/// expiry anew, other material binds the version that waits for it, or changes nothing.
///
/// # Errors
/// `State`, `Mismatch`, `ExpiryPast`, `Profile`.
pub fn import(
    facts: &Facts,
    import: &Import,
    profile: &Profile,
    now: UnixTime,
) -> Result<Facts, Error> {
    may(Act::Import, facts, now)?;
    let other = import.same == Some(false);
    // What stands for a bad blob is other material than any.
    if !import.genuine || (other && !facts.version_pending) {
        return Err(Error::Mismatch {
            named: import.integrity,
        });
    }
    Ok(Facts {
        bound: true,
        material: true,
        expires_at: expiry(import.expires_at, profile, now)?,
        version_pending: facts.version_pending && !other,
        rotated: facts.rotated || other,
        ..*facts
    })
}

/// The expiry that an import sets: the one asked for, else the profile's default; 0 = never.
///
/// # Errors
/// `ExpiryPast`, `Profile`.
pub fn expiry(
    asked: Option<UnixTime>,
    profile: &Profile,
    now: UnixTime,
) -> Result<UnixTime, Error> {
    let at = profile
        .expiry(asked, now)
        .map_err(|rule| Error::Profile(profile.service, rule))?;
    if expired(at, now) {
        return Err(Error::ExpiryPast);
    }
    Ok(at)
}

/// Whether a new version of the key may be opened (rule 10).
///
/// # Errors
/// `State`, `VersionPending`, `Profile`.
pub fn may_rotate(
    facts: &Facts,
    profile: &Profile,
    spec: Option<Spec>,
    now: UnixTime,
) -> Result<(), Error> {
    may(Act::Rotate, facts, now)?;
    spec.ok_or(Rule::Rotation)
        .and_then(|spec| profile.may_rotate(spec))
        .map_err(|rule| Error::Profile(profile.service, rule))?;
    if facts.version_pending {
        return Err(Error::VersionPending);
    }
    Ok(())
}

/// What destroying an external key, by C_DestroyObject, comes to (rule 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destruction {
    /// It was never bound: it goes whole.
    Whole,
    /// Its material is erased; key and binding stay.
    Material,
    /// It is bound and has no material, of no version: nothing happens.
    Nothing,
}

/// Decides what C_DestroyObject on an external key does.
#[must_use]
pub fn destruction(facts: &Facts) -> Destruction {
    match (facts.bound, facts.material || facts.rotated) {
        (false, _) => Destruction::Whole,
        (true, true) => Destruction::Material,
        (true, false) => Destruction::Nothing,
    }
}

/// What kind of key C_SetAttributeValue is to change.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// An external key, of this profile.
    External(&'static Profile),
    /// A key of an import job.
    Job,
    /// Any other object.
    Ordinary,
}

/// Whether C_SetAttributeValue may give attribute `kind` of a key this value, as far as its origin
/// decides. Usage and identity of an external key are fixed (rules 9 and 13, section 3).
///
/// # Errors
/// `Fixed`, `DeletionWindow`, `Profile`, `Value`.
pub fn may_change(
    key: Kind,
    kind: ck::CK_ATTRIBUTE_TYPE,
    value: Option<&[u8]>,
    now: UnixTime,
) -> Result<(), Error> {
    match (key, kind) {
        (
            Kind::External(profile),
            ck::CKA_LABEL | ck::CKA_TENON_DESCRIPTION | ck::CKA_TENON_TAGS,
        ) => describes(profile, kind, value.unwrap_or_default()),
        (Kind::External(_), ck::CKA_START_DATE | ck::CKA_END_DATE | ck::CKA_TENON_DISABLED)
        | (Kind::Job, ck::CKA_LABEL) => Ok(()),
        (Kind::External(_), ck::CKA_TENON_DELETION_AT) => deletion_window(value, now),
        (Kind::External(_) | Kind::Job, _)
        | (
            Kind::Ordinary,
            ck::CKA_TENON_DISABLED
            | ck::CKA_TENON_DELETION_AT
            | ck::CKA_TENON_DESCRIPTION
            | ck::CKA_TENON_TAGS,
        ) => Err(Error::Fixed),
        (Kind::Ordinary, _) => Ok(()),
    }
}

/// Whether alias, description or tags of an external key may have this value.
///
/// # Errors
/// `Profile`, `Value`.
pub fn describes(
    profile: &Profile,
    kind: ck::CK_ATTRIBUTE_TYPE,
    value: &[u8],
) -> Result<(), Error> {
    const TEXT: Error = Error::Value("the text is not UTF-8");
    const TAGS: Error = Error::Value("tags are a JSON object whose values are strings");
    let rules = profile.metadata;
    let kept = match kind {
        // CKA_LABEL of PKCS #11 is any bytes where no service says otherwise.
        ck::CKA_LABEL if rules == Metadata::Free => Ok(()),
        ck::CKA_LABEL => rules.alias(str::from_utf8(value).map_err(|_| TEXT)?),
        ck::CKA_TENON_DESCRIPTION => rules.description(str::from_utf8(value).map_err(|_| TEXT)?),
        ck::CKA_TENON_TAGS if value.is_empty() => Ok(()),
        ck::CKA_TENON_TAGS => rules.tags(&parse_tags(value).ok_or(TAGS)?),
        _ => Ok(()),
    };
    kept.map_err(|rule| Error::Profile(profile.service, Rule::Metadata(rule)))
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
mod tests;
