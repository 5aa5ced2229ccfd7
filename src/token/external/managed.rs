//! Making keys with a profile: what profile and usage fix for external keys, and for managed keys, which
//! the token generates (BYOK rules 6, 8 and 9).

use crate::attr::{self, Attributes, RawAttribute, Value};
use crate::byok::{self, Profile, Spec, SpecName, Usage, profile};
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result, refuse};
use crate::keytype;
use crate::rng::{Rng, random};
use crate::token::identity::state::TokenState;
use crate::token::record::external::spec_of;
use crate::token::record::key;

use super::approval;
use super::template::{OF_IMPORTS, close, refuse_any};

/// Attributes that ask for the usage ENCRYPT_DECRYPT.
const ENCRYPTS: [ck::CK_ATTRIBUTE_TYPE; 4] = [
    ck::CKA_ENCRYPT,
    ck::CKA_DECRYPT,
    ck::CKA_WRAP,
    ck::CKA_UNWRAP,
];
/// Attributes that ask for the usage SIGN_VERIFY.
const SIGNS: [ck::CK_ATTRIBUTE_TYPE; 2] = [ck::CKA_SIGN, ck::CKA_VERIFY];

/// Whether a template of C_GenerateKey or of C_GenerateKeyPair's private key asks for a managed key.
pub(in crate::token) fn orders_managed(template: &[RawAttribute]) -> bool {
    let mut kinds = template.iter().map(|attribute| attribute.kind);
    kinds.any(|kind| kind == ck::CKA_TENON_PROFILE)
}

/// Refuses a template that asks for a session object: a key with a profile is a token object.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT.
pub(in crate::token) fn refuse_session_object(template: &[RawAttribute]) -> Result<()> {
    match attr::stated_bool(template, ck::CKA_TOKEN)? {
        Some(false) => refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "an external key, and a key with a CKA_TENON_PROFILE, is a token object: leave CKA_TOKEN out, or give TRUE",
        ),
        Some(true) | None => Ok(()),
    }
}

/// How a key with a profile is made.
#[derive(Clone, Copy)]
pub(in crate::token) struct Making {
    spec: Spec,
    /// The usage that the template asks for.
    stated: Option<Usage>,
    /// The token's time.
    now: UnixTime,
    /// `policy.separate_roles`: no key both wraps and decrypts.
    separate_roles: bool,
}

impl Making {
    /// A key of `spec`, made now under the token's settings.
    pub(in crate::token) fn new(state: &TokenState, spec: Spec, stated: Option<Usage>) -> Self {
        Self {
            spec,
            stated,
            now: state.time.now().at,
            separate_roles: state.config.separate_roles,
        }
    }
}

/// Judges a new key with a profile, and sets what its profile and its usage fix. Returns the usage.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID for an unknown profile, or metadata that the service does not have;
/// CKR_TEMPLATE_INCONSISTENT for a spec or usage that the service does not have.
pub(in crate::token) fn settle(attributes: &mut Attributes, making: Making) -> Result<Usage> {
    let Making { spec, stated, .. } = making;
    let profile = chosen_profile(attributes)?;
    let name = stated_name(attributes, spec)?;
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
    let created_at = Value::time(making.now);
    attributes.set(ck::CKA_TENON_CREATED_AT, created_at);
    set_usage(attributes, usage);
    set_independence(attributes, profile, making, usage);
    Ok(usage)
}

/// Sets what is fixed for a key that the token generates with a profile.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT for attributes of imports.
pub(in crate::token) fn settle_generated(
    attributes: &mut Attributes,
    making: Making,
    rng: &dyn Rng,
) -> Result<Usage> {
    refuse_any(attributes, &OF_IMPORTS)?;
    let usage = settle(attributes, making)?;
    approval::settle(attributes, rng)?;
    close(attributes);
    let material_id: [u8; 16] = random(rng);
    let material_id = Value::Bytes(material_id.to_vec());
    attributes.set(ck::CKA_TENON_MATERIAL_ID, material_id);
    Ok(usage)
}

