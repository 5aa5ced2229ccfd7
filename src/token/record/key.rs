//! Converting between attributes, material and keys that are ready for use.

use crate::attr::{Attributes, Value};
use crate::ck;
use crate::crypto::ec::{Curve, EcMaterial};
use crate::crypto::rsa::{OnlyFor, RsaMaterial};
use crate::crypto::{self, encoding};
use crate::error::{Error, Result, refuse};
use crate::keytype::{
    self, Form, Key, KeyLengths, KeyPairs, Material, PublicValues, SecretKey, Spec, Values,
};
use crate::mechanism::{self, ParamKind, PrivateForm};
use crate::secret::Secret;

/// The code for key pairs of the attributes' key type.
fn pairs(attributes: &Attributes) -> Option<&'static KeyPairs> {
    match &keytype::find(attributes.key_type()?)?.form {
        Form::Pair(pairs) => Some(pairs),
        Form::Secret(_) => None,
    }
}

/// Whether keys of this type are found with less work than their length promises.
pub(in crate::token) fn is_weak(attributes: &Attributes) -> bool {
    secrets(attributes).is_some_and(|secret| secret.weak)
}

/// The code for secret keys of the attributes' key type.
fn secrets(attributes: &Attributes) -> Option<&'static SecretKey> {
    match &keytype::find(attributes.key_type()?)?.form {
        Form::Secret(secret) => Some(secret),
        Form::Pair(_) => None,
    }
}

/// A private or secret key that is ready for use.
pub(in crate::token) fn ready(attributes: &Attributes, material: &Material) -> Result<Key> {
    Ok(material.ready(attributes.key_type())?)
}

/// A public key that is ready for use.
pub(in crate::token) fn public(attributes: &Attributes) -> Result<Key> {
    match pairs(attributes) {
        Some(pairs) => (pairs.public)(attributes),
        None => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "public keys of this type are not usable",
        ),
    }
}

/// Checks the components of a public key or of domain parameters, and sets the attributes that follow from them, so that a created
/// object reads and is found like a generated one.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE, CKR_DOMAIN_PARAMS_INVALID,
/// CKR_CURVE_NOT_SUPPORTED.
pub(in crate::token) fn describe_components(attributes: &mut Attributes) -> Result<()> {
    if let Some(describe) = describe_row(attributes) {
        let values = describe(attributes)?;
        set_all(attributes, values);
    }
    Ok(())
}

/// What describes the components of a public key, or of domain parameters.
fn describe_row(attributes: &Attributes) -> Option<fn(&dyn Values) -> Result<PublicValues>> {
    if attributes.class() == ck::CKO_DOMAIN_PARAMETERS {
        let parameters = keytype::find(attributes.key_type()?)?.parameters?;
        return Some(parameters.describe);
    }
    Some(pairs(attributes)?.describe)
}

/// Brings the size of a new key (CKA_EC_PARAMS, …) into its canonical form; clients use other forms too.
pub(in crate::token) fn set_canonical_size(attributes: &mut Attributes) -> Result<()> {
    if let Some(pairs) = pairs(attributes) {
        let values = (pairs.canonical)(attributes)?;
        set_all(attributes, values);
    }
    Ok(())
}

/// As `describe`, in the attributes of a generated pair's public half. What was just generated is not checked again.
pub(in crate::token) fn describe_public(
    attributes: &mut Attributes,
    material: &Material,
) -> Result<()> {
    if let Material::Pair(pair) = material {
        set_all(attributes, pair.describe_public()?);
    }
    Ok(())
}

pub(in crate::token) fn set_all(attributes: &mut Attributes, values: PublicValues) {
    for (kind, value) in values {
        attributes.set(kind, value.into());
    }
}

/// Sets the attributes that follow from a key's material: public parts, lengths and check value. Clients
/// cannot use an imported private key without them. An empty CKA_CHECK_VALUE stays: the application wants none.
///
/// # Errors
/// As `agrees_with_check_value`.
pub(in crate::token) fn describe(attributes: &mut Attributes, material: &Material) -> Result<()> {
    match material {
        Material::Secret(value) => {
            agrees_with_check_value(attributes, material)?;
            attributes.set(ck::CKA_VALUE_LEN, Value::Ulong(value.len() as u64));
            if attributes.get(ck::CKA_CHECK_VALUE).is_none() {
                let check = check_value(attributes, value)?;
                attributes.set(ck::CKA_CHECK_VALUE, Value::Bytes(check));
            }
        }
        Material::Pair(pair) => set_all(attributes, pair.describe()?),
    }
    Ok(())
}

