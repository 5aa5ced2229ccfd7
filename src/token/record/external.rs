//! What the attributes of a stored object say of external and managed keys, older versions, and the keys
//! of import jobs.

use crate::attr::{self, Attributes, Revealed, Value};
use crate::byok::{self, OlderVersion, Profile, Spec, profile};
use crate::ck;
use crate::clock::UnixTime;
use crate::crypto::encoding;
use crate::crypto::shares::Sharing;
use crate::error::Result;
use crate::policy::Facts;
use crate::secret::Secret;
use crate::store::Uid;

use crate::token::record::damaged::damaged;
use crate::token::record::waiting::shares_end;

/// The binding. No client can name this attribute, since the table does not have it.
pub(in crate::token) const BINDING: ck::CK_ATTRIBUTE_TYPE = ck::INTERNAL_BINDING;
/// Identifier of the material's row. The attribute is absent where there is no material.
const MATERIAL_ROW: ck::CK_ATTRIBUTE_TYPE = ck::INTERNAL_MATERIAL_ROW;

/// Why material ended, as INTERNAL_ENDED_BY says it: its life was over, somebody deleted it, or other material for
/// the next version came in its place.
pub(in crate::token) const EXPIRED: &[u8] = b"expired";
pub(in crate::token) const DELETED: &[u8] = b"deleted";
pub(in crate::token) const REPLACED: &[u8] = b"replaced";

pub(in crate::token) fn is_external(attributes: &Attributes) -> bool {
    attributes.ulong(ck::CKA_TENON_ORIGIN) == Some(ck::ORIGIN_EXTERNAL)
}

/// Whether the key was generated with a profile (BYOK rule 6).
pub(in crate::token) fn is_managed(attributes: &Attributes) -> bool {
    attributes.ulong(ck::CKA_TENON_ORIGIN) == Some(ck::ORIGIN_GENERATED)
        && attributes.get(ck::CKA_TENON_PROFILE).is_some()
}

/// Whether the key has a profile, and so the states and the life that the services give their keys.
pub(in crate::token) fn has_profile(attributes: &Attributes) -> bool {
    is_external(attributes) || is_managed(attributes)
}

/// The binding of an external key; `None` before its first import.
pub(in crate::token) fn binding(attributes: &Attributes) -> Option<&[u8]> {
    attributes.bytes(BINDING)
}

/// Identifier of the row that holds the key's material.
pub(in crate::token) fn material_row(attributes: &Attributes) -> Option<&[u8]> {
    attributes.bytes(MATERIAL_ROW)
}

pub(in crate::token) fn set_material_row(attributes: &mut Attributes, id: Option<&[u8]>) {
    match id {
        Some(id) => attributes.set(MATERIAL_ROW, Value::Bytes(id.to_vec())),
        None => drop(attributes.remove(MATERIAL_ROW)),
    }
}

/// Whether the key is the private half of an import job's wrapping key.
pub(in crate::token) fn is_job(attributes: &Attributes) -> bool {
    attributes.ulong(ck::CKA_TENON_ORIGIN) == Some(ck::ORIGIN_IMPORT_JOB)
}

/// Whether the key is the private or the public half of an import job's wrapping key.
pub(in crate::token) fn of_job(attributes: &Attributes) -> bool {
    is_job(attributes) || attributes.get(ck::INTERNAL_NOT_AFTER).is_some()
}

/// Whether an object is left out of ordinary searches: an external key without material, a key of an
/// import job (BYOK rule 11), or the record of another version or of a share.
pub(in crate::token) fn hidden(attributes: &Attributes) -> bool {
    let without = material_row(attributes).is_none() || attributes.bool(ck::INTERNAL_OLDER_MISSING);
    let dormant = is_external(attributes) && without;
    dormant || of_job(attributes) || inner(attributes)
}

/// When the object itself ends, by a scheduled deletion or as a key of an import job; 0 = never.
pub(in crate::token) fn gone_at(attributes: &Attributes) -> UnixTime {
    [
        ck::CKA_TENON_DELETION_AT,
        ck::CKA_TENON_NOT_AFTER,
        ck::INTERNAL_NOT_AFTER,
    ]
    .into_iter()
    .map(|kind| attributes.time(kind).unwrap_or(0))
    .find(|at| *at != 0)
    .unwrap_or(0)
}

