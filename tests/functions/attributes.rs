//! Templates in, values out.

use std::ffi::c_void;
use std::ptr::null_mut;

use cryptoki_sys::*;
use tenon_pkcs11::api::clock::{Clock, SystemClock};

use super::hsm::{Hsm, test};
use super::steps::of;
use crate::client::Mechanism;

const UNAVAILABLE: CK_ULONG = CK_UNAVAILABLE_INFORMATION;

fn size(len: usize) -> CK_ULONG {
    CK_ULONG::try_from(len).unwrap()
}

fn attribute(kind: CK_ATTRIBUTE_TYPE, value: *mut c_void, len: CK_ULONG) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: value,
        ulValueLen: len,
    }
}

/// An attribute to be written to `buffer`.
fn into(kind: CK_ATTRIBUTE_TYPE, buffer: &mut [u8]) -> CK_ATTRIBUTE {
    attribute(kind, buffer.as_mut_ptr().cast(), size(buffer.len()))
}

/// An attribute whose value is these attributes.
fn array(kind: CK_ATTRIBUTE_TYPE, inner: &[CK_ATTRIBUTE]) -> CK_ATTRIBUTE {
    attribute(
        kind,
        inner.as_ptr().cast_mut().cast(),
        size(size_of_val(inner)),
    )
}

fn create(hsm: &Hsm, attributes: &[CK_ATTRIBUTE]) -> Result<CK_OBJECT_HANDLE, CK_RV> {
    let mut object = 0;
    let start = attributes.as_ptr().cast_mut();
    match call!(
        hsm,
        C_CreateObject(start, size(attributes.len()), &raw mut object)
    ) {
        CKR_OK => Ok(object),
        rv => Err(rv),
    }
}

/// A sensitive AES key with a label, no id and a template of two attributes, which reads back as one of two.
fn key(hsm: &Hsm) -> CK_OBJECT_HANDLE {
    let inner = [of(CKA_LABEL, b"inner"), of(CKA_ENCRYPT, &[CK_TRUE])];
    let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), CKK_AES.to_ne_bytes());
    create(
        hsm,
        &[
            of(CKA_CLASS, &class),
            of(CKA_KEY_TYPE, &kind),
            of(CKA_VALUE, &[0x5A; 16]),
            of(CKA_LABEL, b"label"),
            of(CKA_SENSITIVE, &[CK_TRUE]),
            array(CKA_WRAP_TEMPLATE, &inner),
        ],
    )
    .unwrap()
}

fn get(hsm: &Hsm, object: CK_OBJECT_HANDLE, wanted: &mut [CK_ATTRIBUTE]) -> CK_RV {
    call!(
        hsm,
        C_GetAttributeValue(object, wanted.as_mut_ptr(), size(wanted.len()))
    )
}

