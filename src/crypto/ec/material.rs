//! The values of an EC key pair.

use crate::secret::Secret;

use super::curve::Curve;

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
