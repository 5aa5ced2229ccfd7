//! NULLs, lengths and canaries for every function that takes or gives bytes.

use std::ptr;

use super::{bytes, call, initialized, len, zeroed};
use crate::abi::library::{FINAL, NO_SESSION, masked, summary};
use crate::ck::*;

pub(super) const HUGE: CK_ULONG = CK_ULONG::MAX;
pub(super) const CANARY: u8 = 0xC7;

/// A mechanism without parameter.
pub(super) fn plain(kind: CK_MECHANISM_TYPE) -> CK_MECHANISM {
    CK_MECHANISM {
        mechanism: kind,
        pParameter: ptr::null_mut(),
        ulParameterLen: 0,
    }
}

type Gives = fn(CK_BYTE_PTR, CK_ULONG_PTR) -> CK_RV;
type Takes = fn(CK_SESSION_HANDLE, CK_BYTE_PTR, CK_ULONG) -> CK_RV;

/// Every function that gives bytes, and what it gives. Inputs are `"in"`.
fn outputs() -> Vec<(&'static str, Gives, Vec<u8>)> {
    macro_rules! from_input {
        ($gives:ident: $($name:ident)*) => {
            vec![$((stringify!($name), (|out, len| call!($name(1, bytes(b"in"), 2, out, len))) as Gives, $gives(b"in")),)*]
        };
    }
    macro_rules! alone {
        ($gives:ident($last:expr): $($name:ident)*) => {
            vec![$((stringify!($name), (|out, len| call!($name(1, out, len))) as Gives, $gives($last)),)*]
        };
    }
    let mut all = from_input! {
        masked: C_Encrypt C_EncryptUpdate C_Decrypt C_DecryptUpdate
        C_DigestEncryptUpdate C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate
    };
    all.extend(from_input! { masked: C_VerifyRecover });
    all.extend(from_input! { summary: C_Digest C_Sign C_SignRecover });
    all.extend(alone! { masked(FINAL): C_EncryptFinal C_DecryptFinal });
    all.extend(alone! { summary(b""): C_DigestFinal C_SignFinal });
    let wrap: Gives = |out, len| {
        let mut mechanism = plain(CKM_AES_ECB);
        call!(C_WrapKey(1, &raw mut mechanism, 2, 3, out, len))
    };
    all.push(("C_WrapKey", wrap, masked(b"wrapped")));
    all
}

/// Every function that takes bytes.
pub(super) fn inputs() -> Vec<(&'static str, Takes)> {
    macro_rules! takes {
        ($($name:ident)*) => {
            vec![$((stringify!($name), (|h, data, len| call!($name(h, data, len))) as Takes),)*]
        };
    }
    macro_rules! with_output {
        ($($name:ident)*) => {
            vec![$((stringify!($name), (|h, data, len| {
                let (mut out, mut out_len) = ([0; 64], 64);
                call!($name(h, data, len, out.as_mut_ptr(), &raw mut out_len))
            }) as Takes),)*]
        };
    }
    let mut all = takes! {
        C_DigestUpdate C_SignUpdate C_VerifyUpdate C_VerifySignatureUpdate C_SeedRandom
    };
    all.extend(with_output! {
        C_Encrypt C_EncryptUpdate C_Decrypt C_DecryptUpdate C_Digest C_Sign C_SignRecover C_VerifyRecover
        C_DigestEncryptUpdate C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate
    });
    let signature = |h, data, len| {
        let expected = summary(b"");
        call!(C_Verify(
            h,
            data,
            len,
            bytes(&expected),
            super::len(expected.len())
        ))
    };
    let unwrap = |h, data, len| {
        let (mut mechanism, mut key) = (plain(CKM_AES_ECB), 0);
        call!(C_UnwrapKey(
            h,
            &raw mut mechanism,
            2,
            data,
            len,
            ptr::null_mut(),
            0,
            &raw mut key
        ))
    };
    all.push(("C_Verify", signature));
    all.push(("C_UnwrapKey", unwrap));
    all
}

#[test]
fn a_query_learns_the_length() {
    let _share = initialized();
    for (name, gives, expected) in outputs() {
        for before in [0, 1, HUGE] {
            let mut out_len = before;
            let rv = gives(ptr::null_mut(), &raw mut out_len);
            assert_eq!((rv, out_len), (CKR_OK, len(expected.len())), "{name}");
        }
    }
}

