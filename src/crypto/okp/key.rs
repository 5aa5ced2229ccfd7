//! Keys, signatures and agreement.

use crate::crypto::sys::curve25519::{self as sys, Variant};
use crate::crypto::sys::rand;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::curve::Curve;
use super::material::OkpMaterial;
use super::point;

/// Bytes of a public key, a private key and a shared secret.
pub(crate) const KEY_LEN: usize = sys::KEY_LEN;
/// Bytes of an Ed25519 signature.
pub(crate) const SIGNATURE_LEN: usize = sys::SIGNATURE_LEN;
/// Greatest length of a context in bytes (RFC 8032 section 5.1).
pub(crate) const MAX_CONTEXT_LEN: usize = 255;

const WRONG_LENGTH: Error = Error::InvalidKey("an Ed25519 or X25519 key has 32 bytes");

/// A signature scheme of RFC 8032 section 5.1. Contexts have up to 255 bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// Ed25519.
    Pure,
    /// Ed25519ctx, with a context that is not empty.
    Context(Vec<u8>),
    /// Ed25519ph: the input of the functions below is the SHA-512 digest of the message.
    Prehashed(Vec<u8>),
}

impl Scheme {
    fn checked(&self, input: &[u8]) -> Result<Variant<'_>> {
        let variant = match self {
            Self::Pure => return Ok(Variant::Pure),
            Self::Context(context) if context.is_empty() => {
                return Err(Error::InvalidParameter("an empty Ed25519ctx context"));
            }
            Self::Context(context) | Self::Prehashed(context)
                if context.len() > MAX_CONTEXT_LEN =>
            {
                return Err(Error::InvalidParameter("EdDSA context length"));
            }
            Self::Context(context) => Variant::Context(context),
            Self::Prehashed(_) if input.len() != 64 => return Err(Error::InputLength),
            Self::Prehashed(context) => Variant::Prehashed(context),
        };
        Ok(variant)
    }
}

/// An Ed25519 or X25519 public key: 32 bytes, little-endian (RFC 8032 section 5.1.2, RFC 7748 section 5).
pub struct PublicKey {
    curve: Curve,
    bytes: [u8; KEY_LEN],
}

impl PublicKey {
    /// A key from its 32 bytes; `InvalidKey` for another length, and for bytes that are no point of edwards25519.
    pub fn new(curve: Curve, bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.try_into().map_err(|_| WRONG_LENGTH)?;
        if curve == Curve::Ed25519 && !point::decodes_vartime(&bytes)? {
            return Err(Error::InvalidKey("not a point of edwards25519"));
        }
        Ok(Self { curve, bytes })
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// The 32 bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Verifies EdDSA over a message, or over its SHA-512 digest where the scheme is prehashed.
    /// `SignatureLength`, `BadSignature`; `InvalidKey` for a key of X25519.
    pub fn verify(&self, scheme: &Scheme, input: &[u8], signature: &[u8]) -> Result<()> {
        let variant = scheme.checked(input)?;
        let signature = signature.try_into().map_err(|_| Error::SignatureLength)?;
        if self.curve != Curve::Ed25519 {
            return Err(Error::InvalidKey("only Ed25519 keys sign"));
        }
        sys::verify(&self.bytes, variant, input, signature)
    }
}

/// An Ed25519 or X25519 private key, ready for use.
pub(crate) struct PrivateKey {
    curve: Curve,
    /// Ed25519: seed ‖ public key; X25519: scalar.
    bytes: Secret,
}

impl PrivateKey {
    /// A key from values that `OkpMaterial::checked` or `generate` made.
    pub(crate) fn new(material: &OkpMaterial) -> Result<Self> {
        let key_bytes = key_bytes(&material.private)?;
        let bytes = match material.curve {
            Curve::Ed25519 => sys::ed25519(key_bytes).1,
            Curve::X25519 => material.private.clone(),
        };
        Ok(Self {
            curve: material.curve,
            bytes,
        })
    }

    #[must_use]
    pub(crate) fn curve(&self) -> Curve {
        self.curve
    }

    /// Signs by EdDSA a message, or its SHA-512 digest where the scheme is prehashed: writes 64
    /// bytes. `InvalidKey` for a key of X25519.
    pub(crate) fn sign(&self, scheme: &Scheme, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let variant = scheme.checked(input)?;
        let out = out
            .first_chunk_mut()
            .ok_or(Error::Internal("output buffer"))?;
        if self.curve != Curve::Ed25519 {
            return Err(Error::InvalidKey("only Ed25519 keys sign"));
        }
        sys::sign(&self.bytes, variant, input, out)?;
        Ok(SIGNATURE_LEN)
    }

    /// X25519: the 32 bytes that two parties share. `InvalidKey` when `peer` is of another curve or
    /// has a small order, so that the secret would be zero.
    pub(crate) fn agree(&self, peer: &PublicKey) -> Result<Secret> {
        if [self.curve, peer.curve] != [Curve::X25519; 2] {
            return Err(Error::InvalidKey("only X25519 keys agree"));
        }
        let mut shared = Secret::zeroed(KEY_LEN);
        let out = shared
            .first_chunk_mut()
            .ok_or(Error::Internal("output buffer"))?;
        sys::x25519(key_bytes(&self.bytes)?, &peer.bytes, out)
            .map_err(|_| Error::InvalidKey("the X25519 public key has a small order"))?;
        Ok(shared)
    }
}

/// Makes a key pair.
pub fn generate(curve: Curve) -> Result<OkpMaterial> {
    let mut private = Secret::zeroed(KEY_LEN);
    rand::fill(&mut private)?;
    OkpMaterial::checked(curve, &private, None)
}

impl OkpMaterial {
    /// Takes an imported key: 32 bytes of Ed25519's seed or X25519's scalar; `public`, where there is
    /// one, is its public key.
    pub fn checked(curve: Curve, private: &[u8], public: Option<&[u8]>) -> Result<Self> {
        let own = match curve {
            Curve::Ed25519 => sys::ed25519(key_bytes(private)?).0,
            Curve::X25519 => sys::x25519_public(key_bytes(private)?),
        };
        if public.is_some_and(|public| public != own) {
            return Err(Error::InvalidKey(
                "the public key is not that of the private key",
            ));
        }
        Ok(Self {
            curve,
            private: Secret::copy(private),
            public: own.to_vec(),
        })
    }
}

fn key_bytes(bytes: &[u8]) -> Result<&[u8; KEY_LEN]> {
    bytes.try_into().map_err(|_| WRONG_LENGTH)
}
