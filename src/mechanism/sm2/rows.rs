//! The rows of SM2.

use super::*;

pub(in crate::mechanism) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_TENON_SM2_KEY_PAIR_GEN,
        name: "CKM_TENON_SM2_KEY_PAIR_GEN",
        generate_pair: Some(generate_pair),
        only_curve: Some(Curve::Sm2),
        ..SM2
    },
    Mechanism {
        id: ck::CKM_TENON_SM2_SM3_SIGN,
        name: "CKM_TENON_SM2_SM3_SIGN",
        sign: Some(sign),
        verify: Some(verify),
        ..SM2
    },
    Mechanism {
        id: ck::CKM_TENON_SM2PKE,
        name: "CKM_TENON_SM2PKE",
        encrypt: Some(encryption::encrypt),
        decrypt: Some(encryption::decrypt),
        wrap: Some(encryption::wrap),
        unwrap: Some(&encryption::UNWRAP),
        private_form: PrivateForm::Pkcs8OrSm2Scalar,
        ..SM2
    },
    Mechanism {
        id: ck::CKM_TENON_SM2_SM4_ECB,
        name: "CKM_TENON_SM2_SM4_ECB",
        wrap: Some(sm4_wrap::wrap),
        unwrap: Some(&sm4_wrap::UNWRAP),
        private_form: PrivateForm::Sm2Scalar,
        ..SM2
    },
];
