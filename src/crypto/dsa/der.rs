//! DER of DSA keys (RFC 3279 section 2.3.2; RFC 5208 and RFC 5280 around it).

use der::asn1::{AnyRef, UintRef};
use der::{Decode, Encode, Sequence};

use crate::crypto::encoding::{
    self, AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef,
    encode, encoding, integer, public_key, uint,
};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::group::Group;
use super::material::DsaMaterial;

/// id-dsa.
pub(crate) const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10040.4.1");

#[derive(Sequence)]
struct DssParms<'a> {
    p: UintRef<'a>,
    q: UintRef<'a>,
    g: UintRef<'a>,
}

/// Prime, subprime and base. Parameters that a certificate inherits from its issuer's are none here.
fn parameters<'a>(algorithm: &AlgorithmIdentifierRef<'a>) -> Result<[&'a [u8]; 3]> {
    let parameters = algorithm.parameters;
    let parameters = parameters.and_then(|any| any.decode_as::<DssParms<'a>>().ok());
    let DssParms { p, q, g } = parameters.ok_or(Error::InvalidKey("no Dss-Parms DER"))?;
    Ok([p, q, g].map(|number| number.as_bytes()))
}

/// The DER of the parameters.
fn group_der([p, q, g]: [&[u8]; 3]) -> Result<Vec<u8>> {
    let [p, q, g] = [uint(p)?, uint(q)?, uint(g)?];
    DssParms { p, q, g }.to_der().map_err(encoding)
}

fn algorithm(group: &[u8]) -> Result<AlgorithmIdentifierRef<'_>> {
    Ok(AlgorithmIdentifierRef {
        oid: OID,
        parameters: Some(AnyRef::from_der(group).map_err(encoding)?),
    })
}

impl DsaMaterial {
    /// Takes the private key in PKCS #8, after the checks of `Group::checked` and `checked`.
    pub fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        let group = Group::checked(parameters(&info.algorithm)?)?;
        let x = integer(info.private_key.as_bytes())?;
        let y = public_key(info)?.map(integer).transpose()?;
        Self::checked(&group, x, y)
    }

    /// PKCS #8 version 1 DER.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        let inner = encode(&uint(&self.x)?)?;
        encoding::pkcs8(algorithm(&group_der([&self.p, &self.q, &self.g])?)?, &inner)
    }
}

/// SubjectPublicKeyInfo DER of the public key [p, q, g, y].
pub(crate) fn spki([p, q, g, y]: [&[u8]; 4]) -> Result<Vec<u8>> {
    let inner = uint(y)?.to_der().map_err(encoding)?;
    encoding::spki(algorithm(&group_der([p, q, g])?)?, &inner)
}

/// Prime, subprime, base and public value in SubjectPublicKeyInfo, of which nothing is proven yet.
pub(crate) fn from_spki(info: &SubjectPublicKeyInfoRef<'_>) -> Result<[Vec<u8>; 4]> {
    let [p, q, g] = parameters(&info.algorithm)?;
    let y = integer(info.subject_public_key.raw_bytes())?;
    Ok([p, q, g, y].map(<[u8]>::to_vec))
}
