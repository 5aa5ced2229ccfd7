//! C_EncapsulateKey and C_DecapsulateKey.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{Hsm, len, plain, pointer, test};
use super::steps::attribute;
use crate::client::{Mechanism, Pair};

fn pair(hsm: &Hsm) -> Pair {
    let set = CKP_ML_KEM_768.to_ne_bytes();
    hsm.client
        .generate_pair(
            Mechanism::Plain(CKM_ML_KEM_KEY_PAIR_GEN),
            &[(CKA_PARAMETER_SET, &set)],
            &[],
        )
        .unwrap()
}

test! {
    fn the_two_calls_of_an_encapsulation(hsm) {
        let keys = pair(hsm);
        let mut mechanism = plain(CKM_ML_KEM);
        let (readable, kept) = (CK_TRUE, CK_FALSE);
        let mut template = [
            attribute(CKA_KEY_TYPE, &CKK_AES),
            attribute(CKA_EXTRACTABLE, &readable),
            attribute(CKA_SENSITIVE, &kept),
        ];
        let template = template.as_mut_ptr();
        let mut encapsulate = |out: CK_BYTE_PTR, size: CK_ULONG_PTR, key: CK_OBJECT_HANDLE_PTR| {
            call!(
                hsm,
                C_EncapsulateKey(&raw mut mechanism, keys.public, template, 3, out, size, key)
            )
        };
        // A query makes no key, and needs no place for its handle.
        let (mut size, mut one) = (0, 0);
        assert_eq!(encapsulate(null_mut(), &raw mut size, null_mut()), CKR_OK);
        assert_eq!(size, 1088);
        let mut out = vec![0xC5; 1088];
        let buffer = out.as_mut_ptr();
        assert_eq!(encapsulate(buffer, &raw mut size, null_mut()), CKR_ARGUMENTS_BAD);
        assert_eq!(encapsulate(buffer, null_mut(), &raw mut one), CKR_ARGUMENTS_BAD);
        size = 1087;
        assert_eq!(encapsulate(buffer, &raw mut size, &raw mut one), CKR_BUFFER_TOO_SMALL);
        assert_eq!((size, one), (1088, 0));
        assert!(out.iter().all(|byte| *byte == 0xC5));
        assert_eq!(encapsulate(buffer, &raw mut size, &raw mut one), CKR_OK);

        let mut two = 0;
        let mut mechanism = plain(CKM_ML_KEM);
        let mut decapsulate = |ciphertext: &[u8], key: CK_OBJECT_HANDLE_PTR| {
            let (bytes, size) = (pointer(ciphertext), len(ciphertext));
            call!(
                hsm,
                C_DecapsulateKey(&raw mut mechanism, keys.private, template, 3, bytes, size, key)
            )
        };
        assert_eq!(decapsulate(&out, null_mut()), CKR_ARGUMENTS_BAD);
        assert_eq!(decapsulate(&out[1..], &raw mut two), CKR_WRAPPED_KEY_LEN_RANGE);
        assert_eq!(decapsulate(&out, &raw mut two), CKR_OK);
        let value = |key| {
            let mut value = [0; 32];
            hsm.client.attributes(key, &mut [(CKA_VALUE, &mut value)]).unwrap();
            value
        };
        assert_eq!(value(one), value(two));
    }

    fn what_does_not_encapsulate_is_refused(hsm) {
        let keys = pair(hsm);
        let mut size = 4096;
        let (mut out, mut key) = (vec![0; 4096], 0);
        let mut encapsulate = |kind, public| {
            let mut mechanism = plain(kind);
            call!(
                hsm,
                C_EncapsulateKey(
                    &raw mut mechanism, public, null_mut(), 0, out.as_mut_ptr(), &raw mut size,
                    &raw mut key,
                )
            )
        };
        assert_eq!(encapsulate(CKM_ML_KEM, keys.private), CKR_KEY_FUNCTION_NOT_PERMITTED);
        assert_eq!(encapsulate(CKM_ML_KEM, 999), CKR_KEY_HANDLE_INVALID);
        assert_eq!(encapsulate(CKM_AES_ECB, keys.public), CKR_MECHANISM_INVALID);
        assert_eq!(encapsulate(CKM_ML_KEM, keys.public), CKR_OK);
    }

    // The template attributes have one number in the first header of 3.2 and another in its errata.
    fn both_numbers_of_the_templates_are_known(hsm) {
        let set = CKP_ML_KEM_512.to_ne_bytes();
        let mut inner = [attribute(CKA_KEY_TYPE, &CKK_AES)];
        for number in [CKA_ENCAPSULATE_TEMPLATE, CKF_ARRAY_ATTRIBUTE | CKA_ENCAPSULATE_TEMPLATE] {
            let size = size_of::<CK_ATTRIBUTE>();
            // SAFETY: the bytes of a structure that lives on.
            let nested = unsafe { std::slice::from_raw_parts(inner.as_mut_ptr().cast::<u8>(), size) };
            let keys = hsm.client.generate_pair(
                Mechanism::Plain(CKM_ML_KEM_KEY_PAIR_GEN),
                &[(CKA_PARAMETER_SET, &set), (number, nested)],
                &[],
            );
            let public = keys.unwrap().public;
            for asked in [CKA_ENCAPSULATE_TEMPLATE, CKF_ARRAY_ATTRIBUTE | CKA_ENCAPSULATE_TEMPLATE] {
                let mut wanted = CK_ATTRIBUTE { type_: asked, pValue: null_mut(), ulValueLen: 0 };
                assert_eq!(call!(hsm, C_GetAttributeValue(public, &raw mut wanted, 1)), CKR_OK);
                assert_eq!(wanted.ulValueLen, CK_ULONG::try_from(size).unwrap());
                assert_eq!(wanted.type_, asked);
            }
        }
    }
}
