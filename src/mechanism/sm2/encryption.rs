//! CKM_TENON_SM2PKE: SM2 public-key encryption. Ciphertexts are made as 04 ‖ C1 ‖ C3 ‖ C2, and taken as
//! that or as DER.

use super::*;
use crate::crypto::aes::Direction;
use crate::crypto::ec::sm2::{CIPHER_MAX, CIPHER_MIN, MESSAGE_MAX, raw_len};
use crate::mechanism::Cipher;
use crate::mechanism::whole::{Whole, gathered};
use crate::rng::Rng;

pub(super) static UNWRAP: Unwrap = Unwrap {
    length: |key, params, len| {
        no_params(params)?;
        private(key)?;
        if !(CIPHER_MIN..=CIPHER_MAX).contains(&len) {
            return wrong_blob_length();
        }
        Ok(())
    },
    open: |key, _, blob| {
        let key = private(key).map_err(|_| BadBlob)?;
        key.decrypt(blob).map_err(|_| BadBlob)
    },
    proof: Proof::Integrity,
};

pub(super) fn wrap(key: &Key, params: &Params, _: &dyn Rng, clear: &[u8]) -> Result<Vec<u8>> {
    no_params(params)?;
    Ok(public(key)?.encrypt(clear)?)
}

pub(super) fn encrypt(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    no_params(params)?;
    public(key)?;
    Ok(gathered(Encryption(Arc::clone(key))))
}

pub(super) fn decrypt(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    no_params(params)?;
    private(key)?;
    Ok(gathered(Decryption(Arc::clone(key))))
}

struct Encryption(Arc<Key>);

impl Whole for Encryption {
    fn bound(&self, input: usize) -> usize {
        raw_len(input)
    }

    fn most(&self) -> usize {
        MESSAGE_MAX
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let ciphertext = public(&self.0)?.encrypt(input)?;
        out[..ciphertext.len()].copy_from_slice(&ciphertext);
        Ok(ciphertext.len())
    }

    fn direction(&self) -> Direction {
        Direction::Encrypt
    }
}

struct Decryption(Arc<Key>);

impl Whole for Decryption {
    /// DER may be shorter than the raw form.
    fn bound(&self, input: usize) -> usize {
        input.saturating_sub(CIPHER_MIN - 1)
    }

    fn exact(&self) -> bool {
        false
    }

    fn most(&self) -> usize {
        CIPHER_MAX
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let message = private(&self.0)?.decrypt(input)?;
        out[..message.len()].copy_from_slice(&message);
        Ok(message.len())
    }

    fn direction(&self) -> Direction {
        Direction::Decrypt
    }
}
