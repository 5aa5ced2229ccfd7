//! The parameter sets (FIPS 203 section 8).

use std::fmt;
use std::os::raw::c_int;

use crate::crypto::Result;
use crate::crypto::encoding::ObjectIdentifier;
use crate::crypto::parameter_set::NamedSet;
use crate::crypto::seeded::{SeededMaterial, SeededSet, pkcs8};
use crate::crypto::sys::kem::{self, KemKey};
use crate::secret::Secret;

/// id-alg-ml-kem-512 (RFC 9935 section 3).
pub(crate) const ML_KEM_512: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.1");
/// id-alg-ml-kem-768.
pub(crate) const ML_KEM_768: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.2");
/// id-alg-ml-kem-1024.
pub(crate) const ML_KEM_1024: ObjectIdentifier =
    ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.4.3");

/// A key pair.
pub type MlKemMaterial = SeededMaterial<ParameterSet>;

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

    /// Bytes of a ciphertext.
    #[must_use]
    pub const fn ciphertext_len(self) -> usize {
        match self {
            Self::MlKem512 => 768,
            Self::MlKem768 => 1088,
            Self::MlKem1024 => 1568,
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

impl fmt::Display for ParameterSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl NamedSet for ParameterSet {
    const SETS: &'static [Self] = &Self::ALL;
    const PARAMETERS_REFUSAL: &'static str = "ML-KEM takes no algorithm parameters";
    const ALGORITHM_REFUSAL: &'static str = "not an ML-KEM parameter set";

    fn name(self) -> &'static str {
        match self {
            Self::MlKem512 => "ML-KEM-512",
            Self::MlKem768 => "ML-KEM-768",
            Self::MlKem1024 => "ML-KEM-1024",
        }
    }

    fn oid(self) -> ObjectIdentifier {
        match self {
            Self::MlKem512 => ML_KEM_512,
            Self::MlKem768 => ML_KEM_768,
            Self::MlKem1024 => ML_KEM_1024,
        }
    }
}

impl SeededSet for ParameterSet {
    /// d ‖ z.
    const SEED_LEN: usize = 64;
    const SEED_REFUSAL: &'static str = "an ML-KEM seed has 64 bytes";
    const EXPANDED_REFUSAL: &'static str =
        "the ML-KEM decapsulation key has not the length of its parameter set";

    fn private_len(self) -> usize {
        2 * self.vector_len() + 96
    }

    /// FIPS 203 algorithm 16. aws-lc takes a seed in PKCS #8 alone.
    fn expand(self, seed: &[u8]) -> Result<(Secret, Vec<u8>)> {
        let key = KemKey::from_pkcs8(&pkcs8(self, seed, &[])?)?;
        Ok((
            key.private_bytes(self.private_len())?,
            key.public_bytes(self.public_len())?,
        ))
    }

    /// A decapsulation key holds its encapsulation key.
    fn public_of(self, expanded: &[u8]) -> Result<Vec<u8>> {
        let start = self.vector_len();
        let public = &expanded[start..start + self.public_len()];
        KemKey::pair(self.nid(), public, expanded)?.check_pair()?;
        Ok(public.to_vec())
    }
}
