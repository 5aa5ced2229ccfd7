//! The values of an Ed25519 or X25519 key pair.

use crate::secret::Secret;

use super::curve::Curve;

/// An Ed25519 or X25519 key pair (RFC 8032, RFC 7748).
#[derive(Debug, Clone)]
pub struct OkpMaterial {
    pub curve: Curve,
    /// Seed or scalar, 32 bytes.
    pub private: Secret,
    /// Public key, 32 bytes.
    pub public: Vec<u8>,
}
