//! Tenon: a PKCS#11 software HSM.

pub mod ck;
pub mod error;
mod rv;
pub mod store;
