//! General-purpose functions (section 5.4) and parallel function management (section 5.20).

use std::ffi::c_void;
use std::sync::Arc;

use super::args::{InputStruct, Place, Text};
use super::{door, process, trace};
use crate::ck::{self, CK_VERSION};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::crypto::rand::SeededRng;
use crate::error::{Result, refuse};
use crate::log;
use crate::module::Module;
use crate::session::Session;

/// C_Initialize (section 5.4.1).
pub(super) fn initialize(args: InputStruct<ck::CK_C_INITIALIZE_ARGS>) -> Result<()> {
    door::hush_panics();
    let args = args.read();
    // Else this call has a line already.
    let begins_trace = !log::is_tracing();
    process::initialize(|| {
        if let Some(args) = &args {
            check(args)?;
        }
        let (clock, rng) = (Arc::new(SystemClock), Arc::new(SeededRng::default()));
        Module::open(Config::load()?, clock, rng)
    })?;
    if begins_trace {
        trace::initialized(args.as_ref());
    }
    Ok(())
}

/// Refuses arguments that the specification forbids. All four combinations of mutexes and CKF_OS_LOCKING_OK are
/// taken, since the library locks with the system's own primitives and makes no threads.
fn check(args: &ck::CK_C_INITIALIZE_ARGS) -> Result<()> {
    if !args.pReserved.is_null() {
        return refuse(ck::CKR_ARGUMENTS_BAD, "pReserved is not NULL");
    }
    let supplied = [
        args.CreateMutex.is_some(),
        args.DestroyMutex.is_some(),
        args.LockMutex.is_some(),
        args.UnlockMutex.is_some(),
    ];
    if supplied != [supplied[0]; 4] {
        return refuse(
            ck::CKR_ARGUMENTS_BAD,
            "some of the mutex functions are NULL and some are not",
        );
    }
    // Whatever library made a program's threads, they are threads of the system, so its locks work for them. A
    // program that supplies mutexes without CKF_OS_LOCKING_OK gains nothing from CKR_CANT_LOCK.
    Ok(())
}

/// C_Finalize (section 5.4.2).
pub(super) fn finalize(reserved: *mut c_void) -> Result<()> {
    if !reserved.is_null() {
        return refuse(ck::CKR_ARGUMENTS_BAD, "pReserved is not NULL");
    }
    process::finalize()
}

/// C_GetInfo (section 5.4.3) of the table with this version.
pub(super) fn info(_: &Module, version: CK_VERSION, info: Place<ck::CK_INFO>) -> Result<()> {
    info.fill(|| {
        Ok(ck::CK_INFO {
            cryptokiVersion: version,
            manufacturerID: padded(b"Tenon"),
            flags: 0,
            libraryDescription: padded(b"Tenon SoftHSM"),
            libraryVersion: CK_VERSION {
                major: number(env!("CARGO_PKG_VERSION_MAJOR")),
                minor: number(env!("CARGO_PKG_VERSION_MINOR")),
            },
        })
    })
}

/// C_GetFunctionStatus and C_CancelFunction (section 5.20), which simply return one code, whatever the session.
pub(super) fn not_parallel(_: &Module) -> Result<()> {
    refuse(
        ck::CKR_FUNCTION_NOT_PARALLEL,
        "no function is executed in parallel",
    )
}

/// C_AsyncComplete and C_AsyncGetID (section 5.21). Every call is over when it returns.
pub(super) fn nothing_pending(_: &Session, function: Text) -> Result<()> {
    named(&function)?;
    refuse(
        ck::CKR_OPERATION_NOT_INITIALIZED,
        "no call is pending: the token answers every call at once",
    )
}

/// C_AsyncJoin (section 5.21).
pub(super) fn nothing_saved(_: &Session, function: Text) -> Result<()> {
    named(&function)?;
    refuse(
        ck::CKR_SAVED_STATE_INVALID,
        "the token gave no such identifier: it answers every call at once",
    )
}

fn named(function: &Text) -> Result<()> {
    match function.read() {
        Some(_) => Ok(()),
        None => refuse(ck::CKR_ARGUMENTS_BAD, "pFunctionName is NULL"),
    }
}

/// Text in the fixed fields of the specification: padded with blanks, without NUL.
fn padded<const N: usize>(text: &[u8]) -> [u8; N] {
    std::array::from_fn(|index| text.get(index).copied().unwrap_or(b' '))
}

/// A part of the package's version, at most 255.
fn number(digits: &str) -> u8 {
    digits.parse().unwrap_or(u8::MAX)
}
