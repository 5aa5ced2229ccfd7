//! ML-KEM (FIPS 203).

mod key;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use key::{PrivateKey, PublicKey, SECRET_LEN};
pub(crate) use set::{ML_KEM_512, ML_KEM_768, ML_KEM_1024};
pub use set::{MlKemMaterial, ParameterSet};

pub use super::parameter_set::spki;
pub use super::seeded::generate;
