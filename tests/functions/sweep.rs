//! Every function with one argument wrong at a time, and in every wrong state. The answer is the one that the case
//! calls for, and one that section 5 of PKCS #11 3.2 lists for the function.

mod findings;
mod rows;
mod world;

use std::ptr::null_mut;

use cryptoki_sys::*;

use self::findings::Findings;
use self::rows::{Arg, ROWS, Row};
use self::world::{Bytes, Call, Key, World};
use super::hsm::{plain, pointer, test};
use crate::client::PIN;

/// No handle, slot or number has this value.
const NONE: CK_ULONG = 0xDEAD;

fn row(name: &str) -> &'static Row {
    ROWS.iter().find(|row| row.name == name).unwrap()
}

/// Functions that end every session, or the login of all; their right arguments are tried last.
const ENDS_ALL: &[&str] = &["C_CloseAllSessions", "C_Logout", "C_InitToken"];

/// Functions of operations whose errors end these (5.2): in their names is one of these.
const ENDS_BY_ERROR: &[&str] = &["crypt", "Digest", "C_Sign", "Verify"];

/// Calls the row once for each of its arguments that `wrong` gives another value, after all that it needs.
fn vary(
    world: &World<'_>,
    row: &Row,
    wrong: impl Fn(Arg) -> Option<CK_ULONG>,
    mut check: impl FnMut(Arg, CK_RV, Call<'_, '_>),
) {
    for (place, argument) in row.arguments.iter().enumerate() {
        let Some(value) = wrong(*argument) else {
            continue;
        };
        let session = world.session();
        let mut call = world.call(session);
        call.prepare(row);
        let mut arguments = call.arguments(row);
        arguments[place] = value;
        let rv = call.invoke(row, &arguments);
        check(*argument, rv, call);
        // Some rows close their session.
        let _ = function!(world.hsm.table, C_CloseSession(session));
    }
}

/// What a handle of no object is, for the argument of this function.
fn bad_handle(row: &Row, argument: Arg) -> &'static [CK_RV] {
    match (row.name, argument) {
        ("C_DecapsulateKey", _) => &[CKR_UNWRAPPING_KEY_HANDLE_INVALID],
        ("C_WrapKey" | "C_WrapKeyAuthenticated", Arg::Key(_)) => &[CKR_WRAPPING_KEY_HANDLE_INVALID],
        ("C_WrapKey" | "C_WrapKeyAuthenticated", _) => &[CKR_KEY_HANDLE_INVALID],
        ("C_UnwrapKey" | "C_UnwrapKeyAuthenticated", _) => &[CKR_UNWRAPPING_KEY_HANDLE_INVALID],
        (_, Arg::Key(_)) => &[CKR_KEY_HANDLE_INVALID],
        _ => &[CKR_OBJECT_HANDLE_INVALID],
    }
}

/// What NULL is in place of an argument that points somewhere.
fn null(row: &Row, argument: Arg) -> Option<&'static [CK_RV]> {
    match (row.name, argument) {
        // A query; these give a list or an attribute's size.
        (_, Arg::Output) if row.arguments.contains(&Arg::OutputLen) => Some(&[CKR_OK]),
        // No buffer is needed: nothing was saved.
        ("C_AsyncJoin", Arg::Output) => Some(&[CKR_SAVED_STATE_INVALID]),
        // More parts follow.
        ("C_SignMessageNext", Arg::OutputLen) | ("C_VerifyMessageNext", Arg::Input(Bytes::Mac)) => {
            Some(&[CKR_OK])
        }
        // The parameter of a message.
        (_, Arg::Parameter) => Some(&[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD]),
        (
            _,
            Arg::Mechanism(_)
            | Arg::Template(_)
            | Arg::Input(_)
            | Arg::Output
            | Arg::OutputLen
            | Arg::Place,
        ) => Some(&[CKR_ARGUMENTS_BAD]),
        _ => None,
    }
}

