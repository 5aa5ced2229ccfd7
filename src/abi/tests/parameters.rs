//! Mechanism parameters out of the caller's structures.

use std::ffi::c_void;
use std::ptr;

use super::{bytes, len};
use crate::abi::params::read;
use crate::ck::*;
use crate::crypto::hash::Hash;
use crate::mechanism::{
    Ecdh, EcdhWrap, Hedge, IkeParam, KbkdfMode, Oaep, ParamKind, Params, Pss, Scheme, SharedKdf,
    SignContext, TlsParam,
};

pub(super) const INVALID: Result<Params, CK_RV> = Err(CKR_MECHANISM_PARAM_INVALID);

const KINDS: [ParamKind; 42] = [
    ParamKind::Ike(IkeParam::First),
    ParamKind::Ike(IkeParam::Further),
    ParamKind::Ike(IkeParam::Extended),
    ParamKind::Ike(IkeParam::Plus),
    ParamKind::Version,
    ParamKind::Tls(TlsParam::OldMaster),
    ParamKind::Tls(TlsParam::Master),
    ParamKind::Tls(TlsParam::ExtendedMaster),
    ParamKind::Tls(TlsParam::OldKeys),
    ParamKind::Tls(TlsParam::Keys),
    ParamKind::Tls(TlsParam::Kdf),
    ParamKind::Tls(TlsParam::Mac),
    ParamKind::None,
    ParamKind::Iv(16),
    ParamKind::OptionalIv(8),
    ParamKind::Key,
    ParamKind::Ctr,
    ParamKind::Ccm,
    ParamKind::ChaCha20,
    ParamKind::ChaCha20Poly1305,
    ParamKind::MacLen,
    ParamKind::Data,
    ParamKind::Extract,
    ParamKind::AesCbcData,
    ParamKind::DesCbcData,
    ParamKind::Hkdf,
    ParamKind::Kbkdf(KbkdfMode::Counter),
    ParamKind::Kbkdf(KbkdfMode::Feedback),
    ParamKind::Kbkdf(KbkdfMode::DoublePipeline),
    ParamKind::Pbkd2,
    ParamKind::Pbe,
    ParamKind::Gcm,
    ParamKind::Oaep,
    ParamKind::RsaAesKeyWrap,
    ParamKind::Pss,
    ParamKind::Ecdh,
    ParamKind::EcdhAesKeyWrap,
    ParamKind::OptionalOaep,
    ParamKind::Eddsa,
    ParamKind::SignContext,
    ParamKind::HashSignContext,
    ParamKind::Otp,
];

pub(super) fn raw(kind: ParamKind, start: *mut c_void, len: CK_ULONG) -> Result<Params, CK_RV> {
    // SAFETY: what the test passes lives in the test.
    unsafe { read(kind, start, len) }.map_err(|error| error.rv)
}

pub(super) fn of<T>(kind: ParamKind, value: &T) -> Result<Params, CK_RV> {
    raw(
        kind,
        ptr::from_ref(value).cast_mut().cast(),
        len(size_of::<T>()),
    )
}

fn gcm(iv_len: CK_ULONG, tag_bits: CK_ULONG) -> CK_GCM_PARAMS {
    CK_GCM_PARAMS {
        pIv: bytes(&[7; 1024]),
        ulIvLen: iv_len,
        ulIvBits: 0xDEAD,
        pAAD: bytes(b"aad"),
        ulAADLen: 3,
        ulTagBits: tag_bits,
    }
}

fn oaep(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE) -> CK_RSA_PKCS_OAEP_PARAMS {
    CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: hash,
        mgf,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: ptr::null_mut(),
        ulSourceDataLen: 0,
    }
}

#[test]
fn nothing_is_left_to_the_operation() {
    let mut byte = 0_u8;
    for kind in KINDS {
        assert_eq!(raw(kind, ptr::null_mut(), 0), Ok(Params::None));
        assert_eq!(raw(kind, (&raw mut byte).cast(), 0), Ok(Params::None));
        assert_eq!(raw(kind, ptr::null_mut(), 16), INVALID);
    }
}

