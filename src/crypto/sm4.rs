//! SM4 (GB/T 32907) in the modes ECB and CBC (NIST SP 800-38A) and GCM (RFC 8998).

mod gcm;
#[cfg(test)]
mod tests;

use sm4::Sm4;
use sm4::cipher::KeyInit;

use super::soft_cipher::{self, SoftCipher};

pub(crate) use gcm::GcmStream;

/// Length of an SM4 key in bytes (GB/T 32907).
pub(crate) const KEY_LEN: usize = 16;

/// A key of 16 bytes with its schedule.
pub(crate) type Key = soft_cipher::Key<Sm4>;

impl SoftCipher for Sm4 {
    const NAME: &'static str = "sm4";

    fn schedule(key: &[u8]) -> Option<Self> {
        Self::new_from_slice(key).ok()
    }
}
