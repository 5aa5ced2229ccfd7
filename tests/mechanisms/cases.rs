//! What the tests must know of a mechanism: one case for each row of the token's table.

mod params;

use std::collections::BTreeSet;

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::crypto::okp;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{
    self, Kbkdf, KbkdfPart, Mechanism, OtpParams, Params, Request, Scheme, SharedKdf, TlsParams,
};
use tenon_pkcs11::api::policy::Use;
use tenon_pkcs11::api::secret::Secret;

use params::{
    cbc_data, chacha20, chacha20_poly1305, ctr, ecdh_wrap, gcm, gmac, hkdf, ike, kbkdf, oaep, pbe,
    pbkd2, pss, sign_context, tls, verify_data, wrap_with,
};
pub(super) use params::{ccm, data, ecdh, hash_of};

use crate::common::{
    Fixture, Pair, attrs, dh_material, dh_pair, dsa_pair, ec_material, ec_pair, external,
    ml_dsa_pair, ml_kem_pair, no_uses, okp_pair, rsa_pair, secret, slh_dsa_pair, sm2_pair, with,
    xwing_pair,
};

/// The keys that a mechanism takes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Keys {
    None,
    Rsa,
    Ec,
    Sm2,
    Edwards,
    Montgomery,
    MlDsa,
    MlKem,
    SlhDsa,
    XWing,
    Dh,
    Dsa,
    Aes,
    Aes128,
    Xts,
    Sm4,
    Des2,
    Des3,
    Camellia,
    ChaCha20,
    Poly1305,
    Hotp,
    Generic,
    Master,
    Hkdf,
    External,
}

pub(super) struct Case {
    pub(super) row: &'static Mechanism,
    pub(super) keys: Keys,
    pub(super) params: Params,
    /// Parameters that it must refuse.
    pub(super) wrong: Vec<Params>,
    /// Lengths of messages that it takes.
    pub(super) lengths: &'static [usize],
    /// The same input always gives the same output.
    pub(super) repeats: bool,
}

const ANY: &[usize] = &[0, 1, 15, 16, 17, 64, 255, 1000];
const BLOCKS: &[usize] = &[0, 16, 32, 160];
const SHORT: &[usize] = &[0, 1, 32, 190];
const FEW: &[usize] = &[1, 2, 32, 190];
const DIGESTS: &[usize] = &[1, 20, 32, 64];
const NO_DATA: &[usize] = &[0];
const WHOLE: &[usize] = &[256];
const WRAPPABLE: &[usize] = &[1, 8, 9, 16, 100];
const PADDABLE: &[usize] = &[8, 9, 16, 100];
const SEMIBLOCKS: &[usize] = &[16, 24, 32, 104];
const ONE: &[usize] = &[32];
const HANDSHAKES: &[usize] = &[0, 1, 32, 48, 1000];
const SLOW: &[usize] = &[0, 33];
const UNITS: &[usize] = &[16, 17, 31, 32, 100, 512];

/// The keys of a mechanism whose signatures take a context string.
fn context_keys(row: &Mechanism) -> Keys {
    match row.name.contains("SLH_DSA") {
        true => Keys::SlhDsa,
        false => Keys::MlDsa,
    }
}

