//! Between attributes, material and ready keys.

use crate::attr::{Attributes, Value};
use crate::ck;
use crate::crypto::aes::Direction;
use crate::crypto::ec::Curve;
use crate::crypto::hash::Hash;
use crate::crypto::material::{EcMaterial, OkpMaterial, RsaMaterial};
use crate::crypto::{self, aes, ec, encoding, okp, rsa, sm4};
use crate::error::{Error, Result, refuse};
pub(in crate::token) use crate::keytype::modulus_bits;
use crate::mechanism::{Key, KeyLengths, Material, PrivateForm};
use crate::secret::Secret;

/// A private or secret key, ready for use.
pub(in crate::token) fn ready(attributes: &Attributes, material: &Material) -> Result<Key> {
    Ok(match material {
        Material::Secret(value) => match attributes.key_type() {
            Some(ck::CKK_AES) => Key::Aes(aes::Key::new(value)?),
            Some(ck::CKK_TENON_SM4) => Key::Sm4(sm4::Key::new(value)?),
            _ => Key::Generic(value.clone()),
        },
        Material::Rsa(key) => Key::RsaPrivate(rsa::PrivateKey::new(key)?),
        Material::Ec(key) => Key::EcPrivate(ec::PrivateKey::new(key)?),
        Material::Okp(key) => Key::OkpPrivate(okp::PrivateKey::new(key)?),
    })
}

/// A public key, ready for use.
pub(in crate::token) fn public(attributes: &Attributes) -> Result<Key> {
    let bytes = |kind| {
        attributes.bytes(kind).ok_or_else(|| {
            Error::new(
                ck::CKR_KEY_TYPE_INCONSISTENT,
                "the public key is incomplete",
            )
        })
    };
    match attributes.key_type() {
        Some(ck::CKK_RSA) => Ok(Key::RsaPublic(rsa::PublicKey::new(
            bytes(ck::CKA_MODULUS)?,
            bytes(ck::CKA_PUBLIC_EXPONENT)?,
        )?)),
        Some(ck::CKK_EC) => {
            let curve = curve(bytes(ck::CKA_EC_PARAMS)?)?;
            let point = curve.bare_point(bytes(ck::CKA_EC_POINT)?);
            Ok(Key::EcPublic(ec::PublicKey::new(curve, point)?))
        }
        Some(key_type @ (ck::CKK_EC_EDWARDS | ck::CKK_EC_MONTGOMERY)) => {
            let curve = okp_curve(key_type, bytes(ck::CKA_EC_PARAMS)?)?;
            let point = okp::bare_point(bytes(ck::CKA_EC_POINT)?);
            Ok(Key::OkpPublic(okp::PublicKey::new(curve, point)?))
        }
        _ => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "public keys of this type are not usable",
        ),
    }
}

/// Checks the public key that C_CreateObject was given, and sets what its values say of it: they
/// then read, and are found, as those of a generated key.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE, CKR_DOMAIN_PARAMS_INVALID,
/// CKR_CURVE_NOT_SUPPORTED.
pub(in crate::token) fn describe_created_public(attributes: &mut Attributes) -> Result<()> {
    let spki = match public(attributes)? {
        Key::RsaPublic(key) => {
            attributes.set(ck::CKA_MODULUS_BITS, Value::Ulong(key.bits() as u64));
            for kind in [ck::CKA_MODULUS, ck::CKA_PUBLIC_EXPONENT] {
                let number = big_integer(attributes.bytes(kind).unwrap_or_default()).to_vec();
                attributes.set(kind, Value::Bytes(number));
            }
            let bytes = |kind| attributes.bytes(kind).unwrap_or_default();
            encoding::rsa_spki(bytes(ck::CKA_MODULUS), bytes(ck::CKA_PUBLIC_EXPONENT))?
        }
        Key::EcPublic(key) => {
            let (curve, point) = (key.curve(), key.point()?);
            attributes.set(ck::CKA_EC_PARAMS, Value::Bytes(curve.params().to_vec()));
            attributes.set(
                ck::CKA_EC_POINT,
                Value::Bytes(encoding::to_octet_string(&point)?),
            );
            encoding::ec_spki(curve, &point)?
        }
        Key::OkpPublic(key) => {
            let curve = key.curve();
            attributes.set(ck::CKA_EC_PARAMS, Value::Bytes(curve.params().to_vec()));
            let point = encoding::to_octet_string(key.bytes())?;
            attributes.set(ck::CKA_EC_POINT, Value::Bytes(point));
            encoding::okp_spki(curve, key.bytes())?
        }
        Key::RsaPrivate(_)
        | Key::EcPrivate(_)
        | Key::OkpPrivate(_)
        | Key::Aes(_)
        | Key::Sm4(_)
        | Key::Generic(_)
        | Key::Keyring(_) => return Ok(()),
    };
    attributes.set(ck::CKA_PUBLIC_KEY_INFO, Value::Bytes(spki));
    Ok(())
}

