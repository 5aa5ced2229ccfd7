//! Public key objects.

use der::asn1::OctetStringRef;
use der::{Decode, Encode};
use pkcs1::RsaPublicKeyRef;
use spki::SubjectPublicKeyInfoRef;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::okp;

use crate::Result;
use crate::keyfile;
use crate::template::Template;

/// `template` with the values of the public key in SubjectPublicKeyInfo DER.
pub(crate) fn add(template: Template, spki: &[u8]) -> Result<Template> {
    let info = SubjectPublicKeyInfoRef::try_from(spki)?;
    let key = info.subject_public_key.raw_bytes();
    if let Ok(rsa) = RsaPublicKeyRef::from_der(key) {
        return Ok(template
            .number(ck::CKA_KEY_TYPE, ck::CKK_RSA)
            .bytes(ck::CKA_MODULUS, rsa.modulus.as_bytes())
            .bytes(ck::CKA_PUBLIC_EXPONENT, rsa.public_exponent.as_bytes()));
    }
    if let Ok(curve) = okp::Curve::from_params(&info.algorithm.oid.to_der()?) {
        return Ok(template
            .number(ck::CKA_KEY_TYPE, okp_key_type(curve))
            .bytes(ck::CKA_EC_PARAMS, curve.params())
            .bytes(ck::CKA_EC_POINT, key));
    }
    if info.algorithm.oid != keyfile::EC_PUBLIC_KEY {
        return Err("public keys are RSA, EC, Ed25519 or X25519".into());
    }
    let curve = info
        .algorithm
        .parameters
        .ok_or("the key names no curve")?
        .to_der()?;
    let point = OctetStringRef::new(key)?.to_der()?;
    Ok(template
        .number(ck::CKA_KEY_TYPE, ck::CKK_EC)
        .bytes(ck::CKA_EC_PARAMS, &curve)
        .bytes(ck::CKA_EC_POINT, &point))
}

/// CKA_KEY_TYPE of Ed25519 and X25519 keys.
pub(crate) fn okp_key_type(curve: okp::Curve) -> ck::CK_KEY_TYPE {
    match curve {
        okp::Curve::Ed25519 => ck::CKK_EC_EDWARDS,
        okp::Curve::X25519 => ck::CKK_EC_MONTGOMERY,
    }
}
