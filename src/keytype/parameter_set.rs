//! Values of CKA_PARAMETER_SET.

use crate::ck;
use crate::crypto::seeded::SeededSet;
use crate::crypto::{mldsa, mlkem};

/// A parameter set that has a CKP_ number.
pub(crate) trait Numbered: SeededSet {
    /// The algorithm and its parameter sets, of which the numbers are 1, 2 and 3.
    const KNOWN: &'static str;

    /// The CKP_ number.
    fn number(self) -> ck::CK_ULONG;
}

impl Numbered for mldsa::ParameterSet {
    const KNOWN: &'static str = "ML-DSA: ML-DSA-44, -65 and -87";

    fn number(self) -> ck::CK_ULONG {
        match self {
            Self::MlDsa44 => ck::CKP_ML_DSA_44,
            Self::MlDsa65 => ck::CKP_ML_DSA_65,
            Self::MlDsa87 => ck::CKP_ML_DSA_87,
        }
    }
}

impl Numbered for mlkem::ParameterSet {
    const KNOWN: &'static str = "ML-KEM: ML-KEM-512, -768 and -1024";

    fn number(self) -> ck::CK_ULONG {
        match self {
            Self::MlKem512 => ck::CKP_ML_KEM_512,
            Self::MlKem768 => ck::CKP_ML_KEM_768,
            Self::MlKem1024 => ck::CKP_ML_KEM_1024,
        }
    }
}
