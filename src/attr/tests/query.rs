//! Search templates.

use std::slice::from_ref;

use crate::ck;
use crate::secret::Secret;

use super::super::{Attributes, Query, Value, search_terms};
use super::{attributes, flag, raw, raws, rv, text};

fn key() -> Attributes {
    attributes(&[
        (ck::CKA_CLASS, Value::Ulong(ck::CKO_SECRET_KEY)),
        (ck::CKA_KEY_TYPE, Value::Ulong(ck::CKK_AES)),
        (ck::CKA_TOKEN, flag(true)),
        (ck::CKA_PRIVATE, flag(true)),
        (ck::CKA_LABEL, text("one")),
        (ck::CKA_ID, text("")),
        (ck::CKA_ENCRYPT, flag(true)),
        (ck::CKA_CHECK_VALUE, text("kcv")),
        (ck::CKA_UNIQUE_ID, text("u-1")),
        (
            ck::CKA_WRAP_TEMPLATE,
            Value::Template(vec![(ck::CKA_SIGN, flag(true))]),
        ),
    ])
}

fn no_material(_: ck::CK_ATTRIBUTE_TYPE) -> Option<Secret> {
    None
}

fn query(entries: &[(ck::CK_ATTRIBUTE_TYPE, Value)]) -> Query {
    Query::new(&raws(entries)).unwrap()
}

#[test]
fn the_empty_template_matches_everything() {
    let query = query(&[]);
    assert!(
        query.matches(&key(), no_material) && query.matches(&Attributes::default(), no_material)
    );
    assert!(!query.needs_attributes());
}

#[test]
fn all_attributes_must_match_exactly() {
    let key = key();
    let one = (ck::CKA_LABEL, text("one"));
    assert!(query(from_ref(&one)).matches(&key, no_material));
    assert!(query(&[one.clone(), (ck::CKA_ENCRYPT, flag(true))]).matches(&key, no_material));
    assert!(query(&[(ck::CKA_ID, text(""))]).matches(&key, no_material));
    assert!(query(&[one.clone(), one.clone()]).matches(&key, no_material));
    for other in [
        (ck::CKA_LABEL, text("On")),
        (ck::CKA_LABEL, text("one ")),
        (ck::CKA_LABEL, text("")),
        (ck::CKA_ENCRYPT, flag(false)),
        (ck::CKA_CLASS, Value::Ulong(ck::CKO_DATA)),
        (ck::CKA_WRAP_TEMPLATE, Value::Template(vec![])),
    ] {
        assert!(
            !query(&[one.clone(), other.clone()]).matches(&key, no_material),
            "{other:?}"
        );
    }
}

#[test]
fn a_lacking_attribute_never_matches() {
    assert!(!query(&[(ck::CKA_DECRYPT, flag(false))]).matches(&key(), no_material));
    assert!(!query(&[(ck::CKA_SUBJECT, text(""))]).matches(&key(), no_material));
}

#[test]
fn key_material_matches_where_it_is_given() {
    assert!(!query(&[(ck::CKA_VALUE, text("sixteen bytes ok"))]).matches(&key(), no_material));
    assert!(!query(&[(ck::CKA_PRIVATE_EXPONENT, text("d"))]).matches(&key(), no_material));
    let exponent = (ck::CKA_PRIVATE_EXPONENT, text("d"));
    assert!(!query(from_ref(&exponent)).matches(&attributes(&[exponent]), no_material));

    let value = "sixteen bytes ok";
    let open = attributes(&[
        (ck::CKA_CLASS, Value::Ulong(ck::CKO_SECRET_KEY)),
        (ck::CKA_KEY_TYPE, Value::Ulong(ck::CKK_AES)),
        (ck::CKA_EXTRACTABLE, flag(true)),
        (ck::CKA_SENSITIVE, flag(false)),
    ]);
    let mut sealed = open.clone();
    sealed.set(ck::CKA_SENSITIVE, flag(true));
    let given = |_| Some(Secret::copy(value.as_bytes()));
    let by_value = query(&[(ck::CKA_VALUE, text(value))]);
    assert!(by_value.matches(&open, given));
    assert!(!by_value.matches(&open, no_material));
    assert!(!by_value.matches(&sealed, given));
    assert!(!query(&[(ck::CKA_VALUE, text("another value of"))]).matches(&open, given));
}

