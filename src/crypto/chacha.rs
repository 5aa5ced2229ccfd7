//! ChaCha20, Poly1305, and both together (RFC 8439; with 64-bit nonces as its author has it, with 192-bit
//! nonces as XChaCha20).

use chacha20::cipher::{KeyIvInit, StreamCipher, StreamCipherSeek};
use chacha20::{ChaCha20, ChaCha20Legacy, R20, hchacha};
use poly1305::Poly1305;
use poly1305::universal_hash::KeyInit;
use zeroize::Zeroizing;

use super::sys::aead;
use super::{Error, Result};

pub(crate) const KEY_LEN: usize = 32;
/// Bytes of the tag.
pub(crate) const TAG: usize = 16;
/// Bytes of the key stream for one count.
const BLOCK: u64 = 64;
/// Greatest length of a text with a tag in bytes (RFC 8439 section 2.8).
pub(crate) const SEALED_MAX: u64 = BLOCK * ((1 << 32) - 1);

/// The MAC of a message (RFC 8439 section 2.5) under a key for that message alone. `Error::KeySize` for a key that
/// has not 32 bytes.
pub(crate) fn poly1305(key: &[u8], message: &[u8]) -> Result<[u8; TAG]> {
    let key = Poly1305::new_from_slice(key).map_err(|_| Error::KeySize)?;
    Ok(key.compute_unpadded(message).into())
}

/// A key stream in progress; encryption and decryption are the same operation.
pub(crate) enum Stream {
    /// A nonce of 96 bits and a counter of 32.
    Short(Box<ChaCha20>),
    /// A nonce of 64 bits and a counter of 64.
    Long(Box<ChaCha20Legacy>),
}

impl Stream {
    /// Begins with the block of number `counter`. `Error::KeySize` for a key that has not 32 bytes,
    /// `Error::InvalidParameter` for a nonce that has not 8, 12 or 24, or a counter of more than 32 bits
    /// beside one of 12.
    pub(crate) fn new(key: &[u8], nonce: &[u8], counter: u64) -> Result<Self> {
        let key: &[u8; KEY_LEN] = key.try_into().map_err(|_| Error::KeySize)?;
        let mut stream = match nonce.len() {
            8 => Self::Long(Box::new(with_nonce(key, nonce)?)),
            12 => Self::Short(Box::new(with_nonce(key, nonce)?)),
            24 => {
                let (first, rest) = nonce.split_at(16);
                let first = first.try_into().map_err(|_| NONCE)?;
                let key = Zeroizing::new(hchacha::<R20>(key.into(), &first).0);
                Self::Long(Box::new(with_nonce(&key, rest)?))
            }
            _ => return Err(NONCE),
        };
        let byte = u128::from(counter) * u128::from(BLOCK);
        match &mut stream {
            Self::Short(stream) => stream.try_seek(byte),
            Self::Long(stream) => stream.try_seek(byte),
        }
        .map_err(|_| Error::InvalidParameter("the block counter"))?;
        Ok(stream)
    }

    /// Takes any number of bytes and writes as many to the start of `out`. `Error::InputLength` where the
    /// counter would run over, or `input` is longer than `out`.
    pub(crate) fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = out.get_mut(..input.len()).ok_or(Error::InputLength)?;
        match self {
            Self::Short(stream) => stream.try_apply_keystream_b2b(input, out),
            Self::Long(stream) => stream.try_apply_keystream_b2b(input, out),
        }
        .map_err(|_| Error::InputLength)
    }
}

const NONCE: Error = Error::InvalidParameter("the nonce has 64, 96 or 192 bits");

fn with_nonce<S: KeyIvInit>(key: &[u8; KEY_LEN], nonce: &[u8]) -> Result<S> {
    S::new_from_slices(key, nonce).map_err(|_| NONCE)
}

/// Writes ciphertext ‖ tag to the start of `out` and returns the length. The nonce has 12 or 24 bytes
/// (`Error::InvalidParameter`), the key 32 (`Error::KeySize`). `Error::InputLength` for a text that is too long.
pub(crate) fn seal(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    plain: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let len = plain.len().checked_add(TAG).ok_or(Error::InputLength)?;
    if !fits(plain.len()) {
        return Err(Error::InputLength);
    }
    let out = out.get_mut(..len).ok_or(Error::InputLength)?;
    aead::Context::chacha20_poly1305(key, nonce.len())?.seal(nonce, aad, plain, out)?;
    Ok(len)
}

/// Writes the text of ciphertext ‖ tag to the start of `out` and returns its length. Errors as those of
/// `seal`; `Error::CiphertextLength`; `Error::BadCiphertext` where the tag is wrong.
pub(crate) fn open(
    key: &[u8],
    nonce: &[u8],
    aad: &[u8],
    sealed: &[u8],
    out: &mut [u8],
) -> Result<usize> {
    let len = sealed.len().checked_sub(TAG).filter(|len| fits(*len));
    let len = len.ok_or(Error::CiphertextLength)?;
    let out = out.get_mut(..len).ok_or(Error::CiphertextLength)?;
    aead::Context::chacha20_poly1305(key, nonce.len())?.open(nonce, aad, sealed, out)?;
    Ok(len)
}

fn fits(len: usize) -> bool {
    u64::try_from(len).is_ok_and(|len| len <= SEALED_MAX)
}

#[cfg(test)]
mod tests;
