//! DER of EC keys and signatures (RFC 5915, 5480 and 3279).

use der::asn1::{AnyRef, UintRef};
use der::{Decode, Encode, Sequence};
use sec1::EcPrivateKey;

use crate::crypto::encoding::{
    self, AlgorithmIdentifierRef, MISMATCH, ObjectIdentifier, PrivateKeyInfoRef,
    SubjectPublicKeyInfoRef, encode, encoding, public_key, uint,
};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::curve::Curve;
use super::key::PublicKey;
use super::material::EcMaterial;

/// id-ecPublicKey (RFC 5480 section 2.1.1).
pub(crate) const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");

impl EcMaterial {
    /// Takes the private key in PKCS #8: on a named curve, with all values proven to belong together.
    pub fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        let curve = info
            .algorithm
            .parameters
            .and_then(|params| params.to_der().ok())
            .ok_or(Error::InvalidKey("an EC key without parameters"))
            .and_then(|params| Curve::from_params(&params))?;
        let key = EcPrivateKey::from_der(info.private_key.as_bytes())
            .map_err(|_| Error::InvalidKey("not ECPrivateKey DER"))?;
        if let Some(params) = key.parameters
            && params.to_der().map_err(encoding)? != curve.params()
        {
            return Err(Error::InvalidKey("the EC key names two curves"));
        }
        let material = Self::checked(curve, key.private_key, key.public_key)?;
        if let Some(point) = public_key(info)?
            && PublicKey::new(curve, point)?.point()? != material.point
        {
            return Err(MISMATCH);
        }
        Ok(material)
    }

    /// The same for ECPrivateKey, which PKCS #8 has inside, where it names the curve itself.
    pub(crate) fn from_sec1(der: &[u8]) -> Result<Self> {
        let key =
            EcPrivateKey::from_der(der).map_err(|_| Error::InvalidKey("not ECPrivateKey DER"))?;
        let params = key
            .parameters
            .ok_or(Error::InvalidKey("an EC key without parameters"))?;
        let curve = Curve::from_params(&params.to_der().map_err(encoding)?)?;
        Self::checked(curve, key.private_key, key.public_key)
    }

    /// PKCS #8 version 1 DER, with the public point inside ECPrivateKey.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        let inner = encode(&EcPrivateKey {
            private_key: &self.scalar,
            parameters: None,
            public_key: Some(&self.point),
        })?;
        encoding::pkcs8(algorithm(self.curve)?, &inner)
    }
}

/// SubjectPublicKeyInfo DER of an EC public key, from its SEC 1 point.
pub(crate) fn spki(curve: Curve, point: &[u8]) -> Result<Vec<u8>> {
    encoding::spki(algorithm(curve)?, point)
}

/// What SubjectPublicKeyInfo calls the curve, in the form of CKA_EC_PARAMS.
pub(crate) fn params_of(info: &SubjectPublicKeyInfoRef<'_>) -> Result<Vec<u8>> {
    let params = info.algorithm.parameters;
    let params = params.ok_or(Error::InvalidKey("an EC key without parameters"))?;
    params.to_der().map_err(encoding)
}

/// DER of an ECDSA signature r ‖ s, halves of equal length (RFC 3279 section 2.2.3: Ecdsa-Sig-Value).
pub(crate) fn der_signature(signature: &[u8]) -> Result<Vec<u8>> {
    let (r, s) = signature.split_at(signature.len() / 2);
    let value = EcdsaSigValue {
        r: uint(r)?,
        s: uint(s)?,
    };
    value.to_der().map_err(encoding)
}

/// r ‖ s, halves of equal length, of the DER of an ECDSA signature; `None` for anything else.
pub(crate) fn raw_signature(der: &[u8]) -> Option<Vec<u8>> {
    let EcdsaSigValue { r, s } = EcdsaSigValue::from_der(der).ok()?;
    let (r, s) = (r.as_bytes(), s.as_bytes());
    let half = r.len().max(s.len());
    let mut raw = vec![0; 2 * half];
    raw[half - r.len()..half].copy_from_slice(r);
    raw[2 * half - s.len()..].copy_from_slice(s);
    Some(raw)
}

#[derive(Sequence)]
struct EcdsaSigValue<'a> {
    r: UintRef<'a>,
    s: UintRef<'a>,
}

fn algorithm(curve: Curve) -> Result<AlgorithmIdentifierRef<'static>> {
    Ok(AlgorithmIdentifierRef {
        oid: OID,
        parameters: Some(AnyRef::from_der(curve.params()).map_err(encoding)?),
    })
}
