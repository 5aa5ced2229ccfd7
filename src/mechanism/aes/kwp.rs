//! Key wrap with padding (RFC 5649; NIST SP 800-38F section 6.3), as a wrap and as a cipher.

use std::sync::Arc;

use super::super::Cipher;
use super::super::buffer::Buffer;
use super::super::{BadBlob, Unwrap};
use super::{Key, Params, aes_key, bad_param};
use crate::ck;
use crate::crypto::aes;
use crate::crypto::keywrap::{kwp_unwrap, kwp_wrap};
use crate::error::{Result, refuse};
use crate::rng::Rng;
use crate::secret::Secret;

/// Length of a semiblock in bytes.
const SEMIBLOCK: usize = 8;

/// The alternative initial value's constant part (RFC 5649 section 3).
const AIV: [u8; 4] = [0xA6, 0x59, 0x59, 0xA6];

/// C_UnwrapKey.
pub(super) static UNWRAP: Unwrap = Unwrap {
    length: unwrap_length,
    open: unwrap,
    integrity: true,
};

/// C_WrapKey.
pub(super) fn wrap(key: &Key, params: &Params, _rng: &dyn Rng, clear: &[u8]) -> Result<Vec<u8>> {
    judge_params(params)?;
    Ok(kwp_wrap(aes_key(key)?.bytes(), clear)?)
}

/// The parameter is judged here too, since opening can only say that a blob is bad.
fn unwrap_length(_key: &Key, params: &Params, len: usize) -> Result<()> {
    judge_params(params)?;
    if len < 2 * SEMIBLOCK || !len.is_multiple_of(SEMIBLOCK) {
        return refuse(
            ck::CKR_WRAPPED_KEY_LEN_RANGE,
            "a wrapped key has a multiple of 8 bytes, and at least 16",
        );
    }
    Ok(())
}

fn unwrap(key: &Key, _params: &Params, blob: &[u8]) -> std::result::Result<Secret, BadBlob> {
    let key = aes_key(key).map_err(|_| BadBlob)?;
    kwp_unwrap(key.bytes(), blob).map_err(|_| BadBlob)
}

/// C_EncryptInit.
pub(super) fn encrypt(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    judge_params(params)?;
    Ok(Box::new(Encrypt {
        key: aes_key(key)?.clone(),
        plain: Buffer::default(),
    }))
}

/// C_DecryptInit.
pub(super) fn decrypt(key: &Arc<Key>, params: &Params) -> Result<Box<dyn Cipher>> {
    judge_params(params)?;
    Ok(Box::new(Decrypt {
        key: aes_key(key)?.clone(),
        wrapped: Buffer::default(),
    }))
}

/// Only the constant of RFC 5649 is taken: another one would not be understood elsewhere.
fn judge_params(params: &Params) -> Result<()> {
    match params {
        Params::None => Ok(()),
        Params::Iv(iv) if *iv == AIV => Ok(()),
        _ => bad_param("the initial value of KWP is absent or A65959A6"),
    }
}

struct Encrypt {
    key: aes::Key,
    plain: Buffer,
}

impl Cipher for Encrypt {
    fn update_bound(&self, _input: usize) -> usize {
        0
    }

    fn finish_bound(&self) -> usize {
        self.one_shot_bound(self.plain.len())
    }

    fn one_shot_bound(&self, input: usize) -> usize {
        input
            .div_ceil(SEMIBLOCK)
            .saturating_add(1)
            .saturating_mul(SEMIBLOCK)
    }

    fn update(&mut self, input: &[u8], _out: &mut [u8]) -> Result<usize> {
        self.plain.extend(input)?;
        Ok(0)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        put(&kwp_wrap(self.key.bytes(), &self.plain)?, out)
    }

    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        put(&kwp_wrap(self.key.bytes(), input)?, out)
    }
}

struct Decrypt {
    key: aes::Key,
    wrapped: Buffer,
}

impl Cipher for Decrypt {
    fn update_bound(&self, _input: usize) -> usize {
        0
    }

    fn finish_bound(&self) -> usize {
        self.one_shot_bound(self.wrapped.len())
    }

    fn one_shot_bound(&self, input: usize) -> usize {
        input.saturating_sub(SEMIBLOCK)
    }

    fn exact(&self) -> bool {
        false
    }

    fn update(&mut self, input: &[u8], _out: &mut [u8]) -> Result<usize> {
        self.wrapped.extend(input)?;
        Ok(0)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        put(&kwp_unwrap(self.key.bytes(), &self.wrapped)?, out)
    }

    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        put(&kwp_unwrap(self.key.bytes(), input)?, out)
    }
}

fn put(bytes: &[u8], out: &mut [u8]) -> Result<usize> {
    out[..bytes.len()].copy_from_slice(bytes);
    Ok(bytes.len())
}

#[cfg(test)]
mod tests;
