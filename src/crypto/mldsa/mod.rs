//! ML-DSA and HashML-DSA (FIPS 204).

mod deterministic;
mod key;
mod representative;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use key::{PrivateKey, PublicKey};
pub(crate) use representative::Representative;
pub(crate) use set::{ML_DSA_44, ML_DSA_65, ML_DSA_87};
pub use set::{MlDsaMaterial, ParameterSet};

pub use super::seeded::generate;
