//! Between attributes, material and ready keys.

use crate::attr::{Attributes, Value};
use crate::ck;
use crate::crypto::ec::{Curve, EcMaterial};
use crate::crypto::encoding;
use crate::error::{Error, Result, refuse};
use crate::keytype::{
    self, Form, Key, KeyLengths, KeyPairs, Material, PublicValues, SecretKey, Values,
};
use crate::mechanism::PrivateForm;
use crate::secret::Secret;

/// The code for pairs of the key type that the attributes name.
fn pairs(attributes: &Attributes) -> Option<&'static KeyPairs> {
    match &keytype::find(attributes.key_type()?)?.form {
        Form::Pair(pairs) => Some(pairs),
        Form::Secret(_) => None,
    }
}

/// The code for secret keys of the key type that the attributes name.
fn secrets(attributes: &Attributes) -> Option<&'static SecretKey> {
    match &keytype::find(attributes.key_type()?)?.form {
        Form::Secret(secret) => Some(secret),
        Form::Pair(_) => None,
    }
}

/// A private or secret key, ready for use.
pub(in crate::token) fn ready(attributes: &Attributes, material: &Material) -> Result<Key> {
    Ok(material.ready(attributes.key_type())?)
}

/// A public key, ready for use.
pub(in crate::token) fn public(attributes: &Attributes) -> Result<Key> {
    match pairs(attributes) {
        Some(pairs) => (pairs.public)(attributes),
        None => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "public keys of this type are not usable",
        ),
    }
}

/// Checks the components of a public key, and sets what they say of it: it then reads, and is found, the
/// same whether it was created or generated.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE, CKR_DOMAIN_PARAMS_INVALID,
/// CKR_CURVE_NOT_SUPPORTED.
pub(in crate::token) fn describe_components(attributes: &mut Attributes) -> Result<()> {
    if let Some(pairs) = pairs(attributes) {
        let values = (pairs.describe)(attributes)?;
        set_all(attributes, values);
    }
    Ok(())
}

/// The size of a new key, CKA_EC_PARAMS …, in the form that all keys have: `attributes` may have it in
/// another one that clients use.
pub(in crate::token) fn set_canonical_size(attributes: &mut Attributes) -> Result<()> {
    if let Some(pairs) = pairs(attributes) {
        let values = (pairs.canonical)(attributes)?;
        set_all(attributes, values);
    }
    Ok(())
}

/// As `describe`, in the attributes of a new pair's public half.
pub(in crate::token) fn describe_public(
    attributes: &mut Attributes,
    material: &Material,
) -> Result<()> {
    if let Material::Pair(pair) = material {
        set_all(attributes, pair.describe_public()?);
    }
    describe_components(attributes)
}

fn set_all(attributes: &mut Attributes, values: PublicValues) {
    for (kind, value) in values {
        attributes.set(kind, value.into());
    }
}

/// Sets what a key's material says of itself in its attributes: public parts, lengths and check
/// value. Clients cannot use an imported private key without them.
pub(in crate::token) fn describe(attributes: &mut Attributes, material: &Material) -> Result<()> {
    match material {
        Material::Secret(value) => {
            let check = check_value(attributes, value)?;
            attributes.set(ck::CKA_VALUE_LEN, Value::Ulong(value.len() as u64));
            attributes.set(ck::CKA_CHECK_VALUE, Value::Bytes(check));
        }
        Material::Pair(pair) => set_all(attributes, pair.describe()?),
    }
    Ok(())
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

/// The components that C_CreateObject was given: attributes, and key material beside them.
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

/// The material that C_CreateObject was given.
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
    if attributes.class() == ck::CKO_SECRET_KEY {
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

/// Lengths that a secret key with these attributes can have.
pub(in crate::token) fn lengths(attributes: &Attributes) -> KeyLengths {
    match attributes.ulong(ck::CKA_VALUE_LEN) {
        // A length beyond all memory is as impossible as this one.
        Some(len) => KeyLengths::Exactly(usize::try_from(len).unwrap_or(usize::MAX)),
        None => secrets(attributes).map_or(KeyLengths::Any, |secret| secret.lengths),
    }
}

/// A secret key's material, when its length fits its type.
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

/// The material in the clear bytes of an unwrapped key: raw for secret keys, of the mechanism's form
/// for private keys. `None` for anything that does not fit the template, whatever the reason.
pub(in crate::token) fn from_clear(
    attributes: &Attributes,
    clear: &[u8],
    form: PrivateForm,
) -> Option<Material> {
    if attributes.class() == ck::CKO_SECRET_KEY {
        let len = attributes.ulong(ck::CKA_VALUE_LEN);
        if len.is_some_and(|len| len != clear.len() as u64) {
            return None;
        }
        // Of a private key's encoding most bytes are known, so parts of it are no secrets.
        if encoding::holds_private_key(clear) {
            return None;
        }
        return secret(attributes, clear).ok();
    }
    let of_scalar_len = clear.len() == Curve::Sm2.order_len();
    let material = match form {
        PrivateForm::Sm2Scalar if !of_scalar_len => return None,
        PrivateForm::Pkcs8OrSm2Scalar if !of_scalar_len => Material::from_pkcs8(clear),
        PrivateForm::Pkcs8 => Material::from_pkcs8(clear),
        PrivateForm::Sm2Scalar | PrivateForm::Pkcs8OrSm2Scalar => {
            EcMaterial::checked(Curve::Sm2, clear, None).map(Material::pair)
        }
    }
    .ok()?;
    match &material {
        Material::Pair(pair) if Some(pair.key_type()) == attributes.key_type() => {
            pair.fits(attributes).then_some(material)
        }
        Material::Pair(_) | Material::Secret(_) => None,
    }
}

/// The clear bytes of a key for a mechanism that fills them up with zeros to a multiple of `block`.
pub(in crate::token) fn padded(clear: Secret, block: Option<usize>) -> Secret {
    let len = block.map_or(clear.len(), |block| clear.len().next_multiple_of(block));
    if len == clear.len() {
        return clear;
    }
    let mut out = Secret::zeroed(len);
    out[..clear.len()].copy_from_slice(&clear);
    out
}

/// Whether the CKA_VALUE_LEN of a secret key makes `without_padding` cut its clear bytes.
pub(in crate::token) fn cuts(attributes: &Attributes, block: Option<usize>) -> bool {
    let len = attributes.ulong(ck::CKA_VALUE_LEN);
    let whole = |block: usize| len.is_none_or(|len| len.is_multiple_of(block as u64));
    block.is_some_and(|block| !whole(block))
}

/// Reverses `padded`, where the template's CKA_VALUE_LEN or the DER of a private key says how long
/// the key is. What has anything but a few zeros behind the key is left as it is, and then fits
/// nothing: a key that lost a few bytes of its own would tell them to whoever puts them on again.
pub(in crate::token) fn without_padding<'a>(
    attributes: &Attributes,
    clear: &'a [u8],
    block: Option<usize>,
) -> &'a [u8] {
    let len = match attributes.class() == ck::CKO_SECRET_KEY {
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

/// The clear bytes that a wrap of this key carries: raw for secret keys, of the mechanism's form for
/// private keys.
///
/// # Errors
/// CKR_KEY_NOT_WRAPPABLE for a key that the form is not for.
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