/// A number without the zeros that some clients put before it.
fn big_integer(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}

/// Curve of CKA_EC_PARAMS.
pub(in crate::token) fn curve(params: &[u8]) -> Result<Curve> {
    Curve::from_params(params).map_err(bad_params)
}

/// CKA_EC_PARAMS as this token's keys of that type have it.
pub(in crate::token) fn canonical_curve(
    key_type: Option<ck::CK_KEY_TYPE>,
    params: &[u8],
) -> Result<Vec<u8>> {
    Ok(match key_type {
        Some(of @ (ck::CKK_EC_EDWARDS | ck::CKK_EC_MONTGOMERY)) => {
            okp_curve(of, params)?.params().to_vec()
        }
        _ => curve(params)?.params().to_vec(),
    })
}

/// Curve of CKA_EC_PARAMS of an Edwards or Montgomery key.
fn okp_curve(key_type: ck::CK_KEY_TYPE, params: &[u8]) -> Result<okp::Curve> {
    let curve = okp::Curve::from_params(params).map_err(bad_params)?;
    let of = match curve {
        okp::Curve::Ed25519 => ck::CKK_EC_EDWARDS,
        okp::Curve::X25519 => ck::CKK_EC_MONTGOMERY,
    };
    if key_type != of {
        let error = Error::new(
            ck::CKR_CURVE_NOT_SUPPORTED,
            "the curve is none of this key type",
        );
        return Err(error.at("CKA_EC_PARAMS"));
    }
    Ok(curve)
}

fn bad_params(error: crypto::Error) -> Error {
    Error::from(error).at("CKA_EC_PARAMS")
}

/// Sets what a key's material says of itself in its attributes: public parts, lengths and check
/// value. Clients cannot use an imported private key without them.
pub(in crate::token) fn describe(attributes: &mut Attributes, material: &Material) -> Result<()> {
    let mut set = |kind, value: &[u8]| attributes.set(kind, Value::Bytes(value.to_vec()));
    match material {
        Material::Secret(value) => {
            let check = check_value(attributes.key_type(), value)?;
            attributes.set(ck::CKA_VALUE_LEN, Value::Ulong(value.len() as u64));
            attributes.set(ck::CKA_CHECK_VALUE, Value::Bytes(check));
        }
        Material::Rsa(key) => {
            set(ck::CKA_MODULUS, &key.n);
            set(ck::CKA_PUBLIC_EXPONENT, &key.e);
            describe_public_info(attributes, material);
        }
        Material::Ec(key) => {
            set(ck::CKA_EC_PARAMS, key.curve.params());
            set(ck::CKA_EC_POINT, &encoding::to_octet_string(&key.point)?);
            describe_public_info(attributes, material);
        }
        Material::Okp(key) => {
            set(ck::CKA_EC_PARAMS, key.curve.params());
            // PKCS #11 3.2 has the bare bytes here, 3.0 their DER. Clients older than 3.2 read the
            // DER alone, newer ones both.
            set(ck::CKA_EC_POINT, &encoding::to_octet_string(&key.public)?);
            describe_public_info(attributes, material);
        }
    }
    Ok(())
}

