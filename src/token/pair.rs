//! A new key pair, before it is stored.

use crate::attr::{self, Attributes, CreatedBy, RawAttribute, RawValue, Requester, Value};
use crate::byok::Spec;
use crate::ck;
use crate::error::{Result, refuse};
use crate::keytype::{self, Values};
use crate::mechanism::Mechanism;
use crate::secret::Secret;

use crate::token::external::managed::no_such_spec;
use crate::token::record::facts::set_origin;
use crate::token::record::key;
use crate::token::record::new::New;

use super::CallingSession;
use super::Token;
use super::identity::state::Keys;

impl Token {
    /// Generates a key pair that is not stored yet: public and private half. `judge` is called before the
    /// costly generation; it can refuse the pair, and set attributes of both halves.
    pub(super) fn new_pair(
        &self,
        caller: CallingSession,
        (keys, requester): (&Keys, Requester),
        mechanism: &Mechanism,
        (public, private): (&[RawAttribute], &[RawAttribute]),
        judge: impl FnOnce(&mut Asked<'_>) -> Result<()>,
    ) -> Result<[New; 2]> {
        let Some(generate) = mechanism.generate_pair else {
            return refuse(
                ck::CKR_MECHANISM_INVALID,
                format!("{} generates no key pair", mechanism.name),
            );
        };
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
            attr::build(CreatedBy::Generate, &implied, template, &requester)
        };
        let mut public = build(ck::CKO_PUBLIC_KEY, public)?.attributes;
        let mut private = build(ck::CKO_PRIVATE_KEY, private)?.attributes;
        let mut asked = Asked::new(&mut public, &mut private)?;
        for attributes in [&*asked.public, &*asked.private] {
            self.may_make(caller, keys, attributes)?;
        }
        if let Some(bits) = keytype::rsa_bits(&asked) {
            self.may_have_size(caller, keys, bits)?;
        }
        judge(&mut asked)?;
        self.may_pair(caller, keys, asked.public, asked.private)?;
        let material = generate(&asked)?;
        key::describe_public(&mut public, &material)?;
        key::describe(&mut private, &material)?;
        set_generated(&mut public, mechanism);
        set_generated(&mut private, mechanism);
        Ok([
            New::named(self.rng(), public, None),
            New::named(self.rng(), private, Some(material)),
        ])
    }
}

/// Makes a token object of a key whose template says nothing else.
pub(super) fn default_to_token(template: &mut Vec<RawAttribute>) -> Result<()> {
    if attr::stated_bool(template, ck::CKA_TOKEN)?.is_none() {
        template.push(RawAttribute {
            kind: ck::CKA_TOKEN,
            value: RawValue::Bytes(Secret::copy(&[ck::CK_TRUE])),
        });
    }
    Ok(())
}

/// The attributes that function and mechanism fix for a generated key.
pub(super) fn implied(class: ck::CK_OBJECT_CLASS, mechanism: &Mechanism) -> Attributes {
    let mut implied = Attributes::default();
    implied.set(ck::CKA_CLASS, Value::Ulong(class));
    if let [key_type] = mechanism.key_types {
        implied.set(ck::CKA_KEY_TYPE, Value::Ulong(*key_type));
    }
    implied
}

pub(super) fn set_generated(attributes: &mut Attributes, mechanism: &Mechanism) {
    attr::finish_key_facts(CreatedBy::Generate, attributes, None);
    attributes.set(ck::CKA_KEY_GEN_MECHANISM, Value::Ulong(mechanism.id));
    set_origin(attributes, ck::ORIGIN_GENERATED);
}

/// What the templates of the two halves ask of the pair together.
pub(super) struct Asked<'a> {
    pub(super) public: &'a mut Attributes,
    pub(super) private: &'a mut Attributes,
}

impl<'a> Asked<'a> {
    /// CKR_TEMPLATE_INCONSISTENT where both say the size, as some clients do, and not the same.
    fn new(public: &'a mut Attributes, private: &'a mut Attributes) -> Result<Self> {
        let row = public.key_type().and_then(keytype::find);
        let sizes = row.and_then(|row| public.get(row.size).zip(private.get(row.size)));
        if sizes.is_some_and(|(public, private)| public != private) {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "the two templates ask for different sizes or curves",
            );
        }
        Ok(Self { public, private })
    }

    /// The spec of the pair, where it is to have a profile.
    pub(super) fn spec(&self) -> Result<Spec> {
        let key_type = self.private.key_type().unwrap_or_default();
        let size = keytype::find(key_type).map_or(ck::CKA_KEY_TYPE, |row| row.size);
        Spec::of(key_type, self).ok_or_else(|| no_such_spec(size))
    }
}

impl Values for Asked<'_> {
    fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        let public = self.public.bytes(kind);
        public.or_else(|| self.private.bytes(kind))
    }

    fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        let public = self.public.ulong(kind);
        public.or_else(|| self.private.ulong(kind))
    }
}