/// What is known of the mechanism of `row`; `None` for one that nobody has told the tests about.
fn case(row: &'static Mechanism) -> Option<Case> {
    let iv = || Params::Iv(vec![9; 16].into());
    let given = || vec![iv()];
    let (keys, params, wrong, lengths, repeats) = match row.id {
        ck::CKM_RSA_PKCS_KEY_PAIR_GEN => (Keys::Rsa, Params::None, given(), ANY, true),
        ck::CKM_RSA_PKCS => (Keys::Rsa, Params::None, given(), SHORT, false),
        _ if row.name.ends_with("_RSA_PKCS") => (Keys::Rsa, Params::None, given(), ANY, true),
        _ if row.name.ends_with("RSA_PKCS_PSS") => {
            let hash = hash_of(row.name);
            let other = match hash {
                Hash::Sha1 => Hash::Sha256,
                _ => Hash::Sha1,
            };
            let mut wrong = vec![Params::None, iv(), pss(hash, 256)];
            let lengths = if row.id == ck::CKM_RSA_PKCS_PSS {
                &[32]
            } else {
                wrong.push(pss(other, 20));
                ANY
            };
            (Keys::Rsa, pss(hash, 20), wrong, lengths, false)
        }
        ck::CKM_RSA_X_509 => (Keys::Rsa, Params::None, given(), WHOLE, true),
        ck::CKM_RSA_PKCS_OAEP => {
            let wrong = vec![Params::None, iv()];
            (Keys::Rsa, Params::Oaep(oaep()), wrong, SHORT, false)
        }
        ck::CKM_RSA_AES_KEY_WRAP => {
            let wrong = vec![Params::None, iv(), wrap_with(Some(100))];
            (Keys::Rsa, wrap_with(Some(256)), wrong, ANY, false)
        }
        ck::CKM_TENON_RSA_AES_ECB_PKCS7 => (Keys::Rsa, Params::Oaep(oaep()), given(), ANY, false),
        ck::CKM_ECDH_AES_KEY_WRAP | ck::CKM_ECDH_COF_AES_KEY_WRAP | ck::CKM_ECDH_X_AES_KEY_WRAP => {
            let wrong = vec![Params::None, iv(), ecdh_wrap(100, None)];
            let keys = match row.id {
                ck::CKM_ECDH_X_AES_KEY_WRAP => Keys::Montgomery,
                _ => Keys::Ec,
            };
            (
                keys,
                ecdh_wrap(256, Some(SharedKdf::X963(Hash::Sha256))),
                wrong,
                ANY,
                false,
            )
        }
        ck::CKM_TENON_SM2_KEY_PAIR_GEN | ck::CKM_TENON_SM2_SM3_SIGN | ck::CKM_TENON_SM2_SM4_ECB => {
            (Keys::Sm2, Params::None, given(), ANY, false)
        }
        ck::CKM_TENON_SM2PKE => (Keys::Sm2, Params::None, given(), FEW, false),
        ck::CKM_TENON_SM4_KEY_GEN | ck::CKM_TENON_SM4_ECB => {
            (Keys::Sm4, Params::None, given(), BLOCKS, true)
        }
        ck::CKM_TENON_SM4_CBC => {
            let wrong = vec![Params::None, Params::Iv(vec![0; 15].into())];
            (Keys::Sm4, iv(), wrong, BLOCKS, true)
        }
        ck::CKM_TENON_SM4_GCM => {
            let wrong = vec![Params::None, iv(), gcm(0, 16), gcm(12, 3), gcm(12, 17)];
            (Keys::Sm4, gcm(12, 16), wrong, ANY, true)
        }
        ck::CKM_EC_KEY_PAIR_GEN => (Keys::Ec, Params::None, given(), ANY, false),
        ck::CKM_EC_EDWARDS_KEY_PAIR_GEN => (Keys::Edwards, Params::None, given(), ANY, true),
        ck::CKM_EC_MONTGOMERY_KEY_PAIR_GEN => (Keys::Montgomery, Params::None, given(), ANY, true),
        ck::CKM_EDDSA => {
            let long = Params::Eddsa(Scheme::Context(vec![0; 256]));
            let empty = Params::Eddsa(Scheme::Context(Vec::new()));
            let wrong = vec![iv(), long, empty];
            (Keys::Edwards, Params::None, wrong, ANY, true)
        }
        ck::CKM_ML_KEM_KEY_PAIR_GEN | ck::CKM_ML_KEM => {
            (Keys::MlKem, Params::None, given(), ANY, false)
        }
        ck::CKM_TENON_XWING_KEY_PAIR_GEN => (Keys::XWing, Params::None, given(), ANY, false),
        ck::CKM_TENON_HPKE => {
            let wrong = vec![iv(), Params::CallerData(vec![0; 1025])];
            let info = Params::CallerData(b"info".to_vec());
            (Keys::XWing, info, wrong, ANY, false)
        }
        ck::CKM_ML_DSA_KEY_PAIR_GEN => (Keys::MlDsa, Params::None, given(), ANY, false),
        ck::CKM_SLH_DSA_KEY_PAIR_GEN => (Keys::SlhDsa, Params::None, given(), ANY, false),
        ck::CKM_HASH_ML_DSA | ck::CKM_HASH_SLH_DSA => {
            let hashed = |context, hash| Params::HashSignContext(context, hash);
            let wrong = vec![
                Params::None,
                iv(),
                hashed(sign_context(256), Hash::Sha256),
                hashed(sign_context(3), Hash::Sha1),
            ];
            let right = hashed(sign_context(3), Hash::Sha256);
            (context_keys(row), right, wrong, ONE, false)
        }
        _ if row.name.contains("ML_DSA") || row.name.contains("SLH_DSA") => {
            let wrong = vec![Params::SignContext(sign_context(256)), iv()];
            let right = Params::SignContext(sign_context(3));
            // A signature of SLH-DSA takes a tenth of a second.
            let lengths = if row.name.contains("SLH") { SLOW } else { ANY };
            (context_keys(row), right, wrong, lengths, false)
        }
        _ if row.name.starts_with("CKM_ECDSA_") => (Keys::Ec, Params::None, given(), ANY, false),
        ck::CKM_ECDH1_DERIVE | ck::CKM_ECDH1_COFACTOR_DERIVE => {
            let wrong = vec![Params::None, iv(), ecdh(None, &[4; 65])];
            let own = &ec_material().point;
            (Keys::Ec, ecdh(None, own), wrong, ANY, true)
        }
        ck::CKM_DH_PKCS_KEY_PAIR_GEN | ck::CKM_DH_PKCS_PARAMETER_GEN => {
            (Keys::Dh, Params::None, given(), ANY, false)
        }
        ck::CKM_DSA => (Keys::Dsa, Params::None, given(), DIGESTS, false),
        _ if row.name.starts_with("CKM_DSA_") => (Keys::Dsa, Params::None, given(), ANY, false),
        ck::CKM_DH_PKCS_DERIVE => {
            let value = |value: &[u8]| Params::PublicValue(value.to_vec());
            let prime = &dh_material().p;
            let wrong = vec![Params::None, iv(), value(&[]), value(&[1]), value(prime)];
            let own = Params::PublicValue(dh_material().y.clone());
            (Keys::Dh, own, wrong, ANY, true)
        }
        ck::CKM_ECDSA => (Keys::Ec, Params::None, given(), DIGESTS, false),
        ck::CKM_AES_KEY_GEN | ck::CKM_AES_ECB => (Keys::Aes, Params::None, given(), BLOCKS, true),
        ck::CKM_AES_CBC => {
            let wrong = vec![Params::None, Params::Iv(vec![0; 15].into())];
            (Keys::Aes, iv(), wrong, BLOCKS, true)
        }
        ck::CKM_AES_OFB | ck::CKM_AES_CFB1 | ck::CKM_AES_CFB8 | ck::CKM_AES_CFB128 => {
            let wrong = vec![Params::None, Params::Iv(vec![0; 15].into())];
            (Keys::Aes, iv(), wrong, ANY, true)
        }
        ck::CKM_AES_CTS => {
            let wrong = vec![Params::None, Params::Iv(vec![0; 15].into())];
            (Keys::Aes, iv(), wrong, UNITS, true)
        }
        ck::CKM_AES_CBC_PAD => {
            let wrong = vec![Params::None, Params::Iv(vec![0; 17].into())];
            (Keys::Aes, iv(), wrong, ANY, true)
        }
        ck::CKM_AES_GCM => {
            let wrong = vec![Params::None, iv(), gcm(0, 16), gcm(12, 3), gcm(12, 17)];
            (Keys::Aes, gcm(12, 16), wrong, ANY, true)
        }
        ck::CKM_AES_CTR => {
            let wrong = vec![Params::None, iv(), ctr(0), ctr(129)];
            (Keys::Aes, ctr(32), wrong, ANY, true)
        }
        ck::CKM_HOTP_KEY_GEN => (Keys::Hotp, Params::None, given(), NO_DATA, true),
        ck::CKM_HOTP => {
            let asked = |digits| {
                let counter = Some(7);
                let friendly = true;
                Params::Otp(OtpParams {
                    counter,
                    digits,
                    friendly,
                })
            };
            let wrong = vec![asked(Some(5)), asked(Some(9)), iv()];
            (Keys::Hotp, asked(None), wrong, NO_DATA, true)
        }
        ck::CKM_POLY1305_KEY_GEN | ck::CKM_POLY1305 => {
            (Keys::Poly1305, Params::None, given(), ANY, true)
        }
        ck::CKM_CHACHA20_KEY_GEN => (Keys::ChaCha20, Params::None, given(), ANY, true),
        ck::CKM_CHACHA20 => {
            let wrong = vec![Params::None, iv(), chacha20(16, 0), chacha20(12, 1 << 32)];
            (Keys::ChaCha20, chacha20(12, 3), wrong, ANY, true)
        }
        ck::CKM_CHACHA20_POLY1305 => {
            let wrong = vec![Params::None, iv(), chacha20_poly1305(8)];
            (Keys::ChaCha20, chacha20_poly1305(24), wrong, ANY, true)
        }
        ck::CKM_AES_CCM => {
            let wrong = vec![Params::None, iv(), ccm(32, 6, 16), ccm(32, 12, 5)];
            (Keys::Aes, ccm(32, 12, 16), wrong, ONE, true)
        }
        ck::CKM_AES_CMAC | ck::CKM_AES_MAC => (Keys::Aes, Params::None, given(), ANY, true),
        ck::CKM_AES_XCBC_MAC | ck::CKM_AES_XCBC_MAC_96 => {
            (Keys::Aes128, Params::None, given(), ANY, true)
        }
        ck::CKM_AES_CMAC_GENERAL | ck::CKM_AES_MAC_GENERAL => {
            let wrong = vec![Params::None, iv(), Params::MacLen(0), Params::MacLen(17)];
            (Keys::Aes, Params::MacLen(8), wrong, ANY, true)
        }
        ck::CKM_AES_GMAC => {
            let wrong = vec![Params::None, iv(), gcm(12, 16), gmac(0, 16), gmac(12, 3)];
            (Keys::Aes, gmac(12, 16), wrong, ANY, true)
        }
        ck::CKM_AES_XTS_KEY_GEN => (Keys::Xts, Params::None, given(), UNITS, true),
        ck::CKM_AES_XTS => {
            let wrong = vec![Params::None, Params::Iv(vec![0; 8].into())];
            (Keys::Xts, iv(), wrong, UNITS, true)
        }
        ck::CKM_DES2_KEY_GEN => (Keys::Des2, Params::None, given(), BLOCKS, true),
        ck::CKM_DES3_KEY_GEN | ck::CKM_DES3_ECB => {
            (Keys::Des3, Params::None, given(), BLOCKS, true)
        }
        ck::CKM_DES3_CBC | ck::CKM_DES3_CBC_PAD => {
            let lengths = match row.id {
                ck::CKM_DES3_CBC => BLOCKS,
                _ => ANY,
            };
            let right = Params::Iv(vec![9; 8].into());
            (Keys::Des3, right, vec![Params::None, iv()], lengths, true)
        }
        ck::CKM_DES3_MAC | ck::CKM_DES3_CMAC => (Keys::Des3, Params::None, given(), ANY, true),
        ck::CKM_DES3_MAC_GENERAL | ck::CKM_DES3_CMAC_GENERAL => {
            let wrong = vec![Params::None, iv(), Params::MacLen(0), Params::MacLen(9)];
            (Keys::Des3, Params::MacLen(5), wrong, ANY, true)
        }
        ck::CKM_DES3_ECB_ENCRYPT_DATA => {
            let wrong = vec![Params::None, data(31)];
            (Keys::Des3, data(32), wrong, ANY, true)
        }
        ck::CKM_DES3_CBC_ENCRYPT_DATA => {
            let data = |iv: usize, len| Params::CbcData {
                iv: vec![3; iv],
                data: Secret::copy(&message(len)),
            };
            let wrong = vec![Params::None, data(8, 0), data(16, 32), iv()];
            (Keys::Des3, data(8, 32), wrong, ANY, true)
        }
        ck::CKM_CAMELLIA_KEY_GEN | ck::CKM_CAMELLIA_ECB => {
            (Keys::Camellia, Params::None, given(), BLOCKS, true)
        }
        ck::CKM_CAMELLIA_CBC | ck::CKM_CAMELLIA_CBC_PAD => {
            let lengths = match row.id {
                ck::CKM_CAMELLIA_CBC => BLOCKS,
                _ => ANY,
            };
            let wrong = vec![Params::None, Params::Iv(vec![0; 15].into())];
            (Keys::Camellia, iv(), wrong, lengths, true)
        }
        ck::CKM_CAMELLIA_MAC => (Keys::Camellia, Params::None, given(), ANY, true),
        ck::CKM_CAMELLIA_MAC_GENERAL => {
            let wrong = vec![Params::None, iv(), Params::MacLen(0), Params::MacLen(17)];
            (Keys::Camellia, Params::MacLen(5), wrong, ANY, true)
        }
        ck::CKM_CAMELLIA_ECB_ENCRYPT_DATA => {
            let wrong = vec![Params::None, data(31)];
            (Keys::Camellia, data(32), wrong, ANY, true)
        }
        ck::CKM_CAMELLIA_CBC_ENCRYPT_DATA => {
            let wrong = vec![Params::None, cbc_data(0), iv()];
            (Keys::Camellia, cbc_data(32), wrong, ANY, true)
        }
        ck::CKM_AES_KEY_WRAP => {
            let wrong = vec![Params::Iv(vec![0; 4].into()), iv()];
            (
                Keys::Aes,
                Params::Iv(vec![5; 8].into()),
                wrong,
                SEMIBLOCKS,
                true,
            )
        }
        ck::CKM_AES_KEY_WRAP_PKCS7 => {
            let wrong = vec![Params::Iv(vec![0; 4].into()), iv()];
            (Keys::Aes, Params::None, wrong, PADDABLE, true)
        }
        ck::CKM_AES_KEY_WRAP_PAD => (Keys::Aes, Params::None, given(), WRAPPABLE, true),
        ck::CKM_AES_KEY_WRAP_KWP => {
            let wrong = vec![Params::Iv(vec![0; 4].into()), iv()];
            (Keys::Aes, Params::None, wrong, WRAPPABLE, true)
        }
        ck::CKM_GENERIC_SECRET_KEY_GEN
        | ck::CKM_MD5_HMAC
        | ck::CKM_SHA_1_HMAC
        | ck::CKM_SHA224_HMAC
        | ck::CKM_SHA256_HMAC
        | ck::CKM_SHA384_HMAC
        | ck::CKM_SHA512_HMAC
        | ck::CKM_SHA512_224_HMAC
        | ck::CKM_SHA512_256_HMAC
        | ck::CKM_SHA3_224_HMAC
        | ck::CKM_SHA3_256_HMAC
        | ck::CKM_SHA3_384_HMAC
        | ck::CKM_SHA3_512_HMAC
        | ck::CKM_BLAKE2B_160_HMAC
        | ck::CKM_BLAKE2B_256_HMAC
        | ck::CKM_BLAKE2B_384_HMAC
        | ck::CKM_BLAKE2B_512_HMAC
        | ck::CKM_BLAKE2B_160_KEY_GEN
        | ck::CKM_BLAKE2B_256_KEY_GEN
        | ck::CKM_BLAKE2B_384_KEY_GEN
        | ck::CKM_BLAKE2B_512_KEY_GEN
        | ck::CKM_SHA_1_KEY_GEN
        | ck::CKM_SHA224_KEY_GEN
        | ck::CKM_SHA256_KEY_GEN
        | ck::CKM_SHA384_KEY_GEN
        | ck::CKM_SHA512_KEY_GEN
        | ck::CKM_SHA512_224_KEY_GEN
        | ck::CKM_SHA512_256_KEY_GEN
        | ck::CKM_SHA3_224_KEY_GEN
        | ck::CKM_SHA3_256_KEY_GEN
        | ck::CKM_SHA3_384_KEY_GEN
        | ck::CKM_SHA3_512_KEY_GEN => (Keys::Generic, Params::None, given(), ANY, true),
        ck::CKM_MD5_HMAC_GENERAL
        | ck::CKM_BLAKE2B_160_HMAC_GENERAL
        | ck::CKM_BLAKE2B_256_HMAC_GENERAL
        | ck::CKM_BLAKE2B_384_HMAC_GENERAL
        | ck::CKM_BLAKE2B_512_HMAC_GENERAL
        | ck::CKM_SHA_1_HMAC_GENERAL
        | ck::CKM_SHA224_HMAC_GENERAL
        | ck::CKM_SHA256_HMAC_GENERAL
        | ck::CKM_SHA384_HMAC_GENERAL
        | ck::CKM_SHA512_HMAC_GENERAL
        | ck::CKM_SHA512_224_HMAC_GENERAL
        | ck::CKM_SHA512_256_HMAC_GENERAL
        | ck::CKM_SHA3_224_HMAC_GENERAL
        | ck::CKM_SHA3_256_HMAC_GENERAL
        | ck::CKM_SHA3_384_HMAC_GENERAL
        | ck::CKM_SHA3_512_HMAC_GENERAL => {
            let wrong = vec![Params::None, iv(), Params::MacLen(0), Params::MacLen(65)];
            (Keys::Generic, Params::MacLen(10), wrong, ANY, true)
        }
        ck::CKM_MD5_KEY_DERIVATION
        | ck::CKM_BLAKE2B_160_KEY_DERIVE
        | ck::CKM_BLAKE2B_256_KEY_DERIVE
        | ck::CKM_BLAKE2B_384_KEY_DERIVE
        | ck::CKM_BLAKE2B_512_KEY_DERIVE
        | ck::CKM_SHA1_KEY_DERIVATION
        | ck::CKM_SHA224_KEY_DERIVATION
        | ck::CKM_SHA256_KEY_DERIVATION
        | ck::CKM_SHA384_KEY_DERIVATION
        | ck::CKM_SHA512_KEY_DERIVATION
        | ck::CKM_SHAKE_128_KEY_DERIVATION
        | ck::CKM_SHAKE_256_KEY_DERIVATION
        | ck::CKM_SHA512_224_KEY_DERIVATION
        | ck::CKM_SHA512_256_KEY_DERIVATION
        | ck::CKM_SHA3_224_KEY_DERIVATION
        | ck::CKM_SHA3_256_KEY_DERIVATION
        | ck::CKM_SHA3_384_KEY_DERIVATION
        | ck::CKM_SHA3_512_KEY_DERIVATION => (Keys::Generic, Params::None, given(), ANY, true),
        ck::CKM_CONCATENATE_BASE_AND_KEY => (
            Keys::Generic,
            Params::Key(1),
            vec![Params::None, iv()],
            ANY,
            true,
        ),
        ck::CKM_CONCATENATE_BASE_AND_DATA
        | ck::CKM_CONCATENATE_DATA_AND_BASE
        | ck::CKM_XOR_BASE_AND_DATA => {
            (Keys::Generic, data(32), vec![Params::None, iv()], ANY, true)
        }
        ck::CKM_PUB_KEY_FROM_PRIV_KEY => (Keys::Rsa, Params::None, given(), ANY, true),
        ck::CKM_EXTRACT_KEY_FROM_KEY => {
            let wrong = vec![Params::None, iv(), Params::Extract(256)];
            (Keys::Generic, Params::Extract(128), wrong, ANY, true)
        }
        ck::CKM_AES_ECB_ENCRYPT_DATA => {
            (Keys::Aes, data(32), vec![Params::None, data(31)], ANY, true)
        }
        ck::CKM_AES_CBC_ENCRYPT_DATA => (
            Keys::Aes,
            cbc_data(32),
            vec![Params::None, cbc_data(0), iv()],
            ANY,
            true,
        ),
        ck::CKM_HKDF_KEY_GEN => (Keys::Hkdf, Params::None, given(), ANY, true),
        ck::CKM_HKDF_DERIVE | ck::CKM_HKDF_DATA => (
            Keys::Hkdf,
            hkdf(b"salt"),
            vec![Params::None, iv()],
            ANY,
            true,
        ),
        ck::CKM_SP800_108_COUNTER_KDF
        | ck::CKM_SP800_108_FEEDBACK_KDF
        | ck::CKM_SP800_108_DOUBLE_PIPELINE_KDF => {
            let wrong = |change: fn(&mut Kbkdf)| {
                let mut params = kbkdf(row.id);
                change(&mut params);
                Params::Kbkdf(params)
            };
            let wrong = vec![
                Params::None,
                iv(),
                hkdf(b"salt"),
                wrong(|params| params.data.clear()),
                wrong(|params| params.data.push(KbkdfPart::Previous)),
                wrong(|params| {
                    params
                        .data
                        .extend([params.data[0].clone(), KbkdfPart::Previous])
                }),
                wrong(|params| {
                    let two = params.data[2].clone();
                    params.data.push(two);
                }),
            ];
            (
                Keys::Generic,
                Params::Kbkdf(kbkdf(row.id)),
                wrong,
                ANY,
                true,
            )
        }
        ck::CKM_TLS_PRE_MASTER_KEY_GEN => {
            let wrong = vec![Params::None, iv()];
            (Keys::Master, Params::Version([3, 3]), wrong, ANY, true)
        }
        _ if row.name.contains("_IKE") => {
            (Keys::Generic, ike(row), vec![Params::None, iv()], ANY, true)
        }
        _ if row.name.contains("_TLS") => {
            let right = tls(row);
            let wrong = match &right {
                TlsParams::Mac { .. } => vec![Params::None, iv(), Params::Tls(verify_data(11))],
                _ => vec![Params::None, iv()],
            };
            (Keys::Master, Params::Tls(right), wrong, HANDSHAKES, true)
        }
        _ if row.name.starts_with("CKM_PB") => {
            (Keys::Generic, pbe(), vec![Params::None, iv()], ANY, true)
        }
        ck::CKM_PKCS5_PBKD2 => (Keys::Generic, pbkd2(), vec![Params::None, iv()], ANY, true),
        ck::CKM_MD5
        | ck::CKM_SHA_1
        | ck::CKM_SHA224
        | ck::CKM_SHA256
        | ck::CKM_SHA384
        | ck::CKM_SHA512
        | ck::CKM_SHA512_224
        | ck::CKM_SHA512_256
        | ck::CKM_SHA3_224
        | ck::CKM_SHA3_256
        | ck::CKM_SHA3_384
        | ck::CKM_SHA3_512
        | ck::CKM_BLAKE2B_160
        | ck::CKM_BLAKE2B_256
        | ck::CKM_BLAKE2B_384
        | ck::CKM_BLAKE2B_512
        | ck::CKM_TENON_SM3 => (Keys::None, Params::None, given(), ANY, true),
        ck::CKM_TENON_KMS_ENVELOPE => {
            let long = Params::CallerData(vec![0; 64 * 1024 + 1]);
            let data = Params::CallerData(b"data".to_vec());
            (Keys::External, data, vec![iv(), long], ANY, false)
        }
        ck::CKM_TENON_EXTERNAL_KEY_GEN => (Keys::Aes, Params::None, given(), ANY, true),
        _ => return None,
    };
    Some(Case {
        row,
        keys,
        params,
        wrong,
        lengths,
        repeats,
    })
}

