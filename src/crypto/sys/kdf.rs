//! HKDF, PBKDF2 and the pseudo-random functions of TLS.

use aws_lc_sys as ffi;

use super::{check, md};
use crate::crypto::hash::Hash;
use crate::crypto::{Error, Result};

/// HKDF's first step; `out` is as long as the hash.
pub(in crate::crypto) fn hkdf_extract(
    hash: Hash,
    ikm: &[u8],
    salt: &[u8],
    out: &mut [u8],
) -> Result<()> {
    assert_eq!(
        out.len(),
        hash.len(),
        "a pseudo-random key is as long as the hash"
    );
    let mut written = 0;
    // SAFETY: `out` holds a digest of `hash`; the inputs are valid for the lengths beside them.
    let ok = unsafe {
        ffi::HKDF_extract(
            out.as_mut_ptr(),
            &raw mut written,
            md::evp(hash)?,
            ikm.as_ptr(),
            ikm.len(),
            salt.as_ptr(),
            salt.len(),
        )
    };
    check(ok, "HKDF_extract")
}

/// HKDF's second step; fills `out`, which has up to 255 times the hash's length.
pub(in crate::crypto) fn hkdf_expand(
    hash: Hash,
    prk: &[u8],
    info: &[u8],
    out: &mut [u8],
) -> Result<()> {
    // SAFETY: every pointer is valid for the length beside it.
    let ok = unsafe {
        ffi::HKDF_expand(
            out.as_mut_ptr(),
            out.len(),
            md::evp(hash)?,
            prk.as_ptr(),
            prk.len(),
            info.as_ptr(),
            info.len(),
        )
    };
    check(ok, "HKDF_expand")
}

/// Fills `out`. `Error::InvalidParameter` for no iterations.
pub(in crate::crypto) fn pbkdf2(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    out: &mut [u8],
) -> Result<()> {
    if iterations == 0 {
        return Err(Error::InvalidParameter("PBKDF2 iterates at least once"));
    }
    // SAFETY: every pointer is valid for the length beside it.
    let ok = unsafe {
        ffi::PKCS5_PBKDF2_HMAC(
            password.as_ptr().cast(),
            password.len(),
            salt.as_ptr(),
            salt.len(),
            iterations,
            md::evp(hash)?,
            out.len(),
            out.as_mut_ptr(),
        )
    };
    check(ok, "PKCS5_PBKDF2_HMAC")
}

/// Fills `out` by the pseudo-random function of TLS 1.2 with this hash, or by that of TLS 1.0 and 1.1.
pub(in crate::crypto) fn tls_prf(
    hash: Option<Hash>,
    secret: &[u8],
    label: &[u8],
    seed: &[u8],
    out: &mut [u8],
) -> Result<()> {
    let digest = match hash {
        Some(hash) => md::evp(hash)?,
        None => md::md5_sha1(),
    };
    // SAFETY: every pointer is valid for the length beside it; the second seed is empty.
    let ok = unsafe {
        ffi::CRYPTO_tls1_prf(
            digest,
            out.as_mut_ptr(),
            out.len(),
            secret.as_ptr(),
            secret.len(),
            label.as_ptr().cast(),
            label.len(),
            seed.as_ptr(),
            seed.len(),
            std::ptr::null(),
            0,
        )
    };
    check(ok, "CRYPTO_tls1_prf")
}
