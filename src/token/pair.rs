//! A new key pair, before it is stored.

use crate::attr::{self, Attributes, How, RawAttribute, Value};
use crate::ck;
use crate::error::{Result, refuse};
use crate::mechanism::{Mechanism, PairSpec};

use crate::token::record::facts::set_origin;
use crate::token::record::key;
use crate::token::record::new::New;

use super::Caller;
use super::Token;
use super::identity::state::Keys;

impl Token {
    /// Generates a key pair that is not stored yet: public and private half. `judge` has a say
    /// before the costly generation.
    pub(super) fn new_pair(
        &self,
        caller: Caller,
        keys: &Keys,
        mechanism: &Mechanism,
        (public, private): (&[RawAttribute], &[RawAttribute]),
        judge: impl FnOnce(&PairSpec, &Attributes) -> Result<()>,
    ) -> Result<[New; 2]> {
        let Some(generate) = mechanism.generate_pair else {
            return refuse(
                ck::CKR_MECHANISM_INVALID,
                format!("{} generates no key pair", mechanism.name),
            );
        };
        let maker = keys.maker();
        let names_curve =
            [public, private].map(|half| attr::stated_bytes(half, ck::CKA_EC_PARAMS).is_some());
        let only_curve = mechanism
            .only_curve
            .filter(|_| !names_curve.contains(&true));
        let build = |class, template| {
            let mut implied = implied(class, mechanism);
            if let Some(curve) = only_curve {
                implied.set(ck::CKA_EC_PARAMS, Value::Bytes(curve.params().to_vec()));
            }
            attr::build(How::Generate, &implied, template, &maker)
        };
        let mut public = build(ck::CKO_PUBLIC_KEY, public)?.attributes;
        let mut private = build(ck::CKO_PRIVATE_KEY, private)?.attributes;
        let spec = pair_spec(&public, &private)?;
        for attributes in [&public, &private] {
            self.may_make(caller, keys, attributes)?;
        }
        if let PairSpec::Rsa { bits, .. } = &spec {
            self.may_have_size(caller, keys, *bits)?;
        }
        self.may_pair(caller, keys, &public, &private)?;
        judge(&spec, &private)?;
        let material = generate(&spec)?;
        key::describe(&mut public, &material)?;
        key::describe_components(&mut public)?;
        key::describe(&mut private, &material)?;
        set_generated(&mut public, mechanism);
        set_generated(&mut private, mechanism);
        Ok([
            New::named(self.rng(), public, None),
            New::named(self.rng(), private, Some(material)),
        ])
    }
}

/// What function and mechanism fix of a generated key.
pub(super) fn implied(class: ck::CK_OBJECT_CLASS, mechanism: &Mechanism) -> Attributes {
    let mut implied = Attributes::default();
    implied.set(ck::CKA_CLASS, Value::Ulong(class));
    if let [key_type] = mechanism.key_types {
        implied.set(ck::CKA_KEY_TYPE, Value::Ulong(*key_type));
    }
    implied
}

pub(super) fn set_generated(attributes: &mut Attributes, mechanism: &Mechanism) {
    attr::finish_key_facts(How::Generate, attributes, None);
    attributes.set(ck::CKA_KEY_GEN_MECHANISM, Value::Ulong(mechanism.id));
    set_origin(attributes, ck::ORIGIN_GENERATED);
}

/// What the templates ask of the pair. Some clients give CKA_EC_PARAMS in the private half.
fn pair_spec(public: &Attributes, private: &Attributes) -> Result<PairSpec> {
    if let Some(bits) = public.ulong(ck::CKA_MODULUS_BITS) {
        let exponent = public
            .bytes(ck::CKA_PUBLIC_EXPONENT)
            .filter(|e| !e.is_empty())
            .unwrap_or(&[1, 0, 1]);
        return Ok(PairSpec::Rsa {
            bits,
            exponent: exponent.to_vec(),
        });
    }
    let given = |attributes: &Attributes| attributes.bytes(ck::CKA_EC_PARAMS).map(<[u8]>::to_vec);
    match (given(public), given(private)) {
        (Some(a), Some(b)) if a != b => refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "the two templates name different curves",
        ),
        (Some(params), _) | (None, Some(params)) => Ok(PairSpec::Ec { params }),
        (None, None) => refuse(
            ck::CKR_TEMPLATE_INCOMPLETE,
            "a key pair needs CKA_MODULUS_BITS or CKA_EC_PARAMS",
        ),
    }
}
