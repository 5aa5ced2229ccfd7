//! Diffie-Hellman key agreement modulo a prime (PKCS #3), in groups that NIST SP 800-56A calls safe: half the group's
//! order is a prime, so no public key of the other party tells more of a private one than its lowest bit.

mod der;
mod group;
mod key;
mod material;
mod rfc3526;
#[cfg(test)]
mod tests;

pub(crate) use der::{OID, from_spki, spki};
pub use group::Group;
pub(crate) use group::{MAX_BITS, MIN_BITS};
pub use key::generate;
pub(crate) use key::{LEAST_PRIVATE_BITS, PrivateKey, PublicKey};
pub use material::DhMaterial;