#[test]
fn every_row_has_a_case() {
    let unknown: Vec<_> = mechanism::all()
        .filter(|row| case(row).is_none())
        .map(|row| row.name)
        .collect();
    assert!(unknown.is_empty(), "tell the tests about {unknown:?}");
    let ids: BTreeSet<_> = mechanism::all().map(|row| row.id).collect();
    assert_eq!(ids.len(), mechanism::all().count(), "a number has two rows");
}

#[test]
fn every_row_has_a_use() {
    for row in mechanism::all() {
        let uses = row.info().flags & !(ck::CKF_EC_F_P | ck::CKF_EC_NAMEDCURVE);
        assert_ne!(uses & !ck::CKF_EC_UNCOMPRESS, 0, "{}", row.name);
    }
}

/// All cases for which `wanted` holds.
pub(super) fn cases(wanted: impl Fn(&Mechanism) -> bool) -> Vec<Case> {
    let cases: Vec<_> = mechanism::all()
        .filter(|row| wanted(row))
        .map(|row| case(row).unwrap_or_else(|| panic!("no case for {}", row.name)))
        .collect();
    assert!(!cases.is_empty());
    cases
}

impl Case {
    pub(super) fn name(&self) -> &'static str {
        self.row.name
    }

    pub(super) fn request(&self) -> Request {
        self.request_with(self.params.clone()).unwrap()
    }

    pub(super) fn request_with(&self, params: Params) -> Result<Request> {
        Request::new(self.row, params)
    }

    /// Keys that the mechanism takes, for every use.
    pub(super) fn keys(&self, fixture: &Fixture) -> Pair {
        keys(fixture, self.keys, Vec::new, Vec::new)
    }

    /// Keys that allow everything but `what`.
    pub(super) fn keys_without(&self, fixture: &Fixture, what: Use) -> Pair {
        let denied = || {
            vec![crate::common::ToAttribute::attribute(
                false,
                what.attribute(),
            )]
        };
        let of_public = matches!(
            what,
            Use::Encrypt | Use::Verify | Use::Wrap | Use::Encapsulate
        );
        let when = |wanted: bool| if wanted { denied() } else { Vec::new() };
        keys(fixture, self.keys, || when(of_public), || when(!of_public))
    }

    /// Keys that only `mechanism` may use.
    pub(super) fn keys_for(&self, fixture: &Fixture, mechanism: ck::CK_MECHANISM_TYPE) -> Pair {
        let only = || attrs![CKA_ALLOWED_MECHANISMS => [mechanism]];
        keys(fixture, self.keys, only, only)
    }

    /// Keys for every use, of a type that the mechanism does not take.
    pub(super) fn other_keys(&self, fixture: &Fixture) -> Pair {
        let kind = match self.keys {
            Keys::Rsa | Keys::None | Keys::Sm2 => Keys::Ec,
            Keys::Ec
            | Keys::Edwards
            | Keys::Montgomery
            | Keys::MlDsa
            | Keys::MlKem
            | Keys::SlhDsa
            | Keys::XWing
            | Keys::Dh
            | Keys::Dsa
            | Keys::Generic
            | Keys::Master
            | Keys::Hkdf
            | Keys::External => Keys::Rsa,
            Keys::Des2 | Keys::Des3 | Keys::Camellia => Keys::Generic,
            Keys::Aes | Keys::Aes128 | Keys::Xts | Keys::ChaCha20 | Keys::Poly1305 | Keys::Hotp => {
                Keys::Generic
            }
            Keys::Sm4 => Keys::Aes,
        };
        keys(fixture, kind, Vec::new, Vec::new)
    }
}

