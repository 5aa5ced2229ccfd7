//! C_SignRecover and C_VerifyRecover.

use cryptoki_sys::*;

use super::hsm::{Hsm, into, len, needed, plain, pointer, test};

const MESSAGE: &[u8] = b"a message that is recovered";

fn sign(hsm: &Hsm, kind: CK_MECHANISM_TYPE, key: CK_OBJECT_HANDLE, data: &[u8]) -> Vec<u8> {
    let mut mechanism = plain(kind);
    assert_eq!(
        call!(hsm, C_SignRecoverInit(&raw mut mechanism, key)),
        CKR_OK
    );
    let sign = |out, room| call!(hsm, C_SignRecover(pointer(data), len(data), out, room));
    assert_eq!(needed(sign), Ok(256));
    assert_eq!(into(255, sign), Err(CKR_BUFFER_TOO_SMALL));
    let signature = into(256, sign).unwrap();
    assert_eq!(into(256, sign), Err(CKR_OPERATION_NOT_INITIALIZED));
    signature
}

fn recover(
    hsm: &Hsm,
    kind: CK_MECHANISM_TYPE,
    key: CK_OBJECT_HANDLE,
    signature: &[u8],
    room: usize,
) -> Result<Vec<u8>, CK_RV> {
    let mut mechanism = plain(kind);
    assert_eq!(
        call!(hsm, C_VerifyRecoverInit(&raw mut mechanism, key)),
        CKR_OK
    );
    let recover = |out, room| {
        call!(
            hsm,
            C_VerifyRecover(pointer(signature), len(signature), out, room)
        )
    };
    let outcome = into(room, recover);
    if outcome == Err(CKR_BUFFER_TOO_SMALL) {
        return into(256, recover).map(|data| [&b"after all: "[..], &data].concat());
    }
    assert_eq!(into(256, recover), Err(CKR_OPERATION_NOT_INITIALIZED));
    outcome
}

test! {
    fn the_data_come_back(hsm) {
        let pair = hsm.rsa(&[]);
        for data in [MESSAGE, b"", &[0xA5; 245]] {
            let signature = sign(hsm, CKM_RSA_PKCS, pair.private, data);
            let recovered = recover(hsm, CKM_RSA_PKCS, pair.public, &signature, 256);
            assert_eq!(recovered.unwrap(), data);
            // It is the signature of C_Sign.
            let mut mechanism = plain(CKM_RSA_PKCS);
            assert_eq!(call!(hsm, C_VerifyInit(&raw mut mechanism, pair.public)), CKR_OK);
            let (data, data_len) = (pointer(data), len(data));
            assert_eq!(call!(hsm, C_Verify(data, data_len, pointer(&signature), 256)), CKR_OK);
        }
        let signature = sign(hsm, CKM_RSA_X_509, pair.private, MESSAGE);
        let block = recover(hsm, CKM_RSA_X_509, pair.public, &signature, 256).unwrap();
        assert_eq!(block.len(), 256);
        assert!(block.ends_with(MESSAGE));
        assert!(block[..256 - MESSAGE.len()].iter().all(|byte| *byte == 0));
    }

    fn a_wrong_signature_is_told_before_a_small_buffer(hsm) {
        let pair = hsm.rsa(&[]);
        let signature = sign(hsm, CKM_RSA_PKCS, pair.private, MESSAGE);
        let mut wrong = signature.clone();
        wrong[100] ^= 1;
        for kind in [CKM_RSA_PKCS, CKM_RSA_X_509] {
            let recover = |signature: &[u8], room| recover(hsm, kind, pair.public, signature, room);
            for room in [0, 1, 256] {
                assert_eq!(recover(&signature[1..], room), Err(CKR_SIGNATURE_LEN_RANGE));
                assert_eq!(recover(&[0xFF; 256], room), Err(CKR_SIGNATURE_INVALID));
            }
        }
        for room in [0, 1, 256] {
            let refused = recover(hsm, CKM_RSA_PKCS, pair.public, &wrong, room);
            assert_eq!(refused, Err(CKR_SIGNATURE_INVALID));
        }
        let late = recover(hsm, CKM_RSA_PKCS, pair.public, &signature, MESSAGE.len() - 1);
        assert_eq!(late.unwrap(), [b"after all: ", MESSAGE].concat());
    }

    fn too_much_data_ends_the_operation(hsm) {
        let key = hsm.rsa(&[]).private;
        let mut mechanism = plain(CKM_RSA_PKCS);
        assert_eq!(call!(hsm, C_SignRecoverInit(&raw mut mechanism, key)), CKR_OK);
        let sign = |out, room| call!(hsm, C_SignRecover(pointer(&[0; 246]), 246, out, room));
        assert_eq!(into(256, sign), Err(CKR_DATA_LEN_RANGE));
        assert_eq!(into(256, sign), Err(CKR_OPERATION_NOT_INITIALIZED));
    }

    fn keys_and_mechanisms_are_those_of_recovery(hsm) {
        let pair = hsm.rsa(&[CKA_SIGN_RECOVER, CKA_VERIFY_RECOVER]);
        let mut mechanism = plain(CKM_RSA_PKCS);
        let mechanism = &raw mut mechanism;
        let refused = CKR_KEY_FUNCTION_NOT_PERMITTED;
        assert_eq!(call!(hsm, C_SignRecoverInit(mechanism, pair.private)), refused);
        assert_eq!(call!(hsm, C_VerifyRecoverInit(mechanism, pair.public)), refused);
        let pair = hsm.rsa(&[CKA_SIGN, CKA_VERIFY]);
        assert_eq!(call!(hsm, C_SignInit(mechanism, pair.private)), refused);
        assert_eq!(call!(hsm, C_SignRecoverInit(mechanism, pair.private)), CKR_OK);
        let mut hashed = plain(CKM_SHA256_RSA_PKCS);
        let rv = call!(hsm, C_VerifyRecoverInit(&raw mut hashed, pair.public));
        assert_eq!(rv, CKR_MECHANISM_INVALID);
        for (kind, expected) in [(CKM_RSA_PKCS, true), (CKM_RSA_X_509, true), (CKM_SHA256_RSA_PKCS, false)] {
            for flag in [CKF_SIGN_RECOVER, CKF_VERIFY_RECOVER] {
                assert_eq!(hsm.flags(kind) & flag != 0, expected);
            }
        }
    }
}
