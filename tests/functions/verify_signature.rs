//! C_VerifySignatureInit to C_VerifySignatureFinal.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{Hsm, into, len, plain, pointer, test};

fn init(hsm: &Hsm, kind: CK_MECHANISM_TYPE, key: CK_OBJECT_HANDLE, signature: &[u8]) -> CK_RV {
    let mut mechanism = plain(kind);
    let (signature, size) = (pointer(signature), len(signature));
    call!(
        hsm,
        C_VerifySignatureInit(&raw mut mechanism, key, signature, size)
    )
}

fn whole(hsm: &Hsm, data: &[u8]) -> CK_RV {
    call!(hsm, C_VerifySignature(pointer(data), len(data)))
}

fn update(hsm: &Hsm, data: &[u8]) -> CK_RV {
    call!(hsm, C_VerifySignatureUpdate(pointer(data), len(data)))
}

fn finish(hsm: &Hsm) -> CK_RV {
    call!(hsm, C_VerifySignatureFinal())
}

test! {
    fn signatures_and_macs_verify_whole_and_in_parts(hsm) {
        let (rsa, aes) = (hsm.rsa(&[]), hsm.aes());
        for (kind, signs, verifies) in [
            (CKM_SHA256_RSA_PKCS, rsa.private, rsa.public),
            (CKM_SHA256_HMAC, aes, aes),
        ] {
            let mut mechanism = plain(kind);
            assert_eq!(call!(hsm, C_SignInit(&raw mut mechanism, signs)), CKR_OK);
            let sign = |out, len| call!(hsm, C_Sign(pointer(b"one, two"), 8, out, len));
            let signature = into(256, sign).unwrap();

            assert_eq!(init(hsm, kind, verifies, &signature), CKR_OK);
            assert_eq!(whole(hsm, b"one, two"), CKR_OK);
            assert_eq!(whole(hsm, b"one, two"), CKR_OPERATION_NOT_INITIALIZED);

            assert_eq!(init(hsm, kind, verifies, &signature), CKR_OK);
            assert_eq!(update(hsm, b"one, "), CKR_OK);
            assert_eq!(update(hsm, b"two"), CKR_OK);
            assert_eq!(finish(hsm), CKR_OK);
            assert_eq!(finish(hsm), CKR_OPERATION_NOT_INITIALIZED);

            assert_eq!(init(hsm, kind, verifies, &signature), CKR_OK);
            assert_eq!(whole(hsm, b"one, three"), CKR_SIGNATURE_INVALID);
            assert_eq!(init(hsm, kind, verifies, &signature[1..]), CKR_OK);
            assert_eq!(whole(hsm, b"one, two"), CKR_SIGNATURE_LEN_RANGE);

            assert_eq!(init(hsm, kind, verifies, &signature), CKR_OK);
            assert_eq!(update(hsm, b"one, "), CKR_OK);
            assert_eq!(whole(hsm, b"two"), CKR_OPERATION_ACTIVE);
            assert_eq!(finish(hsm), CKR_OPERATION_NOT_INITIALIZED);
        }
    }

    fn it_begins_and_ends_as_a_verification_does(hsm) {
        let key = hsm.aes();
        let begin = || init(hsm, CKM_SHA256_HMAC, key, &[0; 32]);
        assert_eq!(init(hsm, CKM_AES_ECB, key, &[0; 32]), CKR_MECHANISM_INVALID);
        assert_eq!(begin(), CKR_OK);
        assert_eq!(begin(), CKR_OPERATION_ACTIVE);
        assert_eq!(call!(hsm, C_SessionCancel(CKF_VERIFY)), CKR_OK);
        let end = || call!(hsm, C_VerifySignatureInit(null_mut(), key, null_mut(), 0));
        assert_eq!(end(), CKR_ARGUMENTS_BAD);
        assert_eq!(begin(), CKR_OK);
        assert_eq!(end(), CKR_OK);
        assert_eq!(update(hsm, b"part"), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(begin(), CKR_OK);
        assert_eq!(call!(hsm, C_VerifySignatureUpdate(null_mut(), 1)), CKR_ARGUMENTS_BAD);
        assert_eq!(begin(), CKR_OK);
    }
}
