//! PINs, labels, lists, arrays and places of single values.

use std::ptr;

use super::buffers::{CANARY, HUGE, plain};
use super::{bytes, call, initialized};
use crate::abi::library::{CANCELLED, GOES_ON};
use crate::ck::*;

#[test]
fn a_pin_is_never_null() {
    let _share = initialized();
    let null = ptr::null_mut();
    let pin = bytes(b"1234");
    assert_eq!(call!(C_Login(1, CKU_USER, null, 0)), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_Login(1, CKU_USER, pin, 0)), CKR_OK);
    assert_eq!(call!(C_InitPIN(1, null, 0)), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_SetPIN(1, null, 0, pin, 4)), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_SetPIN(1, pin, 4, null, 0)), CKR_ARGUMENTS_BAD);
    assert_eq!(call!(C_SetPIN(1, pin, 4, pin, 4)), CKR_OK);
    assert_eq!(call!(C_LoginUser(1, CKU_USER, pin, 4, null, 0)), CKR_OK);
    assert_eq!(
        call!(C_LoginUser(1, CKU_USER, pin, 4, pin, 4)),
        CKR_ARGUMENTS_BAD
    );
}

#[test]
fn a_label_has_32_bytes() {
    let _share = initialized();
    let pin = bytes(b"1234");
    let label = bytes(b"right                           without NUL");
    assert_eq!(call!(C_InitToken(0, pin, 4, label)), CKR_OK);
    assert_eq!(
        call!(C_InitToken(0, pin, 4, ptr::null_mut())),
        CKR_ARGUMENTS_BAD
    );
    assert_eq!(
        call!(C_InitToken(0, ptr::null_mut(), 0, label)),
        CKR_ARGUMENTS_BAD
    );
}

#[test]
fn lists_follow_the_two_call_convention() {
    let _share = initialized();
    let mut count = HUGE;
    let rv = call!(C_GetSlotList(CK_FALSE, ptr::null_mut(), &raw mut count));
    assert_eq!((rv, count), (CKR_OK, 3));
    let rv = call!(C_GetSlotList(CK_TRUE, ptr::null_mut(), &raw mut count));
    assert_eq!((rv, count), (CKR_OK, 3));
    let mut slots = [99; 4];
    for room in [0, 2] {
        count = room;
        let rv = call!(C_GetSlotList(CK_FALSE, slots.as_mut_ptr(), &raw mut count));
        assert_eq!((rv, count, slots), (CKR_BUFFER_TOO_SMALL, 3, [99; 4]));
    }
    let rv = call!(C_GetSlotList(CK_FALSE, slots.as_mut_ptr(), &raw mut count));
    assert_eq!((rv, count, slots), (CKR_OK, 3, [7, 8, 9, 99]));
    count = 4;
    let mut kinds = [99; 5];
    let rv = call!(C_GetMechanismList(0, kinds.as_mut_ptr(), &raw mut count));
    assert_eq!((rv, count, kinds[4]), (CKR_OK, 4, 99));
}

#[test]
fn found_objects_stay_inside_their_array() {
    let _share = initialized();
    let mut objects = [99; 4];
    let mut found = 99;
    let start = objects.as_mut_ptr();
    assert_eq!(call!(C_FindObjects(1, start, 2, &raw mut found)), CKR_OK);
    assert_eq!((found, objects), (2, [21, 22, 99, 99]));
    assert_eq!(call!(C_FindObjects(1, start, 4, &raw mut found)), CKR_OK);
    assert_eq!((found, objects), (3, [21, 22, 23, 99]));
    assert_eq!(call!(C_FindObjects(1, start, 0, &raw mut found)), CKR_OK);
    assert_eq!(found, 0);
    let null = ptr::null_mut();
    assert_eq!(
        call!(C_FindObjects(1, null, 1, &raw mut found)),
        CKR_ARGUMENTS_BAD
    );
    assert_eq!(
        call!(C_FindObjects(1, start, HUGE, &raw mut found)),
        CKR_ARGUMENTS_BAD
    );
    assert_eq!(call!(C_FindObjects(1, start, 1, null)), CKR_ARGUMENTS_BAD);
}

