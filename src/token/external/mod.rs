//! External keys and import jobs in the store. What may be done is decided by `byok` and `policy`;
//! this does it.

use crate::attr::{self, Attributes, Revealed, Value};
use crate::byok::{self, Profile, Spec, profile};
use crate::ck;
use crate::clock::UnixTime;
use crate::config::LogLevel;
use crate::error::{Error, Result, refuse};
use crate::log;
use crate::policy::Facts;

use crate::token::record::key;
use crate::token::record::vault::{damaged, time_value};

mod create;
mod end;
mod import;
mod job;
pub(in crate::token) mod monitor;
mod name;
mod receipt;
mod version;

pub(super) use end::{erase, erase_all, remove};
pub(super) use import::Arrival;
pub(super) use job::{job, may_wrap, orders_job, target, way};
pub use monitor::{SealedKey, SealedVersion};
pub use receipt::Receipt;
pub use version::Version;
pub(super) use version::of_version;

/// The binding: an attribute that no client can name, because it is not in the table.
const BINDING: ck::CK_ATTRIBUTE_TYPE = ck::INTERNAL_BINDING;
/// Identifier of the material's row; absent while there is no material.
const MATERIAL_ROW: ck::CK_ATTRIBUTE_TYPE = ck::INTERNAL_MATERIAL_ROW;

/// The key is an external one.
pub(super) fn is_external(attributes: &Attributes) -> bool {
    attributes.ulong(ck::CKA_TENON_ORIGIN) == Some(ck::ORIGIN_EXTERNAL)
}

/// The binding of an external key that was imported once.
pub(super) fn binding(attributes: &Attributes) -> Option<&[u8]> {
    attributes.bytes(BINDING)
}

/// Identifier of the row that holds a key's material.
pub(super) fn material_row(attributes: &Attributes) -> Option<&[u8]> {
    attributes.bytes(MATERIAL_ROW)
}

/// Names the row that holds a key's material, or none.
pub(super) fn set_material_row(attributes: &mut Attributes, id: Option<&[u8]>) {
    match id {
        Some(id) => attributes.set(MATERIAL_ROW, Value::Bytes(id.to_vec())),
        None => drop(attributes.remove(MATERIAL_ROW)),
    }
}

/// A key of an import job: the private half, or the public one.
pub(super) fn of_job(attributes: &Attributes) -> bool {
    attributes.ulong(ck::CKA_TENON_ORIGIN) == Some(ck::ORIGIN_IMPORT_JOB)
        || attributes.get(ck::INTERNAL_NOT_AFTER).is_some()
}

/// Whether an object is left out of ordinary searches: an external key without material, or a key
/// of an import job (rule 11), or the record of an older version.
pub(super) fn hidden(attributes: &Attributes) -> bool {
    let dormant = is_external(attributes) && material_row(attributes).is_none();
    dormant || of_job(attributes) || of_version(attributes).is_some()
}

/// When the key itself ends: a scheduled deletion, or the end of an import job; 0 = never.
pub(super) fn gone_at(attributes: &Attributes) -> UnixTime {
    [
        ck::CKA_TENON_DELETION_AT,
        ck::CKA_TENON_NOT_AFTER,
        ck::INTERNAL_NOT_AFTER,
    ]
    .into_iter()
    .map(|kind| time_value(attributes, kind))
    .find(|at| *at != 0)
    .unwrap_or(0)
}

/// What is known of an external key; `None` for others.
pub(super) fn facts(attributes: &Attributes) -> Option<byok::Facts> {
    is_external(attributes).then(|| byok::Facts {
        disabled: attributes.bool(ck::CKA_TENON_DISABLED),
        deletion_at: time_value(attributes, ck::CKA_TENON_DELETION_AT),
        version_pending: attributes.bool(ck::INTERNAL_VERSION_PENDING),
        rotated: attributes.get(ck::INTERNAL_OLDER_VERSIONS).is_some(),
        ..of_material(attributes)
    })
}

/// What is known of the material of an external key, or of an older version.
fn of_material(attributes: &Attributes) -> byok::Facts {
    byok::Facts {
        bound: binding(attributes).is_some(),
        material: material_row(attributes).is_some(),
        expires_at: time_value(attributes, ck::CKA_TENON_EXPIRES_AT),
        ..byok::Facts::default()
    }
}

/// The material of an external key, or of an older version, has expired and is still there.
pub(super) fn stale(attributes: &Attributes, now: UnixTime) -> bool {
    (is_external(attributes) || of_version(attributes).is_some())
        && of_material(attributes).stale(now)
}

