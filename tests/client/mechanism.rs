//! Mechanisms with their parameters, as C has them.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::{len, pointer};

/// A mechanism with its parameter.
#[derive(Clone, Copy)]
pub(crate) enum Mechanism<'a> {
    /// Without a parameter.
    Plain(CK_MECHANISM_TYPE),
    /// Whose parameter is bytes, an initialization vector most often.
    Bytes(CK_MECHANISM_TYPE, &'a [u8]),
    /// Whose parameter is a CK_ULONG.
    Number(CK_MECHANISM_TYPE, CK_ULONG),
    Gcm {
        iv: &'a [u8],
        aad: &'a [u8],
        tag_bits: CK_ULONG,
    },
    Gmac {
        iv: &'a [u8],
        tag_bits: CK_ULONG,
    },
    Ccm {
        data_len: CK_ULONG,
        nonce: &'a [u8],
        aad: &'a [u8],
        mac_len: CK_ULONG,
    },
    ChaCha20Poly1305 {
        nonce: &'a [u8],
        aad: &'a [u8],
    },
    Oaep {
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        label: &'a [u8],
    },
    /// CKM_RSA_PKCS_PSS, and the mechanisms that hash.
    Pss {
        kind: CK_MECHANISM_TYPE,
        hash: CK_MECHANISM_TYPE,
        mgf: CK_RSA_PKCS_MGF_TYPE,
        salt_len: CK_ULONG,
    },
    /// Whose parameter is CK_SIGN_ADDITIONAL_CONTEXT.
    Context {
        kind: CK_MECHANISM_TYPE,
        hedge: CK_ULONG,
        context: &'a [u8],
    },
    /// Whose parameter is CK_HASH_SIGN_ADDITIONAL_CONTEXT.
    HashContext {
        kind: CK_MECHANISM_TYPE,
        hedge: CK_ULONG,
        context: &'a [u8],
        hash: CK_MECHANISM_TYPE,
    },
    /// CKM_ECDH1_DERIVE without a key derivation function.
    Ecdh {
        public: &'a [u8],
    },
    /// CKM_HKDF_DERIVE, extracting and expanding.
    Hkdf {
        hash: CK_MECHANISM_TYPE,
        salt: &'a [u8],
        info: &'a [u8],
    },
    /// CKM_HKDF_DATA with SHA-256, expanding alone.
    HkdfData {
        info: &'a [u8],
    },
    Pbkdf2 {
        prf: CK_PKCS5_PBKD2_PSEUDO_RANDOM_FUNCTION_TYPE,
        password: &'a [u8],
        salt: &'a [u8],
        iterations: CK_ULONG,
    },
}

