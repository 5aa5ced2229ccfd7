//! What stands around every call: the state of the process before any argument is touched, the
//! panic boundary, and the log line of a refusal.

use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use once_cell::sync::Lazy;

use super::process;
use crate::ck;
use crate::client;
use crate::error::{Error, Result};
use crate::log;
use crate::module::Module;
use crate::secret;
use crate::session::Session;

#[cfg(panic = "abort")]
compile_error!(
    "a panic must not end the program that loaded the module: build with panic = \"unwind\""
);

/// Beginnings of the names of functions that handle a PIN, a key's value or a plaintext, copies of which may stay
/// on the stack. Other functions use secrets only inside keys that are ready for use.
const HANDLE_SECRETS: &[&str] = &[
    "C_CopyObject",
    "C_CreateObject",
    "C_Decapsulate",
    "C_Decrypt",
    "C_Derive",
    "C_Encapsulate",
    "C_GenerateKey",
    "C_GetOperationState",
    "C_InitPIN",
    "C_InitToken",
    "C_Login",
    "C_SetOperationState",
    "C_SetPIN",
    "C_UnwrapKey",
    "C_WrapKey",
];

/// An exported function: its name, and whether it handles secrets.
#[derive(Clone, Copy)]
pub(super) struct Function {
    name: &'static str,
    handles_secrets: bool,
}

impl Function {
    /// The function of this name: known when the library is compiled, so that no call compares names.
    pub(super) const fn named(name: &'static str) -> Self {
        let mut handles_secrets = false;
        let mut at = 0;
        while at < HANDLE_SECRETS.len() {
            handles_secrets |= begins_with(name.as_bytes(), HANDLE_SECRETS[at].as_bytes());
            at += 1;
        }
        Self {
            name,
            handles_secrets,
        }
    }
}

const fn begins_with(name: &[u8], beginning: &[u8]) -> bool {
    let mut same = 0;
    while same < beginning.len() && same < name.len() && name[same] == beginning[same] {
        same += 1;
    }
    same == beginning.len()
}

/// A call that is allowed before C_Initialize.
pub(super) fn anytime(function: Function, call: impl FnOnce() -> Result<()>) -> ck::CK_RV {
    if process::is_exiting() {
        return ck::CKR_CRYPTOKI_NOT_INITIALIZED;
    }
    guarded(function, None, call)
}

/// A call to the module.
pub(super) fn with_module(
    function: Function,
    call: impl FnOnce(&Module) -> Result<()>,
) -> ck::CK_RV {
    with_module_in(function, None, call)
}

/// A call to the module, with the session of this handle if it has one.
fn with_module_in(
    function: Function,
    session: Option<ck::CK_SESSION_HANDLE>,
    call: impl FnOnce(&Module) -> Result<()>,
) -> ck::CK_RV {
    let answered = process::with_module(|module| {
        guarded(function, session, move || {
            log::called(function.name);
            call(module)
        })
    });
    answered.unwrap_or(ck::CKR_CRYPTOKI_NOT_INITIALIZED)
}

/// A call to one session. A handle that is no session's is refused before any other argument is read. Mostly this
/// thread has called the session before, and the module is not asked for it.
pub(super) fn with_session(
    function: Function,
    handle: ck::CK_SESSION_HANDLE,
    call: impl FnOnce(&Session) -> Result<()>,
) -> ck::CK_RV {
    if let Some(session) = process::known_session(handle) {
        return guarded(function, Some(handle), move || {
            log::called(function.name);
            in_session(function, &session, call)
        });
    }
    let initialization = process::initialization();
    with_module_in(function, Some(handle), |module| {
        let session = module.session(handle)?;
        process::know_session(initialization, &session);
        in_session(function, &session, call)
    })
}

/// Runs a call to this session, which remembers why the call was refused.
fn in_session(
    function: Function,
    session: &Session,
    call: impl FnOnce(&Session) -> Result<()>,
) -> Result<()> {
    call(session).inspect_err(|error| {
        // The text itself is read by C_GetAttributeValue, again where the buffer was too small for it.
        let reads = function.name == "C_GetAttributeValue";
        if !(reads && error.rv == ck::CKR_BUFFER_TOO_SMALL) {
            session.note_refusal(function.name, error);
        }
    })
}

/// Runs `call`; a panic becomes CKR_GENERAL_ERROR. Copies of secrets in the frames of functions that have
/// returned are wiped.
fn guarded(
    function: Function,
    session: Option<ck::CK_SESSION_HANDLE>,
    call: impl FnOnce() -> Result<()>,
) -> ck::CK_RV {
    if function.handles_secrets {
        secret::with_wiped_stack(|| caught(function.name, session, call))
    } else {
        caught(function.name, session, call)
    }
}

fn caught(
    function: &'static str,
    session: Option<ck::CK_SESSION_HANDLE>,
    call: impl FnOnce() -> Result<()>,
) -> ck::CK_RV {
    let answered = || match call() {
        Ok(()) => ck::CKR_OK,
        Err(error) => {
            // Without a module there is no log either, least of all in a forked child.
            if error.rv != ck::CKR_CRYPTOKI_NOT_INITIALIZED {
                log::refused(function, &error);
            }
            error.rv
        }
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        client::in_call(function, session, answered)
    }));
    outcome.unwrap_or(ck::CKR_GENERAL_ERROR)
}

/// Sends the panics of our calls to the log, with their place and without their text, which may
/// hold arguments. Other panics go where they went before.
///
/// The hook is set once for a process: each further one would call those before it.
pub(super) fn hush_panics() {
    static HOOK: Lazy<()> = Lazy::new(hook_panics);
    Lazy::force(&HOOK);
}

fn hook_panics() {
    let previous = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info: &PanicHookInfo<'_>| {
        let Some(function) = client::function() else {
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

#[cfg(test)]
mod tests {
    use super::{Function, anytime, guarded};
    use crate::abi::process;
    use crate::ck::{CKR_CRYPTOKI_NOT_INITIALIZED, CKR_GENERAL_ERROR, CKR_OK};

    #[test]
    fn a_panic_is_an_error_and_the_next_call_works() {
        for name in ["C_Sign", "C_Login"] {
            let function = Function::named(name);
            let panics = || panic!("a defect");
            assert_eq!(guarded(function, None, panics), CKR_GENERAL_ERROR);
            assert_eq!(guarded(function, None, || Ok(())), CKR_OK);
        }
    }

    /// No other test of this program calls a C function.
    #[test]
    fn a_process_that_exits_gets_no_answer() {
        let call = || anytime(Function::named("C_GetFunctionList"), || Ok(()));
        assert_eq!(call(), CKR_OK);
        process::set_exiting(true);
        assert_eq!(call(), CKR_CRYPTOKI_NOT_INITIALIZED);
        assert!(process::with_module(|_| ()).is_none());
        process::set_exiting(false);
        assert_eq!(call(), CKR_OK);
    }

    #[test]
    fn functions_with_secrets_in_hand_are_told_from_the_others() {
        let handles = |name| Function::named(name).handles_secrets;
        for name in [
            "C_Decrypt",
            "C_DecryptFinal",
            "C_LoginUser",
            "C_WrapKeyAuthenticated",
        ] {
            assert!(handles(name), "{name}");
        }
        for name in [
            "C_",
            "C_Digest",
            "C_Encrypt",
            "C_FindObjects",
            "C_GenerateRandom",
            "C_Sign",
        ] {
            assert!(!handles(name), "{name}");
        }
    }
}