/// Sets what a generated pair says in its public half.
pub(in crate::token) fn describe_public(
    attributes: &mut Attributes,
    material: &Material,
) -> Result<()> {
    describe(attributes, material)?;
    if let Material::Rsa(key) = material {
        attributes.set(ck::CKA_MODULUS_BITS, Value::Ulong(modulus_bits(&key.n)));
    }
    Ok(())
}

fn describe_public_info(attributes: &mut Attributes, material: &Material) {
    if let Some(spki) = material.spki() {
        attributes.set(ck::CKA_PUBLIC_KEY_INFO, Value::Bytes(spki));
    }
}

/// CKA_CHECK_VALUE: for AES and SM4 the first three bytes of the encryption of a zero block, else of
/// the value's SHA-1 (base specification, section 4.10.2).
fn check_value(key_type: Option<ck::CK_KEY_TYPE>, value: &[u8]) -> Result<Vec<u8>> {
    let zeros = [0; aes::BLOCK];
    let mut full = vec![0; aes::BLOCK];
    match key_type {
        Some(ck::CKK_AES) => aes::Key::new(value)?.ecb(Direction::Encrypt, &zeros, &mut full)?,
        Some(ck::CKK_TENON_SM4) => {
            sm4::Key::new(value)?.ecb(Direction::Encrypt, &zeros, &mut full)?;
        }
        _ => full = Hash::Sha1.digest(&[value]),
    }
    full.truncate(3);
    Ok(full)
}

