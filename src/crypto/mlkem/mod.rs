//! ML-KEM (FIPS 203).

mod der;
mod key;
mod material;
mod set;
#[cfg(test)]
mod tests;

pub(crate) use der::{ML_KEM_512, ML_KEM_768, ML_KEM_1024, parameter_set, spki};
pub use key::generate;
pub(crate) use key::{PrivateKey, PublicKey, SECRET_LEN};
pub use material::MlKemMaterial;
pub use set::ParameterSet;
