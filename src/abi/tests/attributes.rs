//! Templates in, values out.

use std::ffi::c_void;
use std::ptr;

use super::{call, initialized, len};
use crate::abi::template::template;
use crate::attr::{RawAttribute, RawValue};
use crate::ck::*;
use crate::error::Result;

const UNAVAILABLE: CK_ULONG = CK_UNAVAILABLE_INFORMATION;

pub(super) fn attribute(
    kind: CK_ATTRIBUTE_TYPE,
    value: *mut c_void,
    len: CK_ULONG,
) -> CK_ATTRIBUTE {
    CK_ATTRIBUTE {
        type_: kind,
        pValue: value,
        ulValueLen: len,
    }
}

fn into(kind: CK_ATTRIBUTE_TYPE, buffer: &mut [u8]) -> CK_ATTRIBUTE {
    attribute(kind, buffer.as_mut_ptr().cast(), len(buffer.len()))
}

fn of<T>(kind: CK_ATTRIBUTE_TYPE, value: &[T]) -> CK_ATTRIBUTE {
    attribute(
        kind,
        value.as_ptr().cast_mut().cast(),
        len(size_of_val(value)),
    )
}

fn get(attributes: &mut [CK_ATTRIBUTE]) -> CK_RV {
    call!(C_GetAttributeValue(
        1,
        1,
        attributes.as_mut_ptr(),
        len(attributes.len())
    ))
}

fn read(attributes: &[CK_ATTRIBUTE]) -> Result<Vec<RawAttribute>> {
    // SAFETY: the attributes and what they lead to live in the test.
    unsafe { template(attributes.as_ptr().cast_mut(), len(attributes.len())) }.read()
}

pub(super) fn refusal(attributes: &[CK_ATTRIBUTE]) -> Option<CK_RV> {
    read(attributes).err().map(|error| error.rv)
}

#[test]
fn a_value_is_copied_or_its_length_told() {
    let _share = initialized();
    let mut buffer = [0xC7; 8];
    let mut query = [attribute(CKA_LABEL, ptr::null_mut(), 77)];
    assert_eq!((get(&mut query), query[0].ulValueLen), (CKR_OK, 5));
    let mut wanted = [into(CKA_LABEL, &mut buffer[..5])];
    assert_eq!((get(&mut wanted), wanted[0].ulValueLen), (CKR_OK, 5));
    assert_eq!(&buffer, b"label\xC7\xC7\xC7");
    let mut empty = [into(CKA_ID, &mut buffer[..0])];
    assert_eq!((get(&mut empty), empty[0].ulValueLen), (CKR_OK, 0));
}

#[test]
fn every_attribute_is_worked_through() {
    let _share = initialized();
    let (mut small, mut first, mut last, mut secret) = ([0; 4], [0; 5], [0; 5], [0; 9]);
    let mut wanted = [
        into(CKA_LABEL, &mut first),
        into(CKA_VALUE, &mut secret),
        into(CKA_MODULUS, &mut []),
        into(CKA_LABEL, &mut small),
        attribute(CKA_LABEL, ptr::null_mut(), 0),
        into(CKA_LABEL, &mut last),
    ];
    assert_eq!(get(&mut wanted), CKR_ATTRIBUTE_SENSITIVE);
    let lens = wanted.map(|attribute| attribute.ulValueLen);
    assert_eq!(lens, [5, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, 5, 5]);
    assert_eq!((&first, &last), (b"label", b"label"));
    assert_eq!((small, secret), ([0; 4], [0; 9]));
}

#[test]
fn the_gravest_answer_is_the_return_value() {
    let _share = initialized();
    let mut byte = [0];
    let secret = attribute(CKA_VALUE, ptr::null_mut(), 0);
    let absent = attribute(CKA_MODULUS, ptr::null_mut(), 0);
    let small = into(CKA_LABEL, &mut byte);
    assert_eq!(get(&mut [small]), CKR_BUFFER_TOO_SMALL);
    assert_eq!(get(&mut [small, absent]), CKR_ATTRIBUTE_TYPE_INVALID);
    assert_eq!(get(&mut [absent, small]), CKR_ATTRIBUTE_TYPE_INVALID);
    assert_eq!(get(&mut [small, absent, secret]), CKR_ATTRIBUTE_SENSITIVE);
    assert_eq!(get(&mut [secret, absent, small]), CKR_ATTRIBUTE_SENSITIVE);
}

#[test]
fn nothing_need_be_aligned() {
    let _share = initialized();
    let mut value = [0; 8];
    let mut memory = [0_u8; 1 + size_of::<CK_ATTRIBUTE>()];
    // SAFETY: one byte further there is room for one attribute.
    let place = unsafe { memory.as_mut_ptr().add(1) }.cast::<CK_ATTRIBUTE>();
    // SAFETY: as above; nothing is aligned.
    unsafe { place.write_unaligned(into(CKA_LABEL, &mut value[3..])) };
    assert_eq!(call!(C_GetAttributeValue(1, 1, place, 1)), CKR_OK);
    // SAFETY: as above.
    assert_eq!(unsafe { place.read_unaligned() }.ulValueLen, 5);
    assert_eq!(&value, b"\0\0\0label");
}

