//! What material fits an external key.

use std::fmt;

use crate::ck;

/// Kind and size of a key's material.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spec {
    /// An AES key of so many bits.
    Aes(u64),
    /// An SM4 key, 128 bits.
    Sm4,
    /// A generic or HMAC secret of so many bits.
    Hmac(u64),
    /// An RSA private key whose modulus has so many bits.
    Rsa(u64),
    /// A private key on this curve.
    Ec(Curve),
}

/// A curve that external keys lie on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Curve {
    /// NIST P-256.
    P256,
    /// NIST P-384.
    P384,
    /// NIST P-521.
    P521,
    /// secp256k1.
    Secp256k1,
    /// The curve of GB/T 32918.5.
    Sm2,
    /// Ed25519 (RFC 8032).
    Ed25519,
}

/// The curves by CKA_KEY_TYPE and CKA_EC_PARAMS: the DER of an object identifier.
const CURVES: &[(Curve, ck::CK_KEY_TYPE, &[u8])] = &[
    (
        Curve::P256,
        ck::CKK_EC,
        &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07],
    ),
    (
        Curve::P384,
        ck::CKK_EC,
        &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x22],
    ),
    (
        Curve::P521,
        ck::CKK_EC,
        &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x23],
    ),
    (
        Curve::Secp256k1,
        ck::CKK_EC,
        &[0x06, 0x05, 0x2B, 0x81, 0x04, 0x00, 0x0A],
    ),
    (
        Curve::Sm2,
        ck::CKK_EC,
        &[0x06, 0x08, 0x2A, 0x81, 0x1C, 0xCF, 0x55, 0x01, 0x82, 0x2D],
    ),
    (
        Curve::Ed25519,
        ck::CKK_EC_EDWARDS,
        &[0x06, 0x03, 0x2B, 0x65, 0x70],
    ),
];

impl Curve {
    /// CKA_KEY_TYPE and CKA_EC_PARAMS of keys on this curve.
    #[must_use]
    pub fn attributes(self) -> (ck::CK_KEY_TYPE, &'static [u8]) {
        let row = CURVES.iter().find(|(curve, ..)| *curve == self);
        row.map_or((ck::CKK_EC, &[]), |(_, key_type, params)| {
            (*key_type, *params)
        })
    }
}

/// Greatest length of a generic or HMAC secret, in bits.
const LONGEST_SECRET: u64 = 8 * 1024;

impl Spec {
    /// The spec of a key with these attributes: CKA_VALUE_LEN in bytes, CKA_MODULUS_BITS, or
    /// CKA_EC_PARAMS in the canonical DER of the curve's object identifier. `None` for what no
    /// external key can be.
    #[must_use]
    pub fn of(
        key_type: ck::CK_KEY_TYPE,
        value_len: Option<u64>,
        modulus_bits: Option<u64>,
        ec_params: Option<&[u8]>,
    ) -> Option<Self> {
        let bits = value_len.and_then(|len| len.checked_mul(8));
        match key_type {
            ck::CKK_AES => bits
                .filter(|bits| matches!(bits, 128 | 192 | 256))
                .map(Self::Aes),
            ck::CKK_TENON_SM4 => matches!(bits, None | Some(128)).then_some(Self::Sm4),
            ck::CKK_RSA => modulus_bits
                .filter(|bits| matches!(bits, 2048 | 3072 | 4096))
                .map(Self::Rsa),
            ck::CKK_EC | ck::CKK_EC_EDWARDS => CURVES
                .iter()
                .find(|(_, of, params)| *of == key_type && ec_params == Some(params))
                .map(|(curve, ..)| Self::Ec(*curve)),
            ck::CKK_GENERIC_SECRET
            | ck::CKK_SHA_1_HMAC
            | ck::CKK_SHA224_HMAC
            | ck::CKK_SHA256_HMAC
            | ck::CKK_SHA384_HMAC
            | ck::CKK_SHA512_HMAC => bits
                .filter(|bits| (8..=LONGEST_SECRET).contains(bits))
                .map(Self::Hmac),
            _ => None,
        }
    }

    /// A key pair's private half, not a secret key.
    #[must_use]
    pub fn private(self) -> bool {
        matches!(self, Self::Rsa(_) | Self::Ec(_))
    }
}

impl fmt::Display for Spec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Aes(bits) => write!(f, "AES-{bits}"),
            Self::Sm4 => f.write_str("SM4"),
            Self::Hmac(bits) => write!(f, "HMAC-{bits}"),
            Self::Rsa(bits) => write!(f, "RSA-{bits}"),
            Self::Ec(curve) => f.write_str(match curve {
                Curve::P256 => "P-256",
                Curve::P384 => "P-384",
                Curve::P521 => "P-521",
                Curve::Secp256k1 => "secp256k1",
                Curve::Sm2 => "SM2",
                Curve::Ed25519 => "Ed25519",
            }),
        }
    }
}
