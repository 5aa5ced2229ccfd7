//! The attributes of the public key object that belongs to a private key.

use crate::attr::{self, Attributes, CreatedBy, RawAttribute, Requester, Value};
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype;

use super::facts::set_origin;
use super::key;

/// Attributes of the public key that follow those of the private key, unless the template has them.
const FOLLOWING: &[(ck::CK_ATTRIBUTE_TYPE, ck::CK_ATTRIBUTE_TYPE)] = &[
    (ck::CKA_ENCRYPT, ck::CKA_DECRYPT),
    (ck::CKA_VERIFY, ck::CKA_SIGN),
    (ck::CKA_VERIFY_RECOVER, ck::CKA_SIGN_RECOVER),
    (ck::CKA_WRAP, ck::CKA_UNWRAP),
    (ck::CKA_ENCAPSULATE, ck::CKA_DECAPSULATE),
    (ck::CKA_DERIVE, ck::CKA_DERIVE),
    (ck::CKA_ID, ck::CKA_ID),
    (ck::CKA_START_DATE, ck::CKA_START_DATE),
    (ck::CKA_END_DATE, ck::CKA_END_DATE),
    (ck::CKA_SUBJECT, ck::CKA_SUBJECT),
    (ck::CKA_ALLOWED_MECHANISMS, ck::CKA_ALLOWED_MECHANISMS),
];

/// The attributes of a new object with the public key of the private key `private`, and with those of the template.
///
/// # Errors
/// CKR_KEY_TYPE_INCONSISTENT for another object, CKR_KEY_FUNCTION_NOT_PERMITTED for a key without material, and those
/// of `attr::build`.
pub(in crate::token) fn of_private(
    private: &Attributes,
    template: &[RawAttribute],
    requester: &Requester,
) -> Result<Attributes> {
    let implied = implied(private, template)?;
    let built = attr::build(CreatedBy::Create, &implied, template, requester)?;
    let mut attributes = built.attributes;
    key::describe_components(&mut attributes)?;
    attr::finish_key_facts(CreatedBy::Create, &mut attributes, None);
    let made_by = private.get(ck::CKA_KEY_GEN_MECHANISM);
    if let Some(made_by) = made_by {
        attributes.set(ck::CKA_KEY_GEN_MECHANISM, made_by.clone());
    }
    set_origin(&mut attributes, ck::ORIGIN_IMPORTED);
    Ok(attributes)
}

/// Class, type and components of the public key, and what else the template does not say.
fn implied(private: &Attributes, template: &[RawAttribute]) -> Result<Attributes> {
    if private.class() != ck::CKO_PRIVATE_KEY {
        return refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "a public key is derived from a private key alone",
        );
    }
    let spki = private.bytes(ck::CKA_PUBLIC_KEY_INFO);
    let spki = spki.filter(|spki| !spki.is_empty()).ok_or_else(|| {
        Error::new(
            ck::CKR_KEY_FUNCTION_NOT_PERMITTED,
            "the private key has no material yet, and so no public key",
        )
    })?;
    let (row, components) = keytype::from_spki(spki)?;
    let mut implied = Attributes::default();
    implied.set(ck::CKA_CLASS, Value::Ulong(ck::CKO_PUBLIC_KEY));
    implied.set(ck::CKA_KEY_TYPE, Value::Ulong(row.id));
    for (kind, value) in components {
        implied.set(kind, value.into());
    }
    let stated = |kind| attr::states(template, kind);
    if !stated(ck::CKA_PRIVATE) {
        implied.set(ck::CKA_PRIVATE, Value::Bool(false));
    }
    for (kind, of) in FOLLOWING {
        let value = private.get(*of).filter(|_| !stated(*kind));
        if let Some(value) = value {
            implied.set(*kind, value.clone());
        }
    }
    Ok(implied)
}
