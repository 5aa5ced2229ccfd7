//! What an import, a change or a destruction makes of an external key.

use crate::ck;
use crate::clock::UnixTime;
use crate::keytype::Spec;

use super::error::{Error, Undying};
use super::matrix::{Act, allows};
use super::metadata::{Metadata, parse_tags};
use super::profile::{Profile, Rotation, Rule};
use super::share::ShareRefusal;
use super::state::{ExternalFacts, State, expired, state};

/// Which of a bound key's materials is the one that comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Equal {
    /// None of them.
    None,
    /// That of the current version.
    Current,
    /// That of an older version.
    Older,
    /// That of the version which `rotate` makes current.
    Next,
}

/// What is known of an import once its blob is open.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Import {
    /// `Some` when the key is bound, from comparisons in constant time with the binding of each of its
    /// versions.
    pub equal: Option<Equal>,
    /// The material came out of the blob, and does not stand for a bad one.
    pub genuine: bool,
    /// The wrap protects integrity.
    pub integrity: bool,
    /// CKA_TENON_NEW_MATERIAL: the material is that of the key's next version.
    pub new_material: bool,
    /// CKA_TENON_EXPIRES_AT of this import, if it was given.
    pub expires_at: Option<UnixTime>,
}

/// The version to which material goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destination {
    /// The current version, whose first material it is or which it comes to again.
    Current,
    /// The older version that is bound to it.
    Older,
    /// The version that `rotate` makes current: in place of what is there.
    Next,
    /// A new version, which is current at once.
    NewVersion,
}

/// What an import comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Imported {
    pub to: Destination,
    /// End of the material's life; 0 = never.
    pub expires_at: UnixTime,
}

/// Whether the key's state allows it; of an import, judged before any private-key operation.
///
/// # Errors
/// `State`, `OlderMaterial`, `Share`.
pub(crate) fn may(act: Act, facts: &ExternalFacts, now: UnixTime) -> Result<(), Error> {
    let state = state(facts, now);
    if allows(state, act) {
        return Ok(());
    }
    Err(waits(facts, state, now).unwrap_or(Error::State(state)))
}

/// The refusal of a key that is PendingImport, where it is known what it waits for: the material of an older version
/// alone, the other shares of its material, or the material of the current one of several versions.
fn waits(facts: &ExternalFacts, state: State, now: UnixTime) -> Option<Error> {
    if state != State::PendingImport {
        return None;
    }
    let older = facts.waits_for_older(now).map(Error::OlderMaterial);
    let shares = facts.shares_wait(now);
    let shares = shares.then_some(Error::Share(ShareRefusal::Waiting));
    let current = (facts.older != 0).then_some(Error::CurrentMaterial(facts.older + 1));
    older.or(shares).or(current)
}

/// Whether the key's state allows a change of what an operator may change.
fn administer(act: Act, facts: &ExternalFacts, now: UnixTime) -> Result<(), Error> {
    let state = state(facts, now);
    if allows(state, act) {
        return Ok(());
    }
    Err(waits(facts, state, now).unwrap_or(Error::Administration(act, state)))
}

/// Where an import goes (rules 1 to 3, and 10): first material binds, the same material sets the expiry
/// anew, other material makes a new version where the profile says so, or changes nothing.
///
/// # Errors
/// `State`, `OlderMaterial`, `Mismatch`, `NotNew`, `ExpiryPast`, `Profile`.
pub(crate) fn import(
    facts: &ExternalFacts,
    import: &Import,
    profile: &'static Profile,
    now: UnixTime,
) -> Result<Imported, Error> {
    may(Act::Import, facts, now)?;
    // A pseudo-random key in place of a bad blob counts as other material.
    let mismatch = Err(Error::Mismatch {
        named: import.integrity,
    });
    if !import.genuine {
        return mismatch;
    }
    let to = match import.equal {
        None => Destination::Current,
        Some(Equal::Next) => Destination::Next,
        Some(Equal::Current | Equal::Older) if import.new_material => return Err(Error::NotNew),
        Some(Equal::Current) => Destination::Current,
        Some(Equal::Older) => Destination::Older,
        Some(Equal::None) if import.new_material => {
            has_room(facts, profile)?;
            Destination::Next
        }
        Some(Equal::None) if facts.version_pending => Destination::NewVersion,
        Some(Equal::None) if profile.rotation == Rotation::OnImport => Destination::NewVersion,
        Some(Equal::None) => return mismatch,
    };
    let expires_at = expiry(import.expires_at, profile, now)?;
    Ok(Imported { to, expires_at })
}

