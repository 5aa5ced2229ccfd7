//! C_DeriveKey by CKM_PUB_KEY_FROM_PRIV_KEY (section 6.43): the public key of a private key.

use crate::attr::{self, Attributes, CreatedBy, RawAttribute, Value};
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype;
use crate::mechanism::Mechanism;
use crate::policy::Action;

use super::access::as_key_error;
use super::{CallingSession, Token};
use crate::token::cache::object::{Handle, Object};
use crate::token::identity::audit::Event;
use crate::token::record::facts::set_origin;
use crate::token::record::key;
use crate::token::record::new::New;

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

impl Token {
    /// The handle of a new object with the public key of `private`. That the private key may be seen is
    /// enough, since it tells CKA_PUBLIC_KEY_INFO too.
    ///
    /// # Errors
    /// CKR_KEY_HANDLE_INVALID, CKR_KEY_TYPE_INCONSISTENT for another object, and those of `Token::create`.
    pub(super) fn derive_public_key(
        &self,
        caller: CallingSession,
        mechanism: &Mechanism,
        private: Handle,
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let (object, keys) = self.current(private).map_err(as_key_error)?;
        self.decide(Action::See, &object, &keys, false)
            .map_err(as_key_error)?;
        let implied = implied(&object, template)?;
        let requester = keys.requester();
        let built = attr::build(CreatedBy::Create, &implied, template, &requester)?;
        let mut attributes = built.attributes;
        key::describe_components(&mut attributes)?;
        attr::finish_key_facts(CreatedBy::Create, &mut attributes, None);
        let made_by = object.attributes.get(ck::CKA_KEY_GEN_MECHANISM);
        if let Some(made_by) = made_by {
            attributes.set(ck::CKA_KEY_GEN_MECHANISM, made_by.clone());
        }
        set_origin(&mut attributes, ck::ORIGIN_IMPORTED);
        let doing = Event::Derive.with(mechanism.id).by(object.uid);
        let public = New::named(self.rng(), attributes, None);
        self.make(caller, &keys, doing, public)
    }
}

/// Class, type and components of the public key, and what else the template does not say.
fn implied(private: &Object, template: &[RawAttribute]) -> Result<Attributes> {
    if private.class() != ck::CKO_PRIVATE_KEY {
        return refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "a public key is derived from a private key alone",
        );
    }
    let spki = private.attributes.bytes(ck::CKA_PUBLIC_KEY_INFO);
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
        let value = private.attributes.get(*of).filter(|_| !stated(*kind));
        if let Some(value) = value {
            implied.set(*kind, value.clone());
        }
    }
    Ok(implied)
}
