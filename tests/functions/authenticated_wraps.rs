//! C_WrapKeyAuthenticated and C_UnwrapKeyAuthenticated, and what has no state: validation flags and pending
//! calls.

use std::ptr::null_mut;

use cryptoki_sys::*;

use super::hsm::{Hsm, into, len, needed, pointer, test};
use super::messages::Parameter;
use super::steps::attribute;

/// An AES key that wraps, unwraps and decrypts (else GCM opens none of its blobs), and one of 32 bytes that may leave
/// and does not wrap.
fn keys(hsm: &Hsm) -> [CK_OBJECT_HANDLE; 2] {
    let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), CKK_AES.to_ne_bytes());
    let create = |more: &[(CK_ATTRIBUTE_TYPE, &[u8])]| {
        let mut template = vec![(CKA_CLASS, &class[..]), (CKA_KEY_TYPE, &kind)];
        template.extend(more);
        hsm.client.create(&template).unwrap()
    };
    let yes: &[u8] = &[CK_TRUE];
    let wrapping = [
        (CKA_VALUE, &[7; 32][..]),
        (CKA_WRAP, yes),
        (CKA_UNWRAP, yes),
        (CKA_DECRYPT, yes),
    ];
    let key = [
        (CKA_VALUE, &[0x5A; 32][..]),
        (CKA_EXTRACTABLE, yes),
        (CKA_SENSITIVE, &[CK_FALSE]),
        (CKA_ENCRYPT, yes),
    ];
    [create(&wrapping), create(&key)]
}

fn mechanism(kind: CK_MECHANISM_TYPE, parameter: &mut Parameter) -> CK_MECHANISM {
    let (start, size) = parameter.of(kind);
    CK_MECHANISM {
        mechanism: kind,
        pParameter: start,
        ulParameterLen: size,
    }
}

fn wrap(
    hsm: &Hsm,
    mut mechanism: CK_MECHANISM,
    [wrapping, key]: [CK_OBJECT_HANDLE; 2],
    aad: &[u8],
    (out, size): (CK_BYTE_PTR, CK_ULONG_PTR),
) -> CK_RV {
    let (aad, aad_len) = (pointer(aad), len(aad));
    call!(
        hsm,
        C_WrapKeyAuthenticated(&raw mut mechanism, wrapping, key, aad, aad_len, out, size)
    )
}

fn unwrap(
    hsm: &Hsm,
    mut mechanism: CK_MECHANISM,
    wrapping: CK_OBJECT_HANDLE,
    aad: &[u8],
    wrapped: &[u8],
) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let values = [CKO_SECRET_KEY, CKK_AES];
    let flags = [CK_TRUE, CK_FALSE];
    let mut template = [
        attribute(CKA_CLASS, &values[0]),
        attribute(CKA_KEY_TYPE, &values[1]),
        attribute(CKA_EXTRACTABLE, &flags[0]),
        attribute(CKA_SENSITIVE, &flags[1]),
    ];
    let (list, mut key) = (template.as_mut_ptr(), 0);
    let (aad, aad_len) = (pointer(aad), len(aad));
    let (wrapped, wrapped_len) = (pointer(wrapped), len(wrapped));
    let rv = call!(
        hsm,
        C_UnwrapKeyAuthenticated(
            &raw mut mechanism,
            wrapping,
            wrapped,
            wrapped_len,
            list,
            4,
            aad,
            aad_len,
            &raw mut key
        )
    );
    if rv == CKR_OK { Ok(key) } else { Err(rv) }
}

