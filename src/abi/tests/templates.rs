//! Templates out of the caller's arrays.

use std::ffi::c_void;
use std::ptr;

use super::len;
use crate::abi::template::template;
use crate::attr::{RawAttribute, RawValue};
use crate::ck::*;
use crate::error::Result;

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

fn of<T>(kind: CK_ATTRIBUTE_TYPE, value: &[T]) -> CK_ATTRIBUTE {
    attribute(
        kind,
        value.as_ptr().cast_mut().cast(),
        len(size_of_val(value)),
    )
}

fn read(attributes: &[CK_ATTRIBUTE]) -> Result<Vec<RawAttribute>> {
    // SAFETY: the attributes and what they lead to live in the test.
    unsafe { template(attributes.as_ptr().cast_mut(), len(attributes.len())) }.read()
}

pub(super) fn refusal(attributes: &[CK_ATTRIBUTE]) -> Option<CK_RV> {
    read(attributes).err().map(|error| error.rv)
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
    // An array of numbers is read as bytes.
    let mechanisms = [CKM_AES_GCM, CKM_AES_CBC];
    let read = read(&[of(CKA_ALLOWED_MECHANISMS, &mechanisms)]).unwrap();
    assert!(
        matches!(&read[0].value, RawValue::Bytes(bytes) if bytes.len() == size_of_val(&mechanisms))
    );
}

#[test]
fn impossible_values_are_refused() {
    let null = ptr::null_mut();
    assert_eq!(
        refusal(&[attribute(CKA_LABEL, null, 1)]),
        Some(CKR_ATTRIBUTE_VALUE_INVALID)
    );
    let mut byte = 0_u8;
    let place: *mut c_void = (&raw mut byte).cast();
    for kind in [CKA_LABEL, CKA_WRAP_TEMPLATE] {
        let huge = attribute(kind, place, CK_UNAVAILABLE_INFORMATION);
        assert_eq!(refusal(&[huge]), Some(CKR_ATTRIBUTE_VALUE_INVALID));
    }
}
