//! Tenon: a PKCS#11 software HSM.

pub mod ck;
pub mod clock;
pub mod crypto;
pub mod error;
pub mod mechanism;
pub mod rng;
mod rv;
pub mod secret;