/// Refuses a secret key whose CKA_CHECK_VALUE is said and is another (section 4.10.2). `attributes` name the key type
/// too. An empty value is not compared: it says that the key shall have none.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID.
pub(in crate::token) fn agrees_with_check_value(
    attributes: &Attributes,
    material: &Material,
) -> Result<()> {
    let said = attributes.bytes(ck::CKA_CHECK_VALUE);
    let said = said.filter(|said| !said.is_empty());
    let (Some(said), Material::Secret(value)) = (said, material) else {
        return Ok(());
    };
    if said == check_value(attributes, value)? {
        return Ok(());
    }
    Err(Error::new(
        ck::CKR_ATTRIBUTE_VALUE_INVALID,
        "the key has another check value: compare the key with the one that was meant, or leave the attribute out",
    )
    .at("CKA_CHECK_VALUE"))
}

/// CKA_CHECK_VALUE: for AES and SM4 the first three bytes of the encryption of a zero block, else of
/// the value's SHA-1 (base specification, section 4.10.2).
fn check_value(attributes: &Attributes, value: &[u8]) -> Result<Vec<u8>> {
    let Some(secret) = secrets(attributes) else {
        return no_such_secret();
    };
    let mut full = (secret.check_value)(value)?;
    full.truncate(3);
    Ok(full)
}

fn no_such_secret<T>() -> Result<T> {
    refuse(
        ck::CKR_ATTRIBUTE_VALUE_INVALID,
        "secret keys of this CKA_KEY_TYPE are not supported",
    )
}

/// The components of a C_CreateObject: attributes, and the key material beside them.
struct Given<'a> {
    attributes: &'a Attributes,
    secrets: &'a [(ck::CK_ATTRIBUTE_TYPE, Secret)],
}

impl Values for Given<'_> {
    fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        let mut secrets = self.secrets.iter();
        let secret = secrets.find(|(of, value)| *of == kind && !value.is_empty());
        let secret = secret.map(|(_, value)| &**value);
        secret.or_else(|| self.attributes.bytes(kind))
    }

    fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        self.attributes.ulong(kind)
    }
}

/// The material of a C_CreateObject.
///
/// # Errors
/// CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE,
/// CKR_DOMAIN_PARAMS_INVALID, CKR_CURVE_NOT_SUPPORTED.
pub(in crate::token) fn from_values(
    attributes: &Attributes,
    secrets: &[(ck::CK_ATTRIBUTE_TYPE, Secret)],
) -> Result<Material> {
    let given = Given {
        attributes,
        secrets,
    };
    if ck::is_secret_key(attributes.class()) {
        return match given.bytes(ck::CKA_VALUE) {
            Some(value) => secret(attributes, value),
            None => Err(
                Error::new(ck::CKR_TEMPLATE_INCOMPLETE, "the key's value is incomplete")
                    .at("CKA_VALUE"),
            ),
        };
    }
    match pairs(attributes) {
        Some(pairs) => (pairs.from_values)(&given),
        None => refuse(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "private keys of this CKA_KEY_TYPE are not supported",
        ),
    }
}

/// The lengths that a secret key with these attributes can have.
pub(in crate::token) fn lengths(attributes: &Attributes) -> KeyLengths {
    match attributes.ulong(ck::CKA_VALUE_LEN) {
        // No key is as long as this, so the length is refused like every other impossible one.
        Some(len) => KeyLengths::Exactly(usize::try_from(len).unwrap_or(usize::MAX)),
        None => secrets(attributes).map_or(KeyLengths::Any, |secret| secret.lengths),
    }
}

