//! DSA (FIPS 186-4 section 4), which FIPS 186-5 keeps for the verification of old signatures alone.

mod der;
mod group;
mod key;
mod material;
#[cfg(test)]
mod tests;

pub(crate) use der::{OID, from_spki, spki};
pub use group::Group;
pub(crate) use group::{MAX_BITS, MIN_BITS};
pub use key::generate;
pub(crate) use key::{PrivateKey, PublicKey};
pub use material::DsaMaterial;
