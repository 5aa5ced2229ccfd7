//! The values of a Diffie-Hellman key pair.

use crate::secret::Secret;

/// Diffie-Hellman key pair. All numbers are big-endian without leading zeros.
#[derive(Debug, Clone)]
pub struct DhMaterial {
    /// Prime.
    pub p: Vec<u8>,
    /// Base.
    pub g: Vec<u8>,
    /// Private value.
    pub x: Secret,
    /// Public value, g^x mod p.
    pub y: Vec<u8>,
}
