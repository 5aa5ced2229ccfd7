//! Keys that are wrapped and unwrapped again, in every format in which material is brought.

use std::ptr::null_mut;

use cryptoki_sys::*;
use tenon_pkcs11::api::ck;

use super::client::{Client, Key, Mechanism, Pair};
use super::secrets::Secrets;
use super::work::{FALSE, TRUE, bytes_of, create_secret, number, sign, value};

/// The formats; each has a secret of its own, of this name.
pub(crate) const FORMATS: &[&str] = &[
    "in OAEP",
    "in PKCS #1",
    "in RSA and KWP",
    "in RSA and ECB",
    "in ECDH and KWP",
    "in SM2",
    "in SM2 and SM4",
    "in KW",
    "in KWP",
    "in KW by PKCS #7",
    "in ECB",
    "in CBC",
    "in CBC by PKCS #7",
    "in GCM",
    "in CCM",
    "in SM4-ECB",
    "in SM4-CBC",
    "in SM4-GCM",
];

/// The keys that wrap, and those that unwrap.
pub(crate) struct Wrapping {
    pub(crate) rsa: Pair,
    pub(crate) p256: Pair,
    pub(crate) sm2: Pair,
    pub(crate) aes: Pair,
    pub(crate) sm4: Pair,
}

/// A format: its name, its mechanism, its keys, and whether it takes private keys of every type.
struct Format<'a>(&'a str, Mechanism<'a>, &'a Pair, bool);

const IV: &[u8; 16] = &[7; 16];

/// Brings a secret key in each format, and `private` keys in those that take them.
pub(crate) fn everything(
    client: &Client,
    secrets: &Secrets,
    wrapping: &Wrapping,
    private: [(Key, CK_KEY_TYPE); 2],
) {
    let oaep = oaep();
    let rsa_aes = CK_RSA_AES_KEY_WRAP_PARAMS {
        ulAESKeyBits: 256,
        pOAEPParams: (&raw const oaep).cast_mut(),
    };
    let (ecdh, gcm) = (ecdh(), sm4_gcm());
    let mut formats = by_public_keys(
        wrapping,
        [bytes_of(&oaep), bytes_of(&rsa_aes), bytes_of(&ecdh)],
    );
    formats.extend(by_secret_keys(wrapping, bytes_of(&gcm)));
    assert_eq!(formats.len(), FORMATS.len());
    for format in &formats {
        secret_key(client, secrets, format);
        for (key, key_type) in private.iter().filter(|_| format.3) {
            private_key(client, format, *key, *key_type);
        }
    }
}

fn oaep() -> CK_RSA_PKCS_OAEP_PARAMS {
    CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA256,
        mgf: CKG_MGF1_SHA256,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: null_mut(),
        ulSourceDataLen: 0,
    }
}

fn ecdh() -> CK_ECDH_AES_KEY_WRAP_PARAMS {
    CK_ECDH_AES_KEY_WRAP_PARAMS {
        ulAESKeyBits: 256,
        kdf: CKD_SHA256_KDF,
        ulSharedDataLen: 0,
        pSharedData: null_mut(),
    }
}

fn sm4_gcm() -> CK_GCM_PARAMS {
    CK_GCM_PARAMS {
        pIv: IV.as_ptr().cast_mut(),
        ulIvLen: 12,
        ulIvBits: 96,
        pAAD: null_mut(),
        ulAADLen: 0,
        ulTagBits: 128,
    }
}

