//! Numbers, lengths and bytes in the structures of all parameters.

use std::ffi::c_void;

use super::super::args::input;
use crate::ck::{self, CK_ULONG};
use crate::crypto::hash::Hash;
use crate::error::{Result, refuse};
use crate::mechanism::Iv;

/// The hash that a parameter names by its digest mechanism.
pub(super) fn hash(number: ck::CK_MECHANISM_TYPE) -> Result<Hash> {
    Ok(match number {
        ck::CKM_SHA_1 => Hash::Sha1,
        ck::CKM_SHA224 => Hash::Sha224,
        ck::CKM_SHA256 => Hash::Sha256,
        ck::CKM_SHA384 => Hash::Sha384,
        ck::CKM_SHA512 => Hash::Sha512,
        ck::CKM_SHA512_224 => Hash::Sha512_224,
        ck::CKM_SHA512_256 => Hash::Sha512_256,
        ck::CKM_SHA3_224 => Hash::Sha3_224,
        ck::CKM_SHA3_256 => Hash::Sha3_256,
        ck::CKM_SHA3_384 => Hash::Sha3_384,
        ck::CKM_SHA3_512 => Hash::Sha3_512,
        _ => return invalid("the token does not have this hash"),
    })
}

/// The hash of the HMAC that a parameter names by its mechanism.
pub(super) fn hmac(number: ck::CK_MECHANISM_TYPE) -> Result<Hash> {
    Ok(match number {
        ck::CKM_SHA_1_HMAC => Hash::Sha1,
        ck::CKM_SHA224_HMAC => Hash::Sha224,
        ck::CKM_SHA256_HMAC => Hash::Sha256,
        ck::CKM_SHA384_HMAC => Hash::Sha384,
        ck::CKM_SHA512_HMAC => Hash::Sha512,
        ck::CKM_SHA512_224_HMAC => Hash::Sha512_224,
        ck::CKM_SHA512_256_HMAC => Hash::Sha512_256,
        ck::CKM_SHA3_224_HMAC => Hash::Sha3_224,
        ck::CKM_SHA3_256_HMAC => Hash::Sha3_256,
        ck::CKM_SHA3_384_HMAC => Hash::Sha3_384,
        ck::CKM_SHA3_512_HMAC => Hash::Sha3_512,
        _ => return invalid("the token has no such HMAC for a pseudo-random function"),
    })
}

/// A structure of exactly this length.
///
/// # Safety
/// `start` is readable for `len` bytes; every bit pattern is a value of `T`.
pub(super) unsafe fn structure<T: Copy>(start: *mut c_void, len: CK_ULONG) -> Result<T> {
    if usize::try_from(len) != Ok(size_of::<T>()) {
        return invalid("the parameter's structure has another length");
    }
    // SAFETY: readable for a `T` by the promise of this function.
    Ok(unsafe { start.cast::<T>().read_unaligned() })
}

/// # Safety
/// `start` is NULL or readable for `len` bytes.
pub(super) unsafe fn bytes(start: *mut c_void, len: CK_ULONG) -> Result<Vec<u8>> {
    // SAFETY: by the promise of this function.
    unsafe { copied(start, len, <[u8]>::to_vec) }
}

/// # Safety
/// As `bytes`.
pub(super) unsafe fn iv(start: *mut c_void, len: CK_ULONG) -> Result<Iv> {
    // SAFETY: by the promise of this function.
    unsafe { copied(start, len, Iv::from_slice) }
}

/// # Safety
/// As `bytes`.
unsafe fn copied<T>(start: *mut c_void, len: CK_ULONG, copy: fn(&[u8]) -> T) -> Result<T> {
    // SAFETY: by the promise of this function.
    let input = unsafe { input(start.cast(), len) };
    match input.value() {
        Ok(bytes) => Ok(copy(bytes)),
        Err(_) => invalid("a pointer in the parameter is NULL, or its length beyond 64 MiB"),
    }
}

/// A CK_BBOOL.
///
/// # Errors
/// CKR_MECHANISM_PARAM_INVALID, with `what`, for another number.
pub(super) fn flag(value: ck::CK_BBOOL, what: &'static str) -> Result<bool> {
    match value {
        ck::CK_FALSE => Ok(false),
        ck::CK_TRUE => Ok(true),
        _ => invalid(what),
    }
}

/// CKR_MECHANISM_PARAM_INVALID.
pub(super) fn invalid<T>(what: &'static str) -> Result<T> {
    refuse(ck::CKR_MECHANISM_PARAM_INVALID, what)
}

/// A length as usize; one that is longer becomes the greatest, which the check of the length refuses.
pub(super) fn length(len: CK_ULONG) -> usize {
    usize::try_from(len).unwrap_or(usize::MAX)
}
