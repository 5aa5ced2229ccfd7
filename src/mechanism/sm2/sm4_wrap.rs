//! CKM_TENON_SM2_SM4_ECB: SM2 encryption of a new SM4 key, in either form, then SM4-ECB of the wrapped
//! key under it, whole blocks without padding.

use super::*;
use crate::crypto;
use crate::crypto::aes::{BLOCK, Direction};
use crate::crypto::ec::sm2::{CIPHER_MIN, cipher_len};
use crate::crypto::sm4::{self, KEY_LEN};
use crate::rng::{self, Rng};

/// Length of the shortest head, around a key of 16 bytes.
const HEAD_MIN: usize = CIPHER_MIN - 1 + KEY_LEN;

pub(super) static UNWRAP: Unwrap = Unwrap {
    length,
    open,
    proof: Proof::Isolation,
};

pub(super) fn wrap(key: &Key, params: &Params, rng: &dyn Rng, clear: &[u8]) -> Result<Vec<u8>> {
    no_params(params)?;
    let key = public(key)?;
    if clear.is_empty() || !clear.len().is_multiple_of(BLOCK) {
        return refuse(
            ck::CKR_KEY_SIZE_RANGE,
            "the mechanism wraps keys of whole blocks",
        );
    }
    let inner = rng::secret(rng, KEY_LEN);
    let mut blob = key.encrypt(&inner)?;
    let head = blob.len();
    blob.resize(head + clear.len(), 0);
    sm4::Key::new(&inner)?.ecb(Direction::Encrypt, clear, &mut blob[head..])?;
    Ok(blob)
}

/// Where the head ends is told by its own first bytes, so the blob's length alone says little.
fn length(key: &Key, params: &Params, len: usize) -> Result<()> {
    no_params(params)?;
    private(key)?;
    if len < HEAD_MIN + BLOCK {
        return wrong_blob_length();
    }
    Ok(())
}

/// When the inner key does not decrypt, the rest is opened all the same, with another key, so that
/// the time does not tell which of the two was wrong.
fn open(key: &Key, _: &Params, blob: &[u8]) -> std::result::Result<Secret, BadBlob> {
    let key = private(key).map_err(|_| BadBlob)?;
    let (head, tail) = cipher_len(blob, KEY_LEN)
        .and_then(|len| blob.split_at_checked(len))
        .filter(|(_, tail)| !tail.is_empty() && tail.len().is_multiple_of(BLOCK))
        .ok_or(BadBlob)?;
    let inner = key
        .decrypt(head)
        .ok()
        .filter(|inner| inner.len() == KEY_LEN);
    let clear = opened(inner.as_deref().unwrap_or(&[0; KEY_LEN]), tail);
    match (inner, clear) {
        (Some(_), Ok(clear)) => Ok(clear),
        _ => Err(BadBlob),
    }
}

fn opened(inner: &[u8], tail: &[u8]) -> crypto::Result<Secret> {
    let mut clear = Secret::zeroed(tail.len());
    sm4::Key::new(inner)?.ecb(Direction::Decrypt, tail, &mut clear)?;
    Ok(clear)
}
