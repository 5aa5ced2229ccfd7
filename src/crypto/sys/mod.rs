//! RAII handles over aws-lc: the one place of `unsafe` in `crypto`.
//!
//! aws-lc's `OPENSSL_free` wipes whatever it frees, so temporaries on its heap need no care here.

use std::os::raw::c_int;
use std::ptr::NonNull;

use super::{Error, Result};

pub(super) mod aead;
pub(super) mod bn;
pub(super) mod cipher;
pub(super) mod curve25519;
pub(super) mod ec;
mod evp;
pub(super) mod kdf;
pub(super) mod kem;
pub(super) mod md;
pub(super) mod pages;
pub(super) mod pqdsa;
pub(super) mod rand;
pub(super) mod rsa;

/// The error of `call`. Empties the thread's error queue, which nobody reads.
fn failure(call: &'static str) -> Error {
    // SAFETY: touches only this thread's queue.
    unsafe { aws_lc_sys::ERR_clear_error() };
    Error::Internal(call)
}

/// Turns aws-lc's "1 for success" into a result.
fn check(status: c_int, call: &'static str) -> Result<()> {
    match status {
        1 => Ok(()),
        _ => Err(failure(call)),
    }
}

fn non_null<T>(pointer: *mut T, call: &'static str) -> Result<NonNull<T>> {
    NonNull::new(pointer).ok_or_else(|| failure(call))
}
