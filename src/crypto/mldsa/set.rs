//! The parameter sets (FIPS 204 section 4).

use std::os::raw::c_int;

use crate::crypto::sys::pqdsa;

/// Bytes of a seed, the ξ of key generation.
pub(super) const SEED_LEN: usize = 32;

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

    /// Bytes of an expanded private key.
    #[must_use]
    pub const fn private_len(self) -> usize {
        match self {
            Self::MlDsa44 => 2560,
            Self::MlDsa65 => 4032,
            Self::MlDsa87 => 4896,
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

    /// The name in FIPS 204.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MlDsa44 => "ML-DSA-44",
            Self::MlDsa65 => "ML-DSA-65",
            Self::MlDsa87 => "ML-DSA-87",
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
