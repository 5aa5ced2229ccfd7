//! A PKCS#11 software HSM.

pub mod ck;
pub mod clock;