#[test]
fn a_template_in_an_attribute_is_filled_on_two_levels() {
    let _share = initialized();
    let whole = len(2 * size_of::<CK_ATTRIBUTE>());
    let mut outer = [attribute(CKA_WRAP_TEMPLATE, ptr::null_mut(), 0)];
    assert_eq!((get(&mut outer), outer[0].ulValueLen), (CKR_OK, whole));

    // The first call with an array asks for the lengths inside.
    let mut inner = [attribute(99, ptr::null_mut(), 0); 2];
    outer = [of(CKA_WRAP_TEMPLATE, &inner)];
    outer[0].pValue = inner.as_mut_ptr().cast();
    assert_eq!(get(&mut outer), CKR_OK);
    let told = inner.map(|attribute| (attribute.type_, attribute.ulValueLen));
    assert_eq!(told, [(CKA_LABEL, 5), (CKA_ENCRYPT, 1)]);

    // The second has a buffer for each, one of them too small.
    let (mut label, mut flag) = ([0; 4], [0]);
    inner = [into(99, &mut label), into(99, &mut flag)];
    outer[0].pValue = inner.as_mut_ptr().cast();
    assert_eq!(get(&mut outer), CKR_BUFFER_TOO_SMALL);
    let told = inner.map(|attribute| (attribute.type_, attribute.ulValueLen));
    assert_eq!(told, [(CKA_LABEL, UNAVAILABLE), (CKA_ENCRYPT, 1)]);
    assert_eq!((label, flag), ([0; 4], [CK_TRUE]));
    assert_eq!(outer[0].ulValueLen, whole);

    // The array itself too small: nothing in it is touched.
    inner = [attribute(99, ptr::null_mut(), 7); 2];
    outer = [attribute(
        CKA_WRAP_TEMPLATE,
        inner.as_mut_ptr().cast(),
        whole - 1,
    )];
    assert_eq!(
        (get(&mut outer), outer[0].ulValueLen),
        (CKR_BUFFER_TOO_SMALL, UNAVAILABLE)
    );
    assert!(
        inner
            .iter()
            .all(|attribute| (attribute.type_, attribute.ulValueLen) == (99, 7))
    );
}

#[test]
fn a_template_is_copied() {
    let value = [1_u8, 2, 3];
    let attributes = [of(CKA_LABEL, &value), attribute(CKA_ID, ptr::null_mut(), 0)];
    let read = read(&attributes).unwrap();
    assert_eq!(
        read.iter().map(|raw| raw.kind).collect::<Vec<_>>(),
        [CKA_LABEL, CKA_ID]
    );
    assert!(matches!(&read[0].value, RawValue::Bytes(bytes) if bytes.ct_eq(&value)));
    assert!(matches!(&read[1].value, RawValue::Bytes(bytes) if bytes.is_empty()));
}

#[test]
fn a_nested_template_is_a_template_and_holds_no_further_one() {
    let inner = [of(CKA_ENCRYPT, &[CK_TRUE]), of(CKA_LABEL, b"x")];
    for kind in [CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE] {
        let outer = [of(kind, &inner)];
        let read = read(&outer).unwrap();
        assert!(matches!(&read[0].value, RawValue::Template(items) if items.len() == 2));
        assert_eq!(
            refusal(&[of(kind, &outer)]),
            Some(CKR_ATTRIBUTE_VALUE_INVALID)
        );
        let empty = [attribute(kind, ptr::null_mut(), 0)];
        let ragged = attribute(kind, outer.as_ptr().cast_mut().cast(), 25);
        assert!(
            matches!(&self::read(&empty).unwrap()[0].value, RawValue::Template(items) if items.is_empty())
        );
        assert_eq!(refusal(&[ragged]), Some(CKR_ATTRIBUTE_VALUE_INVALID));
    }
    // An array of numbers is bytes to this room.
    let mechanisms = [CKM_AES_GCM, CKM_AES_CBC];
    let read = read(&[of(CKA_ALLOWED_MECHANISMS, &mechanisms)]).unwrap();
    assert!(
        matches!(&read[0].value, RawValue::Bytes(bytes) if bytes.len() == size_of_val(&mechanisms))
    );
}

#[test]
fn impossible_values_and_counts_are_refused() {
    let null = ptr::null_mut();
    assert_eq!(
        refusal(&[attribute(CKA_LABEL, null, 1)]),
        Some(CKR_ATTRIBUTE_VALUE_INVALID)
    );
    let mut byte = 0_u8;
    let place: *mut c_void = (&raw mut byte).cast();
    for kind in [CKA_LABEL, CKA_WRAP_TEMPLATE] {
        let huge = attribute(kind, place, UNAVAILABLE);
        assert_eq!(refusal(&[huge]), Some(CKR_ATTRIBUTE_VALUE_INVALID));
    }
    let _share = initialized();
    let mut one = attribute(CKA_LABEL, null, 0);
    let mut object = 99;
    for count in [4097, CK_ULONG::MAX / 2, CK_ULONG::MAX] {
        let rv = call!(C_CreateObject(1, &raw mut one, count, &raw mut object));
        assert_eq!(rv, CKR_ARGUMENTS_BAD);
        assert_eq!(
            call!(C_GetAttributeValue(1, 1, &raw mut one, count)),
            CKR_ARGUMENTS_BAD
        );
    }
    assert_eq!(
        call!(C_CreateObject(1, ptr::null_mut(), 1, &raw mut object)),
        CKR_ARGUMENTS_BAD
    );
    assert_eq!(object, 99);
    assert_eq!(
        call!(C_CreateObject(1, &raw mut one, 1, &raw mut object)),
        CKR_OK
    );
    assert_eq!(object, 1);
    assert_eq!(
        call!(C_CreateObject(1, ptr::null_mut(), 0, &raw mut object)),
        CKR_OK
    );
    assert_eq!(object, 0);
}