/// Whether the key may have one version more.
fn has_room(facts: &ExternalFacts, profile: &'static Profile) -> Result<(), Error> {
    match profile.rotation {
        // The current version and the new one count too.
        Rotation::Pending { most } if !facts.next && facts.older + 2 > most => {
            Err(Error::Profile(profile, Rule::Versions(most)))
        }
        _ => Ok(()),
    }
}

/// Whether an import may bring the material of the key's next version (CKA_TENON_NEW_MATERIAL). Whether there is
/// room for one more version is judged by `import`, which knows whether the material is a new one.
///
/// # Errors
/// `Profile`.
pub(crate) fn may_import_next(
    facts: &ExternalFacts,
    profile: &'static Profile,
    spec: Option<Spec>,
) -> Result<(), Error> {
    if !matches!(profile.rotation, Rotation::Pending { .. }) {
        return Err(Error::Profile(profile, Rule::NextMaterial));
    }
    if facts.bound {
        rotates(profile, spec)?;
    }
    Ok(())
}

/// The refusal of other material than that of the key's versions, where `rotate` gives the key other material; `None`
/// where the key has the bound one for ever, or a new version by each import.
pub(crate) fn of_next_version(profile: &'static Profile, spec: Option<Spec>) -> Option<Error> {
    rotates(profile, spec).ok()?;
    match profile.rotation {
        way @ (Rotation::Manual | Rotation::Pending { .. }) => Some(Error::OfNextVersion(way)),
        Rotation::No | Rotation::OnImport => None,
    }
}

/// The expiry that an import sets: the one asked for, else the profile's default; 0 = never.
///
/// # Errors
/// `ExpiryPast`, `Profile`.
pub(crate) fn expiry(
    asked: Option<UnixTime>,
    profile: &'static Profile,
    now: UnixTime,
) -> Result<UnixTime, Error> {
    let at = profile
        .expiry(asked, now)
        .map_err(|rule| Error::Profile(profile, rule))?;
    if expired(at, now) {
        return Err(Error::ExpiryPast);
    }
    Ok(at)
}

/// Whether keys of this profile and spec rotate at all.
///
/// # Errors
/// `Profile`.
pub(crate) fn rotates(profile: &'static Profile, spec: Option<Spec>) -> Result<(), Error> {
    spec.ok_or(Rule::Rotation)
        .and_then(|spec| profile.may_rotate(spec))
        .map_err(|rule| Error::Profile(profile, rule))
}

/// What `rotate` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rotated {
    /// It opens a version, which the next import of other material fills.
    Opened,
    /// It makes the material current that was imported for the next version.
    Promoted,
}

/// Whether `rotate` may give the key a new version (rule 10), and what it does. `force`: although data
/// that was encrypted by raw mechanisms does not open after it.
///
/// # Errors
/// `State`, `VersionPending`, `NoNext`, `RawRotation`, `Profile`.
pub(crate) fn may_rotate(
    facts: &ExternalFacts,
    profile: &'static Profile,
    spec: Option<Spec>,
    now: UnixTime,
    force: bool,
) -> Result<Rotated, Error> {
    rotates(profile, spec)?;
    may(Act::Rotate, facts, now)?;
    if facts.raw && !force {
        return Err(Error::RawRotation);
    }
    match profile.rotation {
        Rotation::Pending { .. } if facts.next => Ok(Rotated::Promoted),
        Rotation::Pending { .. } => Err(Error::NoNext),
        _ if facts.version_pending => Err(Error::VersionPending),
        _ => Ok(Rotated::Opened),
    }
}