#[test]
fn lengths_are_exact() {
    let memory = [0_u8; 128];
    for kind in KINDS {
        let exact = match kind {
            ParamKind::None | ParamKind::CallerData(_) => continue,
            ParamKind::Iv(len) | ParamKind::OptionalIv(len) => len,
            ParamKind::Key => size_of::<CK_OBJECT_HANDLE>(),
            ParamKind::Ctr => size_of::<CK_AES_CTR_PARAMS>(),
            ParamKind::Ccm => size_of::<CK_CCM_PARAMS>(),
            ParamKind::ChaCha20 => size_of::<CK_CHACHA20_PARAMS>(),
            ParamKind::ChaCha20Poly1305 => size_of::<CK_SALSA20_CHACHA20_POLY1305_PARAMS>(),
            ParamKind::MacLen => size_of::<CK_MAC_GENERAL_PARAMS>(),
            ParamKind::Data => size_of::<CK_KEY_DERIVATION_STRING_DATA>(),
            ParamKind::Extract => size_of::<CK_EXTRACT_PARAMS>(),
            ParamKind::AesCbcData => size_of::<CK_AES_CBC_ENCRYPT_DATA_PARAMS>(),
            ParamKind::DesCbcData => size_of::<CK_DES_CBC_ENCRYPT_DATA_PARAMS>(),
            ParamKind::Hkdf => size_of::<CK_HKDF_PARAMS>(),
            ParamKind::Kbkdf(KbkdfMode::Feedback) => size_of::<CK_SP800_108_FEEDBACK_KDF_PARAMS>(),
            ParamKind::Kbkdf(_) => size_of::<CK_SP800_108_KDF_PARAMS>(),
            ParamKind::Pbkd2 => size_of::<CK_PKCS5_PBKD2_PARAMS2>(),
            ParamKind::Pbe => size_of::<CK_PBE_PARAMS>(),
            ParamKind::Gcm => size_of::<CK_GCM_PARAMS>(),
            ParamKind::Oaep | ParamKind::OptionalOaep => size_of::<CK_RSA_PKCS_OAEP_PARAMS>(),
            ParamKind::RsaAesKeyWrap => size_of::<CK_RSA_AES_KEY_WRAP_PARAMS>(),
            ParamKind::Otp => size_of::<CK_OTP_PARAMS>(),
            ParamKind::Pss => size_of::<CK_RSA_PKCS_PSS_PARAMS>(),
            ParamKind::Eddsa => size_of::<CK_EDDSA_PARAMS>(),
            ParamKind::SignContext => size_of::<CK_SIGN_ADDITIONAL_CONTEXT>(),
            ParamKind::HashSignContext => size_of::<CK_HASH_SIGN_ADDITIONAL_CONTEXT>(),
            ParamKind::Ecdh => size_of::<CK_ECDH1_DERIVE_PARAMS>(),
            ParamKind::PublicValue(_) => continue,
            ParamKind::Version => size_of::<CK_VERSION>(),
            ParamKind::Ike(IkeParam::First) => size_of::<CK_IKE_PRF_DERIVE_PARAMS>(),
            ParamKind::Ike(IkeParam::Further) => size_of::<CK_IKE1_PRF_DERIVE_PARAMS>(),
            ParamKind::Ike(IkeParam::Extended) => size_of::<CK_IKE1_EXTENDED_DERIVE_PARAMS>(),
            ParamKind::Ike(IkeParam::Plus) => size_of::<CK_IKE2_PRF_PLUS_DERIVE_PARAMS>(),
            ParamKind::Tls(TlsParam::OldMaster) => size_of::<CK_SSL3_MASTER_KEY_DERIVE_PARAMS>(),
            ParamKind::Tls(TlsParam::Master) => size_of::<CK_TLS12_MASTER_KEY_DERIVE_PARAMS>(),
            ParamKind::Tls(TlsParam::ExtendedMaster) => {
                size_of::<CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS>()
            }
            ParamKind::Tls(TlsParam::OldKeys) => size_of::<CK_SSL3_KEY_MAT_PARAMS>(),
            ParamKind::Tls(TlsParam::Keys) => size_of::<CK_TLS12_KEY_MAT_PARAMS>(),
            ParamKind::Tls(TlsParam::Kdf) => size_of::<CK_TLS_KDF_PARAMS>(),
            ParamKind::Tls(TlsParam::Mac) => size_of::<CK_TLS_MAC_PARAMS>(),
            ParamKind::EcdhAesKeyWrap => size_of::<CK_ECDH_AES_KEY_WRAP_PARAMS>(),
        };
        for wrong in [1, exact - 1, exact + 1, 2 * exact] {
            assert_eq!(
                raw(kind, bytes(&memory).cast(), len(wrong)),
                INVALID,
                "{kind:?}"
            );
        }
        assert_eq!(raw(kind, bytes(&memory).cast(), CK_ULONG::MAX), INVALID);
    }
    assert_eq!(of(ParamKind::None, &0_u8), INVALID);
}

