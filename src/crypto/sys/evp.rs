//! Keys and contexts of aws-lc's EVP functions, which RSA, ML-DSA and ML-KEM are behind.

use std::os::raw::c_int;
use std::ptr::{NonNull, null_mut};

use aws_lc_sys::{self as lc, EVP_PKEY, EVP_PKEY_CTX};

use super::{check, failure, non_null};
use crate::crypto::Result;
use crate::secret::Secret;

/// A public or private key. Operations on one from several threads are safe.
pub(super) struct Pkey(NonNull<EVP_PKEY>);

// SAFETY: aws-lc counts a key's references atomically, and guards what an operation caches in it
// (Montgomery contexts, blinding factors) by the key's own lock. Nothing in `sys` changes a key after it
// is made.
unsafe impl Send for Pkey {}
// SAFETY: as above.
unsafe impl Sync for Pkey {}

impl Pkey {
    /// Takes the key that `call` returned, which is nobody else's.
    pub(super) fn adopt(key: *mut EVP_PKEY, call: &'static str) -> Result<Self> {
        non_null(key, call).map(Self)
    }

    pub(super) fn as_ptr(&self) -> *mut EVP_PKEY {
        self.0.as_ptr()
    }

    pub(super) fn context(&self) -> Result<Context> {
        // SAFETY: live key, of which the context takes a reference.
        let context = unsafe { lc::EVP_PKEY_CTX_new(self.as_ptr(), null_mut()) };
        Ok(Context(non_null(context, "EVP_PKEY_CTX_new")?))
    }

    /// The public key in its raw form, `len` bytes long.
    pub(super) fn public_bytes(&self, len: usize) -> Result<Vec<u8>> {
        let (mut bytes, mut written) = (vec![0; len], len);
        // SAFETY: live key; writes at most `written` bytes.
        let status = unsafe {
            lc::EVP_PKEY_get_raw_public_key(self.as_ptr(), bytes.as_mut_ptr(), &raw mut written)
        };
        filled(status, &[(written, len)], "EVP_PKEY_get_raw_public_key")?;
        Ok(bytes)
    }

    /// The private key in its raw form, `len` bytes long.
    pub(super) fn private_bytes(&self, len: usize) -> Result<Secret> {
        let (mut bytes, mut written) = (Secret::zeroed(len), len);
        // SAFETY: live key; writes at most `written` bytes.
        let status = unsafe {
            lc::EVP_PKEY_get_raw_private_key(self.as_ptr(), bytes.as_mut_ptr(), &raw mut written)
        };
        filled(status, &[(written, len)], "EVP_PKEY_get_raw_private_key")?;
        Ok(bytes)
    }
}

impl Drop for Pkey {
    fn drop(&mut self) {
        // SAFETY: the reference is ours alone and not used again; aws-lc wipes the private key.
        unsafe { lc::EVP_PKEY_free(self.as_ptr()) }
    }
}

/// An operation with a key.
pub(super) struct Context(NonNull<EVP_PKEY_CTX>);

impl Context {
    pub(super) fn as_ptr(&self) -> *mut EVP_PKEY_CTX {
        self.0.as_ptr()
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the handle is ours alone and not used again.
        unsafe { lc::EVP_PKEY_CTX_free(self.as_ptr()) }
    }
}

/// Judges a call that fills buffers of known lengths: (written, length) of each.
pub(super) fn filled(status: c_int, lengths: &[(usize, usize)], call: &'static str) -> Result<()> {
    check(status, call)?;
    if lengths.iter().any(|(written, len)| written != len) {
        return Err(failure(call));
    }
    Ok(())
}
