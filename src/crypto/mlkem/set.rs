//! The parameter sets (FIPS 203 section 8).

use std::os::raw::c_int;

use crate::crypto::sys::kem;

/// A parameter set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ParameterSet {
    /// ML-KEM-512, security category 1.
    MlKem512,
    /// ML-KEM-768, security category 3.
    MlKem768,
    /// ML-KEM-1024, security category 5.
    MlKem1024,
}

impl ParameterSet {
    /// All of them, the shortest keys first.
    pub const ALL: [Self; 3] = [Self::MlKem512, Self::MlKem768, Self::MlKem1024];

    /// The k of FIPS 203: number of polynomials in a vector.
    const fn rank(self) -> usize {
        match self {
            Self::MlKem512 => 2,
            Self::MlKem768 => 3,
            Self::MlKem1024 => 4,
        }
    }

    /// Bytes of an encapsulation key before its last 32: whole coefficients of 12 bits.
    pub(super) const fn vector_len(self) -> usize {
        384 * self.rank()
    }

    /// Bytes of an encapsulation key, the public one.
    #[must_use]
    pub const fn public_len(self) -> usize {
        self.vector_len() + 32
    }

    /// Bytes of a decapsulation key, the private one.
    #[must_use]
    pub const fn private_len(self) -> usize {
        2 * self.vector_len() + 96
    }

    /// Bytes of a ciphertext.
    #[must_use]
    pub const fn ciphertext_len(self) -> usize {
        match self {
            Self::MlKem512 => 768,
            Self::MlKem768 => 1088,
            Self::MlKem1024 => 1568,
        }
    }

    /// The name in FIPS 203.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MlKem512 => "ML-KEM-512",
            Self::MlKem768 => "ML-KEM-768",
            Self::MlKem1024 => "ML-KEM-1024",
        }
    }

    /// aws-lc's number.
    pub(super) fn nid(self) -> c_int {
        match self {
            Self::MlKem512 => kem::ML_KEM_512,
            Self::MlKem768 => kem::ML_KEM_768,
            Self::MlKem1024 => kem::ML_KEM_1024,
        }
    }
}
