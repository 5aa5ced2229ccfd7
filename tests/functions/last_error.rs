//! CKA_TENON_LAST_ERROR of the clock object: why a session's last call was refused.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{Hsm, len, plain, pointer, test};
use crate::client::Mechanism;

const CKA_TENON_LAST_ERROR: CK_ATTRIBUTE_TYPE = 0x8054_4E1D;

/// The error that `session` reads from its clock object.
fn last_error(hsm: &Hsm, session: CK_SESSION_HANDLE) -> String {
    let mine = Hsm {
        client: hsm.client.on(session),
        table: hsm.table,
        session,
    };
    let class = CKO_HW_FEATURE.to_ne_bytes();
    let kind = CKH_CLOCK.to_ne_bytes();
    let clock = mine
        .client
        .find(&[(CKA_CLASS, &class[..]), (CKA_HW_FEATURE_TYPE, &kind)]);
    let mut text = [0; 500];
    let mut places = [(CKA_TENON_LAST_ERROR, &mut text[..])];
    let [length] = mine
        .client
        .attributes(clock.unwrap()[0], &mut places)
        .unwrap()[..]
    else {
        panic!("one attribute has one length");
    };
    String::from_utf8(text[..length].to_vec()).unwrap()
}

/// NULL, of whatever type.
macro_rules! argument {
    (N) => {
        null_mut()
    };
    ($value:expr) => {
        $value
    };
}

/// Calls each function, which must refuse these arguments and say so, and adds its name to `asked`.
macro_rules! refused {
    ($hsm:ident, $asked:ident: $($name:ident($($arg:tt),*);)+) => {$(
        let rv = call!($hsm, $name($(argument!($arg)),*));
        assert_ne!(rv, CKR_OK, stringify!($name));
        let text = last_error($hsm, $hsm.session);
        assert!(text.starts_with(concat!(stringify!($name), ": CKR_")), "{}: {text}", stringify!($name));
        $asked.push(stringify!($name));
    )+};
}

/// The functions that the list of all has for a session, in order, but for that which ends it, for the one that refuses
/// nothing of a session that there is, and for the two that answer every session alike.
fn session_functions() -> Vec<&'static str> {
    let list = include_str!("../../src/abi/calls.rs");
    let rows = list
        .split_once("since 2.40 {\n        C_")
        .unwrap()
        .1
        .split(" C_");
    let of_session = rows.filter_map(|row| {
        let (name, arguments) = row.split_once('(')?;
        let of_session = arguments.trim_start().starts_with("h: SessionHandle");
        of_session.then_some(name)
    });
    let without = [
        "CloseSession",
        "SessionCancel",
        "GetFunctionStatus",
        "CancelFunction",
    ];
    let rows = of_session.filter(|name| !without.contains(name));
    let mut names: Vec<_> = rows.map(|name| &*format!("C_{name}").leak()).collect();
    names.sort_unstable();
    names
}

fn another_session(hsm: &Hsm) -> CK_SESSION_HANDLE {
    let mut session = 0;
    let flags = CKF_SERIAL_SESSION;
    let opened = function!(
        hsm.table,
        C_OpenSession(0, flags, null_mut(), None, &raw mut session)
    );
    assert_eq!(opened, CKR_OK);
    session
}

