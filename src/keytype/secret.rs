//! Secret keys: AES, Camellia, ChaCha20, SM4, generic secrets, and the keys of one hash, derivation or one-time password
//! (PKCS #11 3.2 sections 6.8, 6.13, 6.22, 6.58 and 6.62, and "OATH HOTP").

use crate::ck;
use crate::crypto::aes::{self, BLOCK, Direction};
use crate::crypto::camellia;
use crate::crypto::chacha;
use crate::crypto::des;
use crate::crypto::hash::Hash;
use crate::crypto::sm4;

use super::component::{Component, components};
use super::key::{Key, Ready};
use super::row::{Form, KeyLengths, KeyName, KeyType, NamedSize, SecretKey};
use super::spec::Spec;
use super::values::{PublicValue, Values};

/// The defaults of all rows: a secret of any length.
const ANY: KeyType = KeyType {
    id: ck::CKK_GENERIC_SECRET,
    name: "CKK_GENERIC_SECRET",
    title: "generic secret",
    size: ck::CKA_VALUE_LEN,
    only_size: None,
    uses: SIGNS,
    public: &[],
    held: VALUE,
    names: &[],
    spec_names: &[],
    spec: Some(hmac),
    parameters: None,
    form: Form::Secret(SECRET),
};

/// The defaults of all rows: a value of any length, which is ready as it is.
const SECRET: SecretKey = SecretKey {
    class: ck::CKO_SECRET_KEY,
    lengths: KeyLengths::Any,
    check: None,
    weak: false,
    ready: |value| Ok(Key::new(value.clone())),
    check_value: |value| Ok(Hash::Sha1.digest(&[value])),
};

const CIPHERS: &[ck::CK_ATTRIBUTE_TYPE] = &[
    ck::CKA_ENCRYPT,
    ck::CKA_DECRYPT,
    ck::CKA_WRAP,
    ck::CKA_UNWRAP,
];
const SIGNS: &[ck::CK_ATTRIBUTE_TYPE] = &[ck::CKA_SIGN, ck::CKA_VERIFY];
const ALL: &[ck::CK_ATTRIBUTE_TYPE] = &[
    ck::CKA_ENCRYPT,
    ck::CKA_DECRYPT,
    ck::CKA_SIGN,
    ck::CKA_VERIFY,
    ck::CKA_WRAP,
    ck::CKA_UNWRAP,
];

const VALUE: &[Component] = components! {
    CKA_VALUE Bytes, None, [R F F] UnlessSensitive Checked;
};

pub(super) static GENERIC: KeyType = KeyType {
    names: &[KeyName {
        word: "generic",
        size: NamedSize::Bytes,
        made_by: ck::CKM_GENERIC_SECRET_KEY_GEN,
    }],
    ..ANY
};

pub(super) static AES: KeyType = KeyType {
    id: ck::CKK_AES,
    name: "CKK_AES",
    title: "AES",
    uses: ALL,
    held: components! {
        CKA_VALUE Sized(&[16, 24, 32]), None, [R F F] UnlessSensitive Checked;
    },
    names: &[KeyName {
        word: "aes",
        size: NamedSize::Bits,
        made_by: ck::CKM_AES_KEY_GEN,
    }],
    spec_names: &[
        ("AES_256", Spec::Aes(256)),
        ("AES_192", Spec::Aes(192)),
        ("AES_128", Spec::Aes(128)),
    ],
    spec: Some(|key| {
        bits(key)
            .filter(|bits| matches!(bits, 128 | 192 | 256))
            .map(Spec::Aes)
    }),
    form: Form::Secret(SecretKey {
        lengths: KeyLengths::Among(&[16, 24, 32]),
        ready: |value| aes::Key::new(value).map(Key::new),
        check_value: |value| {
            let mut block = vec![0; BLOCK];
            aes::Key::new(value)?.ecb(Direction::Encrypt, &[0; BLOCK], &mut block)?;
            Ok(block)
        },
        ..SECRET
    }),
    ..ANY
};

