//! DER of Diffie-Hellman keys (PKCS #3 section 9; RFC 5208 and RFC 5280 around it).

use der::asn1::{AnyRef, UintRef};
use der::{Decode, Encode, Sequence};

use crate::crypto::encoding::{
    self, AlgorithmIdentifierRef, MISMATCH, ObjectIdentifier, PrivateKeyInfoRef,
    SubjectPublicKeyInfoRef, encode, encoding, integer, public_key, uint,
};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::material::DhMaterial;

/// dhKeyAgreement.
pub(crate) const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.3.1");

#[derive(Sequence)]
struct DhParameter<'a> {
    prime: UintRef<'a>,
    base: UintRef<'a>,
    #[asn1(optional = "true")]
    private_value_length: Option<u32>,
}

fn parameters<'a>(algorithm: &AlgorithmIdentifierRef<'a>) -> Result<DhParameter<'a>> {
    let parameters = algorithm.parameters;
    let parameters = parameters.and_then(|any| any.decode_as().ok());
    parameters.ok_or(Error::InvalidKey("no DHParameter DER"))
}

/// The DER of the parameters.
fn group_der(p: &[u8], g: &[u8]) -> Result<Vec<u8>> {
    let parameters = DhParameter {
        prime: uint(p)?,
        base: uint(g)?,
        private_value_length: None,
    };
    parameters.to_der().map_err(encoding)
}

fn algorithm(group: &[u8]) -> Result<AlgorithmIdentifierRef<'_>> {
    Ok(AlgorithmIdentifierRef {
        oid: OID,
        parameters: Some(AnyRef::from_der(group).map_err(encoding)?),
    })
}

impl DhMaterial {
    /// Takes the private key in PKCS #8, after the checks of `checked`.
    pub fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        let group = parameters(&info.algorithm)?;
        let x = integer(info.private_key.as_bytes())?;
        let y = public_key(info)?.map(integer).transpose()?;
        let (p, g) = (group.prime.as_bytes(), group.base.as_bytes());
        let material = Self::checked(p, g, x, y)?;
        let named = group.private_value_length.map(u64::from);
        if named.is_some_and(|bits| bits < material.private_bits()) {
            return Err(MISMATCH);
        }
        Ok(material)
    }

    /// PKCS #8 version 1 DER.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        let inner = encode(&uint(&self.x)?)?;
        encoding::pkcs8(algorithm(&group_der(&self.p, &self.g)?)?, &inner)
    }
}

/// SubjectPublicKeyInfo DER of a public key.
pub(crate) fn spki([p, g, y]: [&[u8]; 3]) -> Result<Vec<u8>> {
    let inner = uint(y)?.to_der().map_err(encoding)?;
    encoding::spki(algorithm(&group_der(p, g)?)?, &inner)
}

/// Prime, base and public value in SubjectPublicKeyInfo, of which nothing is proven yet.
pub(crate) fn from_spki(info: &SubjectPublicKeyInfoRef<'_>) -> Result<[Vec<u8>; 3]> {
    let group = parameters(&info.algorithm)?;
    let y = integer(info.subject_public_key.raw_bytes())?;
    Ok([group.prime.as_bytes(), group.base.as_bytes(), y].map(<[u8]>::to_vec))
}