/// What is wrong with the length of a secret key of so many bytes; `None` where a key with these attributes may
/// have it.
pub(in crate::token) fn wrong_length(attributes: &Attributes, got: usize) -> Option<String> {
    secrets(attributes)?;
    let wanted = match lengths(attributes) {
        fitting if fitting.fit(got) => return None,
        KeyLengths::Exactly(only) => only.to_string(),
        KeyLengths::Among(some) => {
            let some: Vec<_> = some.iter().map(usize::to_string).collect();
            some.join(" or ")
        }
        KeyLengths::Any => "at least 1".to_owned(),
    };
    let key_type = attributes.key_type()?;
    let name = match Spec::of(key_type, attributes) {
        Some(spec) => spec.to_string(),
        None => keytype::find(key_type)?.title.to_owned(),
    };
    Some(format!(
        "the blob holds {got} bytes, and {name} wants {wanted}"
    ))
}

/// A secret key's material; refuses a value whose length does not fit the key type.
pub(in crate::token) fn secret(attributes: &Attributes, value: &[u8]) -> Result<Material> {
    let Some(secret) = secrets(attributes) else {
        return no_such_secret();
    };
    if !secret.lengths.fit(value.len()) {
        return refuse(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            format!("no key of this CKA_KEY_TYPE has {} bytes", value.len()),
        );
    }
    if let Some(check) = secret.check {
        check(value)?;
    }
    Ok(Material::Secret(Secret::copy(value)))
}

/// The material in the clear bytes of an unwrapped key: raw for a secret key, in the mechanism's form for
/// a private key. `None`, whatever the reason, where the bytes do not fit the template.
pub(in crate::token) fn from_clear(
    attributes: &Attributes,
    clear: &[u8],
    form: PrivateForm,
) -> Option<Material> {
    if ck::is_secret_key(attributes.class()) {
        let len = attributes.ulong(ck::CKA_VALUE_LEN);
        if len.is_some_and(|len| len != clear.len() as u64) {
            return None;
        }
        // Most bytes of a private key's encoding are known, so no part of one may become a secret key.
        if encoding::holds_private_key(clear) {
            return None;
        }
        return secret(attributes, clear).ok();
    }
    let of_scalar_len = clear.len() == Curve::Sm2.order_len();
    let material = match form {
        PrivateForm::Sm2Scalar if !of_scalar_len => return None,
        PrivateForm::Pkcs8OrSm2Scalar if !of_scalar_len => from_pkcs8(attributes, clear),
        PrivateForm::Pkcs8 => from_pkcs8(attributes, clear),
        PrivateForm::Sm2Scalar | PrivateForm::Pkcs8OrSm2Scalar => {
            EcMaterial::checked(Curve::Sm2, clear, None).map(Material::pair)
        }
    }
    .ok()?;
    fitting(attributes, material)
}

/// A key pair that is of the template's type and fits its other values.
fn fitting(attributes: &Attributes, material: Material) -> Option<Material> {
    match &material {
        Material::Pair(pair) if Some(pair.key_type()) == attributes.key_type() => {
            pair.fits(attributes).then_some(material)
        }
        Material::Pair(_) | Material::Secret(_) => None,
    }
}

/// The private key in the encoding that programs wrote before PKCS #8: RSAPrivateKey (RFC 8017), or an
/// ECPrivateKey that names its curve (RFC 5915). `None` as for `from_clear`.
pub(in crate::token) fn from_bare(attributes: &Attributes, clear: &[u8]) -> Option<Material> {
    if attributes.class() != ck::CKO_PRIVATE_KEY {
        return None;
    }
    let material = match attributes.key_type()? {
        ck::CKK_RSA => RsaMaterial::from_pkcs1(clear).map(Material::pair),
        ck::CKK_EC => EcMaterial::from_sec1(clear).map(Material::pair),
        _ => return None,
    };
    fitting(attributes, material.ok()?)
}

/// The same, with a secret key of any length, none included.
pub(in crate::token) fn from_clear_of_any_length(
    attributes: &Attributes,
    clear: &[u8],
    form: PrivateForm,
) -> Option<Material> {
    if ck::is_secret_key(attributes.class()) && !encoding::holds_private_key(clear) {
        return Some(Material::Secret(Secret::copy(clear)));
    }
    from_clear(attributes, clear, form)
}

