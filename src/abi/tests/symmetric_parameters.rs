//! Parameters of ciphers, MACs and key derivations out of the caller's structures.

use std::ptr;

use super::bytes;
use super::parameters::{INVALID, of};
use crate::ck::*;
use crate::crypto::hash::Hash;
use crate::mechanism::{HkdfSalt, ParamKind, Params};
use crate::secret::Secret;

#[test]
fn ctr_parameters() {
    for (bits, rv) in [(0, false), (1, true), (128, true), (129, false)] {
        let params = CK_AES_CTR_PARAMS {
            ulCounterBits: bits,
            cb: [5; 16],
        };
        let expected = Params::Ctr {
            counter: [5; 16],
            bits: u32::try_from(bits).unwrap(),
        };
        let expected = if rv { Ok(expected) } else { INVALID };
        assert_eq!(of(ParamKind::Ctr, &params), expected, "{bits}");
    }
}

#[test]
fn ccm_parameters() {
    let ccm = |nonce_len, mac_len| CK_CCM_PARAMS {
        ulDataLen: 99,
        pNonce: bytes(&[7; 13]),
        ulNonceLen: nonce_len,
        pAAD: bytes(b"aad"),
        ulAADLen: 3,
        ulMACLen: mac_len,
    };
    let read = of(ParamKind::Ccm, &ccm(7, 16));
    let expected = Params::Ccm {
        data_len: 99,
        nonce: vec![7; 7],
        aad: b"aad".to_vec(),
        tag_len: 16,
    };
    assert_eq!(read, Ok(expected));
    for (nonce_len, mac_len) in [(6, 16), (14, 16), (12, 0), (12, 5), (12, 18)] {
        assert_eq!(of(ParamKind::Ccm, &ccm(nonce_len, mac_len)), INVALID);
    }
    let null = CK_CCM_PARAMS {
        pNonce: ptr::null_mut(),
        ..ccm(12, 16)
    };
    assert_eq!(of(ParamKind::Ccm, &null), INVALID);
}

#[test]
fn lengths_of_macs_and_handles_are_numbers() {
    assert_eq!(of(ParamKind::MacLen, &20_u64), Ok(Params::MacLen(20)));
    assert_eq!(of(ParamKind::Key, &20_u64), Ok(Params::Key(20)));
}

#[test]
fn chacha20_parameters() {
    let (counter, nonce) = ([1, 2, 3, 4, 5, 6, 7, 8], [9; 24]);
    let read = |counter_bits, nonce_bits| {
        let params = CK_CHACHA20_PARAMS {
            pBlockCounter: bytes(&counter),
            blockCounterBits: counter_bits,
            pNonce: bytes(&nonce),
            ulNonceBits: nonce_bits,
        };
        of(ParamKind::ChaCha20, &params)
    };
    for (counter_bits, nonce_bits, counter) in [
        (32, 64, 0x0403_0201),
        (64, 64, 0x0807_0605_0403_0201),
        (32, 96, 0x0403_0201),
        (64, 192, 0x0807_0605_0403_0201),
    ] {
        let nonce = vec![9; nonce_bits as usize / 8];
        let expected = Ok(Params::ChaCha20 { nonce, counter });
        assert_eq!(read(counter_bits, nonce_bits), expected);
    }
    for (counter_bits, nonce_bits) in [(64, 96), (0, 64), (16, 64), (32, 128), (32, 12)] {
        assert_eq!(read(counter_bits, nonce_bits), INVALID);
    }
    let null = CK_CHACHA20_PARAMS {
        pBlockCounter: ptr::null_mut(),
        blockCounterBits: 32,
        pNonce: bytes(&nonce),
        ulNonceBits: 96,
    };
    assert_eq!(of(ParamKind::ChaCha20, &null), INVALID);
}

/// The standard counts the nonce in bits, NSS in bytes.
#[test]
fn chacha20_poly1305_parameters() {
    let nonce = [9; 24];
    let read = |len| {
        let params = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
            pNonce: bytes(&nonce),
            ulNonceLen: len,
            pAAD: bytes(b"aad"),
            ulAADLen: 3,
        };
        of(ParamKind::ChaCha20Poly1305, &params)
    };
    for (len, nonce_len) in [(96, 12), (12, 12), (192, 24), (24, 24)] {
        let expected = Ok(Params::ChaCha20Poly1305 {
            nonce: vec![9; nonce_len],
            aad: b"aad".to_vec(),
        });
        assert_eq!(read(len), expected);
    }
    for len in [0, 8, 64, 95, 193, CK_ULONG::MAX] {
        assert_eq!(read(len), INVALID);
    }
}

fn hkdf(extract: CK_BBOOL, expand: CK_BBOOL, salt: CK_ULONG) -> CK_HKDF_PARAMS {
    CK_HKDF_PARAMS {
        bExtract: extract,
        bExpand: expand,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: salt,
        pSalt: bytes(b"salt"),
        ulSaltLen: 4,
        hSaltKey: 99,
        pInfo: bytes(b"info"),
        ulInfoLen: 4,
    }
}

