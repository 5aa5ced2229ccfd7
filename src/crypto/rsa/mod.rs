//! RSA (RFC 8017): PKCS #1 v1.5, OAEP, PSS, and without padding.
//!
//! Output buffers are at least as long as the modulus, also those of decryption.

mod check;
mod der;
mod generate;
mod key;
mod material;
mod pss;
mod raw;
mod rejection;
mod roca;
#[cfg(test)]
mod tests;

pub(crate) use check::{MAX_BITS, MIN_BITS};
pub use der::spki;
pub(crate) use der::{OAEP, OID, OnlyFor, PSS, public_numbers};
pub use generate::generate;
pub use key::{PrivateKey, PublicKey};
pub(crate) use key::{oaep_capacity, pkcs1_capacity};
pub use material::RsaMaterial;
pub use pss::Pss;
