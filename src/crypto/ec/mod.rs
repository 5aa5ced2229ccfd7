//! Elliptic curves, ECDSA and ECDH (FIPS 186-5, SP 800-56A, SEC 1, SEC 2, RFC 5639), and SM2.

mod curve;
mod der;
mod key;
mod material;
mod secp256k1;
pub(crate) mod sm2;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod vectors;

pub use curve::Curve;
pub(super) use curve::{Named, named};
pub(crate) use der::{OID, der_signature, params_of, raw_signature, spki};
pub use key::{PrivateKey, PublicKey, generate};
pub use material::EcMaterial;
