//! Mechanisms as the C functions take them.

use std::ptr;

use tenon_pkcs11::ck::*;

use super::{input, ulong};

/// A mechanism with its parameter.
#[derive(Clone, Copy)]
pub(in crate::demo) enum Mechanism<'a> {
    /// Without a parameter.
    Plain(CK_MECHANISM_TYPE),
    /// CKM_RSA_PKCS_OAEP with SHA-256, MGF1-SHA256 and no label.
    OaepSha256,
    /// CKM_RSA_AES_KEY_WRAP: the same OAEP around an AES-256 key.
    RsaAesKeyWrapSha256,
    /// CKM_AES_GCM with a 128-bit tag.
    Gcm { iv: &'a [u8], aad: &'a [u8] },
}

impl Mechanism<'_> {
    /// Runs `call` with the C form, whose pointers are valid that long.
    pub(super) fn with<T>(self, call: impl FnOnce(&mut CK_MECHANISM) -> T) -> T {
        let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
            hashAlg: CKM_SHA256,
            mgf: CKG_MGF1_SHA256,
            source: CKZ_DATA_SPECIFIED,
            pSourceData: ptr::null_mut(),
            ulSourceDataLen: 0,
        };
        match self {
            Self::Plain(mechanism) => call(&mut CK_MECHANISM {
                mechanism,
                pParameter: ptr::null_mut(),
                ulParameterLen: 0,
            }),
            Self::OaepSha256 => call(&mut parameter(CKM_RSA_PKCS_OAEP, &mut oaep)),
            Self::RsaAesKeyWrapSha256 => {
                let mut wrap = CK_RSA_AES_KEY_WRAP_PARAMS {
                    ulAESKeyBits: 256,
                    pOAEPParams: &mut oaep,
                };
                call(&mut parameter(CKM_RSA_AES_KEY_WRAP, &mut wrap))
            }
            Self::Gcm { iv, aad } => {
                let ((iv, iv_len), (aad, aad_len)) = (input(iv), input(aad));
                let mut gcm = CK_GCM_PARAMS {
                    pIv: iv,
                    ulIvLen: iv_len,
                    ulIvBits: iv_len * 8,
                    pAAD: aad,
                    ulAADLen: aad_len,
                    ulTagBits: 128,
                };
                call(&mut parameter(CKM_AES_GCM, &mut gcm))
            }
        }
    }
}

fn parameter<T>(mechanism: CK_MECHANISM_TYPE, parameter: &mut T) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism,
        pParameter: ptr::from_mut(parameter).cast(),
        ulParameterLen: ulong(size_of::<T>()),
    }
}
