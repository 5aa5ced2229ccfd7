//! CKA_TENON_LAST_ERROR of the clock object: why a session's last call was refused.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{Hsm, len, plain, pointer, test};

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

    fn answers_that_are_no_refusals_leave_the_last_error(hsm) {
        assert_eq!(call!(hsm, C_DestroyObject(99)), CKR_OBJECT_HANDLE_INVALID);
        let before = last_error(hsm, hsm.session);
        let key = hsm.aes();
        let mut unknown = CK_ATTRIBUTE { type_: CKA_MODULUS, pValue: null_mut(), ulValueLen: 0 };
        assert_eq!(
            call!(hsm, C_GetAttributeValue(key, &raw mut unknown, 1)),
            CKR_ATTRIBUTE_TYPE_INVALID
        );
        let mut sha = plain(CKM_SHA256);
        assert_eq!(call!(hsm, C_DigestInit(&raw mut sha)), CKR_OK);
        let (mut out, mut out_len) = ([0; 8], 8);
        assert_eq!(
            call!(hsm, C_Digest(pointer(b"data"), 4, out.as_mut_ptr(), &raw mut out_len)),
            CKR_BUFFER_TOO_SMALL
        );
        assert_eq!(last_error(hsm, hsm.session), before);
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
