//! What a key's history says of it.

use crate::ck;

use super::attributes::Attributes;
use super::build::How;
use super::table;
use super::value::Value;

/// Sets CKA_LOCAL, CKA_KEY_GEN_MECHANISM, CKA_ALWAYS_SENSITIVE and CKA_NEVER_EXTRACTABLE of a new
/// key. `parent` is the base key of a derivation and the original of a copy; without one, a
/// derived or copied key gets the facts of an imported one. A generated key's
/// CKA_KEY_GEN_MECHANISM is left as it is: the token says it. What is no key is left alone.
/// Notes, too, whether a generated secret key is made for wrapping alone: `change` forgets it when
/// the key is given another use.
pub fn finish_key_facts(how: How, attributes: &mut Attributes, parent: Option<&Attributes>) {
    if attributes.key_type().is_none() {
        return;
    }
    let of_parent = |kind| parent.is_some_and(|parent| parent.bool(kind));
    let local = match how {
        How::Generate => true,
        How::Copy => of_parent(ck::CKA_LOCAL),
        How::Create | How::Unwrap | How::Derive => false,
    };
    attributes.set(ck::CKA_LOCAL, Value::Bool(local));
    if how != How::Generate {
        let mechanism = parent
            .filter(|_| local)
            .and_then(|parent| parent.ulong(ck::CKA_KEY_GEN_MECHANISM))
            .unwrap_or(ck::CK_UNAVAILABLE_INFORMATION);
        attributes.set(ck::CKA_KEY_GEN_MECHANISM, Value::Ulong(mechanism));
    }
    if attributes.class() == ck::CKO_PUBLIC_KEY {
        return;
    }
    let past = |kind| match how {
        How::Generate => true,
        How::Copy | How::Derive => of_parent(kind),
        How::Create | How::Unwrap => false,
    };
    let sensitive = past(ck::CKA_ALWAYS_SENSITIVE) && attributes.bool(ck::CKA_SENSITIVE);
    let kept = past(ck::CKA_NEVER_EXTRACTABLE) && !attributes.bool(ck::CKA_EXTRACTABLE);
    attributes.set(ck::CKA_ALWAYS_SENSITIVE, Value::Bool(sensitive));
    attributes.set(ck::CKA_NEVER_EXTRACTABLE, Value::Bool(kept));
    let made_to_wrap = how == How::Generate
        && attributes.class() == ck::CKO_SECRET_KEY
        && !attributes.bool(ck::CKA_COPYABLE)
        && only_wraps(attributes);
    if made_to_wrap {
        attributes.set(ck::INTERNAL_ONLY_WRAPS, Value::Bool(true));
    } else {
        attributes.remove(ck::INTERNAL_ONLY_WRAPS);
    }
}

/// The key has no use but CKA_WRAP and CKA_UNWRAP.
pub(super) fn only_wraps(attributes: &Attributes) -> bool {
    let wrapping = [ck::CKA_WRAP, ck::CKA_UNWRAP];
    table::USAGES
        .iter()
        .all(|usage| wrapping.contains(usage) || !attributes.bool(*usage))
}
