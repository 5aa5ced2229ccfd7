//! Implicit rejection for RSAES-PKCS1-v1_5 (draft-irtf-cfrg-rsa-guidance, section 7): wrong padding
//! gives a message that depends on the key and the ciphertext alone, so a padding oracle learns nothing.

use sha2::{Digest, Sha256};
use subtle::{
    Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeGreater, ConstantTimeLess,
};
use zeroize::{Zeroize, Zeroizing};

use crate::crypto::hash::hmac_sha256;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

const HASH_LEN: usize = 32;
/// Candidates for the length of the pseudo-random message.
const LENGTH_CANDIDATES: usize = 128;
/// 00 02 and at least eight non-zero bytes stand before the separator (RFC 8017 section 7.2.1).
const MIN_SEPARATOR: u32 = 2 + 8;

/// SHA-256 of the private exponent, padded to the modulus' length.
pub(super) struct RejectionKey(Secret);

impl RejectionKey {
    pub(super) fn new(d: &[u8], modulus_len: usize) -> Result<Self> {
        let start = modulus_len.checked_sub(d.len()).ok_or(Error::InvalidKey(
            "the private exponent is longer than the modulus",
        ))?;
        let mut padded = Secret::zeroed(modulus_len);
        padded[start..].copy_from_slice(d);
        let mut hash = Sha256::digest(&*padded);
        let key = Self(Secret::copy(&hash));
        hash.as_mut_slice().zeroize();
        Ok(key)
    }

    /// The message inside `padded`, the raw decryption of `ciphertext`, or the pseudo-random one
    /// where the padding is wrong; and whether the padding is right.
    ///
    /// Time and memory access depend on the lengths of the ciphertext and of the message returned.
    pub(super) fn unpad(&self, ciphertext: &[u8], padded: Secret) -> Result<(Secret, Choice)> {
        let modulus_len = u32::try_from(padded.len()).map_err(|_| Error::InputLength)?;
        let derivation = mac(&self.0, &[ciphertext]);
        let substitute = expand(&derivation, b"message", padded.len())?;
        let substitute_len = message_length(&derivation, modulus_len)?;

        let (separator, valid) = find_separator(&padded);
        let substitute_start = modulus_len - substitute_len;
        let start = u32::conditional_select(&substitute_start, &(separator + 1), valid);

        let mut chosen = padded;
        for (byte, other) in chosen.iter_mut().zip(substitute.iter()) {
            byte.conditional_assign(other, !valid);
        }
        // The time may depend on the message's length, which the caller sees in any case.
        Ok((Secret::copy(&chosen[start as usize..]), valid))
    }

    /// `len` pseudo-random bytes bound to `ciphertext`; at most 8191.
    pub(super) fn decoy(&self, ciphertext: &[u8], len: usize) -> Result<Secret> {
        let derivation = mac(&self.0, &[ciphertext]);
        expand(&derivation, b"decoy", len)
    }
}

/// Index of the zero byte that ends the padding string, and whether the padding is right.
fn find_separator(padded: &[u8]) -> (u32, Choice) {
    let mut valid = padded[0].ct_eq(&0) & padded[1].ct_eq(&2);
    let mut separator = 0;
    let mut found = Choice::from(0);
    for (index, byte) in (0u32..).zip(padded).skip(2) {
        let here = byte.ct_eq(&0) & !found;
        separator.conditional_assign(&index, here);
        found |= here;
    }
    valid &= found;
    valid &= separator.ct_gt(&(MIN_SEPARATOR - 1));
    (separator, valid)
}

/// Length of the pseudo-random message: the last candidate that a real message could have.
fn message_length(derivation: &[u8], modulus_len: u32) -> Result<u32> {
    let limit = modulus_len - MIN_SEPARATOR;
    let mask = u32::MAX >> limit.leading_zeros();
    let candidates = expand(derivation, b"length", 2 * LENGTH_CANDIDATES)?;
    let mut length = 0;
    for pair in candidates.chunks_exact(2) {
        let candidate = u32::from(u16::from_be_bytes([pair[0], pair[1]])) & mask;
        length.conditional_assign(&candidate, candidate.ct_lt(&limit));
    }
    Ok(length)
}

/// The draft's pseudo-random function: HMAC over (counter, label, length in bits).
fn expand(key: &[u8], label: &[u8], len: usize) -> Result<Secret> {
    let bits = u16::try_from(len * 8).map_err(|_| Error::InputLength)?;
    let mut out = Secret::zeroed(len);
    for (counter, chunk) in (0u16..).zip(out.chunks_mut(HASH_LEN)) {
        let block = mac(key, &[&counter.to_be_bytes(), label, &bits.to_be_bytes()]);
        chunk.copy_from_slice(&block[..chunk.len()]);
    }
    Ok(out)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> Secret {
    Secret::copy(&*Zeroizing::new(hmac_sha256(key, parts)))
}
