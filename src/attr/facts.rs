//! Attributes that tell where a key comes from, and limits that it inherits from the keys it is made of.

use crate::ck;
use crate::error::{Error, Result};

use super::attributes::Attributes;
use super::consistent::{consistent, only_wraps};
use super::row::CreatedBy;
use super::table;
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
        && attributes.class() == ck::CKO_SECRET_KEY
        && !attributes.bool(ck::CKA_COPYABLE)
        && only_wraps(attributes);
    if made_to_wrap {
        attributes.set(ck::INTERNAL_ONLY_WRAPS, Value::Bool(true));
    } else {
        attributes.remove(ck::INTERNAL_ONLY_WRAPS);
    }
}

/// Gives a key that is made of `parents` the limits of their lives: the latest CKA_START_DATE, the
/// earliest CKA_END_DATE and the earliest CKA_TENON_EXPIRES_AT. Stricter dates of its own stay.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT where a date of its own is laxer, or the key would end before it begins.
pub(crate) fn inherit_limits(attributes: &mut Attributes, parents: &[&Attributes]) -> Result<()> {
    // Dates and times sort as bytes.
    let limits = |kind| parents.iter().filter_map(move |parent| limit(parent, kind));
    let begin = limits(ck::CKA_START_DATE).max();
    inherit(attributes, ck::CKA_START_DATE, begin, |own, given| {
        own >= given
    })?;
    for kind in [ck::CKA_END_DATE, ck::CKA_TENON_EXPIRES_AT] {
        inherit(attributes, kind, limits(kind).min(), |own, given| {
            own <= given
        })?;
    }
    consistent(attributes)
}

/// A date or time that limits a key's life: neither the empty date nor the time 0 does.
fn limit(attributes: &Attributes, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
    let bytes = attributes.bytes(kind)?;
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}

fn inherit(
    attributes: &mut Attributes,
    kind: ck::CK_ATTRIBUTE_TYPE,
    given: Option<&[u8]>,
    strict: fn(&[u8], &[u8]) -> bool,
) -> Result<()> {
    let Some(given) = given else {
        return Ok(());
    };
    match limit(attributes, kind) {
        None => attributes.set(kind, Value::Bytes(given.to_vec())),
        Some(own) if strict(own, given) => {}
        Some(_) => {
            return Err(Error::new(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "a key begins no sooner and ends no later than the keys that it is made of: leave the date out, or give one within theirs",
            )
            .at(table::name(kind).unwrap_or_default()));
        }
    }
    Ok(())
}
