//! Keys ready for use: parsed and scheduled once, shared by every operation that uses them.

use std::fmt;

use super::keyring::Keyring;
use crate::crypto::{aes, ec, okp, rsa, sm4};
use crate::secret::Secret;

pub use crate::crypto::material::Material;

/// A key in the form that operations use. Building one is the costly part of C_…Init, so the
/// token keeps them.
pub enum Key {
    /// RSA public key.
    RsaPublic(rsa::PublicKey),
    /// RSA private key.
    RsaPrivate(rsa::PrivateKey),
    /// EC public key, of SM2 too.
    EcPublic(ec::PublicKey),
    /// EC private key, of SM2 too.
    EcPrivate(ec::PrivateKey),
    /// Ed25519 or X25519 public key.
    OkpPublic(okp::PublicKey),
    /// Ed25519 or X25519 private key.
    OkpPrivate(okp::PrivateKey),
    /// AES key; `aes::Key::bytes` gives its value to MACs and wraps of other families.
    Aes(aes::Key),
    /// SM4 key.
    Sm4(sm4::Key),
    /// Generic secret.
    Generic(Secret),
    /// All versions of an external key.
    Keyring(Keyring),
}

impl Key {
    /// The value of a secret key; `None` for the keys of pairs, and for a keyring.
    #[must_use]
    pub fn secret_bytes(&self) -> Option<&[u8]> {
        match self {
            Self::Aes(key) => Some(key.bytes()),
            Self::Sm4(key) => Some(key.bytes()),
            Self::Generic(secret) => Some(secret),
            Self::RsaPublic(_)
            | Self::RsaPrivate(_)
            | Self::EcPublic(_)
            | Self::EcPrivate(_)
            | Self::OkpPublic(_)
            | Self::OkpPrivate(_)
            | Self::Keyring(_) => None,
        }
    }

    /// Size in bits: of the modulus, the field or the value.
    #[must_use]
    pub fn bits(&self) -> u64 {
        let bits = match self {
            Self::RsaPublic(key) => key.bits(),
            Self::RsaPrivate(key) => key.bits(),
            Self::EcPublic(key) => key.curve().bits(),
            Self::EcPrivate(key) => key.curve().bits(),
            Self::OkpPublic(key) => key.curve().bits(),
            Self::OkpPrivate(key) => key.curve().bits(),
            Self::Aes(key) => key.bytes().len() * 8,
            Self::Sm4(key) => key.bytes().len() * 8,
            Self::Generic(secret) => secret.len() * 8,
            Self::Keyring(keyring) => keyring.len() * 8,
        };
        bits as u64
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let family = match self {
            Self::RsaPublic(_) => "RsaPublic",
            Self::RsaPrivate(_) => "RsaPrivate",
            Self::EcPublic(_) => "EcPublic",
            Self::EcPrivate(_) => "EcPrivate",
            Self::OkpPublic(_) => "OkpPublic",
            Self::OkpPrivate(_) => "OkpPrivate",
            Self::Aes(_) => "Aes",
            Self::Sm4(_) => "Sm4",
            Self::Generic(_) => "Generic",
            Self::Keyring(_) => "Keyring",
        };
        write!(f, "Key::{family}({} bits)", self.bits())
    }
}