fn keys(
    fixture: &Fixture,
    kind: Keys,
    public: impl Fn() -> Vec<RawAttribute>,
    private: impl Fn() -> Vec<RawAttribute>,
) -> Pair {
    let session = &fixture.session;
    match kind {
        Keys::Rsa => rsa_pair(session, public(), private()),
        Keys::Ec => ec_pair(session, public(), private()),
        Keys::Sm2 => sm2_pair(session, public(), private()),
        Keys::Edwards => okp_pair(session, okp::Curve::Ed25519, public(), private()),
        Keys::Montgomery => okp_pair(session, okp::Curve::X25519, public(), private()),
        Keys::MlDsa => ml_dsa_pair(session, public(), private()),
        Keys::MlKem => ml_kem_pair(session, public(), private()),
        Keys::SlhDsa => slh_dsa_pair(session, public(), private()),
        Keys::XWing => xwing_pair(session, public(), private()),
        Keys::Dh => dh_pair(session, public(), private()),
        Keys::Dsa => dsa_pair(session, public(), private()),
        Keys::Aes => secret(session, ck::CKK_AES, with(public(), private())),
        Keys::Aes128 => {
            let changes = with(attrs![CKA_VALUE => &[0x5A; 16]], with(public(), private()));
            secret(session, ck::CKK_AES, changes)
        }
        Keys::Xts => {
            let value = attrs![CKA_VALUE => b"two different keys of 16 bytes  "];
            let changes = with(value, with(public(), private()));
            secret(session, ck::CKK_AES_XTS, changes)
        }
        Keys::Sm4 => {
            let changes = with(attrs![CKA_VALUE => &[0x5A; 16]], with(public(), private()));
            secret(session, ck::CKK_TENON_SM4, changes)
        }
        Keys::Des2 => {
            let changes = with(attrs![CKA_VALUE => &[0x5A; 16]], with(public(), private()));
            secret(session, ck::CKK_DES2, changes)
        }
        Keys::Des3 => {
            let value = attrs![CKA_VALUE => b"three different keys: 24"];
            let changes = with(value, with(public(), private()));
            secret(session, ck::CKK_DES3, changes)
        }
        Keys::Camellia => {
            let changes = with(attrs![CKA_VALUE => &[0x5A; 16]], with(public(), private()));
            secret(session, ck::CKK_CAMELLIA, changes)
        }
        Keys::Hotp => {
            let class = attrs![CKA_CLASS => ck::CKO_OTP_KEY];
            let changes = with(class, with(public(), private()));
            secret(session, ck::CKK_HOTP, changes)
        }
        Keys::Poly1305 => secret(session, ck::CKK_POLY1305, with(public(), private())),
        Keys::ChaCha20 => secret(session, ck::CKK_CHACHA20, with(public(), private())),
        Keys::Hkdf => secret(session, ck::CKK_HKDF, with(public(), private())),
        Keys::Generic => secret(session, ck::CKK_GENERIC_SECRET, with(public(), private())),
        Keys::Master => {
            let changes = with(attrs![CKA_VALUE => &[0x5A; 48]], with(public(), private()));
            secret(session, ck::CKK_GENERIC_SECRET, changes)
        }
        Keys::External => external(session, with(public(), private())),
        Keys::None => secret(session, ck::CKK_AES, no_uses()),
    }
}

/// `len` bytes that look like a message.
pub(super) fn message(len: usize) -> Vec<u8> {
    (0..=u8::MAX)
        .map(|byte| byte.wrapping_mul(151))
        .cycle()
        .take(len)
        .collect()
}

/// `message` in parts of lengths that depend on `seed`, some of them empty.
pub(super) fn parts(message: &[u8], seed: u64) -> Vec<&[u8]> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let (mut rest, mut parts) = (message, Vec::new());
    while !rest.is_empty() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let most = u64::try_from(rest.len().min(40)).unwrap();
        let (part, tail) = rest.split_at(usize::try_from(state % (most + 1)).unwrap());
        parts.push(part);
        rest = tail;
    }
    parts
}
