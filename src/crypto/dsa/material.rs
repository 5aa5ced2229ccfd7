//! The values of a DSA key pair.

use crate::secret::Secret;

/// DSA key pair. All numbers are big-endian without leading zeros.
#[derive(Debug, Clone)]
pub struct DsaMaterial {
    /// Prime.
    pub p: Vec<u8>,
    /// Subprime, a factor of p - 1.
    pub q: Vec<u8>,
    /// Base, of the order q modulo p.
    pub g: Vec<u8>,
    /// Private value.
    pub x: Secret,
    /// Public value, g^x mod p.
    pub y: Vec<u8>,
}
