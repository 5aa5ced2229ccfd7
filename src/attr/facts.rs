//! Attributes that tell where a key comes from.

use crate::ck;

use super::attributes::Attributes;
use super::consistent::only_wraps;
use super::row::CreatedBy;
use super::value::Value;

/// Sets CKA_LOCAL, CKA_KEY_GEN_MECHANISM, CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE of a new
/// key; an object that is no key is left as it is. `parent` is the base key of a derivation, or the original of
/// a copy; without one, a derived or copied key gets the values of an imported one. The caller sets
/// CKA_KEY_GEN_MECHANISM of a generated key.
///
/// A generated secret key with no use but CKA_WRAP and CKA_UNWRAP, which cannot be copied, gets an internal
/// attribute that says so. `change` takes it away when the key gets another use, and asks for it when the
/// key is to be trusted.
pub(crate) fn finish_key_facts(
    created_by: CreatedBy,
    attributes: &mut Attributes,
    parent: Option<&Attributes>,
) {
    if attributes.key_type().is_none() {
        return;
    }
    let of_parent = |kind| parent.is_some_and(|parent| parent.bool(kind));
    let local = match created_by {
        CreatedBy::Generate => true,
        CreatedBy::Copy => of_parent(ck::CKA_LOCAL),
        CreatedBy::Create | CreatedBy::Unwrap | CreatedBy::Derive => false,
    };
    attributes.set(ck::CKA_LOCAL, Value::Bool(local));
    if attributes.class() == ck::CKO_DOMAIN_PARAMETERS {
        return;
    }
    if created_by != CreatedBy::Generate {
        let mechanism = parent
            .filter(|_| local)
            .and_then(|parent| parent.ulong(ck::CKA_KEY_GEN_MECHANISM))
            .unwrap_or(ck::CK_UNAVAILABLE_INFORMATION);
        attributes.set(ck::CKA_KEY_GEN_MECHANISM, Value::Ulong(mechanism));
    }
    if attributes.class() == ck::CKO_PUBLIC_KEY {
        return;
    }
    let past = |kind| match created_by {
        CreatedBy::Generate => true,
        CreatedBy::Copy | CreatedBy::Derive => of_parent(kind),
        CreatedBy::Create | CreatedBy::Unwrap => false,
    };
    let sensitive = past(ck::CKA_ALWAYS_SENSITIVE) && attributes.bool(ck::CKA_SENSITIVE);
    let kept = past(ck::CKA_NEVER_EXTRACTABLE) && !attributes.bool(ck::CKA_EXTRACTABLE);
    attributes.set(ck::CKA_ALWAYS_SENSITIVE, Value::Bool(sensitive));
    attributes.set(ck::CKA_NEVER_EXTRACTABLE, Value::Bool(kept));
    let made_to_wrap = created_by == CreatedBy::Generate
        && ck::is_secret_key(attributes.class())
        && !attributes.bool(ck::CKA_COPYABLE)
        && only_wraps(attributes);
    if made_to_wrap {
        attributes.set(ck::INTERNAL_ONLY_WRAPS, Value::Bool(true));
    } else {
        attributes.remove(ck::INTERNAL_ONLY_WRAPS);
    }
}
