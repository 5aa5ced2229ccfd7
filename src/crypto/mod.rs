//! Algorithms: bytes to bytes, and the DER of their keys. No PKCS#11 type appears here.
//!
//! aws-lc (behind `sys`) computes RSA, the NIST and brainpool curves, Ed25519 and X25519, the AES
//! modes and AES key wrap, Diffie-Hellman, ChaCha20-Poly1305, HKDF and PBKDF2, ML-DSA, ML-KEM, and random bytes. RustCrypto
//! computes hashes, ChaCha20, secp256k1, SM2, SM4 and Camellia, deterministic ML-DSA signatures, SLH-DSA, Argon2id and all DER, and checks
//! points on P-256. HMAC over these hashes, and CMAC over AES-CBC, are computed here, since their states are saved; so is DSA
//! over aws-lc's integers, since its own DSA is not in the bindings of all targets.

use std::fmt;

pub(crate) mod aes;
pub(crate) mod block_cipher;
pub(crate) mod camellia;
pub(crate) mod cbc_mac;
pub(crate) mod chacha;
pub(crate) mod des;
pub(crate) mod dh;
pub(crate) mod dsa;
pub(crate) mod ec;
pub(crate) mod encoding;
pub(crate) mod gmac;
pub(crate) mod hash;
pub(crate) mod hotp;
pub(crate) mod hpke;
pub(crate) mod ike;
pub(crate) mod kbkdf;
pub(crate) mod kdf;
pub(crate) mod keywrap;
pub(crate) mod mldsa;
pub(crate) mod mlkem;
pub(crate) mod okp;
pub(crate) mod padding;
pub(crate) mod parameter_set;
pub(crate) mod prehash;
mod prime;
pub(crate) mod rand;
pub(crate) mod rsa;
pub(crate) mod seal;
pub(crate) mod seeded;
pub(crate) mod shares;
pub(crate) mod slhdsa;
pub(crate) mod sm4;
mod soft_cipher;
mod sys;
pub(crate) mod tls;
#[cfg(test)]
pub(crate) mod vectors;
pub(crate) mod xwing;

/// The outcome of an algorithm.
pub(crate) type Result<T> = std::result::Result<T, Error>;

/// Why an algorithm refused. Carries no data of the operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Error {
    /// The key's values contradict each other, or the algorithm's rules; the text says which.
    InvalidKey(&'static str),
    KeySize,
    /// A parameter (IV, label, tag length, curve …) is out of its range; the text says which.
    InvalidParameter(&'static str),
    /// A value of CKA_EC_PARAMS that is neither an object identifier nor a name.
    CurveParameters,
    /// A curve that is named, and not supported.
    UnsupportedCurve,
    /// The input is too long, or not a multiple of the block.
    InputLength,
    /// The input, as a number, is not below the modulus.
    InputRange,
    /// A ciphertext has a length that none can have.
    CiphertextLength,
    /// A ciphertext, padding or tag is wrong.
    BadCiphertext,
    SignatureLength,
    BadSignature,
    /// The library that computes failed; the text names the call.
    Internal(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidKey(what) => write!(f, "invalid key: {what}"),
            Self::KeySize => f.write_str("key size outside the algorithm's range"),
            Self::InvalidParameter(what) => write!(f, "invalid parameter: {what}"),
            Self::CurveParameters => f.write_str(
                "the curve is none that has a name here: explicit parameters are not taken",
            ),
            Self::UnsupportedCurve => f.write_str("curve not supported"),
            Self::InputLength => f.write_str("input length outside the algorithm's range"),
            Self::InputRange => f.write_str("input is not below the modulus"),
            Self::CiphertextLength => f.write_str("ciphertext has an impossible length"),
            Self::BadCiphertext => f.write_str("ciphertext does not decrypt"),
            Self::SignatureLength => f.write_str("signature has the wrong length"),
            Self::BadSignature => f.write_str("signature does not verify"),
            Self::Internal(call) => write!(f, "{call} failed"),
        }
    }
}

impl std::error::Error for Error {}