/// The key in PKCS #8. An RSA key whose algorithm keeps it to RSASSA-PSS or RSAES-OAEP is taken where
/// CKA_ALLOWED_MECHANISMS keep the new key to that too.
fn from_pkcs8(attributes: &Attributes, der: &[u8]) -> crypto::Result<Material> {
    let limited = RsaMaterial::from_limited_pkcs8(&encoding::private_key_info(der)?);
    match limited {
        Ok((material, only)) if keeps_to(attributes, only) => Ok(Material::pair(material)),
        _ => Material::from_pkcs8(der),
    }
}

fn keeps_to(attributes: &Attributes, only: OnlyFor) -> bool {
    let of_scheme = |id: &ck::CK_MECHANISM_TYPE| {
        mechanism::find(*id).is_some_and(|row| match only {
            OnlyFor::Pss => row.params == ParamKind::Pss,
            OnlyFor::Oaep => matches!(
                row.params,
                ParamKind::Oaep | ParamKind::OptionalOaep | ParamKind::RsaAesKeyWrap
            ),
        })
    };
    let allowed = attributes.ulongs(ck::CKA_ALLOWED_MECHANISMS);
    allowed.is_some_and(|allowed| allowed.iter().all(of_scheme))
}

/// The clear bytes, padded with zeros to a multiple of `block` where the mechanism needs that.
pub(in crate::token) fn padded(clear: Secret, block: Option<usize>) -> Secret {
    let len = block.map_or(clear.len(), |block| clear.len().next_multiple_of(block));
    if len == clear.len() {
        return clear;
    }
    let mut out = Secret::zeroed(len);
    out[..clear.len()].copy_from_slice(&clear);
    out
}

/// Whether `without_padding` would cut the clear bytes to the CKA_VALUE_LEN of a secret key.
pub(in crate::token) fn cuts(attributes: &Attributes, block: Option<usize>) -> bool {
    let len = attributes.ulong(ck::CKA_VALUE_LEN);
    let whole = |block: usize| len.is_none_or(|len| len.is_multiple_of(block as u64));
    block.is_some_and(|block| !whole(block))
}

/// Removes the zeros of `padded`, if the template's CKA_VALUE_LEN or the DER of a private key says how
/// long the key is. Where anything but a few zeros follows the key, all bytes are kept and then fit no
/// key: a key that could be cut anywhere would tell its last bytes to whoever puts them on again.
pub(in crate::token) fn without_padding<'a>(
    attributes: &Attributes,
    clear: &'a [u8],
    block: Option<usize>,
) -> &'a [u8] {
    let len = match ck::is_secret_key(attributes.class()) {
        true => attributes
            .ulong(ck::CKA_VALUE_LEN)
            .and_then(|len| usize::try_from(len).ok()),
        false => encoding::der_len(clear),
    };
    let Some(((key, rest), block)) = len.and_then(|len| clear.split_at_checked(len)).zip(block)
    else {
        return clear;
    };
    if rest.len() < block && rest.iter().all(|byte| *byte == 0) {
        return key;
    }
    clear
}

/// The last bytes, as many as a secret key with these attributes has; all of them where several lengths are
/// possible, or fewer bytes are there.
pub(in crate::token) fn last<'a>(attributes: &Attributes, clear: &'a [u8]) -> &'a [u8] {
    let start = match lengths(attributes) {
        KeyLengths::Exactly(len) => clear.len().saturating_sub(len),
        KeyLengths::Among(_) | KeyLengths::Any => 0,
    };
    &clear[start..]
}

/// The clear bytes that wrapping this key encrypts: raw for a secret key, in the mechanism's form for a
/// private key.
///
/// # Errors
/// CKR_KEY_NOT_WRAPPABLE for a key that the form cannot hold.
pub(in crate::token) fn to_clear(material: &Material, form: PrivateForm) -> Result<Secret> {
    let on_sm2 = |key: &&EcMaterial| key.curve == Curve::Sm2;
    match (material, form) {
        (Material::Secret(value), _) => Ok(value.clone()),
        (_, PrivateForm::Pkcs8 | PrivateForm::Pkcs8OrSm2Scalar) => Ok(material.to_pkcs8()?),
        (_, PrivateForm::Sm2Scalar) => match material.of::<EcMaterial>().filter(on_sm2) {
            Some(key) => Ok(key.scalar.clone()),
            None => refuse(
                ck::CKR_KEY_NOT_WRAPPABLE,
                "the mechanism wraps secret keys, and private keys on SM2's curve",
            ),
        },
    }
}
