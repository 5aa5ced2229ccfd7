//! The parameter sets (FIPS 204 section 4).

use std::os::raw::c_int;

use crate::crypto::Result;
use crate::crypto::encoding::ObjectIdentifier;
use crate::crypto::parameter_set::NamedSet;
use crate::crypto::seeded::{SeededMaterial, SeededSet};
use crate::crypto::sys::pqdsa::{self, PqdsaKey};
use crate::secret::Secret;

/// id-ml-dsa-44 (RFC 9881 section 2).
pub(crate) const ML_DSA_44: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.17");
/// id-ml-dsa-65.
pub(crate) const ML_DSA_65: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.18");
/// id-ml-dsa-87.
pub(crate) const ML_DSA_87: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.3.19");

/// A key pair.
pub type MlDsaMaterial = SeededMaterial<ParameterSet>;

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterSet {
    /// ML-DSA-44, security category 2.
    MlDsa44,
    /// ML-DSA-65, security category 3.
    MlDsa65,
    /// ML-DSA-87, security category 5.
    MlDsa87,
}

impl ParameterSet {
    /// All of them, the shortest keys first.
    pub const ALL: [Self; 3] = [Self::MlDsa44, Self::MlDsa65, Self::MlDsa87];

    /// Bytes of a public key.
    #[must_use]
    pub const fn public_len(self) -> usize {
        match self {
            Self::MlDsa44 => 1312,
            Self::MlDsa65 => 1952,
            Self::MlDsa87 => 2592,
        }
    }

    /// Bytes of a signature.
    #[must_use]
    pub const fn signature_len(self) -> usize {
        match self {
            Self::MlDsa44 => 2420,
            Self::MlDsa65 => 3309,
            Self::MlDsa87 => 4627,
        }
    }

    /// aws-lc's number.
    pub(super) fn nid(self) -> c_int {
        match self {
            Self::MlDsa44 => pqdsa::ML_DSA_44,
            Self::MlDsa65 => pqdsa::ML_DSA_65,
            Self::MlDsa87 => pqdsa::ML_DSA_87,
        }
    }
}

impl NamedSet for ParameterSet {
    const SETS: &'static [Self] = &Self::ALL;
    const PARAMETERS_REFUSAL: &'static str = "ML-DSA takes no algorithm parameters";
    const ALGORITHM_REFUSAL: &'static str = "not an ML-DSA parameter set";

    fn name(self) -> &'static str {
        match self {
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
        }
    }

    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::MlDsa44 => ML_DSA_44,
            Self::MlDsa65 => ML_DSA_65,
            Self::MlDsa87 => ML_DSA_87,
        }
    }
}

impl SeededSet for ParameterSet {
    /// The ξ of key generation.
    const SEED_LEN: usize = 32;
    const SEED_REFUSAL: &'static str = "an ML-DSA seed has 32 bytes";
    const EXPANDED_REFUSAL: &'static str =
        "the expanded ML-DSA private key has not the length of its parameter set";

    fn private_len(self) -> usize {
        match self {
            Self::MlDsa44 => 2560,
            Self::MlDsa65 => 4032,
            Self::MlDsa87 => 4896,
        }
    }

    /// FIPS 204 algorithm 6.
    fn expand(self, seed: &[u8]) -> Result<(Secret, Vec<u8>)> {
        let key = PqdsaKey::private(self.nid(), seed)?;
        Ok((
            key.private_bytes(self.private_len())?,
            key.public_bytes(self.public_len())?,
        ))
    }

    fn public_of(self, expanded: &[u8]) -> Result<Vec<u8>> {
        PqdsaKey::private(self.nid(), expanded)?.public_bytes(self.public_len())
    }
}
