//! C_EncapsulateKey and C_DecapsulateKey.

use crate::attr::{self, Attributes, CreatedBy, RawAttribute, Requester, Value, stated_ulong};
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype::{KeyLengths, Material};
use crate::mechanism::{Composition, Decapsulate, Encapsulated, Kem, Mechanism, Params};
use crate::out::Out;
use crate::policy::{self, Action, Derivation, Pieces, Use};
use crate::secret::Secret;

use super::access::UsableKey;
use super::identity::state::Keys;
use super::opening::{Opening, as_unwrapping_error};
use super::{CallingSession, Token};
use crate::token::cache::object::{Handle, Object};
use crate::token::identity::audit::Event;
use crate::token::record::facts::{facts, set_origin, set_pieces};
use crate::token::record::key;
use crate::token::record::new::New;

impl Token {
    /// C_EncapsulateKey: the handle of the new secret key, whose ciphertext is written to `out`; `None`
    /// for a length query, which makes no key.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID, CKR_KEY_HANDLE_INVALID (also for a template that does not match
    /// CKA_ENCAPSULATE_TEMPLATE), CKR_KEY_FUNCTION_NOT_PERMITTED, CKR_KEY_SIZE_RANGE,
    /// CKR_BUFFER_TOO_SMALL, and those of `attr::build`.
    pub fn encapsulate_key(
        &self,
        caller: CallingSession,
        (mechanism, params): (&Mechanism, &Params),
        public: Handle,
        template: &[RawAttribute],
        out: &mut Out<'_>,
    ) -> Result<Option<Handle>> {
        let kem = kem(mechanism)?;
        let usable = self.usable_key(public, Use::Encapsulate, mechanism)?;
        let len = (kem.ciphertext_len)(&usable.key, params)?;
        if out.reserve(len)?.is_none() {
            return Ok(None);
        }
        let keys = self.keys();
        let attributes = built(&self.maker(&keys), Attributes::default(), template)?;
        matches_template(&usable.object, &attributes)?;
        self.may_make(caller, &keys, &attributes)?;
        let asked = asked_len(&attributes)?;
        let made = (kem.encapsulate)(&usable.key, params, self.rng(), asked)?;
        let Encapsulated { ciphertext, secret } = made;
        let pieces = Pieces::of(secret.len());
        let new = self.shared(attributes, &secret, &pieces, None)?;
        let doing = Event::Derive.with(mechanism.id).by(usable.object.uid);
        let handle = self.make(caller, &keys, doing, new)?;
        out.put(&ciphertext)?;
        Ok(Some(handle))
    }

    /// C_DecapsulateKey: the handle of the secret key in `ciphertext`.
    ///
    /// # Errors
    /// As `encapsulate_key`, but CKR_UNWRAPPING_KEY_* of the private key; CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID for a ciphertext that
    /// anybody can see to be wrong; another wrong one gives another key.
    pub fn decapsulate_key(
        &self,
        caller: CallingSession,
        (mechanism, params): (&Mechanism, &Params),
        private: Handle,
        ciphertext: &[u8],
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let kem = kem(mechanism)?;
        let usable = self
            .usable_key(private, Use::Decapsulate, mechanism)
            .map_err(as_unwrapping_error)?;
        let keys = self.keys();
        let implied = usable
            .object
            .attributes
            .template(ck::CKA_DECAPSULATE_TEMPLATE)
            .unwrap_or_default();
        let attributes = built(&self.maker(&keys), implied, template)?;
        self.may_make(caller, &keys, &attributes)?;
        let (secret, pieces) = match kem.decapsulate {
            Decapsulate::By(open) => {
                let len = asked_len(&attributes)?;
                let open = |len| open(&usable.key, params, ciphertext, len);
                let secret = open(len)?;
                let all = || len.is_none() || open(None).is_ok_and(|all| all.len() == secret.len());
                let pieces =
                    self.derived_pieces((mechanism, params), &usable, &attributes, &secret, all)?;
                (secret, pieces)
            }
            Decapsulate::Unwrap => {
                self.opened((mechanism, params), &usable, &keys, &attributes, ciphertext)?
            }
        };
        let new = self.shared(attributes, &secret, &pieces, Some(&usable.object))?;
        let doing = Event::Derive.with(mechanism.id).by(usable.object.uid);
        self.make(caller, &keys, doing, new)
    }

    /// Asks policy whether the secret may be cut so, since it can be decapsulated again with another
    /// length.
    fn derived_pieces(
        &self,
        (mechanism, params): (&Mechanism, &Params),
        usable: &UsableKey,
        attributes: &Attributes,
        secret: &Secret,
        all: impl FnOnce() -> bool,
    ) -> Result<Pieces> {
        let Composition::OneWay { bounded } = mechanism.composition else {
            return Ok(Pieces::undivided(secret.len()));
        };
        let step = Derivation::Mix {
            whole: bounded(params) && all(),
        };
        let operands: Vec<_> = usable.object.facts.key.iter().collect();
        let derived = facts(attributes, self.state.config.enforce_dates).key;
        let closed = derived.is_some_and(|key| key.closed());
        policy::derive(&step, &operands, secret.len(), closed)
    }

