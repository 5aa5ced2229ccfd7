//! Every mechanism has test vectors, and `docs/mechanisms.md` is the table of mechanisms with them.

#![allow(clippy::panic, reason = "a failed helper is a failed test")]

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype;
use tenon_pkcs11::api::mechanism::{
    self, ByDefault, IkeParam, KbkdfMode, Mechanism, ParamKind, TlsParam, Unit,
};

const INTRODUCTION: &str = "\
# Mechanisms

Written from the rows in `src/mechanism/`; `TENON_REGENERATE=1 cargo test --test vectors` writes it anew.

By default a mechanism is on, or off until `slots.mechanisms` names it, or has the uses that are told.
Sizes are ulMinKeySize and ulMaxKeySize, in the unit that the standard has for the mechanism. Vectors are
files below `tests/vectors/`; or sets of Project Wycheproof, which the named file below `tests/` runs through the C
functions; or, where nobody published any, the test of the library that stands for them.

| mechanism | number | by default | keys | sizes | parameter | uses | vectors |
|---|---|---|---|---|---|---|---|
";

/// CKF_ flags in the order of the document.
const USES: &[(ck::CK_FLAGS, &str)] = &[
    (ck::CKF_ENCRYPT, "encrypt"),
    (ck::CKF_DECRYPT, "decrypt"),
    (ck::CKF_MESSAGE_ENCRYPT, "encrypt messages"),
    (ck::CKF_MESSAGE_DECRYPT, "decrypt messages"),
    (ck::CKF_SIGN, "sign"),
    (ck::CKF_VERIFY, "verify"),
    (ck::CKF_MESSAGE_SIGN, "sign messages"),
    (ck::CKF_MESSAGE_VERIFY, "verify messages"),
    (ck::CKF_SIGN_RECOVER, "sign recover"),
    (ck::CKF_VERIFY_RECOVER, "verify recover"),
    (ck::CKF_DIGEST, "digest"),
    (ck::CKF_WRAP, "wrap"),
    (ck::CKF_UNWRAP, "unwrap"),
    (ck::CKF_GENERATE, "generate"),
    (ck::CKF_GENERATE_KEY_PAIR, "generate pair"),
    (ck::CKF_DERIVE, "derive"),
    (ck::CKF_ENCAPSULATE, "encapsulate"),
    (ck::CKF_DECAPSULATE, "decapsulate"),
];

