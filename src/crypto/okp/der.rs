//! DER of Ed25519 and X25519 keys (RFC 8410): the object identifier alone says the algorithm.

use der::Decode;
use der::asn1::OctetStringRef;

use crate::crypto::encoding::{
    self, AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, encode, encoding, public_key,
};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::curve::Curve;
use super::material::OkpMaterial;

/// id-X25519 (RFC 8410 section 3).
pub(crate) const X25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.110");
/// id-Ed25519.
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

impl OkpMaterial {
    /// Takes the private key of `curve` in PKCS #8, an OCTET STRING inside the OCTET STRING (section 7).
    pub fn from_pkcs8(curve: Curve, info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        if info.algorithm.parameters.is_some() {
            return Err(Error::InvalidKey(
                "Ed25519 and X25519 take no algorithm parameters",
            ));
        }
        let private = <&OctetStringRef>::from_der(info.private_key.as_bytes())
            .map_err(|_| Error::InvalidKey("not CurvePrivateKey DER"))?;
        Self::checked(curve, private.as_bytes(), public_key(info)?)
    }

    /// PKCS #8 version 1 DER.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        let inner = encode(&OctetStringRef::new(&self.private).map_err(encoding)?)?;
        encoding::pkcs8(algorithm(self.curve), &inner)
    }
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