/// What C_SetAttributeValue has to know of a key.
pub(super) fn kind(attributes: &Attributes) -> Result<byok::Kind> {
    if is_external(attributes) {
        return Ok(byok::Kind::External(profile_of(attributes)?));
    }
    if of_job(attributes) {
        return Ok(byok::Kind::Job);
    }
    Ok(byok::Kind::Ordinary)
}

/// CKA_TENON_KEY_STATE of an external key that is not deleted.
pub(super) fn state(facts: &Facts, now: UnixTime) -> Option<Value> {
    let external = facts.key.as_ref()?.external?;
    byok::state(&external, now).number().map(Value::Ulong)
}

/// CKA_TENON_KEY_STATE as C_GetAttributeValue gives it.
pub(super) fn revealed_state(facts: &Facts, now: UnixTime) -> Revealed {
    state(facts, now).map_or(Revealed::Invalid, |state| attr::revealed(&state))
}

/// The profile of an external key.
pub(super) fn profile_of(attributes: &Attributes) -> Result<&'static Profile> {
    attributes
        .bytes(ck::CKA_TENON_PROFILE)
        .and_then(profile::find)
        .ok_or_else(|| damaged("an external key's profile"))
}

/// The spec of an external key; `None` where only the binding by CKA_ID has such keys.
pub(super) fn spec_of(attributes: &Attributes) -> Option<Spec> {
    let modulus_bits = || attributes.bytes(ck::CKA_MODULUS).map(key::modulus_bits);
    Spec::of(
        attributes.key_type()?,
        attributes.ulong(ck::CKA_VALUE_LEN),
        attributes.ulong(ck::CKA_MODULUS_BITS).or_else(modulus_bits),
        attributes.bytes(ck::CKA_EC_PARAMS),
    )
}

/// What external keys alone have.
const OF_EXTERNAL: [ck::CK_ATTRIBUTE_TYPE; 4] = [
    ck::CKA_TENON_PROFILE,
    ck::CKA_TENON_REQUIRE_TOKEN,
    ck::CKA_TENON_DESCRIPTION,
    ck::CKA_TENON_TAGS,
];
/// What import jobs alone have.
const OF_JOBS: [ck::CK_ATTRIBUTE_TYPE; 2] =
    [ck::CKA_TENON_IMPORT_TARGET, ck::CKA_TENON_WRAP_ALGORITHM];

/// What external keys and import jobs alone have must not be asked of other new keys.
pub(super) fn refuse_external(attributes: &Attributes) -> Result<()> {
    refuse_any(attributes, &OF_EXTERNAL)?;
    refuse_any(attributes, &OF_JOBS)
}

fn refuse_any(attributes: &Attributes, kinds: &[ck::CK_ATTRIBUTE_TYPE]) -> Result<()> {
    match kinds.iter().find(|kind| attributes.get(**kind).is_some()) {
        Some(kind) => Err(Error::new(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "this belongs to external keys (CKM_TENON_EXTERNAL_KEY_GEN) or to import jobs",
        )
        .at(attr::name(*kind).unwrap_or_default())),
        None => Ok(()),
    }
}

/// The name of an external key is that of no other (BYOK rule 12b).
pub(super) fn refuse_bound_identity<T>() -> Result<T> {
    refuse(
        ck::CKR_TEMPLATE_INCONSISTENT,
        "an external key of this class and key type has this CKA_ID, and shares it with no other key: use another CKA_ID, or, to import into the external key, unwrap without CKA_EXTRACTABLE=TRUE",
    )
}

/// Sets what rules 7 and 13 leave to no template.
fn coerce(attributes: &mut Attributes) {
    attr::finish_key_facts(attr::How::Unwrap, attributes, None);
    if !attributes.bool(ck::CKA_SENSITIVE) || attributes.bool(ck::CKA_EXTRACTABLE) {
        log::note(
            LogLevel::Warning,
            "an external key is CKA_SENSITIVE and never CKA_EXTRACTABLE, whatever the template says",
        );
    }
    for (kind, value) in [
        (ck::CKA_SENSITIVE, true),
        (ck::CKA_EXTRACTABLE, false),
        (ck::CKA_COPYABLE, false),
        (ck::CKA_DERIVE, false),
        (ck::CKA_TENON_DISABLED, false),
    ] {
        attributes.set(kind, Value::Bool(value));
    }
    attributes.set(ck::CKA_TENON_DELETION_AT, Value::Bytes(vec![0; 8]));
    attributes.set(ck::CKA_TENON_ORIGIN, Value::Ulong(ck::ORIGIN_EXTERNAL));
}
