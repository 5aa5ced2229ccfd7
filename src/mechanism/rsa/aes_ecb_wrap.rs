//! CKM_TENON_RSA_AES_ECB_PKCS7: RSA-OAEP of an AES-256 key, exactly as long as the modulus, then
//! AES-256-ECB of the wrapped key with PKCS#7 padding under it. Nothing protects the integrity of the
//! latter.

use super::*;
use crate::crypto::aes::{self, BLOCK, Direction};
use crate::crypto::padding;
use crate::mechanism::{Oaep, bad_param};
use crate::rng;

const INNER_LEN: usize = 32;

/// The parameters where the caller gives none.
static DEFAULT_OAEP: Oaep = Oaep {
    hash: Hash::Sha256,
    mgf: Hash::Sha256,
    label: Vec::new(),
};

pub(super) static UNWRAP: Unwrap = Unwrap {
    length,
    open,
    proof: Proof::Isolation,
};

fn expected(params: &Params) -> Result<&Oaep> {
    match params {
        Params::None => Ok(&DEFAULT_OAEP),
        Params::Oaep(oaep) => Ok(oaep),
        _ => bad_param("the mechanism takes CK_RSA_PKCS_OAEP_PARAMS or nothing"),
    }
}

pub(super) fn wrap(key: &Key, params: &Params, rng: &dyn Rng, clear: &[u8]) -> Result<Vec<u8>> {
    let key = public(key)?;
    let inner = rng::secret(rng, INNER_LEN);
    let mut blob = vec![0; key.modulus_len()];
    oaep::seal_inner(key, expected(params)?, &inner, &mut blob)?;
    let head = blob.len();
    let padded = padding::padded(clear);
    blob.resize(head + padded.len(), 0);
    aes::Key::new(&inner)?.ecb(Direction::Encrypt, &padded, &mut blob[head..])?;
    Ok(blob)
}

fn length(key: &Key, params: &Params, len: usize) -> Result<()> {
    expected(params)?;
    match len.checked_sub(private(key)?.modulus_len()) {
        Some(rest) if rest != 0 && rest.is_multiple_of(BLOCK) => Ok(()),
        _ => wrong_blob_length(),
    }
}

/// When the inner key does not decrypt, the rest is opened all the same, with a decoy, so that the
/// time does not tell which of the two was wrong.
fn open(key: &Key, params: &Params, blob: &[u8]) -> std::result::Result<Secret, BadBlob> {
    let (Ok(key), Ok(oaep)) = (private(key), expected(params)) else {
        return Err(BadBlob);
    };
    let (head, tail) = blob.split_at_checked(key.modulus_len()).ok_or(BadBlob)?;
    let decoy = key.decoy(head, INNER_LEN).map_err(|_| BadBlob)?;
    let inner = oaep::unseal(key, oaep, head)
        .ok()
        .filter(|inner| inner.len() == INNER_LEN);
    let clear = opened(inner.as_deref().unwrap_or(&decoy), tail);
    match (inner, clear) {
        (Some(_), Ok(clear)) => Ok(clear),
        _ => Err(BadBlob),
    }
}

fn opened(inner: &[u8], tail: &[u8]) -> crypto::Result<Secret> {
    let mut padded = Secret::zeroed(tail.len());
    aes::Key::new(inner)?.ecb(Direction::Decrypt, tail, &mut padded)?;
    let (before, last) = padded
        .split_last_chunk::<16>()
        .ok_or(crypto::Error::CiphertextLength)?;
    let len = before.len() + padding::unpad(last)?;
    Ok(padded.truncated(len))
}

#[cfg(test)]
mod tests;
