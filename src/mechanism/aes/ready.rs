//! The AES key of a ready key.

use crate::ck;
use crate::crypto::aes;
use crate::error::{Result, refuse};
use crate::mechanism::Key;

/// The ready AES key. CKR_KEY_TYPE_INCONSISTENT for any other key.
pub(in crate::mechanism) fn aes_key(key: &Key) -> Result<&aes::Key> {
    match key.of() {
        Some(key) => Ok(key),
        None => refuse(
            ck::CKR_KEY_TYPE_INCONSISTENT,
            "this mechanism takes an AES key",
        ),
    }
}