#[test]
fn hkdf_parameters() {
    let read = |params| of(ParamKind::Hkdf, &params);
    let expected = |salt, info: &[u8], expand| {
        Ok(Params::Hkdf {
            hash: Hash::Sha256,
            salt,
            info: info.to_vec(),
            expand,
        })
    };
    let data = |salt: &[u8]| Some(HkdfSalt::Data(salt.to_vec()));
    for (params, wanted) in [
        (
            hkdf(1, 1, CKF_HKDF_SALT_DATA),
            expected(data(b"salt"), b"info", true),
        ),
        (
            hkdf(1, 0, CKF_HKDF_SALT_NULL),
            expected(data(b""), b"", false),
        ),
        (
            hkdf(1, 1, CKF_HKDF_SALT_KEY),
            expected(Some(HkdfSalt::Key(99)), b"info", true),
        ),
        // What is not done needs no salt.
        (hkdf(0, 1, 77), expected(None, b"info", true)),
        (hkdf(1, 1, 77), INVALID),
        (hkdf(0, 0, CKF_HKDF_SALT_NULL), INVALID),
    ] {
        assert_eq!(read(params), wanted);
    }
    let unknown = CK_HKDF_PARAMS {
        prfHashMechanism: CKM_SHA256_HMAC,
        ..hkdf(1, 1, CKF_HKDF_SALT_NULL)
    };
    assert_eq!(read(unknown), INVALID);
}

#[test]
fn pbkdf2_parameters_of_both_versions() {
    let params = |password_len| CK_PKCS5_PBKD2_PARAMS2 {
        saltSource: CKZ_SALT_SPECIFIED,
        pSaltSourceData: bytes(b"salt").cast(),
        ulSaltSourceDataLen: 4,
        iterations: 1000,
        prf: CKP_PKCS5_PBKD2_HMAC_SHA512,
        pPrfData: ptr::null_mut(),
        ulPrfDataLen: 0,
        pPassword: bytes(b"password"),
        ulPasswordLen: password_len,
    };
    let read = |params| of::<CK_PKCS5_PBKD2_PARAMS2>(ParamKind::Pbkd2, &params);
    let expected = Ok(Params::Pbkd2 {
        password: Secret::copy(b"password"),
        salt: b"salt".to_vec(),
        iterations: 1000,
        prf: Hash::Sha512,
    });
    assert_eq!(read(params(8)), expected);
    for (len, wanted) in [(8, expected), (0x1_0000, INVALID)] {
        let mut len: CK_ULONG = len;
        let pointer = (&raw mut len).expose_provenance() as CK_ULONG;
        assert_eq!(read(params(pointer)), wanted);
    }
    for iterations in [0, 1 << 32] {
        let wrong = CK_PKCS5_PBKD2_PARAMS2 {
            iterations,
            ..params(8)
        };
        assert_eq!(read(wrong), INVALID);
    }
    for (salt_source, prf, prf_len) in [
        (0, CKP_PKCS5_PBKD2_HMAC_SHA512, 0),
        (CKZ_SALT_SPECIFIED, 99, 0),
        (CKZ_SALT_SPECIFIED, CKP_PKCS5_PBKD2_HMAC_SHA512, 1),
    ] {
        let wrong = CK_PKCS5_PBKD2_PARAMS2 {
            saltSource: salt_source,
            prf,
            ulPrfDataLen: prf_len,
            ..params(8)
        };
        assert_eq!(read(wrong), INVALID);
    }
}

#[test]
fn parameters_of_pkcs12_passwords() {
    let params = |password_len, iterations| CK_PBE_PARAMS {
        pInitVector: ptr::null_mut(),
        pPassword: bytes(b"password"),
        ulPasswordLen: password_len,
        pSalt: bytes(b"salt"),
        ulSaltLen: 4,
        ulIteration: iterations,
    };
    let read = |params| of::<CK_PBE_PARAMS>(ParamKind::Pbe, &params);
    let expected = Params::Pbe {
        password: Secret::copy(b"password"),
        salt: b"salt".to_vec(),
        iterations: 1000,
    };
    assert_eq!(read(params(8, 1000)), Ok(expected));
    for (len, iterations) in [(8, 0), (8, 1 << 32), (0x1_0000, 1)] {
        assert_eq!(read(params(len, iterations)), INVALID);
    }
}

#[test]
fn data_to_derive_with() {
    let string = CK_KEY_DERIVATION_STRING_DATA {
        pData: bytes(b"data"),
        ulLen: 4,
    };
    let expected = Params::Data(Secret::copy(b"data"));
    assert_eq!(of(ParamKind::Data, &string), Ok(expected));
    let cbc = CK_AES_CBC_ENCRYPT_DATA_PARAMS {
        iv: [3; 16],
        pData: bytes(b"data"),
        length: 4,
    };
    let expected = Params::CbcData {
        iv: vec![3; 16],
        data: Secret::copy(b"data"),
    };
    assert_eq!(of(ParamKind::AesCbcData, &cbc), Ok(expected));
    let cbc = CK_DES_CBC_ENCRYPT_DATA_PARAMS {
        iv: [4; 8],
        pData: bytes(b"data"),
        length: 4,
    };
    let expected = Params::CbcData {
        iv: vec![4; 8],
        data: Secret::copy(b"data"),
    };
    assert_eq!(of(ParamKind::DesCbcData, &cbc), Ok(expected));
    let null = CK_KEY_DERIVATION_STRING_DATA {
        pData: ptr::null_mut(),
        ulLen: 4,
    };
    assert_eq!(of(ParamKind::Data, &null), INVALID);
    assert_eq!(of(ParamKind::Extract, &21_u64), Ok(Params::Extract(21)));
}