#[test]
fn a_buffer_too_small_learns_the_length_and_is_not_touched() {
    let _share = initialized();
    for (name, gives, expected) in outputs() {
        for room in [0, 1, expected.len() - 1] {
            let mut buffer = [CANARY; 32];
            let mut out_len = len(room);
            let rv = gives(buffer.as_mut_ptr(), &raw mut out_len);
            assert_eq!(
                (rv, out_len),
                (CKR_BUFFER_TOO_SMALL, len(expected.len())),
                "{name}"
            );
            assert_eq!(buffer, [CANARY; 32], "{name}");
        }
    }
}

#[test]
fn output_fills_its_length_and_no_more() {
    let _share = initialized();
    for (name, gives, expected) in outputs() {
        for room in [expected.len(), expected.len() + 1, 24] {
            let mut buffer = [CANARY; 32];
            let mut out_len = len(room);
            let rv = gives(buffer.as_mut_ptr(), &raw mut out_len);
            assert_eq!((rv, out_len), (CKR_OK, len(expected.len())), "{name}");
            assert_eq!(buffer[..expected.len()], expected, "{name}");
            assert!(
                buffer[expected.len()..].iter().all(|byte| *byte == CANARY),
                "{name}"
            );
        }
    }
}

#[test]
fn output_without_length_or_with_an_impossible_one_is_refused() {
    let _share = initialized();
    for (name, gives, _) in outputs() {
        let mut buffer = [CANARY; 32];
        let out = buffer.as_mut_ptr();
        assert_eq!(gives(out, ptr::null_mut()), CKR_ARGUMENTS_BAD, "{name}");
        assert_eq!(
            gives(ptr::null_mut(), ptr::null_mut()),
            CKR_ARGUMENTS_BAD,
            "{name}"
        );
        for impossible in [HUGE, HUGE / 2 + 1] {
            let mut out_len = impossible;
            let rv = gives(out, &raw mut out_len);
            assert_eq!((rv, out_len), (CKR_ARGUMENTS_BAD, impossible), "{name}");
        }
        assert_eq!(buffer, [CANARY; 32], "{name}");
    }
}

#[test]
fn input_may_be_null_only_without_length() {
    let _share = initialized();
    for (name, takes) in inputs() {
        assert_eq!(takes(1, ptr::null_mut(), 0), CKR_OK, "{name}");
        assert_eq!(takes(1, bytes(b"x"), 0), CKR_OK, "{name}");
        assert_eq!(takes(1, ptr::null_mut(), 1), CKR_ARGUMENTS_BAD, "{name}");
        assert_eq!(takes(1, bytes(b"x"), HUGE), CKR_ARGUMENTS_BAD, "{name}");
        assert_eq!(
            takes(1, bytes(b"x"), HUGE / 2 + 1),
            CKR_ARGUMENTS_BAD,
            "{name}"
        );
    }
}

#[test]
fn the_session_is_judged_before_every_argument() {
    let _share = initialized();
    for (name, takes) in inputs() {
        let rv = takes(NO_SESSION, ptr::null_mut(), HUGE);
        assert_eq!(rv, CKR_SESSION_HANDLE_INVALID, "{name}");
    }
}

#[test]
fn input_and_output_may_share_memory() {
    let _share = initialized();
    type InPlace = fn(CK_BYTE_PTR, CK_ULONG, CK_BYTE_PTR, CK_ULONG_PTR) -> CK_RV;
    macro_rules! functions {
        ($($name:ident)*) => {
            [$((stringify!($name), (|data, len, out, out_len| call!($name(1, data, len, out, out_len))) as InPlace),)*]
        };
    }
    let all = functions! {
        C_Encrypt C_EncryptUpdate C_Decrypt C_DecryptUpdate C_Digest C_Sign C_SignRecover C_VerifyRecover
        C_DigestEncryptUpdate C_DecryptDigestUpdate C_SignEncryptUpdate C_DecryptVerifyUpdate
    };
    let message = *b"sixteen bytes ..";
    let expected = masked(&message);
    for (name, function) in all {
        // Where the input begins and where the output does: the same, each inside the other, apart.
        for (from, to) in [(8, 8), (8, 0), (0, 8), (0, 15), (15, 0), (0, 17), (20, 0)] {
            let mut memory = [0_u8; 48];
            memory[from..from + message.len()].copy_from_slice(&message);
            let start = memory.as_mut_ptr();
            let mut out_len = len(expected.len());
            // SAFETY: both stay inside `memory`.
            let (data, out) = unsafe { (start.add(from), start.add(to)) };
            let rv = function(data, len(message.len()), out, &raw mut out_len);
            assert_eq!((rv, out_len), (CKR_OK, len(expected.len())), "{name}");
            assert_eq!(
                memory[to..to + expected.len()],
                expected,
                "{name} {from} {to}"
            );
        }
    }
}

