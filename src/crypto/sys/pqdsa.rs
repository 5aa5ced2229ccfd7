//! ML-DSA keys in aws-lc's form, and signatures with them.

use std::os::raw::c_int;
use std::ptr::{NonNull, null_mut};

use aws_lc_sys::{self as lc, EVP_PKEY, EVP_PKEY_CTX};

use super::{check, failure, non_null};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

pub(in crate::crypto) const ML_DSA_44: c_int = lc::NID_MLDSA44;
pub(in crate::crypto) const ML_DSA_65: c_int = lc::NID_MLDSA65;
pub(in crate::crypto) const ML_DSA_87: c_int = lc::NID_MLDSA87;

/// A public or private key. Operations on one from several threads are safe.
pub(in crate::crypto) struct PqdsaKey(NonNull<EVP_PKEY>);

// SAFETY: nothing here changes a key after it is made; aws-lc counts its references atomically.
unsafe impl Send for PqdsaKey {}
// SAFETY: as above.
unsafe impl Sync for PqdsaKey {}

impl PqdsaKey {
    /// `bytes` has the length of a public key of `nid`.
    pub(in crate::crypto) fn public(nid: c_int, bytes: &[u8]) -> Result<Self> {
        // SAFETY: reads `bytes` within its length, and copies.
        let key =
            unsafe { lc::EVP_PKEY_pqdsa_new_raw_public_key(nid, bytes.as_ptr(), bytes.len()) };
        let key = non_null(key, "EVP_PKEY_pqdsa_new_raw_public_key");
        key.map(Self)
            .map_err(|_| Error::InvalidKey("not an ML-DSA public key of its parameter set"))
    }

    /// From a seed of 32 bytes or an expanded private key, whose parts are proven to belong together;
    /// the key has its public half too.
    pub(in crate::crypto) fn private(nid: c_int, bytes: &[u8]) -> Result<Self> {
        // SAFETY: reads `bytes` within its length, and copies.
        let key =
            unsafe { lc::EVP_PKEY_pqdsa_new_raw_private_key(nid, bytes.as_ptr(), bytes.len()) };
        let key = non_null(key, "EVP_PKEY_pqdsa_new_raw_private_key");
        key.map(Self)
            .map_err(|_| Error::InvalidKey("not an ML-DSA private key of its parameter set"))
    }

    /// The public key, `len` bytes long.
    pub(in crate::crypto) fn public_bytes(&self, len: usize) -> Result<Vec<u8>> {
        let (mut bytes, mut written) = (vec![0; len], len);
        // SAFETY: live key; writes at most `written` bytes.
        let status = unsafe {
            lc::EVP_PKEY_get_raw_public_key(self.0.as_ptr(), bytes.as_mut_ptr(), &raw mut written)
        };
        filled(status, (written, len), "EVP_PKEY_get_raw_public_key")?;
        Ok(bytes)
    }

    /// The expanded private key, `len` bytes long.
    pub(in crate::crypto) fn private_bytes(&self, len: usize) -> Result<Secret> {
        let (mut bytes, mut written) = (Secret::zeroed(len), len);
        // SAFETY: live key; writes at most `written` bytes.
        let status = unsafe {
            lc::EVP_PKEY_get_raw_private_key(self.0.as_ptr(), bytes.as_mut_ptr(), &raw mut written)
        };
        filled(status, (written, len), "EVP_PKEY_get_raw_private_key")?;
        Ok(bytes)
    }

    /// Signs a message representative (FIPS 204, algorithm 7, line 6) with fresh randomness; fills
    /// `out`, which is as long as a signature.
    pub(in crate::crypto) fn sign(&self, mu: &[u8; 64], out: &mut [u8]) -> Result<()> {
        let (context, mut len) = (self.context()?, out.len());
        // SAFETY: live context; reads `mu` within its length and writes at most `len` bytes.
        let status = unsafe {
            check(
                lc::EVP_PKEY_sign_init(context.0.as_ptr()),
                "EVP_PKEY_sign_init",
            )?;
            lc::EVP_PKEY_sign(
                context.0.as_ptr(),
                out.as_mut_ptr(),
                &raw mut len,
                mu.as_ptr(),
                mu.len(),
            )
        };
        filled(status, (len, out.len()), "EVP_PKEY_sign")
    }

    /// Verifies a signature of a message representative.
    pub(in crate::crypto) fn verify(&self, mu: &[u8; 64], signature: &[u8]) -> Result<()> {
        let context = self.context()?;
        // SAFETY: live context; reads `signature` and `mu` within their lengths.
        let status = unsafe {
            check(
                lc::EVP_PKEY_verify_init(context.0.as_ptr()),
                "EVP_PKEY_verify_init",
            )?;
            lc::EVP_PKEY_verify(
                context.0.as_ptr(),
                signature.as_ptr(),
                signature.len(),
                mu.as_ptr(),
                mu.len(),
            )
        };
        check(status, "EVP_PKEY_verify").map_err(|_| Error::BadSignature)
    }

    fn context(&self) -> Result<Context> {
        // SAFETY: live key, of which the context takes a reference.
        let context = unsafe { lc::EVP_PKEY_CTX_new(self.0.as_ptr(), null_mut()) };
        Ok(Context(non_null(context, "EVP_PKEY_CTX_new")?))
    }
}

/// Judges a call that fills a buffer of known length.
fn filled(status: c_int, (written, len): (usize, usize), call: &'static str) -> Result<()> {
    check(status, call)?;
    if written != len {
        return Err(failure(call));
    }
    Ok(())
}

impl Drop for PqdsaKey {
    fn drop(&mut self) {
        // SAFETY: the reference is ours alone and not used again; aws-lc wipes the private key.
        unsafe { lc::EVP_PKEY_free(self.0.as_ptr()) }
    }
}

struct Context(NonNull<EVP_PKEY_CTX>);

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: the handle is ours alone and not used again.
        unsafe { lc::EVP_PKEY_CTX_free(self.0.as_ptr()) }
    }
}
