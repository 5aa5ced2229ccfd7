//! The services' own names. Of several names for one spec and usage the first is shown where a key was
//! made without a name.

use std::borrow::Cow;

use crate::ck;
use crate::keytype::{Curve, Spec};

use super::name::{AlgorithmName, SpecName};

const fn spec(name: &'static str, spec: Spec) -> SpecName {
    SpecName {
        name: Cow::Borrowed(name),
        spec,
        encrypts: None,
    }
}

const fn encrypts(name: &'static str, spec: Spec) -> SpecName {
    SpecName {
        name: Cow::Borrowed(name),
        spec,
        encrypts: Some(true),
    }
}

const fn signs(name: &'static str, spec: Spec) -> SpecName {
    SpecName {
        name: Cow::Borrowed(name),
        spec,
        encrypts: Some(false),
    }
}

const fn algorithm(name: &'static str, number: ck::CK_ULONG, bits: Option<u64>) -> AlgorithmName {
    AlgorithmName { name, number, bits }
}

const P256: Spec = Spec::Ec(Curve::P256);
const P384: Spec = Spec::Ec(Curve::P384);
const P521: Spec = Spec::Ec(Curve::P521);
const SECP256K1: Spec = Spec::Ec(Curve::Secp256k1);
const SM2: Spec = Spec::Ec(Curve::Sm2);
const ED25519: Spec = Spec::Ec(Curve::Ed25519);
const RSA: [Spec; 3] = [Spec::Rsa(2048), Spec::Rsa(3072), Spec::Rsa(4096)];

/// KeySpec of CreateKey.
pub(super) const ALIBABA: &[SpecName] = &[
    spec("Aliyun_AES_256", Spec::Aes(256)),
    spec("Aliyun_AES_192", Spec::Aes(192)),
    spec("Aliyun_AES_128", Spec::Aes(128)),
    spec("Aliyun_SM4", Spec::Sm4),
];

/// key_spec of CreateKey.
pub(super) const HUAWEI: &[SpecName] = &[
    spec("SECP256K1", SECP256K1),
    spec("EC_SECP256K1", SECP256K1),
    spec("SM2", SM2),
];

/// KeySpec of CreateKey, and the older CustomerMasterKeySpec.
pub(super) const AWS: &[SpecName] = &[
    encrypts("SYMMETRIC_DEFAULT", Spec::Aes(256)),
    spec("ECC_NIST_P256", P256),
    spec("ECC_NIST_P384", P384),
    spec("ECC_NIST_P521", P521),
    spec("ECC_SECG_P256K1", SECP256K1),
    spec("ECC_NIST_EDWARDS25519", ED25519),
    spec("SM2", SM2),
];

/// CryptoKeyVersionAlgorithm; the command line of the service writes the same with hyphens.
pub(super) const GOOGLE: &[SpecName] = &[
    encrypts("GOOGLE_SYMMETRIC_ENCRYPTION", Spec::Aes(256)),
    encrypts("AES_256_GCM", Spec::Aes(256)),
    encrypts("AES_256_CBC", Spec::Aes(256)),
    encrypts("AES_256_CTR", Spec::Aes(256)),
    encrypts("AES_128_GCM", Spec::Aes(128)),
    encrypts("AES_128_CBC", Spec::Aes(128)),
    encrypts("AES_128_CTR", Spec::Aes(128)),
    signs("HMAC_SHA256", Spec::Hmac(256)),
    signs("HMAC_SHA1", Spec::Hmac(160)),
    signs("HMAC_SHA224", Spec::Hmac(224)),
    signs("HMAC_SHA384", Spec::Hmac(384)),
    signs("HMAC_SHA512", Spec::Hmac(512)),
    signs("RSA_SIGN_PSS_2048_SHA256", RSA[0]),
    signs("RSA_SIGN_PKCS1_2048_SHA256", RSA[0]),
    signs("RSA_SIGN_RAW_PKCS1_2048", RSA[0]),
    signs("RSA_SIGN_PSS_3072_SHA256", RSA[1]),
    signs("RSA_SIGN_PKCS1_3072_SHA256", RSA[1]),
    signs("RSA_SIGN_RAW_PKCS1_3072", RSA[1]),
    signs("RSA_SIGN_PSS_4096_SHA256", RSA[2]),
    signs("RSA_SIGN_PSS_4096_SHA512", RSA[2]),
    signs("RSA_SIGN_PKCS1_4096_SHA256", RSA[2]),
    signs("RSA_SIGN_PKCS1_4096_SHA512", RSA[2]),
    signs("RSA_SIGN_RAW_PKCS1_4096", RSA[2]),
    encrypts("RSA_DECRYPT_OAEP_2048_SHA256", RSA[0]),
    encrypts("RSA_DECRYPT_OAEP_2048_SHA1", RSA[0]),
    encrypts("RSA_DECRYPT_OAEP_3072_SHA256", RSA[1]),
    encrypts("RSA_DECRYPT_OAEP_3072_SHA1", RSA[1]),
    encrypts("RSA_DECRYPT_OAEP_4096_SHA256", RSA[2]),
    encrypts("RSA_DECRYPT_OAEP_4096_SHA512", RSA[2]),
    encrypts("RSA_DECRYPT_OAEP_4096_SHA1", RSA[2]),
    signs("EC_SIGN_P256_SHA256", P256),
    signs("EC_SIGN_P384_SHA384", P384),
    signs("EC_SIGN_SECP256K1_SHA256", SECP256K1),
    signs("EC_SIGN_ED25519", ED25519),
];

