//! X-Wing (draft-connolly-cfrg-xwing-kem-09): ML-KEM-768 and X25519 together, so that a shared secret is safe
//! while either of them is.

mod der;
mod key;
#[cfg(test)]
mod tests;

pub use der::spki;
pub(crate) use der::{OID, from_spki};
pub(crate) use key::{CIPHERTEXT_LEN, PUBLIC_LEN, PrivateKey, PublicKey, SEED_LEN};
pub(crate) use key::{XWingMaterial, generate};