#[test]
fn what_no_object_can_have_matches_nothing_and_is_no_error() {
    for entries in [
        vec![(0x8000_0000, text("unknown"))],
        vec![(ck::CKA_TOKEN, text("long"))],
        vec![(ck::CKA_TOKEN, Value::Bytes(vec![2]))],
        vec![(ck::CKA_CLASS, text("?"))],
        vec![(ck::CKA_START_DATE, text("20260230"))],
        vec![(ck::CKA_LABEL, text("one")), (ck::CKA_LABEL, text("two"))],
    ] {
        let query = query(&entries);
        assert!(
            query.matches_nothing() && query.needs_attributes(),
            "{entries:?}"
        );
        assert!(!query.matches(&key(), no_material), "{entries:?}");
    }
}

#[test]
fn columns_and_terms_decide_without_the_attributes() {
    let query = query(&[
        (ck::CKA_CLASS, Value::Ulong(ck::CKO_SECRET_KEY)),
        (ck::CKA_KEY_TYPE, Value::Ulong(ck::CKK_AES)),
        (ck::CKA_TOKEN, flag(true)),
        (ck::CKA_PRIVATE, flag(false)),
        (ck::CKA_LABEL, text("one")),
    ]);
    assert_eq!(query.class, Some(ck::CKO_SECRET_KEY));
    assert_eq!(query.key_type, Some(ck::CKK_AES));
    assert_eq!((query.token, query.private), (Some(true), Some(false)));
    assert_eq!(query.terms, [(ck::CKA_LABEL, b"one".to_vec())]);
    assert!(!query.needs_attributes());
}

#[test]
fn booleans_and_empty_values_need_the_attributes() {
    for entry in [
        (ck::CKA_ENCRYPT, flag(true)),
        (ck::CKA_ID, text("")),
        (ck::CKA_CHECK_VALUE, text("kcv")),
        (ck::CKA_VALUE, text("certificate")),
    ] {
        let query = query(from_ref(&entry));
        assert!(
            query.needs_attributes() && query.terms.is_empty(),
            "{entry:?}"
        );
    }
}

#[test]
fn names_are_those_of_the_template() {
    let plain = query(&[(ck::CKA_LABEL, text("one"))]);
    assert!(plain.names(ck::CKA_LABEL) && !plain.names(ck::CKA_ID) && !plain.names_vendor());
    assert!(query(&[(ck::CKA_TENON_ORIGIN, Value::Ulong(1))]).names_vendor());
    assert!(query(&[(0x8054_4EFF, text("not yet known"))]).names_vendor());
    assert!(!query(&[(0x8054_4F00, text(""))]).names_vendor());
    assert!(!query(&[(0x8054_4DFF, text(""))]).names_vendor());
}

#[test]
fn nested_templates_are_judged() {
    let inner = Value::Template(vec![(ck::CKA_SIGN, flag(true))]);
    assert!(query(&[(ck::CKA_WRAP_TEMPLATE, inner.clone())]).matches(&key(), no_material));
    let deep = raw(
        ck::CKA_WRAP_TEMPLATE,
        &Value::Template(vec![(ck::CKA_WRAP_TEMPLATE, inner)]),
    );
    assert_eq!(rv(&Query::new(&[deep])), ck::CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn an_object_is_indexed_by_its_own_values() {
    let mut terms = search_terms(&key());
    terms.sort();
    // No empty id, no booleans, and no check value: that would show which keys are equal.
    assert_eq!(
        terms,
        [
            (ck::CKA_LABEL, b"one".to_vec()),
            (ck::CKA_UNIQUE_ID, b"u-1".to_vec()),
        ]
    );
    let pair = attributes(&[
        (ck::CKA_SUBJECT, text("s")),
        (ck::CKA_ISSUER, text("i")),
        (ck::CKA_SERIAL_NUMBER, text("n")),
        (ck::CKA_MODULUS, text("m")),
        (ck::CKA_EC_POINT, text("p")),
        (ck::CKA_APPLICATION, text("a")),
        (ck::CKA_OBJECT_ID, text("o")),
        (ck::CKA_ID, text("id")),
    ]);
    assert_eq!(search_terms(&pair).len(), 8);
}