#[test]
fn bytes_of_the_callers_own() {
    let data = [7_u8; 8];
    assert_eq!(
        of(ParamKind::CallerData(8), &data),
        Ok(Params::CallerData(data.to_vec()))
    );
    assert_eq!(of(ParamKind::CallerData(7), &data), INVALID);
}

#[test]
fn an_initialization_vector() {
    let iv: [u8; 16] = std::array::from_fn(|index| u8::try_from(index).unwrap());
    assert_eq!(of(ParamKind::Iv(16), &iv), Ok(Params::Iv(iv[..].into())));
    assert_eq!(
        of(ParamKind::OptionalIv(16), &iv),
        Ok(Params::Iv(iv[..].into()))
    );
}

#[test]
fn gcm_parameters_without_the_bits_of_the_vector() {
    let full = gcm(12, 128);
    let words = [
        full.pIv as CK_ULONG,
        full.ulIvLen,
        full.pAAD as CK_ULONG,
        full.ulAADLen,
        full.ulTagBits,
    ];
    assert_eq!(of(ParamKind::Gcm, &words), of(ParamKind::Gcm, &full));
}

#[test]
fn gcm_parameters() {
    for (bits, tag_len) in [
        (32, 4),
        (64, 8),
        (96, 12),
        (104, 13),
        (112, 14),
        (120, 15),
        (128, 16),
    ] {
        for iv_len in [1, 12, 1024] {
            let iv = vec![7; usize::try_from(iv_len).unwrap()];
            let expected = Params::Gcm {
                iv: iv.into(),
                aad: b"aad".to_vec(),
                tag_len,
            };
            assert_eq!(of(ParamKind::Gcm, &gcm(iv_len, bits)), Ok(expected));
        }
    }
    for bits in [0, 1, 8, 16, 40, 127, 129, 136, CK_ULONG::MAX] {
        assert_eq!(of(ParamKind::Gcm, &gcm(12, bits)), INVALID, "{bits} bits");
    }
    for iv_len in [0, 1025, CK_ULONG::MAX] {
        assert_eq!(of(ParamKind::Gcm, &gcm(iv_len, 128)), INVALID);
    }
    let null = ptr::null_mut();
    assert_eq!(
        of(
            ParamKind::Gcm,
            &CK_GCM_PARAMS {
                pIv: null,
                ..gcm(12, 128)
            }
        ),
        INVALID
    );
    assert_eq!(
        of(
            ParamKind::Gcm,
            &CK_GCM_PARAMS {
                pAAD: null,
                ..gcm(12, 128)
            }
        ),
        INVALID
    );
    let huge = CK_GCM_PARAMS {
        ulAADLen: CK_ULONG::MAX,
        ..gcm(12, 128)
    };
    assert_eq!(of(ParamKind::Gcm, &huge), INVALID);
    let bare = CK_GCM_PARAMS {
        pAAD: null,
        ulAADLen: 0,
        ..gcm(1, 128)
    };
    let expected = Params::Gcm {
        iv: vec![7].into(),
        aad: Vec::new(),
        tag_len: 16,
    };
    assert_eq!(of(ParamKind::Gcm, &bare), Ok(expected));
}

#[test]
fn oaep_hashes_are_independent() {
    let hashes = [
        (CKM_SHA_1, CKG_MGF1_SHA1, Hash::Sha1),
        (CKM_SHA224, CKG_MGF1_SHA224, Hash::Sha224),
        (CKM_SHA256, CKG_MGF1_SHA256, Hash::Sha256),
        (CKM_SHA384, CKG_MGF1_SHA384, Hash::Sha384),
        (CKM_SHA512, CKG_MGF1_SHA512, Hash::Sha512),
        (CKM_SHA3_224, CKG_MGF1_SHA3_224, Hash::Sha3_224),
        (CKM_SHA3_256, CKG_MGF1_SHA3_256, Hash::Sha3_256),
        (CKM_SHA3_384, CKG_MGF1_SHA3_384, Hash::Sha3_384),
        (CKM_SHA3_512, CKG_MGF1_SHA3_512, Hash::Sha3_512),
    ];
    for (number, _, hash) in hashes {
        for (_, generator, mgf) in hashes {
            let expected = Params::Oaep(Oaep {
                hash,
                mgf,
                label: Vec::new(),
            });
            assert_eq!(of(ParamKind::Oaep, &oaep(number, generator)), Ok(expected));
        }
    }
    assert_eq!(of(ParamKind::Oaep, &oaep(CKM_MD5, CKG_MGF1_SHA1)), INVALID);
    assert_eq!(of(ParamKind::Oaep, &oaep(CKM_SHA_1, 0)), INVALID);
    assert_eq!(of(ParamKind::Oaep, &oaep(CKM_SHA_1, CKM_SHA_1)), INVALID);
}

