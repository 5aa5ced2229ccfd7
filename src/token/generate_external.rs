//! C_GenerateKey with CKM_TENON_EXTERNAL_KEY_GEN: makes an external key without material.

use super::{Caller, Token};
use crate::attr::{self, Attributes, Built, How, RawAttribute, Value};
use crate::byok::{self, Profile, Spec, SpecName, Usage, profile};
use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype;
use crate::mechanism::Mechanism;
use crate::token::cache::object::Handle;
use crate::token::identity::audit::Event;
use crate::token::record::key;
use crate::token::record::new::New;

use super::external::import::{has_name, note_shared_name};
use super::external::template::{OF_JOBS, coerce, refuse_any, refuse_bound_identity};
use crate::token::record::external::spec_of;

/// Attributes that ask for the usage ENCRYPT_DECRYPT.
const ENCRYPTS: [ck::CK_ATTRIBUTE_TYPE; 4] = [
    ck::CKA_ENCRYPT,
    ck::CKA_DECRYPT,
    ck::CKA_WRAP,
    ck::CKA_UNWRAP,
];
/// Attributes that ask for the usage SIGN_VERIFY.
const SIGNS: [ck::CK_ATTRIBUTE_TYPE; 2] = [ck::CKA_SIGN, ck::CKA_VERIFY];
/// Attributes of a public key's uses. In the template of a private key they ask for its usage too.
const OF_PUBLIC_HALF: [ck::CK_ATTRIBUTE_TYPE; 3] = [ck::CKA_ENCRYPT, ck::CKA_VERIFY, ck::CKA_WRAP];

impl Token {
    /// Makes an external key that waits for its material.
    ///
    /// # Errors
    /// CKR_TEMPLATE_INCOMPLETE without CKA_VALUE_LEN, CKA_MODULUS_BITS or CKA_EC_PARAMS,
    /// CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT for what the profile does not have.
    pub(super) fn generate_external(
        &self,
        caller: Caller,
        mechanism: &Mechanism,
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let keys = self.keys()?;
        let stated = stated_usage(template)?;
        let private = attr::stated_ulong(template, ck::CKA_CLASS)? == Some(ck::CKO_PRIVATE_KEY);
        let own: Vec<_> = template
            .iter()
            .filter(|attribute| !(private && OF_PUBLIC_HALF.contains(&attribute.kind)))
            .cloned()
            .collect();
        let mut implied = Attributes::default();
        implied.set(ck::CKA_TOKEN, Value::Bool(true));
        let Built { mut attributes, .. } =
            attr::build(How::Generate, &implied, &own, &keys.maker())?;
        refuse_any(&attributes, &OF_JOBS)?;
        let fits = attributes
            .key_type()
            .is_some_and(|key_type| mechanism.key_types.contains(&key_type));
        if !fits {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "no external key has this class and key type",
            );
        }
        let spec = spec(&mut attributes)?;
        let profile = chosen_profile(&mut attributes)?;
        let name = stated_name(&attributes, spec)?;
        let implied = name.as_ref().and_then(name_usage);
        let usage = stated.or(implied).unwrap_or_else(|| usual(profile, spec));
        profile
            .may_create(spec, usage)
            .map_err(|rule| byok::Error::Profile(profile, rule))?;
        if implied.is_some_and(|implied| implied != usage) {
            return Err(Error::new(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "keys of this name have another usage than the template asks for",
            )
            .at("CKA_TENON_KEY_SPEC"));
        }
        let name = name.map_or_else(|| profile.spec_name(spec, usage), |known| known.name);
        let name = Value::Bytes(name.as_bytes().to_vec());
        attributes.set(ck::CKA_TENON_KEY_SPEC, name);
        for kind in [ck::CKA_LABEL, ck::CKA_TENON_DESCRIPTION, ck::CKA_TENON_TAGS] {
            let value = attributes.bytes(kind).unwrap_or_default();
            byok::describes(profile, kind, value)?;
        }
        set_usage(&mut attributes, usage);
        if self.state.config.strict_independence && !spec.private() {
            attributes.set(
                ck::CKA_ALLOWED_MECHANISMS,
                Value::Ulongs(vec![ck::CKM_TENON_KMS_ENVELOPE]),
            );
        }
        coerce(&mut attributes);
        self.may_make(caller, &keys, &attributes)?;
        let (new, shared) = self.change(&keys, Event::Generate.with(mechanism.id), |change| {
            if change.bound_by_id(&attributes)?.is_some() {
                return refuse_bound_identity();
            }
            let shared = has_name(&attributes) && change.shares_name(&attributes)?;
            let uid = change.begin_life(&attributes)?;
            let new = New::with_uid(self.rng(), uid, attributes.clone(), None);
            change.put(&mut new.record(), None)?;
            Ok((new, shared))
        })?;
        if shared {
            note_shared_name();
        }
        Ok(self.adopt(caller.session, new))
    }
}

