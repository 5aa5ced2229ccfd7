//! PINs, labels, lists, arrays, mechanisms and places of single values.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{into, plain, pointer, test};
use super::steps::of;
use crate::client::{P256, PIN};

const HUGE: CK_ULONG = CK_ULONG::MAX;
const CANARY: u8 = 0xC7;

test! {
    fn a_pin_is_never_null(hsm) {
        let (null, pin) = (null_mut(), pointer(PIN));
        assert_eq!(call!(hsm, C_Logout()), CKR_OK);
        assert_eq!(call!(hsm, C_Login(CKU_USER, null, 0)), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(hsm, C_Login(CKU_USER, pin, 0)), CKR_PIN_INCORRECT);
        assert_eq!(call!(hsm, C_LoginUser(CKU_USER, pin, 8, null, 0)), CKR_OK);
        assert_eq!(call!(hsm, C_InitPIN(null, 0)), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(hsm, C_SetPIN(null, 0, pin, 8)), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(hsm, C_SetPIN(pin, 8, null, 0)), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(hsm, C_SetPIN(pin, 8, pin, 8)), CKR_OK);
    }

    fn a_label_has_32_bytes(hsm) {
        let (null, pin) = (null_mut(), pointer(PIN));
        let mut slots = [0; 2];
        let mut count = 2;
        let rv = function!(hsm.table, C_GetSlotList(CK_FALSE, slots.as_mut_ptr(), &raw mut count));
        assert_eq!((rv, count), (CKR_OK, 2));
        let free = slots[1];
        let label = b"right                           without NUL";
        let init = |pin, pin_len, label| function!(hsm.table, C_InitToken(free, pin, pin_len, label));
        assert_eq!(init(pin, 8, null), CKR_ARGUMENTS_BAD);
        assert_eq!(init(null, 0, pointer(label)), CKR_ARGUMENTS_BAD);
        assert_eq!(init(pin, 8, pointer(label)), CKR_OK);
        let mut info = CK_TOKEN_INFO::default();
        assert_eq!(function!(hsm.table, C_GetTokenInfo(free, &raw mut info)), CKR_OK);
        assert_eq!(info.label, label[..32]);
    }

    fn lists_follow_the_two_call_convention(hsm) {
        let list = |slots, count| function!(hsm.table, C_GetSlotList(CK_FALSE, slots, count));
        let mut count = HUGE;
        assert_eq!((list(null_mut(), &raw mut count), count), (CKR_OK, 2));
        let mut slots = [99; 3];
        for room in [0, 1] {
            count = room;
            let rv = list(slots.as_mut_ptr(), &raw mut count);
            assert_eq!((rv, count, slots), (CKR_BUFFER_TOO_SMALL, 2, [99; 3]));
        }
        let rv = list(slots.as_mut_ptr(), &raw mut count);
        assert_eq!((rv, count, slots), (CKR_OK, 2, [0, 1, 99]));
        assert_eq!(list(null_mut(), null_mut()), CKR_ARGUMENTS_BAD);

        let list = |kinds, count| function!(hsm.table, C_GetMechanismList(0, kinds, count));
        assert_eq!(list(null_mut(), &raw mut count), CKR_OK);
        let mut kinds = vec![HUGE; usize::try_from(count).unwrap() + 1];
        assert_eq!(list(kinds.as_mut_ptr(), &raw mut count), CKR_OK);
        let untouched = kinds.iter().position(|kind| *kind == HUGE);
        assert_eq!(untouched, Some(kinds.len() - 1));
    }

    fn found_objects_stay_inside_their_array(hsm) {
        for _ in 0..3 {
            hsm.aes();
        }
        let init = || assert_eq!(call!(hsm, C_FindObjectsInit(null_mut(), 0)), CKR_OK);
        let mut objects = [99; 5];
        let mut found = 99;
        let start = objects.as_mut_ptr();
        let (find, place) = (|most, found| call!(hsm, C_FindObjects(start, most, found)), &raw mut found);
        init();
        assert_eq!((find(2, place), found), (CKR_OK, 2));
        assert!(objects[..2].iter().all(|object| *object != 99));
        assert_eq!(objects[2..], [99; 3]);
        assert_eq!((find(0, place), found), (CKR_OK, 0));
        assert_eq!((find(4, place), found), (CKR_OK, 1));
        assert_eq!(objects[1..], [objects[1], 99, 99, 99]);
        let null = null_mut();
        assert_eq!(call!(hsm, C_FindObjects(null, 1, place)), CKR_ARGUMENTS_BAD);
        assert_eq!(find(HUGE, place), CKR_ARGUMENTS_BAD);
        assert_eq!(find(1, null), CKR_ARGUMENTS_BAD);
    }

    fn a_pair_needs_both_places(hsm) {
        let mut mechanism = plain(CKM_EC_KEY_PAIR_GEN);
        let mut public_template = [of(CKA_EC_PARAMS, P256)];
        let (mut public, mut private) = (99, 99);
        let null = null_mut();
        let mut generate = |public, private| {
            let public_template = public_template.as_mut_ptr();
            let mechanism = &raw mut mechanism;
            call!(hsm, C_GenerateKeyPair(mechanism, public_template, 1, null_mut(), 0, public, private))
        };
        assert_eq!(generate(&raw mut public, null), CKR_ARGUMENTS_BAD);
        assert_eq!(generate(null, &raw mut private), CKR_ARGUMENTS_BAD);
        assert_eq!((public, private), (99, 99));
        assert_eq!(hsm.client.find(&[]), Ok(vec![]));
        assert_eq!(generate(&raw mut public, &raw mut private), CKR_OK);
        assert_eq!(hsm.client.find(&[]).unwrap().len(), 2);
    }

    fn random_bytes_stay_inside_their_buffer(hsm) {
        let mut buffer = [CANARY; 40];
        let start = buffer.as_mut_ptr();
        assert_eq!(call!(hsm, C_GenerateRandom(start, 32)), CKR_OK);
        assert!(buffer[..32] != [CANARY; 32] && buffer[32..] == [CANARY; 8]);
        let before = buffer;
        assert_eq!(call!(hsm, C_GenerateRandom(null_mut(), 5)), CKR_ARGUMENTS_BAD);
        for beyond in [1 << 40, 1 << 47, (1 << 63) - 1, 1 << 63, HUGE - 1, HUGE] {
            assert_eq!(call!(hsm, C_GenerateRandom(start, beyond)), CKR_ARGUMENTS_BAD);
            assert_eq!(call!(hsm, C_GenerateRandom(null_mut(), beyond)), CKR_ARGUMENTS_BAD);
        }
        assert_eq!(buffer, before);
    }

    fn a_mechanism_is_looked_up_before_its_parameter(hsm) {
        let key = hsm.aes();
        // What the functions say to a mechanism with this parameter.
        let chosen = |kind, parameter: CK_BYTE_PTR, len| {
            let mut mechanism = CK_MECHANISM {
                mechanism: kind,
                pParameter: parameter.cast(),
                ulParameterLen: len,
            };
            let (mechanism, mut made) = (&raw mut mechanism, 0);
            let answers = [
                call!(hsm, C_EncryptInit(mechanism, key)),
                call!(hsm, C_DecryptInit(mechanism, key)),
                call!(hsm, C_SignInit(mechanism, key)),
                call!(hsm, C_VerifyInit(mechanism, key)),
                call!(hsm, C_DigestInit(mechanism)),
                call!(hsm, C_GenerateKey(mechanism, null_mut(), 0, &raw mut made)),
                call!(hsm, C_DeriveKey(mechanism, key, null_mut(), 0, &raw mut made)),
            ];
            assert_eq!(call!(hsm, C_SessionCancel(CK_FLAGS::MAX)), CKR_OK);
            answers
        };
        let iv = pointer(&[0; 16]);
        assert_eq!(chosen(CKM_AES_CBC, iv, 16)[..2], [CKR_OK; 2]);
        assert_eq!(chosen(CKM_AES_CBC, iv, 15), [CKR_MECHANISM_PARAM_INVALID; 7]);
        assert_eq!(chosen(CKM_AES_ECB, null_mut(), 0)[..2], [CKR_OK; 2]);
        assert_eq!(chosen(CKM_AES_ECB, iv, 1), [CKR_MECHANISM_PARAM_INVALID; 7]);
        assert_eq!(chosen(0xDEAD, null_mut(), 16), [CKR_MECHANISM_INVALID; 7]);
    }

    fn a_place_of_one_value_is_needed(hsm) {
        let (table, h) = (hsm.table, hsm.session);
        let object = hsm.aes();
        assert_eq!(function!(table, C_GetSlotInfo(0, null_mut())), CKR_ARGUMENTS_BAD);
        assert_eq!(function!(table, C_GetTokenInfo(0, null_mut())), CKR_ARGUMENTS_BAD);
        assert_eq!(function!(table, C_GetSessionInfo(h, null_mut())), CKR_ARGUMENTS_BAD);
        assert_eq!(function!(table, C_GetObjectSize(h, object, null_mut())), CKR_ARGUMENTS_BAD);
        assert_eq!(function!(table, C_CopyObject(h, object, null_mut(), 0, null_mut())), CKR_ARGUMENTS_BAD);
        let session = function!(table, C_OpenSession(0, CKF_SERIAL_SESSION, null_mut(), None, null_mut()));
        assert_eq!(session, CKR_ARGUMENTS_BAD);
        assert_eq!(hsm.client.find(&[]).unwrap().len(), 1);
        let random = into(8, |out, _| call!(hsm, C_GenerateRandom(out, 8)));
        assert_eq!(random.unwrap().len(), 8);
    }
}
