//! ML-DSA keys in aws-lc's form, and signatures with them.

use std::os::raw::c_int;

use aws_lc_sys as lc;

use super::check;
use super::evp::{Pkey, filled};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

pub(in crate::crypto) const ML_DSA_44: c_int = lc::NID_MLDSA44;
pub(in crate::crypto) const ML_DSA_65: c_int = lc::NID_MLDSA65;
pub(in crate::crypto) const ML_DSA_87: c_int = lc::NID_MLDSA87;

/// A public or private key. Operations on one from several threads are safe.
pub(in crate::crypto) struct PqdsaKey(Pkey);

impl PqdsaKey {
    /// `bytes` has the length of a public key of `nid`.
    pub(in crate::crypto) fn public(nid: c_int, bytes: &[u8]) -> Result<Self> {
        // SAFETY: reads `bytes` within its length, and copies.
        let key =
            unsafe { lc::EVP_PKEY_pqdsa_new_raw_public_key(nid, bytes.as_ptr(), bytes.len()) };
        let key = Pkey::adopt(key, "EVP_PKEY_pqdsa_new_raw_public_key");
        key.map(Self)
            .map_err(|_| Error::InvalidKey("not an ML-DSA public key of its parameter set"))
    }

    /// From a seed of 32 bytes or an expanded private key, whose parts are proven to belong together;
    /// the key has its public half too.
    pub(in crate::crypto) fn private(nid: c_int, bytes: &[u8]) -> Result<Self> {
        // SAFETY: reads `bytes` within its length, and copies.
        let key =
            unsafe { lc::EVP_PKEY_pqdsa_new_raw_private_key(nid, bytes.as_ptr(), bytes.len()) };
        let key = Pkey::adopt(key, "EVP_PKEY_pqdsa_new_raw_private_key");
        key.map(Self)
            .map_err(|_| Error::InvalidKey("not an ML-DSA private key of its parameter set"))
    }

    /// The public key, `len` bytes long.
    pub(in crate::crypto) fn public_bytes(&self, len: usize) -> Result<Vec<u8>> {
        self.0.public_bytes(len)
    }

    /// The expanded private key, `len` bytes long.
    pub(in crate::crypto) fn private_bytes(&self, len: usize) -> Result<Secret> {
        self.0.private_bytes(len)
    }

    /// Signs a message representative (FIPS 204, algorithm 7, line 6) with fresh randomness; fills
    /// `out`, which is as long as a signature.
    pub(in crate::crypto) fn sign(&self, mu: &[u8; 64], out: &mut [u8]) -> Result<()> {
        let (context, mut len) = (self.0.context()?, out.len());
        // SAFETY: live context; reads `mu` within its length and writes at most `len` bytes.
        let status = unsafe {
            check(
                lc::EVP_PKEY_sign_init(context.as_ptr()),
                "EVP_PKEY_sign_init",
            )?;
            lc::EVP_PKEY_sign(
                context.as_ptr(),
                out.as_mut_ptr(),
                &raw mut len,
                mu.as_ptr(),
                mu.len(),
            )
        };
        filled(status, &[(len, out.len())], "EVP_PKEY_sign")
    }

    /// Verifies a signature of a message representative.
    pub(in crate::crypto) fn verify(&self, mu: &[u8; 64], signature: &[u8]) -> Result<()> {
        let context = self.0.context()?;
        // SAFETY: live context; reads `signature` and `mu` within their lengths.
        let status = unsafe {
            check(
                lc::EVP_PKEY_verify_init(context.as_ptr()),
                "EVP_PKEY_verify_init",
            )?;
            lc::EVP_PKEY_verify(
                context.as_ptr(),
                signature.as_ptr(),
                signature.len(),
                mu.as_ptr(),
                mu.len(),
            )
        };
        check(status, "EVP_PKEY_verify").map_err(|_| Error::BadSignature)
    }
}