test! {
    fn a_value_is_copied_or_its_length_told(hsm) {
        let key = key(hsm);
        let mut buffer = [0xC7; 8];
        let mut query = [attribute(CKA_LABEL, null_mut(), 77)];
        assert_eq!((get(hsm, key, &mut query), query[0].ulValueLen), (CKR_OK, 5));
        let mut wanted = [into(CKA_LABEL, &mut buffer[..5])];
        assert_eq!((get(hsm, key, &mut wanted), wanted[0].ulValueLen), (CKR_OK, 5));
        assert_eq!(&buffer, b"label\xC7\xC7\xC7");
        let mut empty = [into(CKA_ID, &mut buffer[..0])];
        assert_eq!((get(hsm, key, &mut empty), empty[0].ulValueLen), (CKR_OK, 0));
    }

    fn every_attribute_is_worked_through(hsm) {
        let key = key(hsm);
        let (mut small, mut first, mut last, mut secret) = ([0; 4], [0; 5], [0; 5], [0; 16]);
        let mut wanted = [
            into(CKA_LABEL, &mut first),
            into(CKA_VALUE, &mut secret),
            into(CKA_MODULUS, &mut []),
            into(CKA_LABEL, &mut small),
            attribute(CKA_LABEL, null_mut(), 0),
            into(CKA_LABEL, &mut last),
        ];
        assert_eq!(get(hsm, key, &mut wanted), CKR_ATTRIBUTE_SENSITIVE);
        let lens = wanted.map(|attribute| attribute.ulValueLen);
        assert_eq!(lens, [5, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, 5, 5]);
        assert_eq!((&first, &last), (b"label", b"label"));
        assert_eq!((small, secret), ([0; 4], [0; 16]));
    }

    fn the_gravest_answer_is_the_return_value(hsm) {
        let key = key(hsm);
        let mut byte = [0];
        let secret = attribute(CKA_VALUE, null_mut(), 0);
        let absent = attribute(CKA_MODULUS, null_mut(), 0);
        let small = into(CKA_LABEL, &mut byte);
        for (mut wanted, expected) in [
            (vec![small], CKR_BUFFER_TOO_SMALL),
            (vec![small, absent], CKR_ATTRIBUTE_TYPE_INVALID),
            (vec![absent, small], CKR_ATTRIBUTE_TYPE_INVALID),
            (vec![small, absent, secret], CKR_ATTRIBUTE_SENSITIVE),
            (vec![secret, absent, small], CKR_ATTRIBUTE_SENSITIVE),
        ] {
            assert_eq!(get(hsm, key, &mut wanted), expected);
        }
    }

    fn nothing_need_be_aligned(hsm) {
        let key = key(hsm);
        let mut value = [0; 8];
        let mut memory = [0_u8; 1 + size_of::<CK_ATTRIBUTE>()];
        // SAFETY: one byte further there is room for one attribute.
        let place = unsafe { memory.as_mut_ptr().add(1) }.cast::<CK_ATTRIBUTE>();
        // SAFETY: as above; nothing is aligned.
        unsafe { place.write_unaligned(into(CKA_LABEL, &mut value[3..])) };
        assert_eq!(call!(hsm, C_GetAttributeValue(key, place, 1)), CKR_OK);
        // SAFETY: as above.
        assert_eq!(unsafe { place.read_unaligned() }.ulValueLen, 5);
        assert_eq!(&value, b"\0\0\0label");
    }

    fn a_template_in_an_attribute_is_filled_on_two_levels(hsm) {
        let key = key(hsm);
        let whole = size(2 * size_of::<CK_ATTRIBUTE>());
        let mut outer = [attribute(CKA_WRAP_TEMPLATE, null_mut(), 0)];
        assert_eq!((get(hsm, key, &mut outer), outer[0].ulValueLen), (CKR_OK, whole));

        // The first call with an array asks for the lengths inside.
        let mut inner = [attribute(99, null_mut(), 0); 2];
        outer = [attribute(CKA_WRAP_TEMPLATE, inner.as_mut_ptr().cast(), whole)];
        assert_eq!(get(hsm, key, &mut outer), CKR_OK);
        let told = inner.map(|attribute| (attribute.type_, attribute.ulValueLen));
        assert_eq!(told, [(CKA_LABEL, 5), (CKA_ENCRYPT, 1)]);

        // The second has a buffer for each, one of them too small.
        let (mut label, mut flag) = ([0; 4], [0]);
        inner = [into(99, &mut label), into(99, &mut flag)];
        outer[0].pValue = inner.as_mut_ptr().cast();
        assert_eq!(get(hsm, key, &mut outer), CKR_BUFFER_TOO_SMALL);
        let told = inner.map(|attribute| (attribute.type_, attribute.ulValueLen));
        assert_eq!(told, [(CKA_LABEL, UNAVAILABLE), (CKA_ENCRYPT, 1)]);
        assert_eq!((label, flag), ([0; 4], [CK_TRUE]));
        assert_eq!(outer[0].ulValueLen, whole);

        // The array itself too small: nothing in it is touched.
        inner = [attribute(99, null_mut(), 7); 2];
        outer = [attribute(CKA_WRAP_TEMPLATE, inner.as_mut_ptr().cast(), whole - 1)];
        let rv = get(hsm, key, &mut outer);
        assert_eq!((rv, outer[0].ulValueLen), (CKR_BUFFER_TOO_SMALL, UNAVAILABLE));
        assert!(inner.iter().all(|attribute| (attribute.type_, attribute.ulValueLen) == (99, 7)));
    }

    fn a_nested_template_holds_no_further_one_and_is_whole(hsm) {
        let (class, kind) = (CKO_SECRET_KEY.to_ne_bytes(), CKK_AES.to_ne_bytes());
        let with = |template| {
            let value = of(CKA_VALUE, &[0x5A; 16]);
            create(hsm, &[of(CKA_CLASS, &class), of(CKA_KEY_TYPE, &kind), value, template])
        };
        let inner = [of(CKA_ENCRYPT, &[CK_TRUE]), of(CKA_LABEL, b"x")];
        for kind in [CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE] {
            assert!(with(array(kind, &inner)).is_ok());
            assert!(with(attribute(kind, null_mut(), 0)).is_ok());
            let outer = [array(kind, &inner)];
            let refused = Err(CKR_ATTRIBUTE_VALUE_INVALID);
            assert_eq!(with(array(kind, &outer)), refused);
            let ragged = array(kind, &inner);
            assert_eq!(with(attribute(kind, ragged.pValue, ragged.ulValueLen - 1)), refused);
        }
    }

    fn impossible_values_and_counts_are_refused(hsm) {
        let object = key(hsm);
        let mut one = of(CKA_LABEL, b"x");
        let mut made = 99;
        for count in [4097, CK_ULONG::MAX / 2, CK_ULONG::MAX] {
            let rv = call!(hsm, C_CreateObject(&raw mut one, count, &raw mut made));
            assert_eq!(rv, CKR_ARGUMENTS_BAD);
            let rv = call!(hsm, C_GetAttributeValue(object, &raw mut one, count));
            assert_eq!(rv, CKR_ARGUMENTS_BAD);
        }
        let rv = call!(hsm, C_CreateObject(null_mut(), 1, &raw mut made));
        assert_eq!(rv, CKR_ARGUMENTS_BAD);
        let rv = call!(hsm, C_CreateObject(null_mut(), 0, &raw mut made));
        assert_eq!((rv, made), (CKR_TEMPLATE_INCOMPLETE, 99));
        let mut label = attribute(CKA_LABEL, null_mut(), 1);
        let rv = call!(hsm, C_SetAttributeValue(object, &raw mut label, 1));
        assert_eq!(rv, CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(call!(hsm, C_SetAttributeValue(object, &raw mut one, 1)), CKR_OK);
    }
}

const CKA_TENON_DELETION_AT: CK_ATTRIBUTE_TYPE = 0x8054_4E08;
const CKA_TENON_PROFILE: CK_ATTRIBUTE_TYPE = 0x8054_4E0B;

test! {
    // Who adds the least days to his own clock is up to a second late, and more on a busy machine.
    fn a_deletion_may_come_a_minute_before_the_least_days(hsm) {
        let length = 32_u64.to_ne_bytes();
        let template = [
            (CKA_TOKEN, &[CK_TRUE][..]),
            (CKA_VALUE_LEN, &length),
            (CKA_TENON_PROFILE, b"aws"),
        ];
        let key = hsm.client.generate(Mechanism::Plain(CKM_AES_KEY_GEN), &template).unwrap();
        let week_before = |seconds: u64| {
            let at = SystemClock.now() + 7 * 86_400 - seconds;
            hsm.client.change(key, &[(CKA_TENON_DELETION_AT, &at.to_be_bytes())])
        };
        assert_eq!(week_before(62), Err(CKR_ATTRIBUTE_VALUE_INVALID));
        // The token's clock may be read half a minute later.
        week_before(30).unwrap();
    }
}