pub(super) static AES_XTS: KeyType = KeyType {
    id: ck::CKK_AES_XTS,
    name: "CKK_AES_XTS",
    title: "AES-XTS",
    uses: CIPHERS,
    held: components! {
        CKA_VALUE Sized(&[32, 64]), None, [R F F] UnlessSensitive Checked;
    },
    spec: None,
    form: Form::Secret(SecretKey {
        lengths: KeyLengths::Among(&[32, 64]),
        check: Some(|value| aes::Xts::new(value).map(drop)),
        ..SECRET
    }),
    ..ANY
};

pub(super) static CHACHA20: KeyType = KeyType {
    id: ck::CKK_CHACHA20,
    name: "CKK_CHACHA20",
    title: "ChaCha20",
    only_size: Some(32),
    uses: CIPHERS,
    held: components! {
        CKA_VALUE Sized(&[32]), None, [R F F] UnlessSensitive Checked;
    },
    names: &[KeyName {
        word: "chacha20",
        size: NamedSize::Only(|| PublicValue::Ulong(chacha::KEY_LEN as u64)),
        made_by: ck::CKM_CHACHA20_KEY_GEN,
    }],
    spec: None,
    form: Form::Secret(SecretKey {
        lengths: KeyLengths::Exactly(chacha::KEY_LEN),
        ..SECRET
    }),
    ..ANY
};

pub(super) static POLY1305: KeyType = KeyType {
    id: ck::CKK_POLY1305,
    name: "CKK_POLY1305",
    title: "Poly1305",
    only_size: Some(32),
    uses: SIGNS,
    held: components! {
        CKA_VALUE Sized(&[32]), None, [R F F] UnlessSensitive Checked;
    },
    spec: None,
    form: Form::Secret(SecretKey {
        lengths: KeyLengths::Exactly(chacha::KEY_LEN),
        ..SECRET
    }),
    ..ANY
};

pub(super) static CAMELLIA: KeyType = KeyType {
    id: ck::CKK_CAMELLIA,
    name: "CKK_CAMELLIA",
    title: "Camellia",
    uses: ALL,
    held: components! {
        CKA_VALUE Sized(&[16, 24, 32]), None, [R F F] UnlessSensitive Checked;
    },
    spec: None,
    form: Form::Secret(SecretKey {
        lengths: KeyLengths::Among(&[16, 24, 32]),
        ready: |value| camellia::Key::new(value).map(Key::new),
        check_value: |value| {
            let mut block = vec![0; BLOCK];
            camellia::Key::new(value)?.ecb(Direction::Encrypt, &[0; BLOCK], &mut block)?;
            Ok(block)
        },
        ..SECRET
    }),
    ..ANY
};

macro_rules! triple_des {
    ($($row:ident $id:ident $title:literal $len:expr;)+) => {
        $(pub(super) static $row: KeyType = KeyType {
            id: ck::$id,
            name: stringify!($id),
            title: $title,
            only_size: Some($len as u64),
            uses: &[ck::CKA_ENCRYPT, ck::CKA_DECRYPT, ck::CKA_SIGN, ck::CKA_VERIFY],
            held: components! {
                CKA_VALUE Sized(&[$len]), None, [R F F] UnlessSensitive Checked;
            },
            spec: None,
            form: Form::Secret(SecretKey {
                lengths: KeyLengths::Exactly($len),
                weak: true,
                ready: |value| des::Key::new(value).map(Key::new),
                check_value: |value| {
                    let mut block = vec![0; des::BLOCK];
                    des::Key::new(value)?.ecb(Direction::Encrypt, &[0; des::BLOCK], &mut block)?;
                    Ok(block)
                },
                ..SECRET
            }),
            ..ANY
        };)+
    };
}

triple_des! {
    DES2 CKK_DES2 "double-length DES" des::TWO_KEYS;
    DES3 CKK_DES3 "triple-length DES" des::THREE_KEYS;
}

pub(super) static SM4: KeyType = KeyType {
    id: ck::CKK_TENON_SM4,
    name: "CKK_TENON_SM4",
    title: "SM4",
    only_size: Some(16),
    uses: CIPHERS,
    held: components! {
        CKA_VALUE Sized(&[16]), None, [R F F] UnlessSensitive Checked;
    },
    names: &[KeyName {
        word: "sm4",
        size: NamedSize::Only(|| PublicValue::Ulong(sm4::KEY_LEN as u64)),
        made_by: ck::CKM_TENON_SM4_KEY_GEN,
    }],
    spec_names: &[("SM4", Spec::Sm4)],
    spec: Some(|key| matches!(bits(key), None | Some(128)).then_some(Spec::Sm4)),
    form: Form::Secret(SecretKey {
        lengths: KeyLengths::Exactly(sm4::KEY_LEN),
        ready: |value| sm4::Key::new(value).map(Key::new),
        check_value: |value| {
            let mut block = vec![0; BLOCK];
            sm4::Key::new(value)?.ecb(Direction::Encrypt, &[0; BLOCK], &mut block)?;
            Ok(block)
        },
        ..SECRET
    }),
    ..ANY
};