/// What each function says to 0 and NULL alone, on a session whose handle is 0.
#[test]
fn every_function_survives_zeros() {
    let _share = initialized();
    for (name, rv) in zeroed() {
        let expected = match name {
            "C_CloseSession"
            | "C_CloseAllSessions"
            | "C_Logout"
            | "C_DestroyObject"
            | "C_GetAttributeValue"
            | "C_SetAttributeValue"
            | "C_FindObjectsInit"
            | "C_FindObjectsFinal"
            | "C_DigestUpdate"
            | "C_DigestKey"
            | "C_SignUpdate"
            | "C_VerifyUpdate"
            | "C_VerifySignature"
            | "C_VerifySignatureUpdate"
            | "C_VerifySignatureFinal"
            | "C_SeedRandom"
            | "C_GenerateRandom"
            | "C_SessionCancel" => CKR_OK,
            // The signature of nothing is not nothing.
            "C_Verify" | "C_VerifyFinal" => CKR_SIGNATURE_INVALID,
            // A mechanism that is NULL ends the operation.
            "C_EncryptInit"
            | "C_DecryptInit"
            | "C_DigestInit"
            | "C_SignInit"
            | "C_VerifyInit"
            | "C_SignRecoverInit"
            | "C_VerifyRecoverInit"
            | "C_VerifySignatureInit" => CKR_OK,
            "C_GetFunctionStatus" | "C_CancelFunction" => CKR_FUNCTION_NOT_PARALLEL,
            "C_GetOperationState"
            | "C_SetOperationState"
            | "C_EncapsulateKey"
            | "C_DecapsulateKey"
            | "C_GetSessionValidationFlags"
            | "C_WrapKeyAuthenticated"
            | "C_UnwrapKeyAuthenticated" => CKR_FUNCTION_NOT_SUPPORTED,
            name if name.contains("Message") && name.contains("crypt") => {
                CKR_OPERATION_NOT_INITIALIZED
            }
            name if name.contains("Message") || name.contains("Async") => {
                CKR_FUNCTION_NOT_SUPPORTED
            }
            _ => CKR_ARGUMENTS_BAD,
        };
        assert_eq!(rv, expected, "{name}");
    }
}

#[test]
fn the_second_half_of_a_dual_function_sees_the_clear_text() {
    let _share = initialized();
    let clear = *b"bad";
    let hidden = clear.map(|byte| byte ^ 0x55);
    macro_rules! refuse {
        ($($name:ident($refused:ident, $taken:ident))*) => {$(
            for (part, expected) in [($refused, (CKR_DATA_INVALID, 8)), ($taken, (CKR_OK, 4))] {
                let (mut out, mut out_len) = ([0; 8], 8);
                let (start, place) = (out.as_mut_ptr(), &raw mut out_len);
                let rv = call!($name(1, bytes(&part), 3, start, place));
                assert_eq!((rv, out_len), expected, "{}", stringify!($name));
            }
        )*};
    }
    refuse! {
        C_DigestEncryptUpdate(clear, hidden)
        C_SignEncryptUpdate(clear, hidden)
        C_DecryptDigestUpdate(hidden, clear)
        C_DecryptVerifyUpdate(hidden, clear)
    }
    let mut out = [0; 8];
    let start = out.as_mut_ptr();
    // A query, and a buffer that is too small, give the second half nothing.
    for room in [0, 3] {
        let mut out_len = room;
        let start = if room == 0 { ptr::null_mut() } else { start };
        let expected = if room == 0 {
            CKR_OK
        } else {
            CKR_BUFFER_TOO_SMALL
        };
        let place = &raw mut out_len;
        assert_eq!(
            call!(C_DigestEncryptUpdate(1, bytes(&clear), 3, start, place)),
            expected
        );
        out_len = room;
        let place = &raw mut out_len;
        assert_eq!(
            call!(C_DecryptDigestUpdate(1, bytes(&hidden), 3, start, place)),
            expected
        );
    }
}
