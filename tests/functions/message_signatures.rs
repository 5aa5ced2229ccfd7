//! Message-based signatures and verifications.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{Hsm, into, len, needed, plain, pointer, test};

fn sign_init(hsm: &Hsm, kind: CK_MECHANISM_TYPE, key: CK_OBJECT_HANDLE) -> CK_RV {
    let mut mechanism = plain(kind);
    call!(hsm, C_MessageSignInit(&raw mut mechanism, key))
}

fn verify_init(hsm: &Hsm, kind: CK_MECHANISM_TYPE, key: CK_OBJECT_HANDLE) -> CK_RV {
    let mut mechanism = plain(kind);
    call!(hsm, C_MessageVerifyInit(&raw mut mechanism, key))
}

fn sign(hsm: &Hsm, data: &[u8], out: CK_BYTE_PTR, size: CK_ULONG_PTR) -> CK_RV {
    call!(
        hsm,
        C_SignMessage(null_mut(), 0, pointer(data), len(data), out, size)
    )
}

fn sign_begin(hsm: &Hsm) -> CK_RV {
    call!(hsm, C_SignMessageBegin(null_mut(), 0))
}

fn sign_next(hsm: &Hsm, part: &[u8], out: CK_BYTE_PTR, size: CK_ULONG_PTR) -> CK_RV {
    call!(
        hsm,
        C_SignMessageNext(null_mut(), 0, pointer(part), len(part), out, size)
    )
}

fn verify(hsm: &Hsm, data: &[u8], signature: &[u8]) -> CK_RV {
    let (signature, size) = (pointer(signature), len(signature));
    call!(
        hsm,
        C_VerifyMessage(null_mut(), 0, pointer(data), len(data), signature, size)
    )
}

fn verify_begin(hsm: &Hsm) -> CK_RV {
    call!(hsm, C_VerifyMessageBegin(null_mut(), 0))
}

/// `signature` with the last part.
fn verify_next(hsm: &Hsm, part: &[u8], signature: Option<&[u8]>) -> CK_RV {
    let (end, size) = signature.map_or((null_mut(), 0), |end| (pointer(end), len(end)));
    call!(
        hsm,
        C_VerifyMessageNext(null_mut(), 0, pointer(part), len(part), end, size)
    )
}

test! {
    fn many_messages_are_signed_and_verified_under_one_key(hsm) {
        let (rsa, aes) = (hsm.rsa(&[]), hsm.aes());
        for (kind, signs, verifies, size) in [
            (CKM_SHA256_RSA_PKCS, rsa.private, rsa.public, 256),
            (CKM_SHA256_HMAC, aes, aes, 32),
        ] {
            assert_eq!(sign_init(hsm, kind, signs), CKR_OK);
            assert_eq!(verify_init(hsm, kind, verifies), CKR_OK);
            for message in [&b"one, two"[..], b"", b"one, two"] {
                let signature = into(size, |out, size| sign(hsm, message, out, size)).unwrap();
                assert_eq!(verify(hsm, message, &signature), CKR_OK);
                assert_eq!(verify(hsm, b"three", &signature), CKR_SIGNATURE_INVALID);
                assert_eq!(verify(hsm, message, &signature[1..]), CKR_SIGNATURE_LEN_RANGE);

                let (head, tail) = message.split_at(message.len() / 2);
                assert_eq!(sign_begin(hsm), CKR_OK);
                assert_eq!(sign_next(hsm, head, null_mut(), null_mut()), CKR_OK);
                let parts = into(size, |out, size| sign_next(hsm, tail, out, size)).unwrap();
                assert_eq!(parts, signature);
                assert_eq!(verify_begin(hsm), CKR_OK);
                assert_eq!(verify_next(hsm, head, None), CKR_OK);
                assert_eq!(verify_next(hsm, tail, Some(&signature)), CKR_OK);
            }
            assert_eq!(call!(hsm, C_MessageSignFinal()), CKR_OK);
            assert_eq!(call!(hsm, C_MessageSignFinal()), CKR_OPERATION_NOT_INITIALIZED);
            assert_eq!(call!(hsm, C_MessageVerifyFinal()), CKR_OK);
            assert_eq!(verify(hsm, b"", &[]), CKR_OPERATION_NOT_INITIALIZED);
            let flags = hsm.flags(kind);
            let all = CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MULTI_MESSAGE;
            assert_eq!(flags & all, all);
        }
    }

    fn an_error_ends_the_message_and_not_the_process(hsm) {
        let key = hsm.aes();
        assert_eq!(sign_init(hsm, CKM_AES_ECB, key), CKR_MECHANISM_INVALID);
        assert_eq!(sign_init(hsm, CKM_SHA256_HMAC, 999), CKR_KEY_HANDLE_INVALID);
        assert_eq!(sign_begin(hsm), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(sign_init(hsm, CKM_SHA256_HMAC, key), CKR_OK);
        assert_eq!(sign_init(hsm, CKM_SHA256_HMAC, key), CKR_OPERATION_ACTIVE);
        let next = |part: &[u8], out, size| sign_next(hsm, part, out, size);
        assert_eq!(next(b"part", null_mut(), null_mut()), CKR_OPERATION_NOT_INITIALIZED);

        // A length query and a short buffer end nothing.
        assert_eq!(needed(|out, size| sign(hsm, b"message", out, size)), Ok(32));
        assert_eq!(into(31, |out, size| sign(hsm, b"message", out, size)), Err(CKR_BUFFER_TOO_SMALL));
        assert_eq!(sign_begin(hsm), CKR_OK);
        assert_eq!(next(b"mess", null_mut(), null_mut()), CKR_OK);
        assert_eq!(needed(|out, size| next(b"age", out, size)), Ok(32));
        assert_eq!(into(31, |out, size| next(b"age", out, size)), Err(CKR_BUFFER_TOO_SMALL));
        let parts = into(32, |out, size| next(b"age", out, size)).unwrap();
        assert_eq!(into(32, |out, size| sign(hsm, b"message", out, size)), Ok(parts));

        // Another message in the middle of one ends that one.
        assert_eq!(sign_begin(hsm), CKR_OK);
        assert_eq!(into(32, |out, size| sign(hsm, b"message", out, size)), Err(CKR_OPERATION_ACTIVE));
        assert_eq!(next(b"age", null_mut(), null_mut()), CKR_OPERATION_NOT_INITIALIZED);
        assert!(into(32, |out, size| sign(hsm, b"message", out, size)).is_ok());

        // No mechanism has a parameter for each message.
        let mut byte = 0_u8;
        let begin = call!(hsm, C_SignMessageBegin((&raw mut byte).cast(), 1));
        assert_eq!(begin, CKR_MECHANISM_PARAM_INVALID);
        assert_eq!(sign_begin(hsm), CKR_OK);
        assert_eq!(call!(hsm, C_SessionCancel(CKF_MESSAGE_SIGN)), CKR_OK);
        assert_eq!(sign_begin(hsm), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(sign_init(hsm, CKM_SHA256_HMAC, key), CKR_OK);
        let end = || call!(hsm, C_MessageSignInit(null_mut(), key));
        assert_eq!([end(), end()], [CKR_OK, CKR_ARGUMENTS_BAD]);
    }

    fn a_logout_ends_processes_with_private_keys(hsm) {
        let rsa = hsm.rsa(&[]);
        assert_eq!(sign_init(hsm, CKM_SHA256_RSA_PKCS, rsa.private), CKR_OK);
        hsm.client.logout().unwrap();
        assert_eq!(sign_begin(hsm), CKR_OPERATION_NOT_INITIALIZED);
    }
}
