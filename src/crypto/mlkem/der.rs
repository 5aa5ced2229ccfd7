//! DER of ML-KEM keys (RFC 9935): the object identifier alone says the parameter set.

use crate::crypto::encoding::{self, AlgorithmIdentifierRef, ObjectIdentifier, seeded};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::set::ParameterSet;

/// id-alg-ml-kem-512 (RFC 9935 section 3).
pub(crate) const ML_KEM_512: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.1");
/// id-alg-ml-kem-768.
pub(crate) const ML_KEM_768: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.2");
/// id-alg-ml-kem-1024.
pub(crate) const ML_KEM_1024: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.3");

/// The parameter set that an AlgorithmIdentifier names. `InvalidKey` for another algorithm, or with
/// parameters, which there are none of.
pub(crate) fn parameter_set(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<ParameterSet> {
    if algorithm.parameters.is_some() {
        return Err(Error::InvalidKey("ML-KEM takes no algorithm parameters"));
    }
    let mut sets = ParameterSet::ALL.into_iter();
    let named = sets.find(|set| oid(*set) == algorithm.oid);
    named.ok_or(Error::InvalidKey("not an ML-KEM parameter set"))
}

/// PKCS #8 version 1 DER of a private key: of the seed where it is known, else of the expanded key (RFC
/// 9935 section 6).
pub(super) fn pkcs8(set: ParameterSet, seed: &[u8], expanded: &[u8]) -> Result<Secret> {
    let inner = seeded::write(seed, expanded)?;
    encoding::pkcs8(algorithm(set), &inner)
}

/// SubjectPublicKeyInfo DER of a public key (RFC 9935 section 5).
pub(crate) fn spki(set: ParameterSet, public: &[u8]) -> Result<Vec<u8>> {
    encoding::spki(algorithm(set), public)
}

fn oid(set: ParameterSet) -> ObjectIdentifier {
    match set {
        ParameterSet::MlKem512 => ML_KEM_512,
        ParameterSet::MlKem768 => ML_KEM_768,
        ParameterSet::MlKem1024 => ML_KEM_1024,
    }
}

fn algorithm(set: ParameterSet) -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef {
        oid: oid(set),
        parameters: None,
    }
}
