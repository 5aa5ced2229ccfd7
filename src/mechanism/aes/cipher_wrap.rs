//! Ciphers as wraps: the key is the message.

use super::super::{BadBlob, Cipher, Unwrap};
use super::{block, ccm, gcm};
use crate::ck;
use crate::crypto::aes::{BLOCK, Direction};
use crate::error::{Result, refuse};
use crate::secret::Secret;

/// C_WrapKey: the cipher's output.
pub(super) fn seal(mut cipher: Box<dyn Cipher>, clear: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; cipher.one_shot_bound(clear.len())];
    let len = cipher.one_shot(clear, &mut out)?;
    out.truncate(len);
    Ok(out)
}

/// C_UnwrapKey, for each cipher: how its decryption begins, which lengths its output has, and
/// whether it protects integrity.
macro_rules! unwrap {
    ($($name:ident: $begin:expr, $fits:expr, $integrity:literal;)+) => {$(
        pub(super) static $name: Unwrap = Unwrap {
            length: |key, params, len| length($begin(key, params)?, len, $fits),
            open: |key, params, blob| open($begin(key, params), blob),
            integrity: $integrity,
        };
    )+};
}

unwrap! {
    ECB: |key, params| block::ecb(key, params, Direction::Decrypt), whole_blocks, false;
    CBC: |key, params| block::cbc(key, params, Direction::Decrypt), whole_blocks, false;
    CBC_PAD: |key, params| block::cbc_pad(key, params, Direction::Decrypt), whole_blocks, false;
    GCM: gcm::decrypt, not_only_a_tag, true;
    CCM: |key, params| ccm::begin(key, params, Direction::Decrypt), not_only_a_tag, true;
}

fn whole_blocks(_cipher: &dyn Cipher, len: usize) -> bool {
    len != 0 && len.is_multiple_of(BLOCK)
}

fn not_only_a_tag(cipher: &dyn Cipher, len: usize) -> bool {
    cipher.one_shot_bound(len) != 0
}

/// That the decryption begins proves key and parameter, of which opening could only say that the
/// blob is bad.
fn length(cipher: Box<dyn Cipher>, len: usize, fits: fn(&dyn Cipher, usize) -> bool) -> Result<()> {
    if !fits(&*cipher, len) {
        return refuse(
            ck::CKR_WRAPPED_KEY_LEN_RANGE,
            "no key wrapped by this mechanism has this length",
        );
    }
    Ok(())
}

fn open(cipher: Result<Box<dyn Cipher>>, blob: &[u8]) -> std::result::Result<Secret, BadBlob> {
    let mut cipher = cipher.map_err(|_| BadBlob)?;
    let mut out = Secret::zeroed(cipher.one_shot_bound(blob.len()));
    let len = cipher.one_shot(blob, &mut out).map_err(|_| BadBlob)?;
    Ok(out.truncated(len))
}
