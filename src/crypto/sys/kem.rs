//! ML-KEM keys in aws-lc's form, encapsulation and decapsulation.

use std::os::raw::c_int;

use aws_lc_sys as lc;

use super::check;
use super::evp::{Pkey, filled};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

pub(in crate::crypto) const ML_KEM_512: c_int = lc::NID_MLKEM512;
pub(in crate::crypto) const ML_KEM_768: c_int = lc::NID_MLKEM768;
pub(in crate::crypto) const ML_KEM_1024: c_int = lc::NID_MLKEM1024;

/// A public or private key. Operations on one from several threads are safe.
pub(in crate::crypto) struct KemKey(Pkey);

impl KemKey {
    /// `bytes` has the length of an encapsulation key of `nid`.
    pub(in crate::crypto) fn public(nid: c_int, bytes: &[u8]) -> Result<Self> {
        // SAFETY: reads `bytes` within its length, and copies.
        let key = unsafe { lc::EVP_PKEY_kem_new_raw_public_key(nid, bytes.as_ptr(), bytes.len()) };
        let key = Pkey::adopt(key, "EVP_PKEY_kem_new_raw_public_key");
        key.map(Self)
            .map_err(|_| Error::InvalidKey("not an ML-KEM public key of its parameter set"))
    }

    /// From an encapsulation key and a decapsulation key, of which nothing is proven.
    pub(in crate::crypto) fn pair(nid: c_int, public: &[u8], private: &[u8]) -> Result<Self> {
        // SAFETY: reads both within their lengths, and copies.
        let key = unsafe {
            lc::EVP_PKEY_kem_new_raw_key(
                nid,
                public.as_ptr(),
                public.len(),
                private.as_ptr(),
                private.len(),
            )
        };
        let key = Pkey::adopt(key, "EVP_PKEY_kem_new_raw_key");
        key.map(Self)
            .map_err(|_| Error::InvalidKey("not an ML-KEM private key of its parameter set"))
    }

    /// The key pair of a seed in PKCS #8 DER, whose algorithm says the parameter set.
    pub(in crate::crypto) fn from_pkcs8(der: &[u8]) -> Result<Self> {
        let mut cbs = lc::CBS {
            data: std::ptr::null(),
            len: 0,
        };
        // SAFETY: reads `der` within its length; the key that is returned is ours.
        let key = unsafe {
            lc::CBS_init(&raw mut cbs, der.as_ptr(), der.len());
            lc::EVP_parse_private_key(&raw mut cbs)
        };
        Ok(Self(Pkey::adopt(key, "EVP_parse_private_key")?))
    }

    /// Proves that the two halves belong together, by their hash and by a secret that both give.
    pub(in crate::crypto) fn check_pair(&self) -> Result<()> {
        // SAFETY: live key, which the call does not change.
        let status = unsafe { lc::EVP_PKEY_kem_check_key(self.0.as_ptr()) };
        check(status, "EVP_PKEY_kem_check_key")
            .map_err(|_| Error::InvalidKey("the parts of the ML-KEM key do not belong together"))
    }

    /// The encapsulation key, `len` bytes long.
    pub(in crate::crypto) fn public_bytes(&self, len: usize) -> Result<Vec<u8>> {
        self.0.public_bytes(len)
    }

    /// The decapsulation key, `len` bytes long.
    pub(in crate::crypto) fn private_bytes(&self, len: usize) -> Result<Secret> {
        self.0.private_bytes(len)
    }

    /// Fills `ciphertext`, and returns the secret, 32 bytes.
    pub(in crate::crypto) fn encapsulate(&self, ciphertext: &mut [u8]) -> Result<Secret> {
        let context = self.0.context()?;
        let mut secret = Secret::zeroed(32);
        let (mut ciphertext_len, mut secret_len) = (ciphertext.len(), secret.len());
        // SAFETY: live context; writes at most so many bytes.
        let status = unsafe {
            lc::EVP_PKEY_encapsulate(
                context.as_ptr(),
                ciphertext.as_mut_ptr(),
                &raw mut ciphertext_len,
                secret.as_mut_ptr(),
                &raw mut secret_len,
            )
        };
        let lengths = [(ciphertext_len, ciphertext.len()), (secret_len, 32)];
        filled(status, &lengths, "EVP_PKEY_encapsulate")?;
        Ok(secret)
    }

    /// The secret of a ciphertext of the right length; of one that the public key did not make, a
    /// pseudo-random one (FIPS 203 section 6.3).
    pub(in crate::crypto) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Secret> {
        let context = self.0.context()?;
        let mut secret = Secret::zeroed(32);
        let mut len = secret.len();
        // SAFETY: live context; reads `ciphertext` within its length, writes at most `len` bytes.
        let status = unsafe {
            lc::EVP_PKEY_decapsulate(
                context.as_ptr(),
                secret.as_mut_ptr(),
                &raw mut len,
                ciphertext.as_ptr(),
                ciphertext.len(),
            )
        };
        filled(status, &[(len, 32)], "EVP_PKEY_decapsulate")?;
        Ok(secret)
    }
}
