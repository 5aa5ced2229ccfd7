//! The rows of RSA.

use super::*;
use super::{
    aes_ecb_wrap, aes_key_wrap, encapsulation, oaep, pkcs1_wrap, raw, raw_wrap, recover, signature,
};

pub(in crate::mechanism) static ROWS: &[Mechanism] = &[
    Mechanism {
        id: ck::CKM_RSA_PKCS_KEY_PAIR_GEN,
        name: "CKM_RSA_PKCS_KEY_PAIR_GEN",
        generate_pair: Some(generate_pair),
        ..RSA
    },
    Mechanism {
        id: ck::CKM_RSA_PKCS,
        name: "CKM_RSA_PKCS",
        encrypt: Some(encrypt_pkcs1),
        decrypt: Some(decrypt_pkcs1),
        sign: Some(signature::sign_info),
        verify: Some(signature::verify_info),
        sign_recover: Some(signature::sign_info),
        verify_recover: Some(recover::info),
        wrap: Some(pkcs1_wrap::wrap),
        unwrap: Some(&pkcs1_wrap::UNWRAP),
        unwrap_blind: Some(pkcs1_wrap::open_blind),
        kem: Some(&encapsulation::PKCS1),
        ..RSA
    },
    Mechanism {
        id: ck::CKM_RSA_X_509,
        name: "CKM_RSA_X_509",
        encrypt: Some(raw::encrypt),
        decrypt: Some(raw::decrypt),
        sign: Some(raw::sign),
        verify: Some(raw::verify),
        sign_recover: Some(raw::sign),
        verify_recover: Some(recover::raw),
        wrap: Some(raw_wrap::wrap),
        unwrap: Some(&raw_wrap::UNWRAP),
        zeros_before: true,
        ..RSA
    },
    Mechanism {
        id: ck::CKM_RSA_PKCS_OAEP,
        name: "CKM_RSA_PKCS_OAEP",
        params: ParamKind::Oaep,
        encrypt: Some(oaep::encrypt),
        decrypt: Some(oaep::decrypt),
        wrap: Some(oaep::wrap),
        unwrap: Some(&oaep::UNWRAP),
        kem: Some(&encapsulation::OAEP),
        ..RSA
    },
    Mechanism {
        id: ck::CKM_RSA_AES_KEY_WRAP,
        name: "CKM_RSA_AES_KEY_WRAP",
        params: ParamKind::RsaAesKeyWrap,
        wrap: Some(aes_key_wrap::wrap),
        unwrap: Some(&aes_key_wrap::UNWRAP),
        ..RSA
    },
    Mechanism {
        id: ck::CKM_TENON_RSA_AES_ECB_PKCS7,
        name: "CKM_TENON_RSA_AES_ECB_PKCS7",
        params: ParamKind::OptionalOaep,
        wrap: Some(aes_ecb_wrap::wrap),
        unwrap: Some(&aes_ecb_wrap::UNWRAP),
        ..RSA
    },
];
