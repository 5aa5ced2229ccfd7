//! ML-DSA and HashML-DSA (FIPS 204).

mod der;
mod deterministic;
mod key;
mod material;
mod representative;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use der::{ML_DSA_44, ML_DSA_65, ML_DSA_87, parameter_set, spki};
pub use key::generate;
pub(crate) use key::{PrivateKey, PublicKey, Randomness};
pub use material::MlDsaMaterial;
pub(crate) use representative::{MAX_CONTEXT_LEN, PreHash, Representative};
pub use set::ParameterSet;