fn by_public_keys<'a>(keys: &'a Wrapping, params: [&'a [u8]; 3]) -> Vec<Format<'a>> {
    let (bytes, plain) = (Mechanism::Bytes, Mechanism::Plain);
    let (rsa, p256, sm2) = (&keys.rsa, &keys.p256, &keys.sm2);
    let [oaep, rsa_aes, ecdh] = params;
    let rsa_aes = bytes(CKM_RSA_AES_KEY_WRAP, rsa_aes);
    let rsa_ecb = plain(ck::CKM_TENON_RSA_AES_ECB_PKCS7);
    let ecdh = bytes(CKM_ECDH_AES_KEY_WRAP, ecdh);
    vec![
        Format("in OAEP", bytes(CKM_RSA_PKCS_OAEP, oaep), rsa, false),
        Format("in PKCS #1", plain(CKM_RSA_PKCS), rsa, false),
        Format("in RSA and KWP", rsa_aes, rsa, true),
        Format("in RSA and ECB", rsa_ecb, rsa, true),
        Format("in ECDH and KWP", ecdh, p256, true),
        Format("in SM2", plain(ck::CKM_TENON_SM2PKE), sm2, false),
        Format(
            "in SM2 and SM4",
            plain(ck::CKM_TENON_SM2_SM4_ECB),
            sm2,
            false,
        ),
    ]
}

fn by_secret_keys<'a>(keys: &'a Wrapping, sm4_gcm: &'a [u8]) -> Vec<Format<'a>> {
    let (bytes, plain) = (Mechanism::Bytes, Mechanism::Plain);
    let (aes, sm4) = (&keys.aes, &keys.sm4);
    let nonce = &IV[..12];
    let gcm = Mechanism::Gcm {
        iv: nonce,
        aad: &[],
        tag_bits: 128,
    };
    let ccm = Mechanism::Ccm {
        data_len: 32,
        nonce,
        aad: &[],
        mac_len: 16,
    };
    vec![
        Format("in KW", plain(CKM_AES_KEY_WRAP), aes, true),
        Format("in KWP", plain(CKM_AES_KEY_WRAP_KWP), aes, true),
        Format("in KW by PKCS #7", plain(CKM_AES_KEY_WRAP_PKCS7), aes, true),
        Format("in ECB", plain(CKM_AES_ECB), aes, true),
        Format("in CBC", bytes(CKM_AES_CBC, IV), aes, true),
        Format("in CBC by PKCS #7", bytes(CKM_AES_CBC_PAD, IV), aes, true),
        Format("in GCM", gcm, aes, true),
        Format("in CCM", ccm, aes, false),
        Format("in SM4-ECB", plain(ck::CKM_TENON_SM4_ECB), sm4, true),
        Format("in SM4-CBC", bytes(ck::CKM_TENON_SM4_CBC, IV), sm4, true),
        Format(
            "in SM4-GCM",
            bytes(ck::CKM_TENON_SM4_GCM, sm4_gcm),
            sm4,
            true,
        ),
    ]
}

/// Wraps the secret of a format's name, and unwraps it to a key that can be read and to one that is
/// bound.
fn secret_key(client: &Client, secrets: &Secrets, Format(name, mechanism, keys, _): &Format<'_>) {
    let material = secrets.clear(name);
    let key = create_secret(client, CKK_GENERIC_SECRET, &material);
    let mut blob = [0; 400];
    let len = client
        .wrap(*mechanism, keys.public, key, &mut blob)
        .unwrap();
    client.destroy(key).unwrap();
    let template = [
        (CKA_CLASS, &number(&CKO_SECRET_KEY)[..]),
        (CKA_KEY_TYPE, &number(&CKK_GENERIC_SECRET)),
        (CKA_SENSITIVE, FALSE),
        (CKA_SIGN, TRUE),
        (CKA_EXTRACTABLE, TRUE),
    ];
    let unwrap = |template: &[_]| client.unwrap(*mechanism, keys.private, &blob[..len], template);
    let key = unwrap(&template).unwrap();
    assert!(value(client, key, CKA_VALUE) == material, "{name}");
    let id = [(CKA_TOKEN, TRUE), (CKA_ID, name.as_bytes())];
    let bound = unwrap(&[&template[..4], &id].concat()).unwrap();
    sign(client, Mechanism::Plain(CKM_SHA256_HMAC), bound);
}

/// Wraps a private key and unwraps it to one on the token.
fn private_key(
    client: &Client,
    Format(_, mechanism, keys, _): &Format<'_>,
    key: Key,
    of: CK_KEY_TYPE,
) {
    let mut blob = [0; 2000];
    let len = client
        .wrap(*mechanism, keys.public, key, &mut blob)
        .unwrap();
    let template = [
        (CKA_CLASS, &number(&CKO_PRIVATE_KEY)[..]),
        (CKA_KEY_TYPE, &number(&of)),
        (CKA_TOKEN, TRUE),
        (CKA_SIGN, TRUE),
    ];
    let key = client
        .unwrap(*mechanism, keys.private, &blob[..len], &template)
        .unwrap();
    client.destroy(key).unwrap();
}
