//! What stands around every call: the state of the process before any argument is touched, the
//! panic boundary, and the log line of a refusal.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use once_cell::sync::Lazy;

use super::library::{Module, Session};
use super::process;
use crate::ck;
use crate::error::{Error, Result};
use crate::log;
use crate::secret;

#[cfg(panic = "abort")]
compile_error!(
    "a panic must not end the program that loaded the module: build with panic = \"unwind\""
);

/// Beginnings of the names of functions that have a PIN, a value or a plaintext in hand. What the others
/// work with lies in keys that are ready.
const HANDLE_SECRETS: &[&str] = &[
    "C_CopyObject",
    "C_CreateObject",
    "C_Decapsulate",
    "C_Decrypt",
    "C_Derive",
    "C_Encapsulate",
    "C_GenerateKey",
    "C_InitPIN",
    "C_InitToken",
    "C_Login",
    "C_SetPIN",
    "C_UnwrapKey",
    "C_WrapKey",
];

thread_local! {
    /// The function that this thread is in.
    static INSIDE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// A call that is allowed before C_Initialize.
pub(super) fn anytime(function: &'static str, call: impl FnOnce() -> Result<()>) -> ck::CK_RV {
    if process::is_exiting() {
        return ck::CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    guarded(function, call)
}

/// A call to the module.
pub(super) fn with_module(
    function: &'static str,
    call: impl FnOnce(&Module) -> Result<()>,
) -> ck::CK_RV {
    let Some(module) = process::module() else {
        return ck::CKR_CRYPTOKI_NOT_INITIALIZED;
    };
    guarded(function, move || {
        log::called(function);
        call(&module)
    })
}

/// A call to one session. The handle is judged before every other argument.
pub(super) fn with_session(
    function: &'static str,
    handle: ck::CK_SESSION_HANDLE,
    call: impl FnOnce(&Session) -> Result<()>,
) -> ck::CK_RV {
    with_module(function, |module| call(&*module.session(handle)?))
}

/// Runs `call`; a panic becomes CKR_GENERAL_ERROR. Copies of secrets in the frames of functions that have
/// returned are wiped.
fn guarded(function: &'static str, call: impl FnOnce() -> Result<()>) -> ck::CK_RV {
    let mut names = HANDLE_SECRETS.iter();
    if names.any(|name| function.starts_with(name)) {
        secret::with_wiped_stack(|| caught(function, call))
    } else {
        caught(function, call)
    }
}

fn caught(function: &'static str, call: impl FnOnce() -> Result<()>) -> ck::CK_RV {
    INSIDE.set(Some(function));
    let outcome = catch_unwind(AssertUnwindSafe(|| match call() {
        Ok(()) => ck::CKR_OK,
        Err(error) => {
            // Without a module there is no log either, least of all in a forked child.
            if error.rv != ck::CKR_CRYPTOKI_NOT_INITIALIZED {
                log::refused(function, &error);
            }
            error.rv
        }
    }));
    INSIDE.set(None);
    outcome.unwrap_or(ck::CKR_GENERAL_ERROR)
}

/// Sends the panics of our calls to the log, with their place and without their text, which may
/// hold arguments. Other panics go where they went before.
///
/// Once for a process, since hooks pile up.
pub(super) fn hush_panics() {
    static HOOK: Lazy<()> = Lazy::new(hook_panics);
    Lazy::force(&HOOK);
}

fn hook_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        let Some(function) = INSIDE.get() else {
            return previous(info);
        };
        let error = Error::new(
            ck::CKR_GENERAL_ERROR,
            "a defect of the module, please report it",
        );
        let place = info
            .location()
            .map_or_else(String::new, ToString::to_string);
        log::refused(function, &error.at(place));
    }));
}
