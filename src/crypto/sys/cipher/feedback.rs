//! Output and cipher feedback.

use aws_lc_sys as ffi;

use super::Context;
use crate::crypto::aes::{BLOCK, Direction, Feedback};
use crate::crypto::{Error, Result};

impl Context {
    /// Encryption or decryption in this mode. Takes a key of 16, 24 or 32 bytes.
    pub(in crate::crypto) fn feedback(
        mode: Feedback,
        key: &[u8],
        direction: Direction,
        iv: &[u8; BLOCK],
    ) -> Result<Self> {
        // SAFETY: these return pointers to constant tables.
        let cipher = unsafe {
            match (mode, key.len()) {
                (Feedback::Ofb, 16) => ffi::EVP_aes_128_ofb(),
                (Feedback::Ofb, 24) => ffi::EVP_aes_192_ofb(),
                (Feedback::Ofb, 32) => ffi::EVP_aes_256_ofb(),
                (Feedback::Cfb1, 16) => ffi::EVP_aes_128_cfb1(),
                (Feedback::Cfb1, 24) => ffi::EVP_aes_192_cfb1(),
                (Feedback::Cfb1, 32) => ffi::EVP_aes_256_cfb1(),
                (Feedback::Cfb8, 16) => ffi::EVP_aes_128_cfb8(),
                (Feedback::Cfb8, 24) => ffi::EVP_aes_192_cfb8(),
                (Feedback::Cfb8, 32) => ffi::EVP_aes_256_cfb8(),
                (Feedback::Cfb128, 16) => ffi::EVP_aes_128_cfb128(),
                (Feedback::Cfb128, 24) => ffi::EVP_aes_192_cfb128(),
                (Feedback::Cfb128, 32) => ffi::EVP_aes_256_cfb128(),
                _ => return Err(Error::KeySize),
            }
        };
        let mut context = Self::new()?;
        context.init(cipher, key.as_ptr(), iv.as_ptr(), direction)?;
        Ok(context)
    }
}
