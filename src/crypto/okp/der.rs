//! DER of Ed25519 and X25519 keys (RFC 8410): the object identifier alone says the algorithm.

use der::asn1::OctetStringRef;
use der::{Decode, Encode};
use sec1::EcPrivateKey;

use crate::crypto::encoding::{
    self, AlgorithmIdentifierRef, MISMATCH, ObjectIdentifier, PrivateKeyInfoRef, encode, encoding,
    public_key,
};
use crate::crypto::{Error, Result, ec};
use crate::secret::Secret;

use super::curve::Curve;
use super::material::OkpMaterial;

/// id-X25519 (RFC 8410 section 3).
pub(crate) const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
/// id-Ed25519.
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

impl OkpMaterial {
    /// Takes the private key of `curve` in PKCS #8: an OCTET STRING inside the OCTET STRING (section 7). NSS
    /// has written it as a key on a named curve too, by id-ecPublicKey or with RFC 5915's ECPrivateKey inside.
    pub fn from_pkcs8(curve: Curve, info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        if info.algorithm.oid != ec::OID && info.algorithm.parameters.is_some() {
            return Err(Error::InvalidKey(
                "Ed25519 and X25519 take no algorithm parameters",
            ));
        }
        let inner = info.private_key.as_bytes();
        let outer_public = public_key(info)?;
        if let Ok(key) = EcPrivateKey::from_der(inner) {
            let curves = key.parameters.map(|params| params.to_der()).transpose();
            let curves = curves.map_err(encoding)?;
            if curves.is_some_and(|params| Curve::from_params(&params) != Ok(curve)) {
                return Err(Error::InvalidKey("the key names two curves"));
            }
            let (one, other) = (key.public_key, outer_public);
            if one.zip(other).is_some_and(|(one, other)| one != other) {
                return Err(MISMATCH);
            }
            return Self::checked(curve, key.private_key, one.or(other));
        }
        let private = <&OctetStringRef>::from_der(inner)
            .map_err(|_| Error::InvalidKey("not CurvePrivateKey DER"))?;
        Self::checked(curve, private.as_bytes(), outer_public)
    }

    /// PKCS #8 version 1 DER.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        let inner = encode(&OctetStringRef::new(&self.private).map_err(encoding)?)?;
        encoding::pkcs8(algorithm(self.curve), &inner)
    }
}

/// The curve that the parameters of a private key's algorithm name; `None` for any other curve.
pub(crate) fn named_curve(info: &PrivateKeyInfoRef<'_>) -> Option<Curve> {
    let params = info.algorithm.parameters?.to_der().ok()?;
    Curve::from_params(&params).ok()
}

/// SubjectPublicKeyInfo DER of an Ed25519 or X25519 public key (RFC 8410 section 4).
pub(crate) fn spki(curve: Curve, public: &[u8]) -> Result<Vec<u8>> {
    encoding::spki(algorithm(curve), public)
}

fn algorithm(curve: Curve) -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef {
        oid: match curve {
            Curve::Ed25519 => ED25519,
            Curve::X25519 => X25519,
        },
        parameters: None,
    }
}