/// The usage that a template asks for; `None` when it asks for none.
fn stated_usage(template: &[RawAttribute]) -> Result<Option<Usage>> {
    let any = |kinds: &[ck::CK_ATTRIBUTE_TYPE]| -> Result<bool> {
        let mut stated = false;
        for kind in kinds {
            stated |= attr::stated_bool(template, *kind)? == Some(true);
        }
        Ok(stated)
    };
    let usage = Usage {
        encrypt: any(&ENCRYPTS)?,
        sign: any(&SIGNS)?,
    };
    Ok((usage.encrypt || usage.sign).then_some(usage))
}

/// The name that the template gives to the spec.
fn stated_name(attributes: &Attributes, spec: Spec) -> Result<Option<SpecName>> {
    let Some(text) = attributes.bytes(ck::CKA_TENON_KEY_SPEC) else {
        return Ok(None);
    };
    let named = str::from_utf8(text).ok().and_then(profile::read_spec);
    let refused = |rv, why| Err(Error::new(rv, why).at("CKA_TENON_KEY_SPEC"));
    match named {
        Some(named) if named.spec == spec => Ok(Some(named)),
        Some(_) => refused(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "keys of this name have another key type or size than the template",
        ),
        None => refused(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "no service has this name for a spec",
        ),
    }
}

/// The usage that a name says.
fn name_usage(named: &SpecName) -> Option<Usage> {
    named.encrypts.map(|encrypts| match encrypts {
        true => Usage::ENCRYPT,
        false => Usage::SIGN,
    })
}

/// The usage where the template asks for none: in profile `open` every usage that the spec can have, else
/// the service's default.
fn usual(profile: &Profile, spec: Spec) -> Usage {
    let both = Usage {
        encrypt: true,
        sign: true,
    };
    let signs_alone = !spec.uses().contains(&ck::CKA_DECRYPT);
    match (profile.takes_every_way(), signs_alone) {
        (_, true) => Usage::SIGN,
        (true, false) => both,
        (false, false) => Usage::ENCRYPT,
    }
}

/// Sets both attributes of a pair (BYOK rule 9).
fn set_usage(attributes: &mut Attributes, usage: Usage) {
    let secret = attributes.class() == ck::CKO_SECRET_KEY;
    let wraps = attributes.bool(ck::CKA_WRAP) || attributes.bool(ck::CKA_UNWRAP);
    let of_both = [(ck::CKA_DECRYPT, usage.encrypt), (ck::CKA_SIGN, usage.sign)];
    let of_secret = [
        (ck::CKA_ENCRYPT, usage.encrypt),
        (ck::CKA_VERIFY, usage.sign),
        (ck::CKA_WRAP, wraps),
        (ck::CKA_UNWRAP, wraps),
    ];
    let of_secret = of_secret.into_iter().filter(|_| secret);
    for (kind, value) in of_both.into_iter().chain(of_secret) {
        attributes.set(kind, Value::Bool(value));
    }
}

/// The spec; CKA_EC_PARAMS is brought into the canonical form.
fn spec(attributes: &mut Attributes) -> Result<Spec> {
    key::set_canonical_size(attributes)?;
    let row = attributes.key_type().and_then(keytype::find);
    let size = row.map_or(ck::CKA_VALUE_LEN, |row| row.size);
    let one_size = row.is_some_and(|row| row.only_size.is_some());
    if attributes.get(size).is_none() && !one_size {
        return Err(Error::new(
            ck::CKR_TEMPLATE_INCOMPLETE,
            "an external key says what material fits it",
        )
        .at(attr::name(size).unwrap_or_default()));
    }
    spec_of(attributes).ok_or_else(|| {
        Error::new(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "no external key has this size or curve",
        )
        .at(attr::name(size).unwrap_or_default())
    })
}

/// The profile that the attributes name, or `open`, which is then set in them.
fn chosen_profile(attributes: &mut Attributes) -> Result<&'static Profile> {
    let Some(name) = attributes.bytes(ck::CKA_TENON_PROFILE) else {
        let open = profile::open();
        let name = Value::Bytes(open.name.as_bytes().to_vec());
        attributes.set(ck::CKA_TENON_PROFILE, name);
        return Ok(open);
    };
    profile::find(name).ok_or_else(|| {
        let names: Vec<_> = profile::all().map(|profile| profile.name).collect();
        Error::new(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            format!("there is no such profile; there are {}", names.join(", ")),
        )
        .at("CKA_TENON_PROFILE")
    })
}