pub(super) static HKDF: KeyType = KeyType {
    id: ck::CKK_HKDF,
    name: "CKK_HKDF",
    title: "HKDF",
    uses: &[],
    spec: None,
    ..ANY
};

macro_rules! hmac {
    ($($row:ident $id:ident $title:literal;)+) => {
        $(pub(super) static $row: KeyType = KeyType {
            id: ck::$id,
            name: stringify!($id),
            title: $title,
            ..ANY
        };)+
    };
}

hmac! {
    SHA_1_HMAC CKK_SHA_1_HMAC "SHA-1 HMAC";
    SHA224_HMAC CKK_SHA224_HMAC "SHA-224 HMAC";
    SHA256_HMAC CKK_SHA256_HMAC "SHA-256 HMAC";
    SHA384_HMAC CKK_SHA384_HMAC "SHA-384 HMAC";
    SHA512_HMAC CKK_SHA512_HMAC "SHA-512 HMAC";
    SHA512_224_HMAC CKK_SHA512_224_HMAC "SHA-512/224 HMAC";
    SHA512_256_HMAC CKK_SHA512_256_HMAC "SHA-512/256 HMAC";
    SHA3_224_HMAC CKK_SHA3_224_HMAC "SHA3-224 HMAC";
    SHA3_256_HMAC CKK_SHA3_256_HMAC "SHA3-256 HMAC";
    SHA3_384_HMAC CKK_SHA3_384_HMAC "SHA3-384 HMAC";
    SHA3_512_HMAC CKK_SHA3_512_HMAC "SHA3-512 HMAC";
    BLAKE2B_160_HMAC CKK_BLAKE2B_160_HMAC "BLAKE2b-160 HMAC";
    BLAKE2B_256_HMAC CKK_BLAKE2B_256_HMAC "BLAKE2b-256 HMAC";
    BLAKE2B_384_HMAC CKK_BLAKE2B_384_HMAC "BLAKE2b-384 HMAC";
    BLAKE2B_512_HMAC CKK_BLAKE2B_512_HMAC "BLAKE2b-512 HMAC";
}

/// Such a key signs by its counter, or by one that the caller gives. HMAC takes it for no other data.
pub(super) static HOTP: KeyType = KeyType {
    id: ck::CKK_HOTP,
    name: "CKK_HOTP",
    title: "HOTP",
    spec: None,
    form: Form::Secret(SecretKey {
        class: ck::CKO_OTP_KEY,
        ..SECRET
    }),
    ..ANY
};

pub(super) static MD5_HMAC: KeyType = KeyType {
    id: ck::CKK_MD5_HMAC,
    name: "CKK_MD5_HMAC",
    title: "MD5 HMAC",
    spec: None,
    ..ANY
};

/// Greatest length of an external generic or HMAC secret, in bits.
const LONGEST: u64 = 8 * 1024;

fn hmac(key: &dyn Values) -> Option<Spec> {
    bits(key)
        .filter(|bits| (8..=LONGEST).contains(bits))
        .map(Spec::Hmac)
}

/// Bits of a key whose length is known.
pub(super) fn bits(key: &dyn Values) -> Option<u64> {
    key.ulong(ck::CKA_VALUE_LEN)?.checked_mul(8)
}

/// Keys of these types are their bytes.
macro_rules! ready {
    ($($key:ty),+) => {
        $(impl Ready for $key {
            fn bits(&self) -> u64 {
                self.bytes().len() as u64 * 8
            }

            fn secret_bytes(&self) -> Option<&[u8]> {
                Some(self.bytes())
            }
        })+
    };
}

ready!(aes::Key, camellia::Key, des::Key, sm4::Key);