/// What destroying a key with a profile, by C_DestroyObject, comes to (rules 5 and 6).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Destruction {
    /// It was never bound: it goes whole.
    Whole,
    /// Its material is erased, and the shares of it that wait; key and binding stay.
    Material,
    /// It is bound and has no material, of no version: nothing happens.
    Nothing,
    /// The key dies by a scheduled deletion alone.
    Refused(Undying),
}

/// Decides what C_DestroyObject on a key with a profile does.
#[must_use]
pub(crate) fn destruction(facts: &ExternalFacts, now: UnixTime) -> Destruction {
    if facts.generated {
        return Destruction::Refused(Undying::Generated);
    }
    let something = facts.any_material() || facts.shares_wait(now);
    match (something, facts.bound) {
        (true, _) => Destruction::Material,
        (false, true) => Destruction::Nothing,
        (false, false) if facts.of_service => Destruction::Refused(Undying::NeverBound),
        (false, false) => Destruction::Whole,
    }
}

/// What kind of key C_SetAttributeValue is to change.
#[derive(Debug, Clone, Copy)]
pub(crate) enum KeyKind {
    /// An external or managed key, of this profile and with these facts.
    OfProfile(&'static Profile, ExternalFacts),
    /// A key of an import job.
    Job,
    /// Any other object.
    Ordinary,
}

/// Whether C_SetAttributeValue may give attribute `kind` of a key this value, as far as its origin
/// decides. Usage and identity of a key with a profile are fixed (rules 9 and 13, section 3).
///
/// # Errors
/// `Fixed`, `Profile`, `Value`.
pub(crate) fn may_change(
    key: KeyKind,
    kind: ck::CK_ATTRIBUTE_TYPE,
    value: Option<&[u8]>,
    now: UnixTime,
) -> Result<(), Error> {
    match (key, kind) {
        (
            KeyKind::OfProfile(profile, facts),
            ck::CKA_LABEL | ck::CKA_TENON_DESCRIPTION | ck::CKA_TENON_TAGS,
        ) => {
            let named = kind == ck::CKA_LABEL;
            administer(if named { Act::Name } else { Act::Describe }, &facts, now)?;
            describes(profile, kind, value.unwrap_or_default())
        }
        (KeyKind::OfProfile(_, facts), ck::CKA_TENON_DISABLED) => {
            administer(Act::Switch, &facts, now)
        }
        (KeyKind::OfProfile(..), ck::CKA_START_DATE | ck::CKA_END_DATE)
        | (KeyKind::Job, ck::CKA_LABEL) => Ok(()),
        (KeyKind::OfProfile(profile, facts), ck::CKA_TENON_DELETION_AT) => {
            may_delete_at(profile, &facts, value, now)
        }
        (KeyKind::OfProfile(..) | KeyKind::Job, _)
        | (
            KeyKind::Ordinary,
            ck::CKA_TENON_DISABLED
            | ck::CKA_TENON_DELETION_AT
            | ck::CKA_TENON_DESCRIPTION
            | ck::CKA_TENON_TAGS,
        ) => Err(Error::Fixed),
        (KeyKind::Ordinary, _) => Ok(()),
    }
}

/// Whether alias, description or tags of an external key may have this value.
///
/// # Errors
/// `Profile`, `Value`.
pub(crate) fn describes(
    profile: &'static Profile,
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
    kept.map_err(|rule| Error::Profile(profile, Rule::Metadata(rule)))
}

/// A deletion is scheduled within the profile's window, or cancelled by 0.
fn may_delete_at(
    profile: &'static Profile,
    facts: &ExternalFacts,
    value: Option<&[u8]>,
    now: UnixTime,
) -> Result<(), Error> {
    let at = value
        .and_then(|bytes| bytes.try_into().ok())
        .map(UnixTime::from_be_bytes)
        .ok_or(Error::Value("a time is 8 bytes, big-endian Unix seconds"))?;
    if at == 0 {
        return administer(Act::Cancel, facts, now);
    }
    administer(Act::Schedule, facts, now)?;
    profile
        .may_delete_at(at, now)
        .map_err(|rule| Error::Profile(profile, rule))
}
