//! SLH-DSA and HashSLH-DSA (FIPS 205).

mod key;
mod random;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use key::{PrivateKey, PublicKey};
pub use key::{SlhDsaMaterial, generate};
pub(crate) use set::OIDS;
pub use set::ParameterSet;
