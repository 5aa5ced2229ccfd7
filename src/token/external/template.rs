//! Which attributes templates may have for external keys and import jobs alone.

use crate::attr::{self, Attributes, Value};
use crate::ck;
use crate::config::LogLevel;
use crate::error::{Error, Result, refuse};
use crate::log;

/// Attributes that only external and managed keys have.
pub(in crate::token) const OF_EXTERNAL: [ck::CK_ATTRIBUTE_TYPE; 9] = [
    ck::CKA_TENON_CUSTODIANS,
    ck::CKA_TENON_QUORUM,
    ck::CKA_TENON_PROFILE,
    ck::CKA_TENON_KEY_SPEC,
    ck::CKA_TENON_REQUIRE_TOKEN,
    ck::CKA_TENON_DESCRIPTION,
    ck::CKA_TENON_TAGS,
    ck::CKA_TENON_SHARES,
    ck::CKA_TENON_SHARES_CHECK_VALUE,
];
/// Those of `OF_EXTERNAL` that import jobs which serve many keys do not have.
pub(in crate::token) const OF_KEY_ALONE: [ck::CK_ATTRIBUTE_TYPE; 8] = [
    ck::CKA_TENON_CUSTODIANS,
    ck::CKA_TENON_QUORUM,
    ck::CKA_TENON_KEY_SPEC,
    ck::CKA_TENON_REQUIRE_TOKEN,
    ck::CKA_TENON_DESCRIPTION,
    ck::CKA_TENON_TAGS,
    ck::CKA_TENON_SHARES,
    ck::CKA_TENON_SHARES_CHECK_VALUE,
];
/// Attributes of how material comes, which managed keys do not have.
pub(in crate::token) const OF_IMPORTS: [ck::CK_ATTRIBUTE_TYPE; 6] = [
    ck::CKA_TENON_SHARES,
    ck::CKA_TENON_SHARES_CHECK_VALUE,
    ck::CKA_TENON_REQUIRE_TOKEN,
    ck::CKA_TENON_IMPORT_TARGET,
    ck::CKA_TENON_WRAP_ALGORITHM,
    ck::CKA_TENON_NOT_AFTER,
];
/// Attributes of one import into a key that is there: the others are the key's.
pub(in crate::token) const OF_ONE_IMPORT: [ck::CK_ATTRIBUTE_TYPE; 9] = [
    ck::CKA_TENON_IMPORT_TARGET,
    ck::CKA_CHECK_VALUE,
    ck::CKA_TENON_SHARE,
    ck::CKA_TENON_SHARES_CHECK_VALUE,
    ck::CKA_TENON_OWNER_NONCE,
    ck::CKA_TENON_NEW_MATERIAL,
    ck::CKA_LABEL,
    ck::CKA_TENON_EXPIRES_AT,
    ck::CKA_TENON_IMPORT_TOKEN,
];

/// Attributes that only import jobs have.
pub(in crate::token) const OF_JOBS: [ck::CK_ATTRIBUTE_TYPE; 3] = [
    ck::CKA_TENON_IMPORT_TARGET,
    ck::CKA_TENON_WRAP_ALGORITHM,
    ck::CKA_TENON_NOT_AFTER,
];

/// Refuses attributes of external keys and import jobs in the template of another new key.
pub(in crate::token) fn refuse_external(attributes: &Attributes) -> Result<()> {
    refuse_any(attributes, &OF_EXTERNAL)?;
    refuse_any(attributes, &OF_JOBS)
}

pub(in crate::token) fn refuse_any(
    attributes: &Attributes,
    kinds: &[ck::CK_ATTRIBUTE_TYPE],
) -> Result<()> {
    match kinds.iter().find(|kind| attributes.get(**kind).is_some()) {
        Some(kind) => Err(Error::new(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "this belongs to external keys (CKM_TENON_EXTERNAL_KEY_GEN), to keys generated with a CKA_TENON_PROFILE, or to import jobs",
        )
        .at(attr::name(*kind).unwrap_or_default())),
        None => Ok(()),
    }
}

/// Refuses a key with the name of an external key (BYOK rule 12b). `advice` says what else than another CKA_ID
/// the caller can do.
pub(in crate::token) fn refuse_bound_identity<T>(advice: &str) -> Result<T> {
    refuse(
        ck::CKR_TEMPLATE_INCONSISTENT,
        format!(
            "an external or managed key of this class and key type has this CKA_ID, and shares it with no other key: \
             use another CKA_ID (`--id`){advice}"
        ),
    )
}

/// Sets the attributes that BYOK rules 7 and 13 fix for an external key, whatever the template says.
pub(in crate::token) fn coerce(attributes: &mut Attributes) {
    attr::finish_key_facts(attr::CreatedBy::Unwrap, attributes, None);
    close(attributes);
    attributes.set(ck::CKA_TENON_ORIGIN, Value::Ulong(ck::ORIGIN_EXTERNAL));
}

/// Sets the attributes that BYOK rules 7 and 13 fix for every key with a profile: nobody takes its
/// material out or copies it, and it is neither disabled nor to be deleted.
pub(in crate::token) fn close(attributes: &mut Attributes) {
    if !attributes.bool(ck::CKA_SENSITIVE) || attributes.bool(ck::CKA_EXTRACTABLE) {
        log::note(
            LogLevel::Warning,
            "a key with a profile is CKA_SENSITIVE and never CKA_EXTRACTABLE, whatever the template says",
        );
    }
    if attributes.class() == ck::CKO_PRIVATE_KEY {
        attributes.set(ck::CKA_DECAPSULATE, Value::Bool(false));
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
}
