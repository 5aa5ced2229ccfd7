//! Templates within templates: CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE.

use crate::ck;

use super::super::{CreatedBy, Value, build};
use super::{Entry, USER, aes, flag, raws, rv, text, unwrapped};

#[test]
fn nested_templates_are_limited() {
    let nest = |kind, entries: Vec<Entry>| rv(&unwrapped(&[(kind, Value::Template(entries))]));
    let label = (ck::CKA_LABEL, text("x"));
    assert_eq!(nest(ck::CKA_WRAP_TEMPLATE, vec![label.clone()]), ck::CKR_OK);
    assert_eq!(nest(ck::CKA_WRAP_TEMPLATE, Vec::new()), ck::CKR_OK);
    for (what, entries, wanted) in [
        (
            "deep",
            vec![(
                ck::CKA_DERIVE_TEMPLATE,
                Value::Template(vec![label.clone()]),
            )],
            ck::CKR_TEMPLATE_INCONSISTENT,
        ),
        (
            "long",
            vec![label.clone(); 65],
            ck::CKR_TEMPLATE_INCONSISTENT,
        ),
        (
            "twice",
            vec![label.clone(), label.clone()],
            ck::CKR_TEMPLATE_INCONSISTENT,
        ),
        (
            "a key's value",
            vec![(ck::CKA_VALUE, text("k"))],
            ck::CKR_TEMPLATE_INCONSISTENT,
        ),
        (
            "a prime",
            vec![(ck::CKA_PRIME_1, text("p"))],
            ck::CKR_TEMPLATE_INCONSISTENT,
        ),
        (
            "unknown",
            vec![(0x7FFF_0000, text("?"))],
            ck::CKR_ATTRIBUTE_TYPE_INVALID,
        ),
        (
            "malformed",
            vec![(ck::CKA_TOKEN, text("?"))],
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
        ),
    ] {
        for kind in [
            ck::CKA_WRAP_TEMPLATE,
            ck::CKA_UNWRAP_TEMPLATE,
            ck::CKA_DERIVE_TEMPLATE,
        ] {
            assert_eq!(nest(kind, entries.clone()), wanted, "{what}");
        }
    }
}

#[test]
fn a_template_for_keys_to_come_says_nothing_that_theirs_could_not() {
    let nest = |kind, entry: Entry| rv(&unwrapped(&[(kind, Value::Template(vec![entry]))]));
    for entry in [
        (ck::CKA_LOCAL, flag(true)),
        (ck::CKA_ALWAYS_SENSITIVE, flag(true)),
        (ck::CKA_TRUSTED, flag(true)),
        (ck::CKA_UNIQUE_ID, text("u")),
        (ck::CKA_TENON_ORIGIN, Value::Ulong(0)),
    ] {
        for kind in [ck::CKA_UNWRAP_TEMPLATE, ck::CKA_DERIVE_TEMPLATE] {
            assert_eq!(
                nest(kind, entry.clone()),
                ck::CKR_ATTRIBUTE_READ_ONLY,
                "{entry:?}"
            );
        }
    }
    // What a wrapped key must be is another matter.
    assert_eq!(
        nest(ck::CKA_WRAP_TEMPLATE, (ck::CKA_LOCAL, flag(true))),
        ck::CKR_OK
    );
}

#[test]
fn templates_for_keys_to_come_are_merged_as_implied() {
    let inner = Value::Template(vec![(ck::CKA_SIGN, flag(true)), (ck::CKA_LABEL, text("x"))]);
    let wrapper = unwrapped(&[(ck::CKA_UNWRAP_TEMPLATE, inner)]).unwrap();
    let implied = wrapper.template(ck::CKA_UNWRAP_TEMPLATE).unwrap();
    let unwrap = |more: &[Entry]| build(CreatedBy::Unwrap, &implied, &raws(&aes(more)), &USER);
    let key = unwrap(&[]).unwrap().attributes;
    assert!(key.bool(ck::CKA_SIGN) && key.has_all(&implied));
    assert!(!unwrapped(&[]).unwrap().has_all(&implied));
    let conflict = unwrap(&[(ck::CKA_SIGN, flag(false))]);
    assert_eq!(rv(&conflict), ck::CKR_TEMPLATE_INCONSISTENT);
}
