//! Ciphers as wraps: the key is the message.

use super::{BadBlob, Cipher};
use crate::ck;
use crate::crypto::aes::BLOCK;
use crate::error::{Result, refuse};
use crate::secret::Secret;

pub(super) fn seal(mut cipher: Box<dyn Cipher>, clear: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; cipher.one_shot_bound(clear.len())];
    let len = cipher.one_shot(clear, &mut out)?;
    out.truncate(len);
    Ok(out)
}

/// `Unwrap` of a cipher, by its decryption, the lengths that a wrapped key has, and what a blob
/// proves.
macro_rules! unwrap {
    ($($name:ident: $begin:expr, $fits:expr, $proof:ident;)+) => {$(
        static $name: $crate::mechanism::Unwrap = $crate::mechanism::Unwrap {
            length: |key, params, len| {
                $crate::mechanism::cipher_wrap::length($begin(key, params)?, len, $fits)
            },
            open: |key, params, blob| {
                $crate::mechanism::cipher_wrap::open($begin(key, params), blob)
            },
            proof: $crate::mechanism::Proof::$proof,
        };
    )+};
}
pub(super) use unwrap;

/// Whether a mode of whole blocks makes ciphertexts of `len` bytes.
pub(super) fn whole_blocks(_cipher: &dyn Cipher, len: usize) -> bool {
    len != 0 && len.is_multiple_of(BLOCK)
}

/// Whether a stream cipher makes `len` bytes of a text that is not empty.
pub(super) fn any_length(_cipher: &dyn Cipher, len: usize) -> bool {
    len != 0
}

/// Whether an authenticated cipher makes `len` bytes of a text that is not empty.
pub(super) fn not_only_a_tag(cipher: &dyn Cipher, len: usize) -> bool {
    cipher.one_shot_bound(len) != 0
}

/// `Unwrap::length`. The decryption has begun, so that a wrong key or parameter was refused as
/// such; opening would say only that the blob is bad.
pub(super) fn length(
    cipher: Box<dyn Cipher>,
    len: usize,
    fits: fn(&dyn Cipher, usize) -> bool,
) -> Result<()> {
    if !fits(&*cipher, len) {
        return refuse(
            ck::CKR_WRAPPED_KEY_LEN_RANGE,
            "no key wrapped by this mechanism has this length",
        );
    }
    Ok(())
}

pub(super) fn open(
    cipher: Result<Box<dyn Cipher>>,
    blob: &[u8],
) -> std::result::Result<Secret, BadBlob> {
    let mut cipher = cipher.map_err(|_| BadBlob)?;
    let mut out = Secret::zeroed(cipher.one_shot_bound(blob.len()));
    let len = cipher.one_shot(blob, &mut out).map_err(|_| BadBlob)?;
    Ok(out.truncated(len))
}
