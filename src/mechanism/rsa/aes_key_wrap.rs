//! CKM_RSA_AES_KEY_WRAP (PKCS #11 3.2 section 6.1): RSA-OAEP of an AES key, exactly as long as the
//! modulus, then AES-KWP (RFC 5649) of the wrapped key under it.

use super::*;
use crate::crypto::keywrap::{KWP_MIN_LEN, KWP_UNIT, kwp_unwrap, kwp_wrap};
use crate::mechanism::Oaep;
use crate::rng;

/// Length in bytes of the AES key that stands in for one that did not decrypt.
const DECOY_LEN: usize = 32;

pub(super) static UNWRAP: Unwrap = Unwrap {
    length,
    open,
    proof: Proof::Integrity,
};

/// Bytes of the inner key, where the parameter fixes them, and how that key is encrypted.
fn expected(params: &Params) -> Result<(Option<usize>, &Oaep)> {
    let Params::RsaAesKeyWrap { aes_bits, oaep } = params else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism needs CK_RSA_AES_KEY_WRAP_PARAMS",
        );
    };
    let len = match aes_bits {
        None => None,
        Some(128) => Some(16),
        Some(192) => Some(24),
        Some(256) => Some(32),
        Some(_) => {
            return refuse(
                ck::CKR_MECHANISM_PARAM_INVALID,
                "ulAESKeyBits is not 128, 192 or 256",
            );
        }
    };
    Ok((len, oaep))
}

pub(super) fn wrap(key: &Key, params: &Params, rng: &dyn Rng, clear: &[u8]) -> Result<Vec<u8>> {
    let key = public(key)?;
    let (Some(len), oaep) = expected(params)? else {
        return refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "wrapping needs ulAESKeyBits",
        );
    };
    let inner = rng::secret(rng, len);
    let mut blob = vec![0; key.modulus_len()];
    oaep::seal_inner(key, oaep, &inner, &mut blob)?;
    blob.extend(kwp_wrap(&inner, clear).map_err(|error| match error {
        crypto::Error::InputLength => Error::new(
            ck::CKR_KEY_SIZE_RANGE,
            "AES-KWP takes a key of 1 byte or more",
        ),
        other => other.into(),
    })?);
    Ok(blob)
}

fn length(key: &Key, params: &Params, len: usize) -> Result<()> {
    expected(params)?;
    match len.checked_sub(private(key)?.modulus_len()) {
        Some(rest) if rest >= KWP_MIN_LEN && rest.is_multiple_of(KWP_UNIT) => Ok(()),
        _ => wrong_blob_length(),
    }
}

/// When the inner key does not decrypt, the rest is opened all the same, with a decoy, so that the
/// time does not tell which of the two was wrong.
fn open(key: &Key, params: &Params, blob: &[u8]) -> std::result::Result<Secret, BadBlob> {
    let (Ok(key), Ok((len, oaep))) = (private(key), expected(params)) else {
        return Err(BadBlob);
    };
    let (head, tail) = blob.split_at_checked(key.modulus_len()).ok_or(BadBlob)?;
    let decoy = key.decoy(head, DECOY_LEN).map_err(|_| BadBlob)?;
    let inner = oaep::unseal(key, oaep, head)
        .ok()
        .filter(|inner| match len {
            Some(len) => inner.len() == len,
            None => matches!(inner.len(), 16 | 24 | 32),
        });
    let clear = kwp_unwrap(inner.as_deref().unwrap_or(&decoy), tail);
    match (inner, clear) {
        (Some(_), Ok(clear)) => Ok(clear),
        _ => Err(BadBlob),
    }
}