#[test]
fn a_pair_needs_both_places() {
    let _share = initialized();
    let mut mechanism = plain(CKM_AES_ECB);
    let (mut public, mut private) = (99, 99);
    let null = ptr::null_mut();
    let mut generate = |public, private| {
        let (none, no) = (ptr::null_mut(), ptr::null_mut());
        call!(C_GenerateKeyPair(
            1,
            &raw mut mechanism,
            none,
            0,
            no,
            0,
            public,
            private
        ))
    };
    assert_eq!(generate(&raw mut public, null), CKR_ARGUMENTS_BAD);
    assert_eq!(generate(null, &raw mut private), CKR_ARGUMENTS_BAD);
    assert_eq!((public, private), (99, 99));
    assert_eq!(generate(&raw mut public, &raw mut private), CKR_OK);
    assert_eq!((public, private), (0, 0));
}

#[test]
fn random_bytes_stay_inside_their_buffer() {
    let _share = initialized();
    let mut buffer = [CANARY; 8];
    let start = buffer.as_mut_ptr();
    assert_eq!(call!(C_GenerateRandom(1, start, 5)), CKR_OK);
    assert_eq!(
        buffer,
        [0x5A, 0x5A, 0x5A, 0x5A, 0x5A, CANARY, CANARY, CANARY]
    );
    assert_eq!(
        call!(C_GenerateRandom(1, ptr::null_mut(), 5)),
        CKR_ARGUMENTS_BAD
    );
    assert_eq!(call!(C_GenerateRandom(1, start, HUGE)), CKR_ARGUMENTS_BAD);
}

#[test]
fn bad_arguments_end_the_operation_of_a_step() {
    let _share = initialized();
    let null = ptr::null_mut();
    let nowhere = ptr::null_mut();
    let mut len = 16;
    let len = &raw mut len;
    let ended_by = |rv| assert_eq!((rv, GOES_ON.replace(true)), (CKR_ARGUMENTS_BAD, false));
    GOES_ON.set(true);
    ended_by(call!(C_EncryptUpdate(1, null, 16, null, len)));
    ended_by(call!(C_EncryptFinal(1, null, nowhere)));
    ended_by(call!(C_Decrypt(1, null, 16, null, len)));
    ended_by(call!(C_DigestUpdate(1, null, 16)));
    ended_by(call!(C_SignUpdate(1, null, 16)));
    ended_by(call!(C_VerifyFinal(1, null, 16)));
    ended_by(call!(C_DigestEncryptUpdate(1, null, 16, null, len)));
    ended_by(call!(C_DecryptVerifyUpdate(
        1,
        bytes(b"x"),
        1,
        null,
        nowhere
    )));
}

#[test]
fn a_query_and_a_small_buffer_leave_the_operation_active() {
    let _share = initialized();
    let mut buffer = [0; 64];
    for (start, rv) in [
        (ptr::null_mut(), CKR_OK),
        (buffer.as_mut_ptr(), CKR_BUFFER_TOO_SMALL),
    ] {
        let goes_on = |call: fn(CK_BYTE_PTR, CK_ULONG_PTR) -> CK_RV| {
            let mut len = 1;
            assert_eq!((call(start, &raw mut len), GOES_ON.take()), (rv, true));
            assert!(len > 1);
        };
        goes_on(|out, len| call!(C_Encrypt(1, bytes(b"in"), 2, out, len)));
        goes_on(|out, len| call!(C_DecryptUpdate(1, bytes(b"in"), 2, out, len)));
        goes_on(|out, len| call!(C_EncryptFinal(1, out, len)));
        goes_on(|out, len| call!(C_Sign(1, bytes(b"in"), 2, out, len)));
        goes_on(|out, len| call!(C_DigestFinal(1, out, len)));
        goes_on(|out, len| call!(C_SignEncryptUpdate(1, bytes(b"in"), 2, out, len)));
        goes_on(|out, len| call!(C_DecryptDigestUpdate(1, bytes(b"in"), 2, out, len)));
    }
}

#[test]
fn cancelling_names_operations_by_their_flags() {
    let _share = initialized();
    let flags = CKF_ENCRYPT | CKF_FIND_OBJECTS;
    assert_eq!(call!(C_SessionCancel(1, flags)), CKR_OK);
    assert_eq!(CANCELLED.take(), flags);
}