/// What is known of a key with a profile; `None` for others.
pub(in crate::token) fn facts(attributes: &Attributes) -> Option<byok::ExternalFacts> {
    if !has_profile(attributes) {
        return None;
    }
    let generated = is_managed(attributes);
    let of_material = of_material(attributes);
    let open = profile::open().name.as_bytes();
    Some(byok::ExternalFacts {
        generated,
        bound: generated || of_material.bound,
        of_service: attributes.bytes(ck::CKA_TENON_PROFILE) != Some(open),
        disabled: attributes.bool(ck::CKA_TENON_DISABLED),
        deletion_at: attributes.time(ck::CKA_TENON_DELETION_AT).unwrap_or(0),
        version_pending: attributes.bool(ck::INTERNAL_VERSION_PENDING),
        next: next_uid(attributes).is_some(),
        older: older_uids(attributes).len(),
        older_missing: attributes.bool(ck::INTERNAL_OLDER_MISSING),
        older_end: attributes.time(ck::INTERNAL_OLDER_END).unwrap_or(0),
        older_lacking: older_lacking(attributes),
        shares_end: shares_end(attributes),
        raw: is_raw(attributes),
        ..of_material
    })
}

fn older_lacking(attributes: &Attributes) -> Option<OlderVersion> {
    let stored = attributes.bytes(ck::INTERNAL_OLDER_LACKING)?;
    let (number, material_id) = stored.split_first_chunk()?;
    Some(OlderVersion {
        number: usize::try_from(u32::from_be_bytes(*number)).ok()?,
        material_id: material_id.try_into().ok()?,
    })
}

/// Notes which older version lacks its material or ends first.
pub(in crate::token) fn set_older_lacking(
    attributes: &mut Attributes,
    older: Option<OlderVersion>,
) {
    let stored = older.and_then(|older| {
        let number = u32::try_from(older.number).ok()?;
        Some([&number.to_be_bytes()[..], &older.material_id].concat())
    });
    match stored {
        Some(stored) => attributes.set(ck::INTERNAL_OLDER_LACKING, Value::Bytes(stored)),
        None => drop(attributes.remove(ck::INTERNAL_OLDER_LACKING)),
    }
}

/// What is known of the material of an external key, or of an older version.
pub(in crate::token) fn of_material(attributes: &Attributes) -> byok::ExternalFacts {
    byok::ExternalFacts {
        bound: binding(attributes).is_some(),
        material: material_row(attributes).is_some(),
        expires_at: attributes.time(ck::CKA_TENON_EXPIRES_AT).unwrap_or(0),
        ..byok::ExternalFacts::default()
    }
}

/// Whether the material of an external key, or of an older version, has expired and is still there.
pub(in crate::token) fn stale(attributes: &Attributes, now: UnixTime) -> bool {
    (is_external(attributes) || of_version(attributes).is_some())
        && of_material(attributes).stale(now)
}

/// The kind of a key, which decides what C_SetAttributeValue may change.
pub(in crate::token) fn kind(attributes: &Attributes) -> Result<byok::KeyKind> {
    if let Some(facts) = facts(attributes) {
        return Ok(byok::KeyKind::OfProfile(profile_of(attributes)?, facts));
    }
    if of_job(attributes) {
        return Ok(byok::KeyKind::Job);
    }
    Ok(byok::KeyKind::Ordinary)
}

/// CKA_TENON_KEY_STATE of a key with a profile; `None` when it is deleted.
pub(in crate::token) fn state(facts: &Facts, now: UnixTime) -> Option<Value> {
    let external = facts.key.as_ref()?.external?;
    byok::state(&external, now).number().map(Value::Ulong)
}

/// CKA_TENON_KEY_STATE as C_GetAttributeValue returns it.
pub(in crate::token) fn revealed_state(facts: &Facts, now: UnixTime) -> Revealed {
    state(facts, now).map_or(Revealed::Invalid, |state| attr::revealed(&state))
}

pub(in crate::token) fn profile_of(attributes: &Attributes) -> Result<&'static Profile> {
    attributes
        .bytes(ck::CKA_TENON_PROFILE)
        .and_then(profile::find)
        .ok_or_else(|| damaged("a key's profile"))
}

/// The spec of an external key; `None` where no service has such keys, so that only the binding by
/// CKA_ID makes them.
pub(in crate::token) fn spec_of(attributes: &Attributes) -> Option<Spec> {
    Spec::of(attributes.key_type()?, attributes)
}

