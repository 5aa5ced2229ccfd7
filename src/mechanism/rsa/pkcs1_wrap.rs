//! Wrapping secret keys by RSAES-PKCS1-v1_5 (RFC 8017 section 7.2). Whoever learns whether the padding
//! of a blob is right can decrypt any other (Bleichenbacher 1998), so a bad blob opens too: as a
//! pseudo-random key.

use super::*;
use crate::mechanism::{KeyLengths, Opened};

/// Length in bytes of a pseudo-random key where several lengths fit.
const USUAL_LEN: usize = 32;

pub(super) static UNWRAP: Unwrap = Unwrap {
    length: |key, params, len| {
        no_params(params)?;
        as_long_as_modulus(key, len)
    },
    open: |key, params, blob| {
        let opened = open_blind(key, params, blob, KeyLengths::Any)?;
        opened.genuine.then_some(opened.clear).ok_or(BadBlob)
    },
    proof: Proof::Isolation,
};

pub(super) fn wrap(key: &Key, params: &Params, _: &dyn Rng, clear: &[u8]) -> Result<Vec<u8>> {
    no_params(params)?;
    let key = public(key)?;
    fits(clear.len(), Some(pkcs1_capacity(key.modulus_len())), key)?;
    let mut out = vec![0; key.modulus_len()];
    key.encrypt_pkcs1(clear, &mut out)?;
    Ok(out)
}

/// A message whose length does not fit is replaced too, whether it was in the blob or is
/// pseudo-random already, so that a caller sees no difference.
pub(super) fn open_blind(
    key: &Key,
    _: &Params,
    blob: &[u8],
    fits: KeyLengths,
) -> std::result::Result<Opened, BadBlob> {
    let key = private(key).map_err(|_| BadBlob)?;
    let decoy_len = match fits {
        KeyLengths::Exactly(len) if len > pkcs1_capacity(key.modulus_len()) => return Err(BadBlob),
        KeyLengths::Exactly(len) => len,
        KeyLengths::Among(_) | KeyLengths::Any => USUAL_LEN,
    };
    let (message, valid) = key.open_pkcs1(blob).map_err(|_| BadBlob)?;
    let decoy = key.decoy(blob, decoy_len).map_err(|_| BadBlob)?;
    let fitting = fits.fit(message.len());
    Ok(Opened {
        clear: if fitting { message } else { decoy },
        genuine: fitting & bool::from(valid),
    })
}