#[test]
fn the_source_of_the_oaep_label() {
    let base = oaep(CKM_SHA256, CKG_MGF1_SHA256);
    let label = CK_RSA_PKCS_OAEP_PARAMS {
        pSourceData: bytes(b"label").cast(),
        ulSourceDataLen: 5,
        ..base
    };
    let (hash, mgf) = (Hash::Sha256, Hash::Sha256);
    let expected = Params::Oaep(Oaep {
        hash,
        mgf,
        label: b"label".to_vec(),
    });
    assert_eq!(of(ParamKind::Oaep, &label), Ok(expected));
    let none = CK_RSA_PKCS_OAEP_PARAMS { source: 0, ..base };
    assert!(of(ParamKind::Oaep, &none).is_ok());
    let invalid = [
        CK_RSA_PKCS_OAEP_PARAMS { source: 0, ..label },
        CK_RSA_PKCS_OAEP_PARAMS { source: 2, ..base },
        CK_RSA_PKCS_OAEP_PARAMS {
            pSourceData: ptr::null_mut(),
            ..label
        },
        CK_RSA_PKCS_OAEP_PARAMS {
            ulSourceDataLen: CK_ULONG::MAX,
            ..label
        },
    ];
    for params in invalid {
        assert_eq!(of(ParamKind::Oaep, &params), INVALID);
    }
}

#[test]
fn rsa_aes_key_wrap_parameters() {
    let mut inner = oaep(CKM_SHA256, CKG_MGF1_SHA1);
    let mut outer = CK_RSA_AES_KEY_WRAP_PARAMS {
        ulAESKeyBits: 0,
        pOAEPParams: &raw mut inner,
    };
    for bits in [0, 128, 192, 256] {
        outer.ulAESKeyBits = bits;
        let (hash, mgf, label) = (Hash::Sha256, Hash::Sha1, Vec::new());
        let expected = Params::RsaAesKeyWrap {
            aes_bits: (bits != 0).then_some(bits),
            oaep: Oaep { hash, mgf, label },
        };
        assert_eq!(of(ParamKind::RsaAesKeyWrap, &outer), Ok(expected));
    }
    for bits in [1, 16, 32, 255, 512, CK_ULONG::MAX] {
        outer.ulAESKeyBits = bits;
        assert_eq!(of(ParamKind::RsaAesKeyWrap, &outer), INVALID);
    }
    outer = CK_RSA_AES_KEY_WRAP_PARAMS {
        ulAESKeyBits: 256,
        pOAEPParams: ptr::null_mut(),
    };
    assert_eq!(of(ParamKind::RsaAesKeyWrap, &outer), INVALID);
    inner.mgf = 0;
    outer.pOAEPParams = &raw mut inner;
    assert_eq!(of(ParamKind::RsaAesKeyWrap, &outer), INVALID);
}

#[test]
fn pss_parameters() {
    let pss = |hash, mgf, salt| CK_RSA_PKCS_PSS_PARAMS {
        hashAlg: hash,
        mgf,
        sLen: salt,
    };
    for salt_len in [0, 20, 1000, usize::MAX] {
        let expected = Params::Pss(Pss {
            hash: Hash::Sha384,
            mgf: Hash::Sha1,
            salt_len,
        });
        let given = pss(CKM_SHA384, CKG_MGF1_SHA1, len(salt_len));
        assert_eq!(of(ParamKind::Pss, &given), Ok(expected));
    }
    assert_eq!(
        of(ParamKind::Pss, &pss(CKM_MD5, CKG_MGF1_SHA1, 20)),
        INVALID
    );
    assert_eq!(of(ParamKind::Pss, &pss(CKM_SHA_1, 0, 20)), INVALID);
}

