//! Ed25519 (RFC 8032) and X25519 (RFC 7748): octet key pairs, whose halves are 32 bytes each.

use crate::crypto::ec::{Named, named};
use crate::crypto::encoding::octet_string;
use crate::crypto::material::OkpMaterial;
use crate::crypto::sys::curve25519::{self as sys, Variant};
use crate::crypto::sys::rand;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

#[cfg(test)]
mod tests;

/// Bytes of a public key, a private key and a shared secret.
pub const KEY_LEN: usize = sys::KEY_LEN;
/// Bytes of an Ed25519 signature.
pub const SIGNATURE_LEN: usize = sys::SIGNATURE_LEN;
/// Greatest length of an EdDSA context in bytes.
pub const MAX_CONTEXT_LEN: usize = 255;

const WRONG_LENGTH: Error = Error::InvalidKey("an Ed25519 or X25519 key has 32 bytes");

/// What a pair is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Curve {
    /// Signatures, on edwards25519.
    Ed25519,
    /// Key agreement, on curve25519.
    X25519,
}

/// pkcs11-tool's "curve25519": a PrintableString whose length is one too great.
const MISCOUNTED: &[u8] = b"\x13\x0Bcurve25519";

/// A curve and what CKA_EC_PARAMS may call it: first RFC 8410's object identifier, then the one
/// that OpenPGP gave it.
struct Row {
    curve: Curve,
    params: [&'static [u8]; 2],
    names: [&'static str; 2],
}

static ROWS: [Row; 2] = [
    Row {
        curve: Curve::Ed25519,
        params: [
            // 1.3.101.112
            &[0x06, 0x03, 0x2B, 0x65, 0x70],
            // 1.3.6.1.4.1.11591.15.1
            &[
                0x06, 0x09, 0x2B, 0x06, 0x01, 0x04, 0x01, 0xDA, 0x47, 0x0F, 0x01,
            ],
        ],
        names: ["edwards25519", "Ed25519"],
    },
    Row {
        curve: Curve::X25519,
        params: [
            // 1.3.101.110
            &[0x06, 0x03, 0x2B, 0x65, 0x6E],
            // 1.3.6.1.4.1.3029.1.5.1
            &[
                0x06, 0x0A, 0x2B, 0x06, 0x01, 0x04, 0x01, 0x97, 0x55, 0x01, 0x05, 0x01,
            ],
        ],
        names: ["curve25519", "X25519"],
    },
];

impl Curve {
    /// Bits of the field.
    #[must_use]
    pub fn bits(self) -> usize {
        255
    }

    /// CKA_EC_PARAMS: DER of RFC 8410's object identifier.
    #[must_use]
    pub fn params(self) -> &'static [u8] {
        ROWS[self as usize].params[0]
    }

    /// The curve that CKA_EC_PARAMS names: DER of an object identifier, or of a PrintableString with
    /// a name. Errors as those of `ec::Curve::from_params`.
    pub fn from_params(der: &[u8]) -> Result<Self> {
        if der == MISCOUNTED {
            return Ok(Self::X25519);
        }
        let name = named(der)?;
        let fits = |row: &&Row| match name {
            Named::Oid => row.params.contains(&der),
            Named::Name(name) => row.names.iter().any(|known| known.as_bytes() == name),
        };
        ROWS.iter()
            .find(fits)
            .map(|row| row.curve)
            .ok_or(Error::UnsupportedCurve)
    }
}

/// The bytes in CKA_EC_POINT: bare, as PKCS #11 3.2 has it, or a DER OCTET STRING, as 3.0.
#[must_use]
pub fn bare_point(value: &[u8]) -> &[u8] {
    match value.len() {
        KEY_LEN => value,
        _ => octet_string(value),
    }
}

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

/// A public key.
pub struct PublicKey {
    curve: Curve,
    bytes: [u8; KEY_LEN],
}

impl PublicKey {
    /// A key from its 32 bytes.
    pub fn new(curve: Curve, bytes: &[u8]) -> Result<Self> {
        let bytes = bytes.try_into().map_err(|_| WRONG_LENGTH)?;
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

    /// Verifies EdDSA over a message, or over its digest as the scheme says.
    pub fn verify(&self, scheme: &Scheme, input: &[u8], signature: &[u8]) -> Result<()> {
        let variant = scheme.checked(input)?;
        let signature = signature.try_into().map_err(|_| Error::SignatureLength)?;
        if self.curve != Curve::Ed25519 {
            return Err(Error::InvalidKey("only Ed25519 keys sign"));
        }
        sys::verify(&self.bytes, variant, input, signature)
    }
}

/// A private key.
pub struct PrivateKey {
    curve: Curve,
    /// Ed25519: seed ‖ public key; X25519: scalar.
    bytes: Secret,
}

impl PrivateKey {
    /// A key from values that `OkpMaterial::checked` or `generate` made.
    pub fn new(material: &OkpMaterial) -> Result<Self> {
        let half = half(&material.private)?;
        let bytes = match material.curve {
            Curve::Ed25519 => sys::ed25519(half).1,
            Curve::X25519 => material.private.clone(),
        };
        Ok(Self {
            curve: material.curve,
            bytes,
        })
    }

    /// The curve.
    #[must_use]
    pub fn curve(&self) -> Curve {
        self.curve
    }

    /// Signs by EdDSA a message, or its digest as the scheme says: writes 64 bytes.
    pub fn sign(&self, scheme: &Scheme, input: &[u8], out: &mut [u8]) -> Result<usize> {
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
    pub fn agree(&self, peer: &PublicKey) -> Result<Secret> {
        if [self.curve, peer.curve] != [Curve::X25519; 2] {
            return Err(Error::InvalidKey("only X25519 keys agree"));
        }
        let mut shared = Secret::zeroed(KEY_LEN);
        let out = shared
            .first_chunk_mut()
            .ok_or(Error::Internal("output buffer"))?;
        sys::x25519(half(&self.bytes)?, &peer.bytes, out)
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
            Curve::Ed25519 => sys::ed25519(half(private)?).0,
            Curve::X25519 => sys::x25519_public(half(private)?),
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

fn half(bytes: &[u8]) -> Result<&[u8; KEY_LEN]> {
    bytes.try_into().map_err(|_| WRONG_LENGTH)
}