/// Types of keys that say neither size nor curve, and what their services make of them where nothing else is said: the
/// kty of Azure, of keys in an HSM too, and a type of transit keys. They are read, and shown by the names beside them.
pub(super) const TYPES: &[(&str, SpecName)] = &[
    ("RSA", spec("RSA_2048", RSA[0])),
    ("RSA-HSM", spec("RSA_2048", RSA[0])),
    ("EC", spec("P-256", P256)),
    ("EC-HSM", spec("P-256", P256)),
    ("oct", spec("AES_256", Spec::Aes(256))),
    ("oct-HSM", spec("AES_256", Spec::Aes(256))),
    ("hmac", signs("HMAC_256", Spec::Hmac(256))),
];

/// The crv of an EC key; RSA and oct keys have a size beside their kty.
pub(super) const AZURE: &[SpecName] = &[
    spec("P-256", P256),
    spec("P-384", P384),
    spec("P-521", P521),
    spec("P-256K", SECP256K1),
];

/// The type of a transit key.
pub(super) const VAULT: &[SpecName] = &[
    encrypts("aes256-gcm96", Spec::Aes(256)),
    encrypts("aes128-gcm96", Spec::Aes(128)),
    spec("ecdsa-p256", P256),
    spec("ecdsa-p384", P384),
    spec("ecdsa-p521", P521),
    spec("ed25519", ED25519),
    spec("rsa-2048", RSA[0]),
    spec("rsa-3072", RSA[1]),
    spec("rsa-4096", RSA[2]),
];

/// wrapping_algorithm of GetParametersForImport.
pub(super) const HUAWEI_ALGORITHMS: &[AlgorithmName] = &[algorithm("SM2_ENCRYPT", 8, None)];

/// ImportMethod of an import job.
pub(super) const GOOGLE_ALGORITHMS: &[AlgorithmName] = &[
    algorithm("RSA_OAEP_3072_SHA256_AES_256", 5, Some(3072)),
    algorithm("RSA_OAEP_4096_SHA256_AES_256", 5, Some(4096)),
    algorithm("RSA_OAEP_3072_SHA256", 2, Some(3072)),
    algorithm("RSA_OAEP_4096_SHA256", 2, Some(4096)),
    algorithm("RSA_OAEP_3072_SHA1_AES_256", 4, Some(3072)),
    algorithm("RSA_OAEP_4096_SHA1_AES_256", 4, Some(4096)),
    algorithm("HPKE_KEM_XWING_HKDF_SHA256_AES_256_GCM", 14, None),
    algorithm("HPKE_KEM_ML_KEM_768_HKDF_SHA256_AES_256_GCM", 16, None),
    algorithm("HPKE_KEM_ML_KEM_1024_HKDF_SHA256_AES_256_GCM", 15, None),
];

/// enc in the header of a .byok file.
pub(super) const AZURE_ALGORITHMS: &[AlgorithmName] = &[algorithm("CKM_RSA_AES_KEY_WRAP", 4, None)];

/// wrappingAlgorithm of a wrapped import key.
pub(super) const OCI_ALGORITHMS: &[AlgorithmName] = &[
    algorithm("RSA_OAEP_SHA256", 2, None),
    algorithm("RSA_OAEP_AES_SHA256", 5, None),
];
