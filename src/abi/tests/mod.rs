//! Tests of the door, through the function table that clients get.
//!
//! The state of the process is one for all tests. So most hold a share of it (`initialized`), and
//! those that initialize, finalize or fork hold it alone (`alone`).

use std::ptr;

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::calls;
use crate::ck::*;

mod arguments;
mod attributes;
mod buffers;
mod lengths;
mod parameters;
mod state;
mod surface;
mod symmetric_parameters;

static STATE: RwLock<()> = RwLock::new(());

/// Calls a function of the table with the newest version.
macro_rules! call {
    ($name:ident($($value:expr),* $(,)?)) => {
        // SAFETY: the test passes what a caller may pass.
        unsafe { $crate::abi::calls::$name($($value),*) }
    };
}
use call;

/// The library, initialized, and nobody finalizes it.
fn initialized() -> RwLockReadGuard<'static, ()> {
    let share = STATE.read();
    let rv = call!(C_Initialize(ptr::null_mut()));
    assert!(matches!(rv, CKR_OK | CKR_CRYPTOKI_ALREADY_INITIALIZED));
    share
}

/// The library, not initialized, and nobody else calls it.
fn alone() -> RwLockWriteGuard<'static, ()> {
    let whole = STATE.write();
    let rv = call!(C_Finalize(ptr::null_mut()));
    assert!(matches!(rv, CKR_OK | CKR_CRYPTOKI_NOT_INITIALIZED));
    whole
}

/// Every function but the two that change the state, called with 0 and NULL alone.
fn zeroed() -> impl Iterator<Item = (&'static str, CK_RV)> {
    calls::ZEROED
        .iter()
        .filter(|(name, _)| !matches!(*name, "C_Initialize" | "C_Finalize"))
        .map(|(name, call)| (*name, call()))
}

fn len(len: usize) -> CK_ULONG {
    CK_ULONG::try_from(len).unwrap()
}

fn bytes(bytes: &[u8]) -> CK_BYTE_PTR {
    bytes.as_ptr().cast_mut()
}
