//! Ed25519 (RFC 8032) and X25519 (RFC 7748): octet key pairs, whose halves are 32 bytes each.

mod curve;
mod der;
mod key;
mod material;
mod point;
#[cfg(test)]
mod tests;

pub use curve::Curve;
pub(crate) use curve::bare_point;
pub(crate) use der::{ED25519, X25519, named_curve, spki};
pub use key::Scheme;
pub(crate) use key::{KEY_LEN, MAX_CONTEXT_LEN, PrivateKey, SIGNATURE_LEN};
pub use key::{PublicKey, generate};
pub(crate) use material::OkpMaterial;