    /// The secret key in a ciphertext that is a wrapped key.
    fn opened(
        &self,
        (mechanism, params): (&Mechanism, &Params),
        usable: &UsableKey,
        keys: &Keys,
        attributes: &Attributes,
        ciphertext: &[u8],
    ) -> Result<(Secret, Pieces)> {
        let opening = Opening::new(mechanism, vec![params.clone()])?;
        let kind = opening.kind(attributes);
        self.decide(Action::Decipher(kind), &usable.object, keys, false)?;
        opening.check_length(&usable.key, ciphertext)?;
        let opened = opening.open(&usable.key, ciphertext, attributes)?;
        let Material::Secret(secret) = opened.material else {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "a ciphertext holds a secret key alone",
            );
        };
        let pieces = Pieces::of_unwrap(secret.len());
        Ok((secret, pieces))
    }

    /// The new object of a shared secret. What is decapsulated ends with the private key.
    fn shared(
        &self,
        mut attributes: Attributes,
        secret: &Secret,
        pieces: &Pieces,
        private: Option<&Object>,
    ) -> Result<New> {
        let wrong = |error| {
            Error::new(
                ck::CKR_KEY_SIZE_RANGE,
                "the shared secret does not fit CKA_KEY_TYPE: give CKA_VALUE_LEN",
            )
            .because(error)
        };
        let material = key::secret(&attributes, secret).map_err(wrong)?;
        if attributes
            .ulong(ck::CKA_VALUE_LEN)
            .is_some_and(|len| len != secret.len() as u64)
        {
            return refuse(
                ck::CKR_KEY_SIZE_RANGE,
                "the mechanism makes no key of this CKA_VALUE_LEN",
            );
        }
        key::describe(&mut attributes, &material)?;
        attr::finish_key_facts(CreatedBy::Unwrap, &mut attributes, None);
        set_origin(&mut attributes, ck::ORIGIN_IMPORTED);
        if let Some(private) = private {
            attr::inherit_limits(&mut attributes, &[&private.attributes])?;
        }
        set_pieces(&mut attributes, pieces);
        Ok(New::named(self.rng(), attributes, Some(material)))
    }
}

fn kem(mechanism: &Mechanism) -> Result<&'static Kem> {
    mechanism.kem.map_or_else(
        || {
            refuse(
                ck::CKR_MECHANISM_INVALID,
                format!("{} encapsulates no key", mechanism.name),
            )
        },
        Ok,
    )
}

/// The attributes of a new secret key; a generic secret where no type is named.
fn built(
    requester: &Requester,
    mut implied: Attributes,
    template: &[RawAttribute],
) -> Result<Attributes> {
    let secret = Value::Ulong(ck::CKO_SECRET_KEY);
    if implied
        .get(ck::CKA_CLASS)
        .is_some_and(|class| *class != secret)
    {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "CKA_DECAPSULATE_TEMPLATE asks for something else than a secret key",
        );
    }
    implied.set(ck::CKA_CLASS, secret);
    let named = stated_ulong(template, ck::CKA_KEY_TYPE)?.is_some();
    if !named && implied.get(ck::CKA_KEY_TYPE).is_none() {
        implied.set(ck::CKA_KEY_TYPE, Value::Ulong(ck::CKK_GENERIC_SECRET));
    }
    Ok(attr::build(CreatedBy::Derive, &implied, template, requester)?.attributes)
}

/// The CKA_VALUE_LEN asked for, or the only length that the key type has.
fn asked_len(attributes: &Attributes) -> Result<Option<usize>> {
    match key::lengths(attributes) {
        KeyLengths::Exactly(0) => refuse(ck::CKR_KEY_SIZE_RANGE, "a key of 0 bytes"),
        KeyLengths::Exactly(len) => Ok(Some(len)),
        KeyLengths::Among(_) | KeyLengths::Any => Ok(None),
    }
}

/// Refuses a key that does not match the CKA_ENCAPSULATE_TEMPLATE of the public key (section 5.18.8).
fn matches_template(public: &Object, attributes: &Attributes) -> Result<()> {
    let wanted = public.attributes.template(ck::CKA_ENCAPSULATE_TEMPLATE);
    if wanted.is_none_or(|wanted| attributes.has_all(&wanted)) {
        return Ok(());
    }
    refuse(
        ck::CKR_KEY_HANDLE_INVALID,
        "the template does not match the public key's CKA_ENCAPSULATE_TEMPLATE",
    )
}