/// The usage that templates ask for; `None` when they ask for none. Either attribute of a pair is enough
/// (BYOK rule 9).
pub(in crate::token) fn stated_usage(templates: &[&[RawAttribute]]) -> Result<Option<Usage>> {
    let any = |kinds: &[ck::CK_ATTRIBUTE_TYPE]| -> Result<bool> {
        let mut stated = false;
        for template in templates {
            for kind in kinds {
                stated |= attr::stated_bool(template, *kind)? == Some(true);
            }
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
        (false, false) if spec.private() => Usage::SIGN,
        (false, false) => Usage::ENCRYPT,
    }
}

/// Sets both attributes of a pair (BYOK rule 9).
fn set_usage(attributes: &mut Attributes, usage: Usage) {
    let secret = ck::is_secret_key(attributes.class());
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

/// Makes a symmetric key of a service that encrypts independent of all other keys: envelopes alone name
/// the key that opens them (BYOK rule 8). A template that names CKA_ALLOWED_MECHANISMS decides itself.
fn set_independence(attributes: &mut Attributes, profile: &Profile, making: Making, usage: Usage) {
    let chooses = attributes.get(ck::CKA_ALLOWED_MECHANISMS).is_none();
    if making.spec.private() || !usage.encrypt {
        return;
    }
    if chooses && !profile.takes_every_way() {
        let envelopes = Value::Ulongs(byok::ENVELOPES_ALONE.to_vec());
        attributes.set(ck::CKA_ALLOWED_MECHANISMS, envelopes);
    }
    let independent = byok::is_independent(attributes.ulongs(ck::CKA_ALLOWED_MECHANISMS));
    if independent && !making.separate_roles {
        for kind in [ck::CKA_WRAP, ck::CKA_UNWRAP] {
            attributes.set(kind, Value::Bool(true));
        }
    }
}

/// The spec of a new key without material; CKA_EC_PARAMS is brought into the canonical form.
pub(in crate::token) fn spec(attributes: &mut Attributes) -> Result<Spec> {
    key::set_canonical_size(attributes)?;
    let row = attributes.key_type().and_then(keytype::find);
    let size = row.map_or(ck::CKA_VALUE_LEN, |row| row.size);
    let one_size = row.is_some_and(|row| row.only_size.is_some());
    if attributes.get(size).is_none() && !one_size {
        return Err(Error::new(
            ck::CKR_TEMPLATE_INCOMPLETE,
            "a key with a profile says what material fits it",
        )
        .at(attr::name(size).unwrap_or_default()));
    }
    spec_of(attributes).ok_or_else(|| no_such_spec(size))
}

/// The refusal of a size or curve, told by the attribute `size`, that no service has.
pub(in crate::token) fn no_such_spec(size: ck::CK_ATTRIBUTE_TYPE) -> Error {
    Error::new(
        ck::CKR_ATTRIBUTE_VALUE_INVALID,
        "no key with a profile has this size or curve",
    )
    .at(attr::name(size).unwrap_or_default())
}

/// The profile that the attributes name, or `open`, which is then set in them.
fn chosen_profile(attributes: &mut Attributes) -> Result<&'static Profile> {
    let Some(name) = attributes.bytes(ck::CKA_TENON_PROFILE) else {
        let open = profile::open();
        let name = Value::Bytes(open.name.as_bytes().to_vec());
        attributes.set(ck::CKA_TENON_PROFILE, name);
        return Ok(open);
    };
    named_profile(name)
}

/// The profile of this name, which a template gives.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID.
pub(in crate::token) fn named_profile(name: &[u8]) -> Result<&'static Profile> {
    profile::find(name).ok_or_else(|| {
        let names: Vec<_> = profile::all().map(|profile| profile.name).collect();
        Error::new(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            format!("there is no such profile; there are {}", names.join(", ")),
        )
        .at("CKA_TENON_PROFILE")
    })
}