/// The external key of which this is an older version.
pub(in crate::token) fn of_version(attributes: &Attributes) -> Option<Uid> {
    attributes.bytes(ck::INTERNAL_VERSION_OF)?.try_into().ok()
}

/// The external key whose material this is a share of.
pub(in crate::token) fn of_share(attributes: &Attributes) -> Option<Uid> {
    attributes.bytes(ck::INTERNAL_SHARE_OF)?.try_into().ok()
}

/// Whether it is the record of another version or of a share, which no client ever sees.
pub(in crate::token) fn inner(attributes: &Attributes) -> bool {
    let unused = attributes.get(ck::INTERNAL_UNUSED_OF).is_some();
    of_version(attributes).is_some() || of_share(attributes).is_some() || unused
}

/// In how many shares the key's material comes; `None` where it comes whole.
pub(in crate::token) fn sharing(attributes: &Attributes) -> Option<Sharing> {
    match attributes.bytes(ck::CKA_TENON_SHARES)? {
        [needed, of] => Sharing::new(*needed, *of).ok(),
        _ => None,
    }
}

/// How many shares there are of the key's material; `None` where it comes whole.
pub(in crate::token) fn shares_of(attributes: &Attributes) -> Option<u8> {
    sharing(attributes).map(Sharing::of)
}

/// The custodians' public keys (SubjectPublicKeyInfo DER) of a key.
pub(in crate::token) fn custodians(attributes: &Attributes) -> Vec<&[u8]> {
    let mut rest = attributes
        .bytes(ck::CKA_TENON_CUSTODIANS)
        .unwrap_or_default();
    let mut found = Vec::new();
    while let Some((key, tail)) = encoding::der_len(rest).and_then(|len| rest.split_at_checked(len))
    {
        found.push(key);
        rest = tail;
    }
    if !rest.is_empty() {
        found.push(rest);
    }
    found
}

pub(in crate::token) fn material_id(attributes: &Attributes) -> Option<[u8; 16]> {
    attributes.bytes(ck::CKA_TENON_MATERIAL_ID)?.try_into().ok()
}

/// Whether the key or the version is bound to the material with this fingerprint.
pub(in crate::token) fn is_bound_to(attributes: &Attributes, fingerprint: &Secret) -> bool {
    binding(attributes).is_some_and(|bound| fingerprint.ct_eq(bound))
}

/// Uids of the older versions of an external key, the oldest first.
pub(in crate::token) fn older_uids(attributes: &Attributes) -> &[Uid] {
    let uids = attributes.bytes(ck::INTERNAL_OLDER_VERSIONS);
    uids.unwrap_or_default().as_chunks().0
}

/// Uid of the record that holds the material of the next version.
pub(in crate::token) fn next_uid(attributes: &Attributes) -> Option<Uid> {
    attributes.bytes(ck::INTERNAL_NEXT_VERSION)?.try_into().ok()
}

/// Uids of the records of material that was imported for the next version and ended before it was current, the
/// oldest first.
pub(in crate::token) fn unused_uids(attributes: &Attributes) -> &[Uid] {
    let uids = attributes.bytes(ck::INTERNAL_UNUSED_VERSIONS);
    uids.unwrap_or_default().as_chunks().0
}

/// Whether the key encrypts by mechanisms whose ciphertext does not name the version that made it.
fn is_raw(attributes: &Attributes) -> bool {
    ck::is_secret_key(attributes.class())
        && attributes.bool(ck::CKA_ENCRYPT)
        && !byok::is_independent(attributes.ulongs(ck::CKA_ALLOWED_MECHANISMS))
}

/// When and why the material ended; (0, "") where it lives or never came.
pub(in crate::token) fn ended(attributes: &Attributes, now: UnixTime) -> (UnixTime, &'static str) {
    let facts = of_material(attributes);
    let stored = attributes.bytes(ck::INTERNAL_ENDED_BY);
    match stored {
        _ if facts.stale(now) => (facts.expires_at, "expired"),
        Some(why) if !facts.material => {
            let why = match why {
                EXPIRED => "expired",
                REPLACED => "replaced",
                _ => "deleted",
            };
            (attributes.time(ck::CKA_TENON_ENDED_AT).unwrap_or(0), why)
        }
        _ => (0, ""),
    }
}

/// When time ends the use of the key, or of the older version; 0 = never.
pub(in crate::token) fn ends_at(attributes: &Attributes) -> UnixTime {
    let facts = facts(attributes).unwrap_or_else(|| of_material(attributes));
    facts.ends_at()
}
