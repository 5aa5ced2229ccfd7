//! AES-GCM and ChaCha20-Poly1305 of whole messages.

use std::mem::{MaybeUninit, size_of};
use std::ptr;

use aws_lc_sys as ffi;

use crate::crypto::{Error, Result};

/// A key with the tag length that it makes and expects.
///
/// Immutable once made: aws-lc lets any number of threads seal and open with one context.
pub(in crate::crypto) struct Context(Box<MaybeUninit<ffi::EVP_AEAD_CTX>>);

// SAFETY: the context owns all its state, has no thread affinity, and is never written after `new`.
unsafe impl Send for Context {}
// SAFETY: `seal` and `open` take a const context; aws-lc documents them as safe to call concurrently.
unsafe impl Sync for Context {}

impl Context {
    /// AES-GCM. Takes a key of 16, 24 or 32 bytes and a tag length of 1 to 16 bytes.
    pub(in crate::crypto) fn aes_gcm(key: &[u8], tag_len: usize) -> Result<Self> {
        // SAFETY: these return pointers to constant tables.
        let aead = unsafe {
            match key.len() {
                16 => ffi::EVP_aead_aes_128_gcm(),
                24 => ffi::EVP_aead_aes_192_gcm(),
                32 => ffi::EVP_aead_aes_256_gcm(),
                _ => return Err(Error::KeySize),
            }
        };
        Self::new(aead, key, tag_len)
    }

    /// ChaCha20-Poly1305. Takes a key of 32 bytes; nonces have 12 or 24.
    pub(in crate::crypto) fn chacha20_poly1305(key: &[u8], nonce_len: usize) -> Result<Self> {
        // SAFETY: these return pointers to constant tables.
        let aead = unsafe {
            match nonce_len {
                12 => ffi::EVP_aead_chacha20_poly1305(),
                24 => ffi::EVP_aead_xchacha20_poly1305(),
                _ => return Err(Error::InvalidParameter("the nonce has 96 or 192 bits")),
            }
        };
        if key.len() != 32 {
            return Err(Error::KeySize);
        }
        Self::new(aead, key, 16)
    }

    /// Takes a key of the length that `aead` has.
    fn new(aead: *const ffi::EVP_AEAD, key: &[u8], tag_len: usize) -> Result<Self> {
        // The state inside is aligned by its own address, so the context is made where it stays.
        let mut context = Self(Box::new(MaybeUninit::zeroed()));
        // SAFETY: the context is writable and zeroed, the key is valid for its length, and no
        // engine is given.
        let ok = unsafe {
            ffi::EVP_AEAD_CTX_init(
                context.0.as_mut_ptr(),
                aead,
                key.as_ptr(),
                key.len(),
                tag_len,
                ptr::null_mut(),
            )
        };
        if ok != 1 {
            return Err(Error::Internal("EVP_AEAD_CTX_init"));
        }
        Ok(context)
    }

    /// Writes ciphertext ‖ tag, which must fill `out` exactly.
    pub(in crate::crypto) fn seal(
        &self,
        iv: &[u8],
        aad: &[u8],
        plain: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let mut written = 0;
        // SAFETY: every pointer is valid for the length beside it, `out` does not overlap the
        // inputs (it is borrowed mutably), and the context was initialized by `new`.
        let ok = unsafe {
            ffi::EVP_AEAD_CTX_seal(
                self.0.as_ptr(),
                out.as_mut_ptr(),
                &raw mut written,
                out.len(),
                iv.as_ptr(),
                iv.len(),
                plain.as_ptr(),
                plain.len(),
                aad.as_ptr(),
                aad.len(),
            )
        };
        if ok != 1 || written != out.len() {
            return Err(Error::Internal("EVP_AEAD_CTX_seal"));
        }
        Ok(())
    }

    /// Writes the plaintext of ciphertext ‖ tag, which must fill `out` exactly. `out` holds zeros
    /// when the tag is wrong.
    pub(in crate::crypto) fn open(
        &self,
        iv: &[u8],
        aad: &[u8],
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<()> {
        let mut written = 0;
        // SAFETY: as in `seal`.
        let ok = unsafe {
            ffi::EVP_AEAD_CTX_open(
                self.0.as_ptr(),
                out.as_mut_ptr(),
                &raw mut written,
                out.len(),
                iv.as_ptr(),
                iv.len(),
                sealed.as_ptr(),
                sealed.len(),
                aad.as_ptr(),
                aad.len(),
            )
        };
        if ok != 1 || written != out.len() {
            return Err(Error::BadCiphertext);
        }
        Ok(())
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        let context = self.0.as_mut_ptr();
        // SAFETY: `new` zeroed the context, so it may be cleaned up even where its initialization
        // failed; afterwards nothing refers to its bytes.
        unsafe {
            ffi::EVP_AEAD_CTX_cleanup(context);
            ffi::OPENSSL_cleanse(context.cast(), size_of::<ffi::EVP_AEAD_CTX>());
        }
    }
}