#[test]
fn ecdh_parameters() {
    let ecdh = |kdf, shared: &[u8]| CK_ECDH1_DERIVE_PARAMS {
        kdf,
        ulSharedDataLen: len(shared.len()),
        pSharedData: bytes(shared),
        ulPublicDataLen: 5,
        pPublicData: bytes(b"point"),
    };
    let (x963, one_step) = (
        |hash| Some(SharedKdf::X963(hash)),
        |hash| Some(SharedKdf::OneStep(hash)),
    );
    for (number, kdf, shared) in [
        (CKD_NULL, None, &b""[..]),
        (CKD_SHA1_KDF, x963(Hash::Sha1), b"shared"),
        (CKD_SHA224_KDF, x963(Hash::Sha224), b""),
        (CKD_SHA256_KDF, x963(Hash::Sha256), b"shared"),
        (CKD_SHA384_KDF, x963(Hash::Sha384), b"shared"),
        (CKD_SHA512_KDF, x963(Hash::Sha512), b"shared"),
        (CKD_SHA3_224_KDF, x963(Hash::Sha3_224), b"shared"),
        (CKD_SHA3_256_KDF, x963(Hash::Sha3_256), b"shared"),
        (CKD_SHA3_384_KDF, x963(Hash::Sha3_384), b"shared"),
        (CKD_SHA3_512_KDF, x963(Hash::Sha3_512), b"shared"),
        (CKD_SHA1_KDF_SP800, one_step(Hash::Sha1), b"shared"),
        (CKD_SHA224_KDF_SP800, one_step(Hash::Sha224), b"shared"),
        (CKD_SHA256_KDF_SP800, one_step(Hash::Sha256), b"shared"),
        (CKD_SHA384_KDF_SP800, one_step(Hash::Sha384), b"shared"),
        (CKD_SHA512_KDF_SP800, one_step(Hash::Sha512), b"shared"),
        (CKD_SHA3_224_KDF_SP800, one_step(Hash::Sha3_224), b"shared"),
        (CKD_SHA3_256_KDF_SP800, one_step(Hash::Sha3_256), b"shared"),
        (CKD_SHA3_384_KDF_SP800, one_step(Hash::Sha3_384), b"shared"),
        (CKD_SHA3_512_KDF_SP800, one_step(Hash::Sha3_512), b"shared"),
        (CKD_BLAKE2B_160_KDF, one_step(Hash::Blake2b160), b"shared"),
        (CKD_BLAKE2B_256_KDF, one_step(Hash::Blake2b256), b"shared"),
        (CKD_BLAKE2B_384_KDF, one_step(Hash::Blake2b384), b"shared"),
        (CKD_BLAKE2B_512_KDF, one_step(Hash::Blake2b512), b"shared"),
    ] {
        let expected = Params::Ecdh(Ecdh {
            kdf,
            shared_data: shared.to_vec(),
            public_data: b"point".to_vec(),
        });
        assert_eq!(of(ParamKind::Ecdh, &ecdh(number, shared)), Ok(expected));
    }
    let base = ecdh(CKD_SHA256_KDF, b"shared");
    let invalid = [
        ecdh(CKD_NULL, b"shared"),
        ecdh(0, b""),
        ecdh(CKD_SHA1_KDF_ASN1, b""),
        CK_ECDH1_DERIVE_PARAMS {
            pPublicData: ptr::null_mut(),
            ..base
        },
        CK_ECDH1_DERIVE_PARAMS {
            ulSharedDataLen: CK_ULONG::MAX,
            ..base
        },
    ];
    for params in invalid {
        assert_eq!(of(ParamKind::Ecdh, &params), INVALID);
    }
}

