//! CMAC in progress.

use std::ptr::{self, NonNull};

use aws_lc_sys as ffi;

use super::{check, non_null};
use crate::crypto::{Error, Result};

/// A MAC in progress. aws-lc wipes its state when it is dropped.
pub(in crate::crypto) struct Cmac(NonNull<ffi::CMAC_CTX>);

// SAFETY: the context owns all its state and has no thread affinity.
unsafe impl Send for Cmac {}

impl Cmac {
    /// Takes an AES key of 16, 24 or 32 bytes.
    pub(in crate::crypto) fn new(key: &[u8]) -> Result<Self> {
        // SAFETY: these return pointers to constant tables.
        let cipher = unsafe {
            match key.len() {
                16 => ffi::EVP_aes_128_cbc(),
                24 => ffi::EVP_aes_192_cbc(),
                32 => ffi::EVP_aes_256_cbc(),
                _ => return Err(Error::KeySize),
            }
        };
        // SAFETY: no arguments; NULL when out of memory.
        let context = Self(non_null(unsafe { ffi::CMAC_CTX_new() }, "CMAC_CTX_new")?);
        // SAFETY: the context is live and the key is as long as the cipher's.
        let ok = unsafe {
            ffi::CMAC_Init(
                context.0.as_ptr(),
                key.as_ptr().cast(),
                key.len(),
                cipher,
                ptr::null_mut(),
            )
        };
        check(ok, "CMAC_Init")?;
        Ok(context)
    }

    pub(in crate::crypto) fn update(&mut self, message: &[u8]) -> Result<()> {
        // SAFETY: the context is live and `message` is valid for its length.
        let ok = unsafe { ffi::CMAC_Update(self.0.as_ptr(), message.as_ptr(), message.len()) };
        check(ok, "CMAC_Update")
    }

    /// The MAC. Nothing may be taken afterwards.
    pub(in crate::crypto) fn finish(&mut self) -> Result<[u8; 16]> {
        let (mut mac, mut len) = ([0; 16], 0);
        // SAFETY: the context is live and `mac` holds a block, the length of every AES-CMAC.
        let ok = unsafe { ffi::CMAC_Final(self.0.as_ptr(), mac.as_mut_ptr(), &raw mut len) };
        check(ok, "CMAC_Final")?;
        Ok(mac)
    }
}

impl Drop for Cmac {
    fn drop(&mut self) {
        // SAFETY: the context is live and owned; aws-lc's free wipes what it releases.
        unsafe { ffi::CMAC_CTX_free(self.0.as_ptr()) };
    }
}
