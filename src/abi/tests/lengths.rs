//! Lengths that no memory holds: refused, since an allocation that fails ends the host program.

use std::ffi::c_void;
use std::ptr;

use super::bytes;
use super::parameters::{INVALID, of};
use super::templates::{attribute, refusal};
use crate::ck::*;
use crate::mechanism::ParamKind;

/// From 1 TiB to the greatest slice and the greatest number.
const BEYOND: [CK_ULONG; 5] = [1 << 40, 1 << 47, (1 << 63) - 1, 1 << 63, CK_ULONG::MAX - 1];

#[test]
fn of_an_attribute() {
    let mut byte = 0_u8;
    let place: *mut c_void = (&raw mut byte).cast();
    for len in BEYOND.into_iter().chain([(1 << 26) + 1]) {
        for kind in [CKA_LABEL, CKA_VALUE, CKA_MODULUS, CKA_ALLOWED_MECHANISMS] {
            let refused = refusal(&[attribute(kind, place, len)]);
            assert_eq!(refused, Some(CKR_ARGUMENTS_BAD), "{len:#x}");
        }
        let nested = refusal(&[attribute(CKA_UNWRAP_TEMPLATE, place, len)]);
        assert_eq!(nested, Some(CKR_ATTRIBUTE_VALUE_INVALID), "{len:#x}");
    }
}

#[test]
fn of_a_parameter() {
    let some = bytes(&[7; 64]);
    for len in BEYOND.into_iter().chain([(1 << 26) + 1]) {
        for start in [some, ptr::null_mut()] {
            let gcm = CK_GCM_PARAMS {
                pIv: some,
                ulIvLen: 12,
                ulIvBits: 96,
                pAAD: start,
                ulAADLen: len,
                ulTagBits: 128,
            };
            let ccm = CK_CCM_PARAMS {
                ulDataLen: 16,
                pNonce: some,
                ulNonceLen: 12,
                pAAD: start,
                ulAADLen: len,
                ulMACLen: 16,
            };
            let oaep = CK_RSA_PKCS_OAEP_PARAMS {
                hashAlg: CKM_SHA256,
                mgf: CKG_MGF1_SHA256,
                source: CKZ_DATA_SPECIFIED,
                pSourceData: start.cast(),
                ulSourceDataLen: len,
            };
            let ecdh = CK_ECDH1_DERIVE_PARAMS {
                kdf: CKD_SHA256_KDF,
                ulSharedDataLen: len,
                pSharedData: start,
                ulPublicDataLen: 64,
                pPublicData: some,
            };
            let data = CK_KEY_DERIVATION_STRING_DATA {
                pData: start,
                ulLen: len,
            };
            let pbkd2 = CK_PKCS5_PBKD2_PARAMS2 {
                saltSource: CKZ_SALT_SPECIFIED,
                pSaltSourceData: start.cast(),
                ulSaltSourceDataLen: len,
                iterations: 1,
                prf: CKP_PKCS5_PBKD2_HMAC_SHA256,
                pPrfData: ptr::null_mut(),
                ulPrfDataLen: 0,
                pPassword: some,
                ulPasswordLen: 8,
            };
            assert_eq!(of(ParamKind::Gcm, &gcm), INVALID, "{len:#x}");
            assert_eq!(of(ParamKind::Ccm, &ccm), INVALID, "{len:#x}");
            assert_eq!(of(ParamKind::Oaep, &oaep), INVALID, "{len:#x}");
            assert_eq!(of(ParamKind::Ecdh, &ecdh), INVALID, "{len:#x}");
            assert_eq!(of(ParamKind::Data, &data), INVALID, "{len:#x}");
            assert_eq!(of(ParamKind::Pbkd2, &pbkd2), INVALID, "{len:#x}");
        }
    }
}

/// ulPasswordLen of 2.40 is a pointer: a length that is none points to nothing.
#[test]
fn of_a_password() {
    let some = bytes(&[7; 64]);
    for len in [0x1_0000, 1 << 16 | 1, 1 << 40, 1 << 62, CK_ULONG::MAX] {
        let params = CK_PKCS5_PBKD2_PARAMS2 {
            saltSource: CKZ_SALT_SPECIFIED,
            pSaltSourceData: some.cast(),
            ulSaltSourceDataLen: 8,
            iterations: 1,
            prf: CKP_PKCS5_PBKD2_HMAC_SHA256,
            pPrfData: ptr::null_mut(),
            ulPrfDataLen: 0,
            pPassword: some,
            ulPasswordLen: len,
        };
        assert_eq!(of(ParamKind::Pbkd2, &params), INVALID, "{len:#x}");
    }
}

/// What a message will be long, said before it.
#[test]
fn of_a_message_to_come() {
    for len in BEYOND {
        let ccm = CK_CCM_PARAMS {
            ulDataLen: len,
            pNonce: bytes(&[7; 12]),
            ulNonceLen: 12,
            pAAD: ptr::null_mut(),
            ulAADLen: 0,
            ulMACLen: 16,
        };
        assert_eq!(of(ParamKind::Ccm, &ccm), INVALID, "{len:#x}");
    }
}
