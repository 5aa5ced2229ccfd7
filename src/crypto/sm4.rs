//! SM4 (GB/T 32907) in the modes ECB and CBC (NIST SP 800-38A) and GCM (RFC 8998).
//!
//! The S-box is a table of 256 bytes, so whoever shares the processor's caches may learn something
//! of the key. That is so with every SM4 that uses no instructions made for it.

mod gcm;
mod key;
#[cfg(test)]
mod tests;

pub(crate) use gcm::GcmStream;
pub(crate) use key::{Cbc, KEY_LEN, Key};