#[test]
fn ecdh_aes_key_wrap_parameters() {
    let wrap = |bits, kdf, shared: &[u8]| CK_ECDH_AES_KEY_WRAP_PARAMS {
        ulAESKeyBits: bits,
        kdf,
        ulSharedDataLen: len(shared.len()),
        pSharedData: bytes(shared),
    };
    let read = |params| of(ParamKind::EcdhAesKeyWrap, &params);
    for aes_bits in [128, 192, 256] {
        for (number, kdf, shared) in [
            (CKD_NULL, None, &b""[..]),
            (
                CKD_SHA256_KDF,
                Some(SharedKdf::X963(Hash::Sha256)),
                b"shared",
            ),
        ] {
            let expected = Params::EcdhAesKeyWrap(EcdhWrap {
                aes_bits,
                kdf,
                shared_data: shared.to_vec(),
            });
            assert_eq!(read(wrap(aes_bits, number, shared)), Ok(expected));
        }
    }
    for bits in [0, 16, 129, 512, CK_ULONG::MAX] {
        assert_eq!(read(wrap(bits, CKD_SHA256_KDF, b"")), INVALID);
    }
    assert_eq!(read(wrap(256, CKD_NULL, b"shared")), INVALID);
    assert_eq!(read(wrap(256, 0, b"")), INVALID);
    let null = CK_ECDH_AES_KEY_WRAP_PARAMS {
        pSharedData: ptr::null_mut(),
        ..wrap(256, CKD_SHA256_KDF, b"shared")
    };
    assert_eq!(read(null), INVALID);
}

#[test]
fn eddsa_parameters() {
    let eddsa = |flag, context: &[u8]| CK_EDDSA_PARAMS {
        phFlag: flag,
        ulContextDataLen: len(context.len()),
        pContextData: bytes(context),
    };
    for context in [&b""[..], b"context", &[7; 255]] {
        let plain = Params::Eddsa(Scheme::Context(context.to_vec()));
        assert_eq!(of(ParamKind::Eddsa, &eddsa(CK_FALSE, context)), Ok(plain));
        let hashed = Params::Eddsa(Scheme::Prehashed(context.to_vec()));
        assert_eq!(of(ParamKind::Eddsa, &eddsa(CK_TRUE, context)), Ok(hashed));
    }
    assert_eq!(of(ParamKind::Eddsa, &eddsa(2, b"")), INVALID);
    let null = CK_EDDSA_PARAMS {
        pContextData: ptr::null_mut(),
        ..eddsa(CK_TRUE, b"context")
    };
    assert_eq!(of(ParamKind::Eddsa, &null), INVALID);
}

#[test]
fn structures_need_not_be_aligned() {
    let mut memory = [0_u8; 1 + size_of::<CK_GCM_PARAMS>()];
    // SAFETY: one byte further there is room for the structure.
    let place = unsafe { memory.as_mut_ptr().add(1) };
    // SAFETY: as above.
    unsafe { place.cast::<CK_GCM_PARAMS>().write_unaligned(gcm(12, 128)) };
    let read = raw(
        ParamKind::Gcm,
        place.cast(),
        len(size_of::<CK_GCM_PARAMS>()),
    );
    assert!(matches!(read, Ok(Params::Gcm { tag_len: 16, .. })));
}

#[test]
fn context_strings_of_signatures() {
    let plain = |hedge, len| CK_SIGN_ADDITIONAL_CONTEXT {
        hedgeVariant: hedge,
        pContext: bytes(b"context"),
        ulContextLen: len,
    };
    let hashed = |hash| CK_HASH_SIGN_ADDITIONAL_CONTEXT {
        hedgeVariant: CKH_HEDGE_PREFERRED,
        pContext: bytes(b"context"),
        ulContextLen: 7,
        hash,
    };
    for (number, hedge) in [
        (CKH_HEDGE_PREFERRED, Some(Hedge::Preferred)),
        (CKH_HEDGE_REQUIRED, Some(Hedge::Required)),
        (CKH_DETERMINISTIC_REQUIRED, Some(Hedge::Deterministic)),
        (3, None),
    ] {
        let expected = SignContext {
            hedge,
            context: b"context".to_vec(),
        };
        assert_eq!(
            of(ParamKind::SignContext, &plain(number, 7)),
            Ok(Params::SignContext(expected))
        );
    }
    let null = CK_SIGN_ADDITIONAL_CONTEXT {
        pContext: ptr::null_mut(),
        ..plain(CKH_HEDGE_PREFERRED, 7)
    };
    assert_eq!(of(ParamKind::SignContext, &null), INVALID);
    let expected = SignContext {
        hedge: Some(Hedge::Preferred),
        context: b"context".to_vec(),
    };
    assert_eq!(
        of(ParamKind::HashSignContext, &hashed(CKM_SHA3_384)),
        Ok(Params::HashSignContext(expected, Hash::Sha3_384))
    );
    assert_eq!(of(ParamKind::HashSignContext, &hashed(CKM_MD5)), INVALID);
}
