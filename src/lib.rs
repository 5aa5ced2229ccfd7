//! x

pub mod attr;
pub mod ck;
pub mod error;
pub mod secret;
