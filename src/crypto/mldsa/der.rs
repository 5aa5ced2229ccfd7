//! DER of ML-DSA keys (RFC 9881): the object identifier alone says the parameter set.

use crate::crypto::encoding::{
    self, AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, public_key, seeded,
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

/// The parameter set that an AlgorithmIdentifier names. `InvalidKey` for another algorithm, or with
/// parameters, which there are none of.
pub(crate) fn parameter_set(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<ParameterSet> {
    if algorithm.parameters.is_some() {
        return Err(Error::InvalidKey("ML-DSA takes no algorithm parameters"));
    }
    let mut sets = ParameterSet::ALL.into_iter();
    let named = sets.find(|set| oid(*set) == algorithm.oid);
    named.ok_or(Error::InvalidKey("not an ML-DSA parameter set"))
}

impl MlDsaMaterial {
    /// Takes the private key in PKCS #8: a seed, an expanded key, or both (RFC 9881 section 6).
    pub fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        let set = parameter_set(&info.algorithm)?;
        let [seed, expanded] = seeded::read(info.private_key.as_bytes())?;
        Self::checked(set, seed, expanded, public_key(info)?)
    }

    /// PKCS #8 version 1 DER: of the seed where it is known, else of the expanded key.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        let inner = seeded::write(&self.seed, &self.expanded)?;
        encoding::pkcs8(algorithm(self.set), &inner)
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