test! {
    fn a_key_leaves_with_associated_data_and_comes_back(hsm) {
        let keys = keys(hsm);
        let aad = b"header";
        for (kind, generator) in [
            (CKM_AES_GCM, CKG_NO_GENERATE),
            (CKM_AES_GCM, CKG_GENERATE),
            (CKM_AES_CCM, CKG_NO_GENERATE),
            (CKM_AES_CCM, CKG_GENERATE_RANDOM),
        ] {
            let mut parameter = Parameter::new(&[9; 12], 0, generator, 32);
            let chosen = mechanism(kind, &mut parameter);
            let size = needed(|out, size| wrap(hsm, chosen, keys, aad, (out, size)));
            assert_eq!(size, Ok(32));
            let short = into(31, |out, size| wrap(hsm, chosen, keys, aad, (out, size)));
            assert_eq!(short, Err(CKR_BUFFER_TOO_SMALL));
            assert_eq!((parameter.iv.clone(), parameter.tag), (vec![9; 12], [0; 16]));
            let wrapped = into(32, |out, size| wrap(hsm, chosen, keys, aad, (out, size))).unwrap();
            assert_ne!(parameter.tag, [0; 16]);
            assert_eq!(parameter.iv == [9; 12], generator == CKG_NO_GENERATE);

            let back = unwrap(hsm, chosen, keys[0], aad, &wrapped).unwrap();
            let mut value = [0; 32];
            hsm.client.attributes(back, &mut [(CKA_VALUE, &mut value)]).unwrap();
            assert_eq!(value, [0x5A; 32]);
            let other = unwrap(hsm, chosen, keys[0], b"another", &wrapped);
            assert_eq!(other, Err(CKR_WRAPPED_KEY_INVALID));
            parameter.tag[0] ^= 1;
            let other = unwrap(hsm, chosen, keys[0], aad, &wrapped);
            assert_eq!(other, Err(CKR_WRAPPED_KEY_INVALID));
        }
    }

    fn what_it_does_not_wrap(hsm) {
        let keys = keys(hsm);
        let room = &mut [0_u8; 64];
        let mut wrapped_by = |chosen: CK_MECHANISM, keys| {
            let mut size = 64;
            wrap(hsm, chosen, keys, b"", (room.as_mut_ptr(), &raw mut size))
        };
        // Each call would count from zero again, and repeat the vector.
        for generator in [CKG_GENERATE_COUNTER, CKG_GENERATE_COUNTER_XOR] {
            let mut parameter = Parameter::new(&[9; 12], 0, generator, 32);
            let chosen = mechanism(CKM_AES_GCM, &mut parameter);
            assert_eq!(wrapped_by(chosen, keys), CKR_MECHANISM_PARAM_INVALID);
        }
        let mut parameter = Parameter::given(&[9; 12], 32);
        let mut chosen = mechanism(CKM_AES_GCM, &mut parameter);
        let unextractable = [keys[0], hsm.aes()];
        assert_eq!(wrapped_by(chosen, unextractable), CKR_KEY_UNEXTRACTABLE);
        assert_eq!(wrapped_by(chosen, [keys[1], keys[1]]), CKR_KEY_FUNCTION_NOT_PERMITTED);
        assert_eq!(wrapped_by(chosen, [999, keys[1]]), CKR_WRAPPING_KEY_HANDLE_INVALID);
        chosen.mechanism = CKM_AES_KEY_WRAP_KWP;
        assert_eq!(wrapped_by(chosen, keys), CKR_MECHANISM_INVALID);
        chosen.mechanism = CKM_AES_GCM;
        chosen.pParameter = null_mut();
        assert_eq!(wrapped_by(chosen, keys), CKR_MECHANISM_PARAM_INVALID);
    }

    fn no_operation_was_validated_and_none_is_pending(hsm) {
        let mut flags = 7;
        let get = |kind, flags| call!(hsm, C_GetSessionValidationFlags(kind, flags));
        assert_eq!(get(CKS_LAST_VALIDATION_OK, &raw mut flags), CKR_OK);
        assert_eq!(flags, 0);
        assert_eq!(get(CKS_LAST_VALIDATION_OK, null_mut()), CKR_ARGUMENTS_BAD);
        assert_eq!(get(99, &raw mut flags), CKR_ARGUMENTS_BAD);

        let name = pointer(b"C_Sign\0");
        let (mut data, mut id) = (CK_ASYNC_DATA::default(), 0);
        let mut complete = |name| call!(hsm, C_AsyncComplete(name, &raw mut data));
        assert_eq!(complete(name), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(complete(null_mut()), CKR_ARGUMENTS_BAD);
        assert_eq!(call!(hsm, C_AsyncGetID(name, &raw mut id)), CKR_OPERATION_NOT_INITIALIZED);
        assert_eq!(call!(hsm, C_AsyncJoin(name, 1, null_mut(), 0)), CKR_SAVED_STATE_INVALID);
    }
}
