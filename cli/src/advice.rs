//! What to do after a refusal.

use std::error::Error;

use tenon_pkcs11::api::ck;

/// What the user can do after `error`, where the library's own sentence does not say it in terms of
/// this program.
pub(crate) fn after(error: &(dyn Error + 'static)) -> Option<&'static str> {
    let refusal: &tenon_pkcs11::api::error::Error = error.downcast_ref()?;
    Some(match refusal.rv {
        ck::CKR_PIN_INCORRECT => {
            "`tenon slots` shows how many tries are left until the PIN is locked"
        }
        // The library's own sentence says which PIN it is, or what the key's state is, and what can be done.
        ck::CKR_PIN_LOCKED | ck::CKR_KEY_FUNCTION_NOT_PERMITTED => return None,
        ck::CKR_USER_PIN_NOT_INITIALIZED => {
            "`tenon pin unlock` sets a new user PIN with the security officer's"
        }
        ck::CKR_PIN_LEN_RANGE => "`tenon config` shows pin.min_length",
        ck::CKR_USER_NOT_LOGGED_IN => "log in with --login or --pin-file",
        ck::CKR_MECHANISM_INVALID => {
            "`tenon config` shows slots.mechanisms, which may leave it out"
        }
        ck::CKR_WRAPPED_KEY_INVALID | ck::CKR_WRAPPED_KEY_LEN_RANGE => {
            "wrap again, with the public key and the algorithm of one `tenon byok parameters`"
        }
        ck::CKR_UNWRAPPING_KEY_HANDLE_INVALID => {
            "the wrapping key has expired: `tenon byok parameters` makes another"
        }
        ck::CKR_TOKEN_WRITE_PROTECTED => "`tenon config` shows store.read_only",
        ck::CKR_DEVICE_ERROR => "`tenon config` shows which folder, files and database are used",
        _ => return None,
    })
}
