//! AES key wrap: RFC 3394 (KW) and RFC 5649 (KWP).

use aes::{Aes128, Aes192, Aes256};
use aes_kw::{AesKw, AesKwp, KeyInit};

use crate::crypto::{Error, Result};
use crate::secret::Secret;

/// Both wraps work on half blocks of AES.
const SEMIBLOCK: usize = 8;

/// Longest data: keys are small, and KWP counts bytes in 32 bits.
const MAX_LEN: usize = 1 << 20;

/// Calls `$method` of `$wrap` over the AES variant that fits the length of `$kek`.
macro_rules! with_aes {
    ($wrap:ident, $kek:expr, $method:ident($data:expr, $out:expr)) => {
        match $kek.len() {
            16 => $wrap::<Aes128>::new_from_slice($kek)
                .map_err(|_| Error::KeySize)?
                .$method($data, $out)
                .map(<[u8]>::len),
            24 => $wrap::<Aes192>::new_from_slice($kek)
                .map_err(|_| Error::KeySize)?
                .$method($data, $out)
                .map(<[u8]>::len),
            32 => $wrap::<Aes256>::new_from_slice($kek)
                .map_err(|_| Error::KeySize)?
                .$method($data, $out)
                .map(<[u8]>::len),
            _ => return Err(Error::KeySize),
        }
    };
}

/// RFC 3394 section 2.2.1. `data` is a multiple of 8 and at least 16 bytes long; 8 bytes longer comes out.
pub fn kw_wrap(kek: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    if data.len() < 2 * SEMIBLOCK || data.len() > MAX_LEN || !data.len().is_multiple_of(SEMIBLOCK) {
        return Err(Error::InputLength);
    }
    let mut out = vec![0; data.len() + SEMIBLOCK];
    let written = with_aes!(AesKw, kek, wrap_key(data, &mut out));
    written.map_err(|_| Error::Internal("AES-KW"))?;
    Ok(out)
}

/// RFC 3394 section 2.2.2. `wrapped` is a multiple of 8 and at least 24 bytes long.
pub fn kw_unwrap(kek: &[u8], wrapped: &[u8]) -> Result<Secret> {
    if wrapped.len() < 3 * SEMIBLOCK || !wrapped.len().is_multiple_of(SEMIBLOCK) {
        return Err(Error::CiphertextLength);
    }
    let mut out = Secret::zeroed(wrapped.len());
    let written = with_aes!(AesKw, kek, unwrap_key(wrapped, &mut out));
    Ok(out.truncated(written.map_err(|_| Error::BadCiphertext)?))
}

/// RFC 5649 section 4.1. `data` has 1 byte or more; what comes out is 8 to 15 bytes longer, a multiple of 8.
pub fn kwp_wrap(kek: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    if data.is_empty() || data.len() > MAX_LEN {
        return Err(Error::InputLength);
    }
    let mut out = vec![0; data.len().next_multiple_of(SEMIBLOCK) + SEMIBLOCK];
    let written = with_aes!(AesKwp, kek, wrap_key(data, &mut out));
    written.map_err(|_| Error::Internal("AES-KWP"))?;
    Ok(out)
}

/// RFC 5649 section 4.2. `wrapped` is a multiple of 8 and at least 16 bytes long.
pub fn kwp_unwrap(kek: &[u8], wrapped: &[u8]) -> Result<Secret> {
    if wrapped.len() < 2 * SEMIBLOCK || !wrapped.len().is_multiple_of(SEMIBLOCK) {
        return Err(Error::CiphertextLength);
    }
    let mut out = Secret::zeroed(wrapped.len());
    let written = with_aes!(AesKwp, kek, unwrap_key(wrapped, &mut out));
    Ok(out.truncated(written.map_err(|_| Error::BadCiphertext)?))
}
