//! Every error ends its operation, wherever it arises.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{into, len, needed, plain, pointer, test};
use crate::client::Mechanism;

test! {
    fn a_refused_key_that_always_authenticates_leaves_the_session_free(hsm) {
        let private = [
            (CKA_SIGN, &[CK_TRUE][..]),
            (CKA_PRIVATE, &[CK_TRUE]),
            (CKA_ALWAYS_AUTHENTICATE, &[CK_TRUE]),
        ];
        let bits = 2048_u64.to_ne_bytes();
        let public = [(CKA_MODULUS_BITS, &bits[..])];
        let generate = Mechanism::Plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
        let key = hsm.client.generate_pair(generate, &public, &private).unwrap().private;
        let mut mechanism = plain(CKM_RSA_PKCS);
        for _ in 0..2 {
            assert_eq!(call!(hsm, C_SignInit(&raw mut mechanism, key)), CKR_OK);
            let refused = into(256, |out, len| call!(hsm, C_Sign(pointer(b"text"), 4, out, len)));
            assert_eq!(refused, Err(CKR_USER_NOT_LOGGED_IN));
        }
        assert_eq!(call!(hsm, C_SignInit(&raw mut mechanism, key)), CKR_OK);
        let pin = b"12345678";
        let user = CKU_CONTEXT_SPECIFIC;
        assert_eq!(call!(hsm, C_Login(user, pointer(pin), len(pin))), CKR_OK);
        let signed = into(256, |out, len| call!(hsm, C_Sign(pointer(b"text"), 4, out, len)));
        assert_eq!(signed.unwrap().len(), 256);
    }

    fn a_single_part_call_after_an_update_ends_the_digest(hsm) {
        let mut mechanism = plain(CKM_SHA256);
        for _ in 0..2 {
            assert_eq!(call!(hsm, C_DigestInit(&raw mut mechanism)), CKR_OK);
            assert_eq!(call!(hsm, C_DigestUpdate(pointer(b"a"), 1)), CKR_OK);
            let refused = into(32, |out, len| call!(hsm, C_Digest(pointer(b"b"), 1, out, len)));
            assert_eq!(refused, Err(CKR_OPERATION_ACTIVE));
        }
        let over = into(32, |out, len| call!(hsm, C_DigestFinal(out, len)));
        assert_eq!(over, Err(CKR_OPERATION_NOT_INITIALIZED));
    }

    fn a_bad_argument_ends_the_operation(hsm) {
        let key = hsm.aes();
        let mut mechanism = plain(CKM_AES_ECB);
        let mechanism = &raw mut mechanism;
        let null = null_mut();
        let mut room = 64;
        let room = &raw mut room;
        let init = || call!(hsm, C_EncryptInit(mechanism, key));
        for _ in 0..2 {
            assert_eq!(init(), CKR_OK);
            assert_eq!(call!(hsm, C_Encrypt(null, 16, null, room)), CKR_ARGUMENTS_BAD);
            assert_eq!(init(), CKR_OK);
            assert_eq!(call!(hsm, C_EncryptFinal(null, null_mut())), CKR_ARGUMENTS_BAD);
        }
        assert_eq!(call!(hsm, C_EncryptInit(null_mut(), key)), CKR_ARGUMENTS_BAD);
        assert_eq!(init(), CKR_OK);
        assert_eq!(call!(hsm, C_EncryptInit(null_mut(), key)), CKR_OK);
        let over = into(16, |out, len| call!(hsm, C_Encrypt(pointer(&[0; 16]), 16, out, len)));
        assert_eq!(over, Err(CKR_OPERATION_NOT_INITIALIZED));
    }

    fn a_query_and_a_small_buffer_end_nothing(hsm) {
        let key = hsm.aes();
        let mut mechanism = plain(CKM_AES_ECB);
        assert_eq!(call!(hsm, C_EncryptInit(&raw mut mechanism, key)), CKR_OK);
        let text = [7; 32];
        let encrypt = |out, len| call!(hsm, C_Encrypt(pointer(&text), 32, out, len));
        assert_eq!(needed(encrypt), Ok(32));
        assert_eq!(into(31, encrypt), Err(CKR_BUFFER_TOO_SMALL));
        assert_eq!(into(32, encrypt).unwrap().len(), 32);
        assert_eq!(into(32, encrypt), Err(CKR_OPERATION_NOT_INITIALIZED));
    }

    fn a_dual_function_that_fails_ends_both_operations(hsm) {
        let key = hsm.aes();
        let (mut ecb, mut sha) = (plain(CKM_AES_ECB), plain(CKM_SHA256));
        let encrypt_init = |mechanism| call!(hsm, C_EncryptInit(mechanism, key));
        assert_eq!(encrypt_init(&raw mut ecb), CKR_OK);
        assert_eq!(call!(hsm, C_DigestInit(&raw mut sha)), CKR_OK);
        let part = |room, data: &[u8]| {
            let dual = |out, len| call!(hsm, C_DigestEncryptUpdate(pointer(data), 16, out, len));
            into(room, dual)
        };
        assert_eq!(part(15, &[1; 16]), Err(CKR_BUFFER_TOO_SMALL));
        assert_eq!(part(16, &[1; 16]).unwrap().len(), 16);
        let null = |out, len| call!(hsm, C_DigestEncryptUpdate(null_mut(), 16, out, len));
        assert_eq!(into(16, null), Err(CKR_ARGUMENTS_BAD));
        assert_eq!(encrypt_init(&raw mut ecb), CKR_OK);
        assert_eq!(call!(hsm, C_DigestInit(&raw mut sha)), CKR_OK);
    }

    fn cancelling_ends_every_kind_of_operation(hsm) {
        let (aes, rsa) = (hsm.aes(), hsm.rsa(&[]));
        let mut mechanisms = [plain(CKM_AES_ECB), plain(CKM_RSA_PKCS), plain(CKM_SHA256)];
        let [ecb, pkcs, sha] = mechanisms.each_mut().map(std::ptr::from_mut);
        let begin_all = || {
            [
                call!(hsm, C_EncryptInit(ecb, aes)),
                call!(hsm, C_DecryptInit(ecb, aes)),
                call!(hsm, C_SignInit(pkcs, rsa.private)),
                call!(hsm, C_SignRecoverInit(pkcs, rsa.private)),
                call!(hsm, C_VerifyInit(pkcs, rsa.public)),
                call!(hsm, C_VerifyRecoverInit(pkcs, rsa.public)),
                call!(hsm, C_DigestInit(sha)),
                call!(hsm, C_FindObjectsInit(null_mut(), 0)),
            ]
        };
        let flags = [
            CKF_ENCRYPT, CKF_DECRYPT, CKF_SIGN, CKF_SIGN_RECOVER, CKF_VERIFY, CKF_VERIFY_RECOVER,
            CKF_DIGEST, CKF_FIND_OBJECTS,
        ];
        assert_eq!(begin_all(), [CKR_OK; 8]);
        assert_eq!(call!(hsm, C_SessionCancel(0)), CKR_OK);
        assert_eq!(begin_all(), [CKR_OPERATION_ACTIVE; 8]);
        for (place, flag) in flags.into_iter().enumerate() {
            assert_eq!(call!(hsm, C_SessionCancel(flag)), CKR_OK);
            let mut expected = [CKR_OPERATION_ACTIVE; 8];
            expected[place] = CKR_OK;
            assert_eq!(begin_all(), expected, "{flag:#x}");
        }
        assert_eq!(call!(hsm, C_SessionCancel(CK_FLAGS::MAX)), CKR_OK);
        assert_eq!(begin_all(), [CKR_OK; 8]);
    }

    fn named_users_are_refused(hsm) {
        let pin = b"12345678";
        let login = |name: &[u8]| {
            call!(hsm, C_LoginUser(CKU_USER, pointer(pin), 8, pointer(name), len(name)))
        };
        assert_eq!(call!(hsm, C_Logout()), CKR_OK);
        assert_eq!(login(b"somebody"), CKR_ARGUMENTS_BAD);
        assert_eq!(login(b""), CKR_OK);
        assert_eq!(login(b""), CKR_USER_ALREADY_LOGGED_IN);
    }
}
