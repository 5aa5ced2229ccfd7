//! The values of an RSA key pair.

use crate::secret::Secret;

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
