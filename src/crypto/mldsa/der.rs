//! DER of ML-DSA keys (RFC 9881): the object identifier alone says the parameter set.

use der::asn1::{AnyRef, ContextSpecificRef, OctetStringRef};
use der::{Decode, Reader, SliceReader, Tag, TagMode, TagNumber, Tagged};

use crate::crypto::encoding::{
    self, AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, encode, encoding, public_key,
};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::material::MlDsaMaterial;
use super::set::ParameterSet;

/// id-ml-dsa-44 (RFC 9881 section 2).
pub(crate) const ML_DSA_44: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
/// id-ml-dsa-65.
pub(crate) const ML_DSA_65: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
/// id-ml-dsa-87.
pub(crate) const ML_DSA_87: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");

/// `seed [0]` of ML-DSA-PrivateKey (section 6).
const SEED: TagNumber = TagNumber(0);

/// The parameter set that an AlgorithmIdentifier names. `InvalidKey` for another algorithm, or with
/// parameters, which there are none of.
pub(crate) fn parameter_set(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<ParameterSet> {
    if algorithm.parameters.is_some() {
        return Err(Error::InvalidKey("ML-DSA takes no algorithm parameters"));
    }
    let named = ParameterSet::ALL
        .into_iter()
        .find(|set| oid(*set) == algorithm.oid);
    named.ok_or(Error::InvalidKey("not an ML-DSA parameter set"))
}

impl MlDsaMaterial {
    /// Takes the private key in PKCS #8: a seed, an expanded key, or both (RFC 9881 section 6).
    pub fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        let set = parameter_set(&info.algorithm)?;
        let inner = info.private_key.as_bytes();
        let [seed, expanded] =
            private_key(inner).map_err(|_| Error::InvalidKey("not ML-DSA-PrivateKey DER"))?;
        Self::checked(set, seed, expanded, public_key(info)?)
    }

    /// PKCS #8 version 1 DER: of the seed where it is known, else of the expanded key.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        let inner = if self.seed.is_empty() {
            encode(&OctetStringRef::new(&self.expanded).map_err(encoding)?)?
        } else {
            encode(&ContextSpecificRef {
                tag_number: SEED,
                tag_mode: TagMode::Implicit,
                value: &OctetStringRef::new(&self.seed).map_err(encoding)?,
            })?
        };
        encoding::pkcs8(algorithm(self.set), &inner)
    }
}

/// Seed and expanded key in ML-DSA-PrivateKey, with nothing after it.
fn private_key(der: &[u8]) -> der::Result<[Option<&[u8]>; 2]> {
    let mut reader = SliceReader::new(der)?;
    let value = AnyRef::decode(&mut reader)?;
    reader.finish()?;
    match value.tag() {
        Tag::ContextSpecific {
            constructed: false,
            number: SEED,
        } => Ok([Some(value.value()), None]),
        Tag::OctetString => Ok([None, Some(value.value())]),
        Tag::Sequence => {
            let mut fields = SliceReader::new(value.value())?;
            let seed = <&OctetStringRef>::decode(&mut fields)?;
            let expanded = <&OctetStringRef>::decode(&mut fields)?;
            fields.finish()?;
            Ok([Some(seed.as_bytes()), Some(expanded.as_bytes())])
        }
        other => Err(other.value_error().into()),
    }
}

/// SubjectPublicKeyInfo DER of a public key (RFC 9881 section 4).
pub(crate) fn spki(set: ParameterSet, public: &[u8]) -> Result<Vec<u8>> {
    encoding::spki(algorithm(set), public)
}

fn oid(set: ParameterSet) -> ObjectIdentifier {
    match set {
        ParameterSet::MlDsa44 => ML_DSA_44,
        ParameterSet::MlDsa65 => ML_DSA_65,
        ParameterSet::MlDsa87 => ML_DSA_87,
    }
}

fn algorithm(set: ParameterSet) -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef {
        oid: oid(set),
        parameters: None,
    }
}