/// Files below `tests/vectors/` with published vectors; families of Wycheproof's sets in
/// `tests/wycheproof/`; or tests of the library that stand for vectors where nobody published any. Each
/// with the mechanisms that they test.
#[rustfmt::skip]
const VECTORS: &[(&[&str], &[&str])] = &[
    (&["crypto::rsa::tests::generated_keys_are_what_was_asked_for"], &[
        "CKM_RSA_PKCS_KEY_PAIR_GEN",
    ]),
    (&["rsa/implicit_rejection.json"], &["CKM_RSA_PKCS"]),
    (&["crypto::rsa::raw::tests::agrees_with_plain_exponentiation"], &["CKM_RSA_X_509"]),
    (&["wycheproof/oaep.rs"], &["CKM_RSA_PKCS_OAEP"]),
    (&["rsa/aes_key_wrap.json"], &["CKM_RSA_AES_KEY_WRAP"]),
    (&["rsa/aes_ecb_pkcs7.json"], &["CKM_TENON_RSA_AES_ECB_PKCS7"]),
    (&["rsa/pss.json", "crypto::rsa::pss::tests::agrees_with_an_independent_implementation"], &[
        "CKM_RSA_PKCS_PSS", "CKM_SHA1_RSA_PKCS_PSS", "CKM_SHA224_RSA_PKCS_PSS",
        "CKM_SHA256_RSA_PKCS_PSS", "CKM_SHA384_RSA_PKCS_PSS", "CKM_SHA512_RSA_PKCS_PSS",
        "CKM_SHA3_224_RSA_PKCS_PSS", "CKM_SHA3_256_RSA_PKCS_PSS", "CKM_SHA3_384_RSA_PKCS_PSS",
        "CKM_SHA3_512_RSA_PKCS_PSS",
    ]),
    (&["rsa/openssl.json", "wycheproof/signatures.rs"], &[
        "CKM_SHA1_RSA_PKCS", "CKM_SHA224_RSA_PKCS", "CKM_SHA256_RSA_PKCS", "CKM_SHA384_RSA_PKCS",
        "CKM_SHA512_RSA_PKCS", "CKM_SHA3_224_RSA_PKCS", "CKM_SHA3_256_RSA_PKCS",
        "CKM_SHA3_384_RSA_PKCS", "CKM_SHA3_512_RSA_PKCS",
    ]),
    (&["crypto::ec::tests::generated_keys_agree_with_an_independent_implementation"], &[
        "CKM_EC_KEY_PAIR_GEN",
    ]),
    (&["wycheproof/signatures.rs"], &["CKM_ECDSA"]),
    (&["ec/ecdsa.json", "wycheproof/signatures.rs"], &[
        "CKM_ECDSA_SHA1", "CKM_ECDSA_SHA224", "CKM_ECDSA_SHA256", "CKM_ECDSA_SHA384",
        "CKM_ECDSA_SHA512", "CKM_ECDSA_SHA3_224", "CKM_ECDSA_SHA3_256", "CKM_ECDSA_SHA3_384",
        "CKM_ECDSA_SHA3_512",
    ]),
    (&["ec/ecdh.json", "okp.json", "x963_kdf.json", "onestep_kdf.json", "wycheproof/agreement.rs"], &[
        "CKM_ECDH1_DERIVE", "CKM_ECDH1_COFACTOR_DERIVE",
    ]),
    (&["ec/ecdh_aes_key_wrap.json"], &[
        "CKM_ECDH_AES_KEY_WRAP", "CKM_ECDH_COF_AES_KEY_WRAP", "CKM_ECDH_X_AES_KEY_WRAP",
    ]),
    (&["okp.json"], &["CKM_EC_EDWARDS_KEY_PAIR_GEN"]),
    (&["okp.json", "wycheproof/signatures.rs"], &["CKM_EDDSA"]),
    (&["okp.json", "wycheproof/agreement.rs"], &["CKM_EC_MONTGOMERY_KEY_PAIR_GEN"]),
    (&["dh.json"], &["CKM_DH_PKCS_KEY_PAIR_GEN", "CKM_DH_PKCS_PARAMETER_GEN", "CKM_DH_PKCS_DERIVE"]),
    (&["dsa.json"], &[
        "CKM_DSA_KEY_PAIR_GEN", "CKM_DSA_PARAMETER_GEN", "CKM_DSA_SHA1", "CKM_DSA_SHA384", "CKM_DSA_SHA512",
    ]),
    (&["dsa.json", "wycheproof/signatures.rs"], &["CKM_DSA", "CKM_DSA_SHA224", "CKM_DSA_SHA256"]),
    (&["mechanism::dsa::tests::a_mechanism_hashes_by_the_hash_in_its_name"], &[
        "CKM_DSA_SHA3_224", "CKM_DSA_SHA3_256", "CKM_DSA_SHA3_384", "CKM_DSA_SHA3_512",
    ]),
    (&["mldsa.json"], &[
        "CKM_ML_DSA_KEY_PAIR_GEN", "CKM_HASH_ML_DSA", "CKM_HASH_ML_DSA_SHA224",
        "CKM_HASH_ML_DSA_SHA256", "CKM_HASH_ML_DSA_SHA384", "CKM_HASH_ML_DSA_SHA512",
        "CKM_HASH_ML_DSA_SHA3_224", "CKM_HASH_ML_DSA_SHA3_256", "CKM_HASH_ML_DSA_SHA3_384",
        "CKM_HASH_ML_DSA_SHA3_512", "CKM_HASH_ML_DSA_SHAKE128", "CKM_HASH_ML_DSA_SHAKE256",
    ]),
    (&["wycheproof/ml_dsa.rs"], &["CKM_ML_DSA"]),
    (&["slhdsa.json"], &[
        "CKM_SLH_DSA_KEY_PAIR_GEN", "CKM_SLH_DSA", "CKM_HASH_SLH_DSA", "CKM_HASH_SLH_DSA_SHA224",
        "CKM_HASH_SLH_DSA_SHA256", "CKM_HASH_SLH_DSA_SHA384", "CKM_HASH_SLH_DSA_SHA512",
        "CKM_HASH_SLH_DSA_SHA3_224", "CKM_HASH_SLH_DSA_SHA3_256", "CKM_HASH_SLH_DSA_SHA3_384",
        "CKM_HASH_SLH_DSA_SHA3_512", "CKM_HASH_SLH_DSA_SHAKE128", "CKM_HASH_SLH_DSA_SHAKE256",
    ]),
    (&["wycheproof/ml_kem.rs"], &["CKM_ML_KEM_KEY_PAIR_GEN", "CKM_ML_KEM"]),
    (&["mechanism::aes::tests::makes_new_keys_of_three_lengths"], &["CKM_AES_KEY_GEN"]),
    (&["aes_ecb.rsp"], &["CKM_AES_ECB"]),
    (&["aes_cbc.rsp"], &["CKM_AES_CBC"]),
    (&["wycheproof/ciphers.rs"], &["CKM_AES_CBC_PAD"]),
    (&["aes_ctr.rsp"], &["CKM_AES_CTR"]),
    (&["mechanism::chacha::tests::makes_new_keys_of_one_length"], &["CKM_CHACHA20_KEY_GEN"]),
    (&["chacha20.rsp"], &["CKM_CHACHA20"]),
    (&["wycheproof/ciphers.rs"], &["CKM_CHACHA20_POLY1305"]),
    (&["poly1305.rsp"], &["CKM_POLY1305"]),
    (&["mechanism::poly1305::tests::makes_new_keys_of_one_length"], &["CKM_POLY1305_KEY_GEN"]),
    (&["aes_feedback.rsp"], &[
        "CKM_AES_OFB", "CKM_AES_CFB1", "CKM_AES_CFB8", "CKM_AES_CFB128",
    ]),
    (&["aes_cts.rsp"], &["CKM_AES_CTS"]),
    (&["aes_xcbc.rsp"], &["CKM_AES_XCBC_MAC", "CKM_AES_XCBC_MAC_96"]),
    (&["crypto::cbc_mac::tests::the_mac_of_fips_113_is_the_end_of_cbc"], &[
        "CKM_AES_MAC", "CKM_AES_MAC_GENERAL",
    ]),
    (&["aes_gcm.rsp"], &["CKM_AES_GCM"]),
    (&["wycheproof/ciphers.rs"], &["CKM_AES_CCM"]),
    (&["wycheproof/macs.rs"], &["CKM_AES_CMAC", "CKM_AES_CMAC_GENERAL"]),
    (&["wycheproof/macs.rs"], &["CKM_AES_GMAC"]),
    (&["mechanism::aes::tests::makes_new_xts_keys_of_two_lengths"], &["CKM_AES_XTS_KEY_GEN"]),
    (&["wycheproof/ciphers.rs"], &["CKM_AES_XTS"]),
    (&["wycheproof/key_wraps.rs"], &["CKM_AES_KEY_WRAP"]),
    (&["mechanism::aes::keywrap::tests::pad_takes_both_of_its_meanings"], &[
        "CKM_AES_KEY_WRAP_PAD",
    ]),
    (&["aes_kwp.rsp"], &["CKM_AES_KEY_WRAP_KWP"]),
    (&["crypto::keywrap::tests::pkcs7_pads_to_half_blocks"], &["CKM_AES_KEY_WRAP_PKCS7"]),
    (&["mechanism::secret::tests::makes_new_secrets_of_the_length_asked_for"], &[
        "CKM_GENERIC_SECRET_KEY_GEN", "CKM_SHA_1_KEY_GEN", "CKM_SHA224_KEY_GEN",
        "CKM_SHA256_KEY_GEN", "CKM_SHA384_KEY_GEN", "CKM_SHA512_KEY_GEN", "CKM_SHA3_224_KEY_GEN",
        "CKM_SHA3_256_KEY_GEN", "CKM_SHA3_384_KEY_GEN", "CKM_SHA3_512_KEY_GEN", "CKM_HKDF_KEY_GEN",
        "CKM_SHA512_224_KEY_GEN", "CKM_SHA512_256_KEY_GEN", "CKM_BLAKE2B_160_KEY_GEN",
        "CKM_BLAKE2B_256_KEY_GEN", "CKM_BLAKE2B_384_KEY_GEN", "CKM_BLAKE2B_512_KEY_GEN",
    ]),
    (&["crypto::ec::sm2::tests::new_keys_sign_and_decrypt"], &["CKM_TENON_SM2_KEY_PAIR_GEN"]),
    (&["ec/sm2.json"], &["CKM_TENON_SM2_SM3_SIGN", "CKM_TENON_SM2PKE", "CKM_TENON_SM2_SM4_ECB"]),
    (&["mechanism::sm4::tests::makes_new_keys_of_one_length"], &["CKM_TENON_SM4_KEY_GEN"]),
    (&["sm4_ecb.rsp"], &["CKM_TENON_SM4_ECB"]),
    (&["sm4_cbc.rsp"], &["CKM_TENON_SM4_CBC"]),
    (&["sm4_gcm.rsp"], &["CKM_TENON_SM4_GCM"]),
    (&["sha1.rsp"], &["CKM_SHA_1"]),
    (&["sha224.rsp"], &["CKM_SHA224"]),
    (&["sha256.rsp"], &["CKM_SHA256"]),
    (&["sha384.rsp"], &["CKM_SHA384"]),
    (&["sha512.rsp"], &["CKM_SHA512"]),
    (&["sha512_224.rsp"], &["CKM_SHA512_224"]),
    (&["sha512_256.rsp"], &["CKM_SHA512_256"]),
    (&["sha3_224.rsp"], &["CKM_SHA3_224"]),
    (&["sha3_256.rsp"], &["CKM_SHA3_256"]),
    (&["sha3_384.rsp"], &["CKM_SHA3_384"]),
    (&["sha3_512.rsp"], &["CKM_SHA3_512"]),
    (&["blake2b_160.rsp"], &["CKM_BLAKE2B_160"]),
    (&["blake2b_160_hmac.rsp"], &["CKM_BLAKE2B_160_HMAC", "CKM_BLAKE2B_160_HMAC_GENERAL"]),
    (&["blake2b_256.rsp"], &["CKM_BLAKE2B_256"]),
    (&["blake2b_256_hmac.rsp"], &["CKM_BLAKE2B_256_HMAC", "CKM_BLAKE2B_256_HMAC_GENERAL"]),
    (&["blake2b_384.rsp"], &["CKM_BLAKE2B_384"]),
    (&["blake2b_384_hmac.rsp"], &["CKM_BLAKE2B_384_HMAC", "CKM_BLAKE2B_384_HMAC_GENERAL"]),
    (&["blake2b_512.rsp"], &["CKM_BLAKE2B_512"]),
    (&["blake2b_512_hmac.rsp"], &["CKM_BLAKE2B_512_HMAC", "CKM_BLAKE2B_512_HMAC_GENERAL"]),
    (&["sm3.rsp"], &["CKM_TENON_SM3"]),
    (&["des3_ecb.rsp"], &["CKM_DES3_ECB"]),
    (&["des3_cbc.rsp"], &["CKM_DES3_CBC", "CKM_DES3_CBC_PAD"]),
    (&["des3_cmac.rsp"], &["CKM_DES3_CMAC", "CKM_DES3_CMAC_GENERAL"]),
    (&["mechanism::des::tests::a_mac_is_half_a_block_of_cbc"], &["CKM_DES3_MAC", "CKM_DES3_MAC_GENERAL"]),
    (&["mechanism::des::tests::makes_new_keys_with_odd_parity"], &["CKM_DES2_KEY_GEN", "CKM_DES3_KEY_GEN"]),
    (&["mechanism::des::tests::ciphertexts_of_triple_des_are_keys"], &[
        "CKM_DES3_ECB_ENCRYPT_DATA", "CKM_DES3_CBC_ENCRYPT_DATA",
    ]),
    (&["camellia_ecb.rsp"], &["CKM_CAMELLIA_ECB"]),
    (&["camellia_cbc.rsp"], &["CKM_CAMELLIA_CBC", "CKM_CAMELLIA_CBC_PAD"]),
    (&["mechanism::camellia::tests::a_mac_is_half_a_block_of_cbc"], &["CKM_CAMELLIA_MAC", "CKM_CAMELLIA_MAC_GENERAL"]),
    (&["mechanism::aes::tests::makes_new_keys_of_three_lengths"], &["CKM_CAMELLIA_KEY_GEN"]),
    (&["mechanism::camellia::tests::ciphertexts_of_camellia_are_keys"], &[
        "CKM_CAMELLIA_ECB_ENCRYPT_DATA", "CKM_CAMELLIA_CBC_ENCRYPT_DATA",
    ]),
    (&["md5.rsp"], &["CKM_MD5", "CKM_MD5_KEY_DERIVATION"]),
    (&["md5_hmac.rsp"], &["CKM_MD5_HMAC", "CKM_MD5_HMAC_GENERAL"]),
    (&["rsa/openssl.json"], &["CKM_MD5_RSA_PKCS"]),
    (&["sha1_hmac.rsp"], &["CKM_SHA_1_HMAC", "CKM_SHA_1_HMAC_GENERAL"]),
    (&["hotp.rsp"], &["CKM_HOTP"]),
    (&["mechanism::secret::tests::makes_new_secrets_of_the_length_asked_for"], &["CKM_HOTP_KEY_GEN"]),
    (&["sha224_hmac.rsp"], &["CKM_SHA224_HMAC", "CKM_SHA224_HMAC_GENERAL"]),
    (&["sha256_hmac.rsp"], &["CKM_SHA256_HMAC", "CKM_SHA256_HMAC_GENERAL"]),
    (&["sha384_hmac.rsp"], &["CKM_SHA384_HMAC", "CKM_SHA384_HMAC_GENERAL"]),
    (&["sha512_hmac.rsp"], &["CKM_SHA512_HMAC", "CKM_SHA512_HMAC_GENERAL"]),
    (&["wycheproof/macs.rs"], &[
        "CKM_SHA3_224_HMAC", "CKM_SHA3_224_HMAC_GENERAL", "CKM_SHA3_256_HMAC",
        "CKM_SHA3_256_HMAC_GENERAL", "CKM_SHA3_384_HMAC", "CKM_SHA3_384_HMAC_GENERAL",
        "CKM_SHA3_512_HMAC", "CKM_SHA3_512_HMAC_GENERAL", "CKM_SHA512_224_HMAC",
        "CKM_SHA512_224_HMAC_GENERAL", "CKM_SHA512_256_HMAC", "CKM_SHA512_256_HMAC_GENERAL",
    ]),
    (&["mechanism::derive::tests::examples_of_the_specification"], &[
        "CKM_CONCATENATE_BASE_AND_KEY", "CKM_CONCATENATE_BASE_AND_DATA",
        "CKM_CONCATENATE_DATA_AND_BASE", "CKM_XOR_BASE_AND_DATA", "CKM_EXTRACT_KEY_FROM_KEY",
    ]),
    (&["mechanism::derive::tests::ciphertexts_are_keys"], &[
        "CKM_AES_ECB_ENCRYPT_DATA", "CKM_AES_CBC_ENCRYPT_DATA",
    ]),
    (&["mechanism::derive::tests::digests_are_keys"], &[
        "CKM_SHA1_KEY_DERIVATION", "CKM_SHA224_KEY_DERIVATION", "CKM_SHA256_KEY_DERIVATION",
        "CKM_SHA384_KEY_DERIVATION", "CKM_SHA512_KEY_DERIVATION", "CKM_SHA3_224_KEY_DERIVATION",
        "CKM_SHA3_256_KEY_DERIVATION", "CKM_SHA3_384_KEY_DERIVATION", "CKM_SHA3_512_KEY_DERIVATION",
        "CKM_SHA512_224_KEY_DERIVATION", "CKM_SHA512_256_KEY_DERIVATION",
        "CKM_BLAKE2B_160_KEY_DERIVE", "CKM_BLAKE2B_256_KEY_DERIVE", "CKM_BLAKE2B_384_KEY_DERIVE",
        "CKM_BLAKE2B_512_KEY_DERIVE",
    ]),
    (&["keytype::tests::public_keys_are_read_as_their_pairs_describe_them"], &[
        "CKM_PUB_KEY_FROM_PRIV_KEY",
    ]),
    (&["shake.rsp"], &["CKM_SHAKE_128_KEY_DERIVATION", "CKM_SHAKE_256_KEY_DERIVATION"]),
    (&["wycheproof/derivation.rs"], &["CKM_HKDF_DERIVE", "CKM_HKDF_DATA"]),
    (&["wycheproof/derivation.rs"], &["CKM_PKCS5_PBKD2"]),
    (&["pkcs12_kdf.rsp"], &[
        "CKM_PBE_SHA1_DES3_EDE_CBC", "CKM_PBE_SHA1_DES2_EDE_CBC", "CKM_PBA_SHA1_WITH_SHA1_HMAC",
    ]),
    (&["kbkdf.json"], &[
        "CKM_SP800_108_COUNTER_KDF", "CKM_SP800_108_FEEDBACK_KDF",
        "CKM_SP800_108_DOUBLE_PIPELINE_KDF",
    ]),
    (&["ike.json"], &[
        "CKM_IKE_PRF_DERIVE", "CKM_IKE1_PRF_DERIVE", "CKM_IKE1_EXTENDED_DERIVE", "CKM_IKE2_PRF_PLUS_DERIVE",
    ]),
    (&["tls.json"], &[
        "CKM_TLS12_MASTER_KEY_DERIVE", "CKM_TLS12_MASTER_KEY_DERIVE_DH",
        "CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE", "CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH",
        "CKM_TLS12_KEY_AND_MAC_DERIVE", "CKM_TLS12_KEY_SAFE_DERIVE", "CKM_TLS_KDF", "CKM_TLS12_KDF",
        "CKM_TLS_MAC", "CKM_TLS12_MAC", "CKM_TLS_MASTER_KEY_DERIVE", "CKM_TLS_MASTER_KEY_DERIVE_DH",
        "CKM_TLS_KEY_AND_MAC_DERIVE",
    ]),
    (&["mechanism::tls::tests::a_pre_master_secret_begins_with_its_version"], &[
        "CKM_TLS_PRE_MASTER_KEY_GEN",
    ]),
    (&["byok::profile::tests::each_service_has_its_keys"], &["CKM_TENON_EXTERNAL_KEY_GEN"]),
    (&["mechanism::envelope::tests::known_answer_of_other_implementations"], &[
        "CKM_TENON_KMS_ENVELOPE",
    ]),
    (&["xwing.json"], &["CKM_TENON_XWING_KEY_PAIR_GEN"]),
    (&["hpke.json", "xwing.json"], &["CKM_TENON_HPKE"]),
];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn every_mechanism_has_vectors() {
    let mut missing = Vec::new();
    for row in mechanism::all() {
        if vectors_of(row.name).next().is_none() {
            missing.push(format!("{} has none", row.name));
        }
    }
    for (vectors, names) in VECTORS {
        let unknown = |name: &&&str| mechanism::all().all(|row| row.name != **name);
        missing.extend(names.iter().filter(unknown).map(ToString::to_string));
        let absent = vectors.iter().filter(|vectors| !exists(vectors));
        missing.extend(absent.map(ToString::to_string));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

/// The vectors of the mechanism `name`, in the order of the table.
fn vectors_of(name: &str) -> impl Iterator<Item = &'static str> {
    let lines = VECTORS
        .iter()
        .filter(move |(_, names)| names.contains(&name));
    lines.flat_map(|(vectors, _)| vectors.iter().copied())
}

#[test]
fn what_does_not_exist_is_missed() {
    assert!(exists("aes_gcm.rsp"));
    assert!(exists(
        "mechanism::aes::tests::makes_new_keys_of_three_lengths"
    ));
    assert!(exists("wycheproof/oaep.rs"));
    assert!(!exists("wycheproof/keys.rs"));
    assert!(!exists("none.rsp"));
    assert!(!exists("README.md"));
    assert!(!exists("mechanism::aes::tests::no_such_test"));
    assert!(!exists(
        "mechanism::aes::no_such_module::makes_new_keys_of_three_lengths"
    ));
}

#[test]
fn numbers_and_names_are_unique() {
    let rows: Vec<_> = mechanism::all().collect();
    for (at, row) in rows.iter().enumerate() {
        let twice = |other: &&&Mechanism| other.id == row.id || other.name == row.name;
        assert!(rows[..at].iter().find(twice).is_none(), "{}", row.name);
    }
}

#[test]
fn the_document_is_the_table() {
    let path = root().join("docs/mechanisms.md");
    let wanted = document();
    if std::env::var_os("TENON_REGENERATE").is_some() {
        fs::write(&path, &wanted).expect("docs/mechanisms.md can be written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        found == wanted,
        "stale: run `TENON_REGENERATE=1 cargo test --test vectors`"
    );
}

/// Whether `vectors` is a file with vectors, a family of `tests/wycheproof.rs`, or the path of a `#[test]`
/// of the library.
fn exists(vectors: &str) -> bool {
    if let Some(family) = vectors.strip_prefix("wycheproof/") {
        let text = fs::read_to_string(root().join("tests/wycheproof.rs")).unwrap_or_default();
        let families = text.split("families! {").nth(1).unwrap_or_default();
        let mut names = families.trim_end_matches(['}', '\n']).split_whitespace();
        return names.any(|name| family == format!("{name}.rs"));
    }
    if !vectors.contains("::") {
        let file = root().join("tests/vectors").join(vectors);
        let data = file.extension().is_some_and(|e| e == "rsp" || e == "json");
        return data && fs::metadata(file).is_ok_and(|metadata| metadata.len() > 0);
    }
    let Some((module, test)) = vectors.rsplit_once("::") else {
        return false;
    };
    files_of(module).iter().any(|file| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.split("#[test]").skip(1).any(|item| {
            let item = item.trim_start();
            item.strip_prefix("fn ")
                .is_some_and(|item| item.starts_with(&format!("{test}(")))
        })
    })
}

/// Files in which the module may be: its own, or that of the module around it.
fn files_of(module: &str) -> Vec<PathBuf> {
    let src = root().join("src");
    let path = module.replace("::", "/");
    let mut files = vec![
        src.join(format!("{path}.rs")),
        src.join(&path).join("mod.rs"),
    ];
    if let Some((around, "tests")) = path.rsplit_once('/') {
        files.push(src.join(format!("{around}.rs")));
        files.push(src.join(around).join("mod.rs"));
        files.push(src.join(format!("{around}_tests.rs")));
    }
    files
}

fn document() -> String {
    let mut out = INTRODUCTION.to_owned();
    for row in mechanism::all() {
        let _ = writeln!(
            out,
            "| {} | {:#06x} | {} | {} | {} | {} | {} | {} |",
            row.name,
            row.id,
            by_default(row),
            join(row.key_types.iter().map(|key_type| key_name(*key_type))),
            sizes(row),
            params(row.params),
            uses(row),
            join(vectors_of(row.name).map(|vectors| format!("`{vectors}`"))),
        );
    }
    out
}

fn by_default(row: &Mechanism) -> String {
    match row.by_default {
        ByDefault::Offered => "on".into(),
        ByDefault::Hidden => "off".into(),
        ByDefault::Fewer(fewer) => uses(fewer),
    }
}

fn uses(row: &Mechanism) -> String {
    let flags = row.info().flags;
    let uses = USES.iter().filter(|(flag, _)| flags & flag != 0);
    join(uses.map(|(_, name)| *name))
}

fn sizes(row: &Mechanism) -> String {
    let unit = match row.unit {
        Unit::Bits => "bits",
        Unit::Bytes => "bytes",
    };
    match row.sizes {
        (0, 0) => "–".into(),
        (least, most) => format!("{least}–{most} {unit}"),
    }
}

fn params(kind: ParamKind) -> String {
    match kind {
        ParamKind::None => "–".into(),
        ParamKind::Iv(len) => format!("IV, {len} bytes"),
        ParamKind::OptionalIv(len) => format!("optional IV, {len} bytes"),
        ParamKind::Ctr => "CK_AES_CTR_PARAMS".into(),
        ParamKind::Ccm => "CK_CCM_PARAMS".into(),
        ParamKind::ChaCha20 => "CK_CHACHA20_PARAMS".into(),
        ParamKind::ChaCha20Poly1305 => "CK_SALSA20_CHACHA20_POLY1305_PARAMS".into(),
        ParamKind::MacLen => "CK_MAC_GENERAL_PARAMS".into(),
        ParamKind::Data => "CK_KEY_DERIVATION_STRING_DATA".into(),
        ParamKind::Extract => "CK_EXTRACT_PARAMS".into(),
        ParamKind::AesCbcData => "CK_AES_CBC_ENCRYPT_DATA_PARAMS".into(),
        ParamKind::DesCbcData => "CK_DES_CBC_ENCRYPT_DATA_PARAMS".into(),
        ParamKind::Hkdf => "CK_HKDF_PARAMS".into(),
        ParamKind::Kbkdf(KbkdfMode::Feedback) => "CK_SP800_108_FEEDBACK_KDF_PARAMS".into(),
        ParamKind::Kbkdf(_) => "CK_SP800_108_KDF_PARAMS".into(),
        ParamKind::Ike(IkeParam::First) => "CK_IKE_PRF_DERIVE_PARAMS".into(),
        ParamKind::Ike(IkeParam::Further) => "CK_IKE1_PRF_DERIVE_PARAMS".into(),
        ParamKind::Ike(IkeParam::Extended) => "CK_IKE1_EXTENDED_DERIVE_PARAMS".into(),
        ParamKind::Ike(IkeParam::Plus) => "CK_IKE2_PRF_PLUS_DERIVE_PARAMS".into(),
        ParamKind::Version => "CK_VERSION".into(),
        ParamKind::Tls(TlsParam::OldMaster) => "CK_SSL3_MASTER_KEY_DERIVE_PARAMS".into(),
        ParamKind::Tls(TlsParam::Master) => "CK_TLS12_MASTER_KEY_DERIVE_PARAMS".into(),
        ParamKind::Tls(TlsParam::ExtendedMaster) => {
            "CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS".into()
        }
        ParamKind::Tls(TlsParam::OldKeys) => "CK_SSL3_KEY_MAT_PARAMS".into(),
        ParamKind::Tls(TlsParam::Keys) => "CK_TLS12_KEY_MAT_PARAMS".into(),
        ParamKind::Tls(TlsParam::Kdf) => "CK_TLS_KDF_PARAMS".into(),
        ParamKind::Tls(TlsParam::Mac) => "CK_TLS_MAC_PARAMS".into(),
        ParamKind::Pbkd2 => "CK_PKCS5_PBKD2_PARAMS2".into(),
        ParamKind::Pbe => "CK_PBE_PARAMS".into(),
        ParamKind::Key => "CK_OBJECT_HANDLE".into(),
        ParamKind::CallerData(most) => format!("optional data, at most {most} bytes"),
        ParamKind::PublicValue(_) => "public value".into(),
        ParamKind::Gcm => "CK_GCM_PARAMS".into(),
        ParamKind::Oaep => "CK_RSA_PKCS_OAEP_PARAMS".into(),
        ParamKind::OptionalOaep => "optional CK_RSA_PKCS_OAEP_PARAMS".into(),
        ParamKind::RsaAesKeyWrap => "CK_RSA_AES_KEY_WRAP_PARAMS".into(),
        ParamKind::Pss => "CK_RSA_PKCS_PSS_PARAMS".into(),
        ParamKind::Eddsa => "optional CK_EDDSA_PARAMS".into(),
        ParamKind::Ecdh => "CK_ECDH1_DERIVE_PARAMS".into(),
        ParamKind::EcdhAesKeyWrap => "CK_ECDH_AES_KEY_WRAP_PARAMS".into(),
        ParamKind::SignContext => "optional CK_SIGN_ADDITIONAL_CONTEXT".into(),
        ParamKind::Otp => "CK_OTP_PARAMS".into(),
        ParamKind::HashSignContext => "CK_HASH_SIGN_ADDITIONAL_CONTEXT".into(),
    }
}

fn key_name(key_type: ck::CK_KEY_TYPE) -> &'static str {
    let row = keytype::find(key_type);
    row.unwrap_or_else(|| panic!("no key type {key_type:#x}"))
        .title
}

fn join(items: impl Iterator<Item = impl ToString>) -> String {
    let items: Vec<_> = items.map(|item| item.to_string()).collect();
    if items.is_empty() {
        "–".into()
    } else {
        items.join(", ")
    }
}