test! {
    fn right_arguments_are_answered(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        let (last, first): (Vec<_>, Vec<_>) = ROWS.iter().partition(|row| ENDS_ALL.contains(&row.name));
        for row in first.into_iter().chain(last) {
            let mut call = world.call(world.session());
            call.prepare(row);
            let rv = call.make(row);
            findings.take(row, "with right arguments", rv, &[row.answer]);
            if row.name == "C_CloseAllSessions" {
                break;
            }
        }
        findings.end(99);
    }

    fn handles_of_nothing_are_refused(hsm) {
        let world = World::new(hsm);
        let closed = world.session();
        assert_eq!(function!(hsm.table, C_CloseSession(closed)), CKR_OK);
        let gone = hsm.aes();
        hsm.client.destroy(gone).unwrap();
        let mut findings = Findings::new();
        for row in ROWS {
            for session in [0, closed, NONE] {
                let wrong = |argument| (argument == Arg::Session).then_some(session);
                vary(&world, row, wrong, |_, rv, _| {
                    findings.take(row, "on no session", rv, &[CKR_SESSION_HANDLE_INVALID]);
                });
            }
            for object in [0, gone, NONE] {
                let wrong = |argument| {
                    matches!(argument, Arg::Key(_) | Arg::Object(_)).then_some(object)
                };
                vary(&world, row, wrong, |argument, rv, _| {
                    findings.take(row, "with no object", rv, bad_handle(row, argument));
                });
            }
            let wrong = |argument| matches!(argument, Arg::Slot | Arg::FreeSlot).then_some(NONE);
            vary(&world, row, wrong, |_, rv, _| {
                findings.take(row, "with no slot", rv, &[CKR_SLOT_ID_INVALID]);
            });
        }
        findings.end(300);
    }

    fn null_is_refused_where_something_is_needed(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        for row in ROWS {
            let wrong = |argument| null(row, argument).map(|_| 0);
            vary(&world, row, wrong, |argument, rv, mut call| {
                let expected = null(row, argument).unwrap();
                // An empty template and a session's own state need no place.
                let (case, right) = (format!("with NULL for {argument:?}"), call.made_of(argument));
                findings.take(row, &case, rv, if right { &[CKR_OK] } else { expected });
                let ended = rv != CKR_OK && !row.after.is_empty() && !row.name.contains("Message");
                // Every error but that of a buffer ends the operation (5.2).
                if ended && ENDS_BY_ERROR.iter().any(|part| row.name.contains(part)) {
                    let again = call.make(row);
                    findings.take(row, "after an error", again, &[CKR_OPERATION_NOT_INITIALIZED]);
                }
            });
            let reserved = |argument| (argument == Arg::Reserved).then(|| pointer(PIN).expose_provenance() as CK_ULONG);
            vary(&world, row, reserved, |_, rv, _| {
                findings.take(row, "with a reserved pointer", rv, &[CKR_ARGUMENTS_BAD]);
            });
        }
        findings.end(180);
    }

    fn mechanisms_that_do_not_fit_are_refused(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        let byte = pointer(b"!");
        let with = |kind, parameter: CK_BYTE_PTR, len| CK_MECHANISM {
            pParameter: parameter.cast(),
            ulParameterLen: len,
            ..plain(kind)
        };
        for row in ROWS {
            let Some(Arg::Mechanism(means)) = row.arguments.get(1) else {
                continue;
            };
            let other = if row.name == "C_DigestInit" { CKM_AES_ECB } else { CKM_SHA256 };
            let own = means.number();
            let parameter: &[CK_RV] = &[CKR_MECHANISM_PARAM_INVALID];
            let null: &[CK_RV] = &[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD];
            for (case, wrong, expected) in [
                ("by no mechanism", with(NONE, null_mut(), 0), &[CKR_MECHANISM_INVALID][..]),
                ("by a mechanism for something else", with(other, null_mut(), 0), &[CKR_MECHANISM_INVALID]),
                ("with a parameter of one byte", with(own, byte, 1), parameter),
                ("with a parameter that has no length", with(own, byte, CK_ULONG::MAX), parameter),
                ("with a parameter at NULL", with(own, null_mut(), 16), null),
            ] {
                let wrong = [wrong];
                let place = wrong.as_ptr().expose_provenance() as CK_ULONG;
                let of_mechanism = |argument| matches!(argument, Arg::Mechanism(_)).then_some(place);
                vary(&world, row, of_mechanism, |_, rv, _| findings.take(row, case, rv, expected));
            }
        }
        findings.end(100);
    }

    fn keys_that_do_not_fit_are_refused(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        let other = world.other_pair();
        let unused = world.keys_without_uses();
        for row in ROWS {
            let of_public = ["C_Wrap", "C_Verify", "C_MessageVerify", "C_Encapsulate"]
                .iter()
                .any(|start| row.name.starts_with(start))
                || row.name.contains("Encrypt");
            let other = if of_public { other.public } else { other.private };
            let expected = match row.name {
                "C_WrapKey" | "C_WrapKeyAuthenticated" => CKR_WRAPPING_KEY_TYPE_INCONSISTENT,
                "C_UnwrapKey" | "C_UnwrapKeyAuthenticated" | "C_DecapsulateKey" => {
                    CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT
                }
                "C_DigestKey" => CKR_KEY_INDIGESTIBLE,
                _ => CKR_KEY_TYPE_INCONSISTENT,
            };
            let another = |argument| matches!(argument, Arg::Key(_)).then_some(other);
            vary(&world, row, another, |_, rv, _| {
                findings.take(row, "with a key of another type", rv, &[expected]);
            });
            let without = |argument| match argument {
                Arg::Key(key) => unused.iter().find(|(name, _)| *name == key).map(|(_, key)| *key),
                _ => None,
            };
            vary(&world, row, without, |_, rv, _| {
                findings.take(row, "with a key without the use", rv, &[CKR_KEY_FUNCTION_NOT_PERMITTED]);
            });
        }
        findings.end(35);
    }

    fn numbers_without_bounds_are_answered_as_listed(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        // C_WaitForSlotEvent would wait.
        for row in ROWS.iter().filter(|row| row.name != "C_WaitForSlotEvent") {
            for value in [CK_ULONG::MAX, CK_ULONG::MAX - 1, 1 << 63] {
                let wrong = |argument| {
                    let number = matches!(argument, Arg::Number(_) | Arg::Count(_) | Arg::Len(_));
                    number.then_some(value)
                };
                vary(&world, row, wrong, |argument, rv, _| {
                    let case = format!("with {value:#x} for {argument:?}");
                    findings.take(row, &case, rv, &[]);
                });
            }
        }
        findings.end(200);
    }

    fn nothing_is_continued_that_was_not_begun(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        for row in ROWS.iter().filter(|row| !row.after.is_empty()) {
            let mut call = world.call(world.session());
            let rv = call.make(row);
            findings.take(row, "with nothing active", rv, &[CKR_OPERATION_NOT_INITIALIZED]);
        }
        findings.end(44);
    }

    fn nothing_is_begun_twice(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        for row in ROWS.iter().filter(|row| row.name.ends_with("Init")) {
            let mut call = world.call(world.session());
            assert_eq!(call.make(row), CKR_OK);
            let rv = call.make(row);
            findings.take(row, "a second time", rv, &[CKR_OPERATION_ACTIVE]);
        }
        findings.end(13);
    }

    fn a_buffer_that_is_too_small_ends_nothing(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        for row in ROWS.iter().filter(|row| row.arguments.contains(&Arg::OutputLen)) {
            let mut call = world.call(world.session());
            call.prepare(row);
            let mut arguments = call.arguments(row);
            let place = row.arguments.iter().position(|argument| *argument == Arg::Output).unwrap();
            let buffer = std::mem::take(&mut arguments[place]);
            findings.take(row, "asked for a length", call.invoke(row, &arguments), &[CKR_OK]);
            let needed = *call.output_len;
            arguments[place] = buffer;
            if needed > 1 {
                *call.output_len = 1;
                let rv = call.invoke(row, &arguments);
                findings.take(row, "with room for one", rv, &[CKR_BUFFER_TOO_SMALL]);
                assert!(call.output.iter().all(|byte| *byte == 0xC5), "{}", row.name);
                assert!(*call.output_len > 1, "{}", row.name);
            }
            let rv = call.make(row);
            findings.take(row, "after a small buffer", rv, &[row.answer]);
        }
        findings.end(60);
    }

    fn a_read_only_session_changes_no_token_object(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        let kept = world.token_object();
        for row in ROWS {
            let session = world.open(0);
            let mut call = world.call(session);
            call.on_token = true;
            if !call.changes_token(row) {
                continue;
            }
            call.prepare(row);
            let mut arguments = call.arguments(row);
            for (place, argument) in row.arguments.iter().enumerate() {
                let changed = matches!(row.name, "C_DestroyObject" | "C_SetAttributeValue");
                if changed && matches!(argument, Arg::Object(_)) {
                    arguments[place] = kept;
                }
            }
            let rv = call.invoke(row, &arguments);
            findings.take(row, "of the token, on a read-only session", rv, &[CKR_SESSION_READ_ONLY]);
        }
        findings.end(11);
    }

    fn without_a_login_no_key_works(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        let keys = world.open_keys();
        assert_eq!(call!(hsm, C_Logout()), CKR_OK);
        for row in ROWS {
            let session = world.session();
            let mut call = world.call(session);
            let works = |argument: &Arg| matches!(argument, Arg::Key(key) if *key != Key::Left && !key.is_public());
            let Some(place) = row.arguments.iter().position(works) else {
                continue;
            };
            let Arg::Key(key) = row.arguments[place] else {
                continue;
            };
            let mut arguments = call.arguments(row);
            arguments[place] = keys.iter().find(|(name, _)| *name == key).unwrap().1;
            if let Some(place) = row.arguments.iter().position(|argument| *argument == Arg::Object(Key::Left)) {
                arguments[place] = keys[0].1;
            }
            let rv = call.invoke(row, &arguments);
            findings.take(row, "without a login", rv, &[CKR_USER_NOT_LOGGED_IN]);
            assert_eq!(function!(hsm.table, C_CloseSession(session)), CKR_OK);
        }
        findings.end(15);
    }

    fn nothing_is_answered_after_the_end(hsm) {
        let world = World::new(hsm);
        let mut findings = Findings::new();
        let mut call = world.call(world.session());
        let arguments: Vec<_> = ROWS.iter().map(|row| call.arguments(row)).collect();
        assert_eq!(function!(hsm.table, C_Finalize(null_mut())), CKR_OK);
        for (row, arguments) in ROWS.iter().zip(arguments) {
            let anytime = ["C_GetFunctionList", "C_GetInterfaceList", "C_GetInterface"].contains(&row.name);
            let expected = if anytime { CKR_OK } else { CKR_CRYPTOKI_NOT_INITIALIZED };
            let rv = call.invoke(row, &arguments);
            findings.take(row, "after C_Finalize", rv, &[expected]);
        }
        findings.end(102);
    }
}
