//! Ed25519 (RFC 8032) and X25519 (RFC 7748): octet key pairs, whose halves are 32 bytes each.

mod curve;
mod der;
mod key;
mod material;
#[cfg(test)]
mod tests;

pub use curve::{Curve, bare_point};
pub use der::{ED25519, X25519, spki};
pub use key::{KEY_LEN, MAX_CONTEXT_LEN, PrivateKey, PublicKey, SIGNATURE_LEN, Scheme, generate};
pub use material::OkpMaterial;