impl Mechanism<'_> {
    /// Runs `call` with the C form, whose pointers are valid that long.
    pub(crate) fn with<T>(self, call: impl FnOnce(*mut CK_MECHANISM) -> T) -> T {
        match self {
            Self::Plain(kind) => call(&mut CK_MECHANISM {
                mechanism: kind,
                pParameter: null_mut(),
                ulParameterLen: 0,
            }),
            Self::Bytes(kind, bytes) => call(&mut CK_MECHANISM {
                mechanism: kind,
                pParameter: pointer(bytes).cast(),
                ulParameterLen: len(bytes),
            }),
            Self::Number(kind, number) => call(&mut of(kind, &number)),
            Self::Gcm { iv, aad, tag_bits } => call(&mut of(CKM_AES_GCM, &gcm(iv, aad, tag_bits))),
            Self::Gmac { iv, tag_bits } => call(&mut of(CKM_AES_GMAC, &gcm(iv, &[], tag_bits))),
            Self::ChaCha20Poly1305 { nonce, aad } => {
                let params = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
                    pNonce: pointer(nonce),
                    ulNonceLen: 8 * len(nonce),
                    pAAD: pointer(aad),
                    ulAADLen: len(aad),
                };
                call(&mut of(CKM_CHACHA20_POLY1305, &params))
            }
            Self::Ccm {
                data_len,
                nonce,
                aad,
                mac_len,
            } => {
                let params = CK_CCM_PARAMS {
                    ulDataLen: data_len,
                    pNonce: pointer(nonce),
                    ulNonceLen: len(nonce),
                    pAAD: pointer(aad),
                    ulAADLen: len(aad),
                    ulMACLen: mac_len,
                };
                call(&mut of(CKM_AES_CCM, &params))
            }
            Self::Oaep { hash, mgf, label } => {
                let params = CK_RSA_PKCS_OAEP_PARAMS {
                    hashAlg: hash,
                    mgf,
                    source: CKZ_DATA_SPECIFIED,
                    // Some modules refuse an address of no bytes.
                    pSourceData: if label.is_empty() {
                        null_mut()
                    } else {
                        pointer(label).cast()
                    },
                    ulSourceDataLen: len(label),
                };
                call(&mut of(CKM_RSA_PKCS_OAEP, &params))
            }
            Self::Pss {
                kind,
                hash,
                mgf,
                salt_len,
            } => {
                let params = CK_RSA_PKCS_PSS_PARAMS {
                    hashAlg: hash,
                    mgf,
                    sLen: salt_len,
                };
                call(&mut of(kind, &params))
            }
            Self::Context {
                kind,
                hedge,
                context,
            } => {
                let params = CK_SIGN_ADDITIONAL_CONTEXT {
                    hedgeVariant: hedge,
                    pContext: pointer(context),
                    ulContextLen: len(context),
                };
                call(&mut of(kind, &params))
            }
            Self::HashContext {
                kind,
                hedge,
                context,
                hash,
            } => {
                let params = CK_HASH_SIGN_ADDITIONAL_CONTEXT {
                    hedgeVariant: hedge,
                    pContext: pointer(context),
                    ulContextLen: len(context),
                    hash,
                };
                call(&mut of(kind, &params))
            }
            Self::Ecdh { public } => {
                let params = CK_ECDH1_DERIVE_PARAMS {
                    kdf: CKD_NULL,
                    ulSharedDataLen: 0,
                    pSharedData: null_mut(),
                    ulPublicDataLen: len(public),
                    pPublicData: pointer(public),
                };
                call(&mut of(CKM_ECDH1_DERIVE, &params))
            }
            Self::Hkdf { hash, salt, info } => {
                let params = CK_HKDF_PARAMS {
                    bExtract: CK_TRUE,
                    bExpand: CK_TRUE,
                    prfHashMechanism: hash,
                    ulSaltType: if salt.is_empty() {
                        CKF_HKDF_SALT_NULL
                    } else {
                        CKF_HKDF_SALT_DATA
                    },
                    pSalt: pointer(salt),
                    ulSaltLen: len(salt),
                    hSaltKey: 0,
                    pInfo: pointer(info),
                    ulInfoLen: len(info),
                };
                call(&mut of(CKM_HKDF_DERIVE, &params))
            }
            Self::HkdfData { info } => {
                let params = CK_HKDF_PARAMS {
                    bExtract: CK_FALSE,
                    bExpand: CK_TRUE,
                    prfHashMechanism: CKM_SHA256,
                    ulSaltType: CKF_HKDF_SALT_NULL,
                    pSalt: null_mut(),
                    ulSaltLen: 0,
                    hSaltKey: 0,
                    pInfo: pointer(info),
                    ulInfoLen: len(info),
                };
                call(&mut of(CKM_HKDF_DATA, &params))
            }
            Self::Pbkdf2 {
                prf,
                password,
                salt,
                iterations,
            } => {
                let params = CK_PKCS5_PBKD2_PARAMS2 {
                    saltSource: CKZ_SALT_SPECIFIED,
                    pSaltSourceData: pointer(salt).cast(),
                    ulSaltSourceDataLen: len(salt),
                    iterations,
                    prf,
                    pPrfData: null_mut(),
                    ulPrfDataLen: 0,
                    pPassword: pointer(password),
                    ulPasswordLen: len(password),
                };
                call(&mut of(CKM_PKCS5_PBKD2, &params))
            }
        }
    }
}

fn gcm(iv: &[u8], aad: &[u8], tag_bits: CK_ULONG) -> CK_GCM_PARAMS {
    CK_GCM_PARAMS {
        pIv: pointer(iv),
        ulIvLen: len(iv),
        ulIvBits: len(iv) * 8,
        pAAD: pointer(aad),
        ulAADLen: len(aad),
        ulTagBits: tag_bits,
    }
}

/// A mechanism whose parameter is a structure that the module only reads.
fn of<T>(kind: CK_MECHANISM_TYPE, params: &T) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        pParameter: std::ptr::from_ref(params).cast_mut().cast(),
        ulParameterLen: CK_ULONG::try_from(size_of::<T>()).unwrap(),
    }
}

impl Mechanism<'_> {
    /// The bytes of a structure, for a parameter that the module only reads.
    pub(crate) fn structure<T>(params: &T) -> &[u8] {
        // SAFETY: a live structure; the bytes are passed on by their address alone.
        unsafe { std::slice::from_raw_parts(std::ptr::from_ref(params).cast(), size_of::<T>()) }
    }
}
