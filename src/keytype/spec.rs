//! What material fits an external key, as the services name it.

use std::fmt;

use crate::ck;
use crate::crypto::mldsa::ParameterSet;
use crate::crypto::parameter_set::NamedSet;
use crate::crypto::{ec, okp};

use super::parameter_set::Numbered;
use super::values::PublicValue;

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
    /// An ML-DSA private key of this parameter set.
    MlDsa(ParameterSet),
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

impl Curve {
    /// `None` for a curve that no external key lies on.
    pub(super) fn of(curve: ec::Curve) -> Option<Self> {
        Some(match curve {
            ec::Curve::P256 => Self::P256,
            ec::Curve::P384 => Self::P384,
            ec::Curve::P521 => Self::P521,
            ec::Curve::Secp256k1 => Self::Secp256k1,
            ec::Curve::Sm2 => Self::Sm2,
            ec::Curve::P224
            | ec::Curve::Brainpool224
            | ec::Curve::Brainpool256
            | ec::Curve::Brainpool320
            | ec::Curve::Brainpool384
            | ec::Curve::Brainpool512 => return None,
        })
    }

    /// CKA_KEY_TYPE and CKA_EC_PARAMS of keys on this curve.
    fn attributes(self) -> (ck::CK_KEY_TYPE, &'static [u8]) {
        let curve = match self {
            Self::P256 => ec::Curve::P256,
            Self::P384 => ec::Curve::P384,
            Self::P521 => ec::Curve::P521,
            Self::Secp256k1 => ec::Curve::Secp256k1,
            Self::Sm2 => ec::Curve::Sm2,
            Self::Ed25519 => return (ck::CKK_EC_EDWARDS, okp::Curve::Ed25519.params()),
        };
        (ck::CKK_EC, curve.params())
    }
}

impl Spec {
    /// CKA_KEY_TYPE of a key of this kind, then the attribute that says its size, and its value.
    #[must_use]
    pub fn attributes(self) -> (ck::CK_KEY_TYPE, ck::CK_ATTRIBUTE_TYPE, PublicValue) {
        let of_len = |key_type, bits| (key_type, ck::CKA_VALUE_LEN, PublicValue::Ulong(bits / 8));
        match self {
            Self::Aes(bits) => of_len(ck::CKK_AES, bits),
            Self::Hmac(bits) => of_len(ck::CKK_GENERIC_SECRET, bits),
            Self::Sm4 => of_len(ck::CKK_TENON_SM4, 128),
            Self::Rsa(bits) => (ck::CKK_RSA, ck::CKA_MODULUS_BITS, PublicValue::Ulong(bits)),
            Self::Ec(curve) => {
                let (key_type, params) = curve.attributes();
                let params = PublicValue::Bytes(params.to_vec());
                (key_type, ck::CKA_EC_PARAMS, params)
            }
            Self::MlDsa(set) => {
                let set = PublicValue::Ulong(set.number());
                (ck::CKK_ML_DSA, ck::CKA_PARAMETER_SET, set)
            }
        }
    }

    /// Whether the key is a private key; else it is a secret key.
    #[must_use]
    pub fn private(self) -> bool {
        matches!(self, Self::Rsa(_) | Self::Ec(_) | Self::MlDsa(_))
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
            Self::MlDsa(set) => f.write_str(set.name()),
        }
    }
}
