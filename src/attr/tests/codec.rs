//! The stored form of attributes.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::ck;

use super::super::{Attributes, Value};
use super::{attributes, flag, rv, text};

fn flat() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::Ulong),
        vec(any::<u8>(), 0..150).prop_map(Value::Bytes),
        vec(any::<u64>(), 0..8).prop_map(Value::Ulongs),
    ]
}

fn entries<V: Strategy<Value = Value>>(
    value: V,
) -> impl Strategy<Value = Vec<(ck::CK_ATTRIBUTE_TYPE, Value)>> {
    proptest::collection::btree_map(any::<u64>(), value, 0..12)
        .prop_map(|map| map.into_iter().collect())
}

fn any_attributes() -> impl Strategy<Value = Attributes> {
    entries(prop_oneof![4 => flat(), 1 => entries(flat()).prop_map(Value::Template)])
        .prop_map(|entries| attributes(&entries))
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(attributes in any_attributes()) {
        let bytes = attributes.encode();
        prop_assert_eq!(Attributes::decode(&bytes).unwrap(), attributes);
    }

    #[test]
    fn every_truncation_and_extension_is_refused(attributes in any_attributes(), more in any::<u8>()) {
        let mut bytes = attributes.encode();
        for len in 0..bytes.len() {
            prop_assert_eq!(rv(&Attributes::decode(&bytes[..len])), ck::CKR_DEVICE_ERROR);
        }
        bytes.push(more);
        prop_assert_eq!(rv(&Attributes::decode(&bytes)), ck::CKR_DEVICE_ERROR);
    }

    /// One encoding for each value: whatever decodes, encodes to the same bytes.
    #[test]
    fn garbage_is_refused_or_canonical(mut bytes in vec(any::<u8>(), 0..60), flip in any::<(u16, u8)>()) {
        if let Ok(attributes) = Attributes::decode(&bytes) {
            prop_assert_eq!(&*attributes.encode(), &bytes);
        }
        bytes = attributes(&[(1, flag(true)), (2, text("two")), (3, Value::Ulong(300))]).encode().to_vec();
        let place = usize::from(flip.0) % bytes.len();
        bytes[place] ^= flip.1;
        if let Ok(attributes) = Attributes::decode(&bytes) {
            prop_assert_eq!(&*attributes.encode(), &bytes);
        }
    }
}

#[test]
fn the_format_does_not_change() {
    let attributes = attributes(&[
        (ck::CKA_CLASS, Value::Ulong(ck::CKO_SECRET_KEY)),
        (ck::CKA_TOKEN, flag(true)),
        (ck::CKA_PRIVATE, flag(false)),
        (ck::CKA_LABEL, text("ab")),
        (
            ck::CKA_ALLOWED_MECHANISMS,
            Value::Ulongs(vec![ck::CKM_AES_GCM]),
        ),
        (
            ck::CKA_WRAP_TEMPLATE,
            Value::Template(vec![(ck::CKA_TOKEN, flag(true))]),
        ),
    ]);
    let bytes: &[u8] = &[
        1, 6, // version, count
        0x00, 2, 4, // CKA_CLASS = 4
        0x01, 1, // CKA_TOKEN
        0x02, 0, // CKA_PRIVATE
        0x03, 3, 2, b'a', b'b', // CKA_LABEL
        0x91, 0x84, 0x80, 0x80, 0x04, 5, 1, 0x01, 1, // CKA_WRAP_TEMPLATE
        0x80, 0x8C, 0x80, 0x80, 0x04, 4, 1, 0x87, 0x21, // CKA_ALLOWED_MECHANISMS
    ];
    assert_eq!(*attributes.encode(), bytes);
}

#[test]
fn malformed_bytes_are_refused() {
    let cases: &[(&str, &[u8])] = &[
        ("no bytes", &[]),
        ("another version", &[2, 0]),
        (
            "a count that lies",
            &[
                1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01,
            ],
        ),
        (
            "a count above 64 bits",
            &[
                1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x02,
            ],
        ),
        (
            "a number that goes on",
            &[
                1, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0,
            ],
        ),
        ("a number not in its shortest form", &[1, 0x80, 0x00]),
        ("an unknown tag", &[1, 1, 5, 6]),
        ("kinds that descend", &[1, 2, 5, 1, 4, 1]),
        ("a kind twice", &[1, 2, 5, 1, 5, 1]),
        ("a length past the end", &[1, 1, 5, 3, 9, 0]),
        (
            "a huge length",
            &[
                1, 1, 5, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01,
            ],
        ),
        ("a template within a template", &[1, 1, 5, 5, 1, 6, 5, 0]),
        ("a nested kind twice", &[1, 1, 5, 5, 2, 6, 1, 6, 1]),
    ];
    for (what, bytes) in cases {
        assert_eq!(
            rv(&Attributes::decode(bytes)),
            ck::CKR_DEVICE_ERROR,
            "{what}"
        );
    }
}