/// The value of attribute `kind` in `material`: what a key that is not sensitive reveals.
pub(in crate::token) fn value(material: &Material, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<Secret> {
    match (material, kind) {
        (Material::Secret(value), ck::CKA_VALUE) => Some(value.clone()),
        (Material::Ec(key), ck::CKA_VALUE) => Some(key.scalar.clone()),
        (Material::Okp(key), ck::CKA_VALUE) => Some(key.private.clone()),
        (Material::Rsa(key), ck::CKA_PRIVATE_EXPONENT) => Some(key.d.clone()),
        (Material::Rsa(key), ck::CKA_PRIME_1) => Some(key.p.clone()),
        (Material::Rsa(key), ck::CKA_PRIME_2) => Some(key.q.clone()),
        (Material::Rsa(key), ck::CKA_EXPONENT_1) => Some(key.dp.clone()),
        (Material::Rsa(key), ck::CKA_EXPONENT_2) => Some(key.dq.clone()),
        (Material::Rsa(key), ck::CKA_COEFFICIENT) => Some(key.qinv.clone()),
        _ => None,
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
    let given = |kind| {
        secrets
            .iter()
            .find(|(of, value)| *of == kind && !value.is_empty())
            .map(|(_, value)| &**value)
    };
    let need = |value: Option<_>, name: &'static str| {
        value.ok_or_else(|| {
            Error::new(ck::CKR_TEMPLATE_INCOMPLETE, "the key's value is incomplete").at(name)
        })
    };
    if attributes.class() == ck::CKO_SECRET_KEY {
        let value = need(given(ck::CKA_VALUE), "CKA_VALUE")?;
        return secret(attributes, value);
    }
    match attributes.key_type() {
        Some(ck::CKK_RSA) => {
            let primes = given(ck::CKA_PRIME_1).zip(given(ck::CKA_PRIME_2));
            let n = need(attributes.bytes(ck::CKA_MODULUS), "CKA_MODULUS")?;
            let e = need(
                attributes.bytes(ck::CKA_PUBLIC_EXPONENT),
                "CKA_PUBLIC_EXPONENT",
            )?;
            let d = need(given(ck::CKA_PRIVATE_EXPONENT), "CKA_PRIVATE_EXPONENT")?;
            Ok(Material::Rsa(RsaMaterial::checked(n, e, d, primes)?))
        }
        Some(ck::CKK_EC) => {
            let params = need(attributes.bytes(ck::CKA_EC_PARAMS), "CKA_EC_PARAMS")?;
            let scalar = need(given(ck::CKA_VALUE), "CKA_VALUE")?;
            let curve = curve(params)?;
            let point = attributes.bytes(ck::CKA_EC_POINT);
            let point = point.map(|value| curve.bare_point(value));
            let material = EcMaterial::checked(curve, scalar, point)?;
            Ok(Material::Ec(material))
        }
        Some(key_type @ (ck::CKK_EC_EDWARDS | ck::CKK_EC_MONTGOMERY)) => {
            let params = need(attributes.bytes(ck::CKA_EC_PARAMS), "CKA_EC_PARAMS")?;
            let private = need(given(ck::CKA_VALUE), "CKA_VALUE")?;
            let public = attributes.bytes(ck::CKA_EC_POINT).map(okp::bare_point);
            let curve = okp_curve(key_type, params)?;
            let material = OkpMaterial::checked(curve, private, public)?;
            Ok(Material::Okp(material))
        }
        _ => refuse(
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "private keys of this CKA_KEY_TYPE are not supported",
        ),
    }
}

/// Lengths that a secret key with these attributes can have.
pub(in crate::token) fn lengths(attributes: &Attributes) -> KeyLengths {
    match (attributes.ulong(ck::CKA_VALUE_LEN), attributes.key_type()) {
        // A length beyond all memory is as impossible as this one.
        (Some(len), _) => KeyLengths::Exactly(usize::try_from(len).unwrap_or(usize::MAX)),
        (None, Some(ck::CKK_AES)) => KeyLengths::Among(&[16, 24, 32]),
        (None, Some(ck::CKK_TENON_SM4)) => KeyLengths::Exactly(sm4::KEY_LEN),
        (None, _) => KeyLengths::Any,
    }
}

/// A secret key's material, when its length fits its type.
pub(in crate::token) fn secret(attributes: &Attributes, value: &[u8]) -> Result<Material> {
    match attributes.key_type() {
        Some(ck::CKK_AES) if !matches!(value.len(), 16 | 24 | 32) => {
            return refuse(
                ck::CKR_ATTRIBUTE_VALUE_INVALID,
                "an AES key has 16, 24 or 32 bytes",
            );
        }
        Some(ck::CKK_AES_XTS) => drop(aes::Xts::new(value)?),
        Some(ck::CKK_TENON_SM4) if value.len() != sm4::KEY_LEN => {
            return refuse(ck::CKR_ATTRIBUTE_VALUE_INVALID, "an SM4 key has 16 bytes");
        }
        _ => {}
    }
    if value.is_empty() {
        return refuse(ck::CKR_ATTRIBUTE_VALUE_INVALID, "a secret key has a value");
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
            EcMaterial::checked(Curve::Sm2, clear, None).map(Material::Ec)
        }
    }
    .ok()?;
    let fits = match (&material, attributes.key_type()) {
        (Material::Rsa(key), Some(ck::CKK_RSA)) => {
            let bits = attributes.ulong(ck::CKA_MODULUS_BITS);
            attributes.bytes(ck::CKA_MODULUS).is_none_or(|n| n == key.n)
                && bits.is_none_or(|bits| bits == modulus_bits(&key.n))
        }
        (Material::Ec(key), Some(ck::CKK_EC)) => attributes
            .bytes(ck::CKA_EC_PARAMS)
            .is_none_or(|params| curve(params).is_ok_and(|curve| curve == key.curve)),
        (Material::Okp(key), Some(key_type)) => {
            let params = attributes.bytes(ck::CKA_EC_PARAMS);
            let params = params.unwrap_or(key.curve.params());
            okp_curve(key_type, params).is_ok_and(|curve| curve == key.curve)
        }
        _ => false,
    };
    fits.then_some(material)
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
    match (material, form) {
        (Material::Secret(value), _) => Ok(value.clone()),
        (_, PrivateForm::Pkcs8 | PrivateForm::Pkcs8OrSm2Scalar) => Ok(material.to_pkcs8()?),
        (Material::Ec(key), PrivateForm::Sm2Scalar) if key.curve == Curve::Sm2 => {
            Ok(key.scalar.clone())
        }
        (_, PrivateForm::Sm2Scalar) => refuse(
            ck::CKR_KEY_NOT_WRAPPABLE,
            "the mechanism wraps secret keys, and private keys on SM2's curve",
        ),
    }
}
