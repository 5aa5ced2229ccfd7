//! The values of keys, as they are generated, imported and stored.

use crate::crypto::ec::Curve;
use crate::crypto::okp;
use crate::secret::Secret;

/// A key's value.
#[derive(Debug, Clone)]
pub enum Material {
    /// Raw bytes of a secret key.
    Secret(Secret),
    /// RSA key pair.
    Rsa(RsaMaterial),
    /// EC key pair.
    Ec(EcMaterial),
    /// Ed25519 or X25519 key pair.
    Okp(OkpMaterial),
}

/// RSA key pair: big-endian integers without leading zero bytes.
#[derive(Debug, Clone)]
pub struct RsaMaterial {
    /// Modulus.
    pub n: Vec<u8>,
    /// Public exponent.
    pub e: Vec<u8>,
    /// Private exponent.
    pub d: Secret,
    /// First prime.
    pub p: Secret,
    /// Second prime.
    pub q: Secret,
    /// d mod (p - 1).
    pub dp: Secret,
    /// d mod (q - 1).
    pub dq: Secret,
    /// q^-1 mod p.
    pub qinv: Secret,
}

/// EC key pair.
#[derive(Debug, Clone)]
pub struct EcMaterial {
    /// Named curve.
    pub curve: Curve,
    /// Private scalar, big-endian, as long as the curve's order.
    pub scalar: Secret,
    /// Public point, SEC 1 uncompressed: 04 ‖ X ‖ Y.
    pub point: Vec<u8>,
}

/// Ed25519 or X25519 key pair.
#[derive(Debug, Clone)]
pub struct OkpMaterial {
    /// What the pair is for.
    pub curve: okp::Curve,
    /// Seed or scalar, 32 bytes.
    pub private: Secret,
    /// Public key, 32 bytes.
    pub public: Vec<u8>,
}
