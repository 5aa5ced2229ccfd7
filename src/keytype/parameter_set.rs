//! Values of CKA_PARAMETER_SET.

use crate::ck;
use crate::crypto::mldsa::ParameterSet;

/// CKP_ number of a parameter set of ML-DSA.
pub(super) fn number(set: ParameterSet) -> ck::CK_ULONG {
    match set {
        ParameterSet::MlDsa44 => ck::CKP_ML_DSA_44,
        ParameterSet::MlDsa65 => ck::CKP_ML_DSA_65,
        ParameterSet::MlDsa87 => ck::CKP_ML_DSA_87,
    }
}