test! {
    fn a_session_tells_why_its_own_last_call_was_refused(hsm) {
        let other = another_session(hsm);
        assert_eq!(last_error(hsm, hsm.session), "");
        // A call that needs the module too, and one of the session alone.
        let mut ecb = plain(CKM_AES_ECB);
        assert_eq!(call!(hsm, C_EncryptInit(&raw mut ecb, 99)), CKR_KEY_HANDLE_INVALID);
        let text = last_error(hsm, hsm.session);
        assert!(text.starts_with("C_EncryptInit: CKR_KEY_HANDLE_INVALID: "), "{text}");
        assert_eq!(call!(hsm, C_DestroyObject(99)), CKR_OBJECT_HANDLE_INVALID);
        let text = last_error(hsm, hsm.session);
        assert!(text.starts_with("C_DestroyObject: CKR_OBJECT_HANDLE_INVALID: "), "{text}");
        assert_eq!(last_error(hsm, other), "");
        // A call that works leaves it, and so does the reading itself.
        assert_eq!(call!(hsm, C_SeedRandom(pointer(b"seed"), 4)), CKR_OK);
        assert_eq!(last_error(hsm, hsm.session), text);
    }

    fn a_buffer_that_is_too_small_leaves_its_own_text(hsm) {
        assert_eq!(call!(hsm, C_DestroyObject(99)), CKR_OBJECT_HANDLE_INVALID);
        let mut sha = plain(CKM_SHA256);
        assert_eq!(call!(hsm, C_DigestInit(&raw mut sha)), CKR_OK);
        let (mut out, mut out_len) = ([0; 8], 8);
        assert_eq!(
            call!(hsm, C_Digest(pointer(b"data"), 4, out.as_mut_ptr(), &raw mut out_len)),
            CKR_BUFFER_TOO_SMALL
        );
        let text = last_error(hsm, hsm.session);
        assert!(text.starts_with("C_Digest: CKR_BUFFER_TOO_SMALL: "), "{text}");
        // Who reads the text itself with a buffer that is too small reads it again with a larger one.
        let key = hsm.aes();
        let mut value = 0_u8;
        let place = (&raw mut value).cast();
        let mut asked = [CK_ATTRIBUTE { type_: CKA_CLASS, pValue: place, ulValueLen: 1 }];
        assert_eq!(
            call!(hsm, C_GetAttributeValue(key, asked.as_mut_ptr(), 1)),
            CKR_BUFFER_TOO_SMALL
        );
        assert_eq!(last_error(hsm, hsm.session), text);
    }

    fn it_names_the_attributes_that_were_not_read(hsm) {
        let key = hsm.aes();
        let none = |kind| CK_ATTRIBUTE { type_: kind, pValue: null_mut(), ulValueLen: 0 };
        let mut asked = [none(CKA_MODULUS), none(CKA_CLASS), none(0x7654_3210)];
        assert_eq!(
            call!(hsm, C_GetAttributeValue(key, asked.as_mut_ptr(), 3)),
            CKR_ATTRIBUTE_TYPE_INVALID
        );
        let text = last_error(hsm, hsm.session);
        assert!(text.starts_with("C_GetAttributeValue: CKR_ATTRIBUTE_TYPE_INVALID: "), "{text}");
        assert!(text.contains("CKA_MODULUS, 0x76543210"), "{text}");
        let mut asked = [none(CKA_MODULUS), none(CKA_VALUE)];
        assert_eq!(
            call!(hsm, C_GetAttributeValue(key, asked.as_mut_ptr(), 2)),
            CKR_ATTRIBUTE_SENSITIVE
        );
        let text = last_error(hsm, hsm.session);
        assert!(text.contains("CKA_VALUE") && !text.contains("CKA_MODULUS"), "{text}");
    }

    fn a_receipt_that_needs_a_login_says_so(hsm) {
        const CKM_TENON_EXTERNAL_KEY_GEN: CK_MECHANISM_TYPE = 0x8054_4E01;
        const CKA_TENON_RECEIPT: CK_ATTRIBUTE_TYPE = 0x8054_4E12;
        let class = CKO_SECRET_KEY.to_ne_bytes();
        let kind = CKK_AES.to_ne_bytes();
        let size = 32_u64.to_ne_bytes();
        let template = [
            (CKA_CLASS, &class[..]), (CKA_KEY_TYPE, &kind), (CKA_VALUE_LEN, &size), (CKA_ENCRYPT, &[1]),
            (CKA_PRIVATE, &[0]), (CKA_LABEL, b"receipt"),
        ];
        let generation = Mechanism::Plain(CKM_TENON_EXTERNAL_KEY_GEN);
        let key = hsm.client.generate(generation, &template).unwrap();
        hsm.client.logout().unwrap();
        let mut asked = [CK_ATTRIBUTE { type_: CKA_TENON_RECEIPT, pValue: null_mut(), ulValueLen: 0 }];
        let read = call!(hsm, C_GetAttributeValue(key, asked.as_mut_ptr(), 1));
        assert_eq!((read, asked[0].ulValueLen), (CKR_ATTRIBUTE_SENSITIVE, CK_UNAVAILABLE_INFORMATION));
        let text = last_error(hsm, hsm.session);
        assert!(text.contains("CKA_TENON_RECEIPT") && text.contains("log in first"), "{text}");
    }

    fn every_function_of_a_session_leaves_its_refusal(hsm) {
        let mut asked = Vec::new();
        refused! { hsm, asked:
            C_InitPIN(N, 0); C_SetPIN(N, 0, N, 0); C_GetSessionInfo(N); C_GetOperationState(N, N);
            C_SetOperationState(N, 0, 0, 0); C_Login(99, N, 0); C_CreateObject(N, 0, N); C_CopyObject(99, N, 0, N);
            C_DestroyObject(99); C_GetObjectSize(99, N); C_GetAttributeValue(99, N, 0);
            C_SetAttributeValue(99, N, 0); C_FindObjectsInit(N, 1); C_FindObjects(N, 1, N); C_FindObjectsFinal();
            C_EncryptInit(N, 99); C_Encrypt(N, 0, N, N); C_EncryptUpdate(N, 0, N, N); C_EncryptFinal(N, N);
            C_DecryptInit(N, 99); C_Decrypt(N, 0, N, N); C_DecryptUpdate(N, 0, N, N); C_DecryptFinal(N, N);
            C_DigestInit(N); C_Digest(N, 0, N, N); C_DigestUpdate(N, 0); C_DigestKey(99); C_DigestFinal(N, N);
            C_SignInit(N, 99); C_Sign(N, 0, N, N); C_SignUpdate(N, 0); C_SignFinal(N, N);
            C_SignRecoverInit(N, 99); C_SignRecover(N, 0, N, N); C_VerifyInit(N, 99); C_Verify(N, 0, N, 0);
            C_VerifyUpdate(N, 0); C_VerifyFinal(N, 0); C_VerifyRecoverInit(N, 99); C_VerifyRecover(N, 0, N, N);
            C_DigestEncryptUpdate(N, 0, N, N); C_DecryptDigestUpdate(N, 0, N, N); C_SignEncryptUpdate(N, 0, N, N);
            C_DecryptVerifyUpdate(N, 0, N, N); C_GenerateKey(N, N, 0, N); C_GenerateKeyPair(N, N, 0, N, 0, N, N);
            C_WrapKey(N, 99, 99, N, N); C_UnwrapKey(N, 99, N, 0, N, 0, N); C_DeriveKey(N, 99, N, 0, N);
            C_SeedRandom(N, 1); C_GenerateRandom(N, 1);
            C_LoginUser(99, N, 0, N, 0); C_MessageEncryptInit(N, 99);
            C_EncryptMessage(N, 0, N, 0, N, 0, N, N); C_EncryptMessageBegin(N, 0, N, 0);
            C_EncryptMessageNext(N, 0, N, 0, N, N, 0); C_MessageEncryptFinal(); C_MessageDecryptInit(N, 99);
            C_DecryptMessage(N, 0, N, 0, N, 0, N, N); C_DecryptMessageBegin(N, 0, N, 0);
            C_DecryptMessageNext(N, 0, N, 0, N, N, 0); C_MessageDecryptFinal(); C_MessageSignInit(N, 99);
            C_SignMessage(N, 0, N, 0, N, N); C_SignMessageBegin(N, 0); C_SignMessageNext(N, 0, N, 0, N, N);
            C_MessageSignFinal(); C_MessageVerifyInit(N, 99); C_VerifyMessage(N, 0, N, 0, N, 0);
            C_VerifyMessageBegin(N, 0); C_VerifyMessageNext(N, 0, N, 0, N, 0); C_MessageVerifyFinal();
            C_EncapsulateKey(N, 99, N, 0, N, N, N); C_DecapsulateKey(N, 99, N, 0, N, 0, N);
            C_VerifySignatureInit(N, 99, N, 0); C_VerifySignature(N, 0); C_VerifySignatureUpdate(N, 0);
            C_VerifySignatureFinal(); C_GetSessionValidationFlags(99, N); C_AsyncComplete(N, N);
            C_AsyncGetID(N, N); C_AsyncJoin(N, 0, N, 0); C_WrapKeyAuthenticated(N, 99, 99, N, 0, N, N);
            C_UnwrapKeyAuthenticated(N, 99, N, 0, N, 0, N, 0, N);
        }
        assert_eq!(call!(hsm, C_Logout()), CKR_OK);
        refused! { hsm, asked: C_Logout(); }
        asked.sort_unstable();
        assert_eq!(asked, session_functions());
    }

    fn the_last_error_holds_no_pin_and_ends_with_the_session(hsm) {
        let session = another_session(hsm);
        assert_eq!(call!(hsm, C_Logout()), CKR_OK);
        let pin = b"a-wrong-pin";
        let login = function!(hsm.table, C_Login(session, CKU_USER, pointer(pin).cast(), len(pin)));
        assert_eq!(login, CKR_PIN_INCORRECT);
        let text = last_error(hsm, session);
        assert!(text.starts_with("C_Login: CKR_PIN_INCORRECT: "), "{text}");
        assert!(!text.contains("a-wrong-pin"), "{text}");
        assert_eq!(function!(hsm.table, C_CloseSession(session)), CKR_OK);
        assert_eq!(last_error(hsm, another_session(hsm)), "");
    }
}
