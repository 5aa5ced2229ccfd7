//! Values of CKA_PARAMETER_SET.

use crate::ck;
use crate::crypto::{mldsa, mlkem};

/// CKP_ number of a parameter set of ML-DSA.
pub(super) fn ml_dsa(set: mldsa::ParameterSet) -> ck::CK_ULONG {
    match set {
        mldsa::ParameterSet::MlDsa44 => ck::CKP_ML_DSA_44,
        mldsa::ParameterSet::MlDsa65 => ck::CKP_ML_DSA_65,
        mldsa::ParameterSet::MlDsa87 => ck::CKP_ML_DSA_87,
    }
}

/// CKP_ number of a parameter set of ML-KEM.
pub(super) fn ml_kem(set: mlkem::ParameterSet) -> ck::CK_ULONG {
    match set {
        mlkem::ParameterSet::MlKem512 => ck::CKP_ML_KEM_512,
        mlkem::ParameterSet::MlKem768 => ck::CKP_ML_KEM_768,
        mlkem::ParameterSet::MlKem1024 => ck::CKP_ML_KEM_1024,
    }
}
