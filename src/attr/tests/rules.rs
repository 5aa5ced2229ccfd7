//! Rules that the footnotes do not say: values, defaults, contradictions.

use std::slice::from_ref;

use crate::ck::{self, CK_ATTRIBUTE_TYPE};
use crate::secret::Secret;

use super::super::{
    Attributes, CreatedBy, RawAttribute, RawValue, Requester, Value, build, change, copy, name,
    stated_bool, stated_bytes, stated_ulong,
};
use super::{
    Entry, USER, aes, attributes, certificate, flag, pair_half, raw, raws, rv, text, unwrapped,
};

#[test]
fn a_value_of_the_wrong_type_is_invalid() {
    let cases: &[(CK_ATTRIBUTE_TYPE, &[u8])] = &[
        (ck::CKA_ENCRYPT, &[]),
        (ck::CKA_ENCRYPT, &[2]),
        (ck::CKA_ENCRYPT, &[0xFF]),
        (ck::CKA_ENCRYPT, &[1, 0]),
        (ck::CKA_ENCRYPT, &[1, 0, 0, 0, 0, 0, 0, 0]),
        (ck::CKA_VALUE_LEN, &[32]),
        (ck::CKA_VALUE_LEN, &[32, 0, 0, 0]),
        (ck::CKA_VALUE_LEN, &[0; 9]),
        (ck::CKA_START_DATE, b"20260230"),
        (ck::CKA_START_DATE, b"2026"),
        (ck::CKA_ALLOWED_MECHANISMS, &[1, 2, 3]),
        (ck::CKA_CHECK_VALUE, &[1, 2]),
        (ck::CKA_WRAP_TEMPLATE, &[0; 24]),
        (ck::CKA_TENON_EXPIRES_AT, &[0; 7]),
    ];
    for (kind, bytes) in cases {
        let mut template = raws(&aes(&[]));
        template.push(RawAttribute {
            kind: *kind,
            value: RawValue::Bytes(Secret::copy(bytes)),
        });
        let result = build(CreatedBy::Unwrap, &Attributes::default(), &template, &USER);
        assert_eq!(
            rv(&result),
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "{:?} {bytes:?}",
            name(*kind)
        );
    }
}

#[test]
fn classes_and_key_types_that_the_token_lacks_are_invalid_values() {
    for (class, key_type) in [
        (ck::CKO_OTP_KEY, ck::CKK_ACTI),
        (ck::CKO_OTP_KEY, ck::CKK_AES),
        (ck::CKO_SECRET_KEY, ck::CKK_HOTP),
        (ck::CKO_HW_FEATURE, ck::CKK_RSA),
        (ck::CKO_SECRET_KEY, ck::CKK_RSA),
        (ck::CKO_SECRET_KEY, ck::CKK_CAST128),
        (ck::CKO_PRIVATE_KEY, ck::CKK_AES),
    ] {
        let template = raws(&[
            (ck::CKA_CLASS, Value::Ulong(class)),
            (ck::CKA_KEY_TYPE, Value::Ulong(key_type)),
        ]);
        let result = build(CreatedBy::Unwrap, &Attributes::default(), &template, &USER);
        assert_eq!(
            rv(&result),
            ck::CKR_ATTRIBUTE_VALUE_INVALID,
            "{class} {key_type}"
        );
    }
}

#[test]
fn an_aes_key_has_16_24_or_32_bytes_and_a_generic_one_any() {
    let create = |key_type, len| {
        let template = raws(&[
            (ck::CKA_CLASS, Value::Ulong(ck::CKO_SECRET_KEY)),
            (ck::CKA_KEY_TYPE, Value::Ulong(key_type)),
            (ck::CKA_VALUE, Value::Bytes(vec![1; len])),
        ]);
        rv(&build(
            CreatedBy::Create,
            &Attributes::default(),
            &template,
            &USER,
        ))
    };
    for len in [16, 24, 32] {
        assert_eq!(create(ck::CKK_AES, len), ck::CKR_OK);
    }
    for len in [0, 1, 15, 17, 31, 33, 64] {
        assert_eq!(create(ck::CKK_AES, len), ck::CKR_ATTRIBUTE_VALUE_INVALID);
        assert_eq!(create(ck::CKK_GENERIC_SECRET, len), ck::CKR_OK);
    }
}

#[test]
fn an_unknown_attribute_is_an_invalid_type() {
    for kind in [0x7FFF_FFFF, 0x8000_0001, 0x8054_4EFF, u64::MAX] {
        let entry = (kind, text("x"));
        assert_eq!(
            rv(&unwrapped(from_ref(&entry))),
            ck::CKR_ATTRIBUTE_TYPE_INVALID
        );
        let current = unwrapped(&[]).unwrap();
        let template = raws(&[entry]);
        assert_eq!(
            rv(&change(&current, &template, &USER)),
            ck::CKR_ATTRIBUTE_TYPE_INVALID
        );
        assert_eq!(
            rv(&copy(&current, &template, &USER)),
            ck::CKR_ATTRIBUTE_TYPE_INVALID
        );
    }
}

#[test]
fn saying_a_thing_twice_is_fine_and_contradicting_is_not() {
    let one = (ck::CKA_LABEL, text("one"));
    let two = (ck::CKA_LABEL, text("two"));
    assert!(unwrapped(&[one.clone(), one.clone()]).is_ok());
    let both = [one, two];
    assert_eq!(rv(&unwrapped(&both)), ck::CKR_TEMPLATE_INCONSISTENT);
    let current = unwrapped(&[]).unwrap();
    assert_eq!(
        rv(&change(&current, &raws(&both), &USER)),
        ck::CKR_TEMPLATE_INCONSISTENT
    );
    assert_eq!(
        rv(&copy(&current, &raws(&both), &USER)),
        ck::CKR_TEMPLATE_INCONSISTENT
    );

    let value = |byte| (ck::CKA_VALUE, Value::Bytes(vec![byte; 16]));
    let create = |entries: &[Entry]| {
        build(
            CreatedBy::Create,
            &Attributes::default(),
            &raws(&aes(entries)),
            &USER,
        )
    };
    assert_eq!(create(&[value(1), value(1)]).unwrap().secrets.len(), 1);
    assert_eq!(
        rv(&create(&[value(1), value(2)])),
        ck::CKR_TEMPLATE_INCONSISTENT
    );
}

#[test]
fn the_template_may_repeat_what_is_implied_and_not_contradict_it() {
    let implied = attributes(&aes(&[(ck::CKA_SIGN, flag(false))]));
    let outcome = |entry: Entry| rv(&build(CreatedBy::Unwrap, &implied, &raws(&[entry]), &USER));
    assert_eq!(
        outcome((ck::CKA_KEY_TYPE, Value::Ulong(ck::CKK_AES))),
        ck::CKR_OK
    );
    assert_eq!(outcome((ck::CKA_SIGN, flag(false))), ck::CKR_OK);
    for entry in [
        (ck::CKA_KEY_TYPE, Value::Ulong(ck::CKK_GENERIC_SECRET)),
        (ck::CKA_CLASS, Value::Ulong(ck::CKO_PRIVATE_KEY)),
        (ck::CKA_SIGN, flag(true)),
    ] {
        assert_ne!(outcome(entry.clone()), ck::CKR_OK, "{entry:?}");
    }
    assert_eq!(
        outcome((ck::CKA_SIGN, flag(true))),
        ck::CKR_TEMPLATE_INCONSISTENT
    );
    let foreign = attributes(&aes(&[(ck::CKA_MODULUS, text("n"))]));
    let result = build(CreatedBy::Unwrap, &foreign, &[], &USER);
    assert_eq!(rv(&result), ck::CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn a_key_whose_value_is_out_is_not_sensitive_by_default() {
    let open = (ck::CKA_EXTRACTABLE, flag(true));
    let trusted = (ck::CKA_WRAP_WITH_TRUSTED, flag(true));
    for (given, sensitive) in [
        (vec![], true),
        (vec![open.clone()], false),
        (vec![open, trusted], true),
    ] {
        let key = unwrapped(&given).unwrap();
        assert_eq!(key.bool(ck::CKA_SENSITIVE), sensitive, "{given:?}");
    }
    let value = [(ck::CKA_VALUE, text("sixteen bytes ok"))];
    let key = build(
        CreatedBy::Create,
        &Attributes::default(),
        &raws(&aes(&value)),
        &USER,
    );
    assert!(!key.unwrap().attributes.bool(ck::CKA_SENSITIVE));
}

#[test]
fn keys_are_private_sensitive_and_stay_by_default() {
    let key = unwrapped(&[]).unwrap();
    for kind in [
        ck::CKA_PRIVATE,
        ck::CKA_SENSITIVE,
        ck::CKA_MODIFIABLE,
        ck::CKA_COPYABLE,
        ck::CKA_DESTROYABLE,
    ] {
        assert_eq!(key.get(kind), Some(&flag(true)), "{:?}", name(kind));
    }
    for kind in [
        ck::CKA_TOKEN,
        ck::CKA_EXTRACTABLE,
        ck::CKA_DERIVE,
        ck::CKA_TRUSTED,
        ck::CKA_WRAP_WITH_TRUSTED,
    ] {
        assert_eq!(key.get(kind), Some(&flag(false)), "{:?}", name(kind));
    }
    assert_eq!(key.get(ck::CKA_ALLOWED_MECHANISMS), None);
    assert!(!pair_half(ck::CKO_PUBLIC_KEY, ck::CKK_RSA).bool(ck::CKA_PRIVATE));
    let data = [raw(ck::CKA_CLASS, &Value::Ulong(ck::CKO_DATA))];
    let data = build(CreatedBy::Create, &Attributes::default(), &data, &USER).unwrap();
    assert!(data.attributes.bool(ck::CKA_PRIVATE));
}

#[test]
fn a_key_without_stated_usage_does_what_its_type_does() {
    let usages = |key: &Attributes| {
        super::super::table::USAGES
            .iter()
            .copied()
            .filter(|usage| key.bool(*usage))
            .collect::<Vec<_>>()
    };
    use ck::{CKA_DECRYPT, CKA_ENCRYPT, CKA_SIGN, CKA_SIGN_RECOVER, CKA_UNWRAP};
    use ck::{CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP};
    let of_data = [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY];
    let all = [&of_data[..], &[CKA_WRAP, CKA_UNWRAP]].concat();
    assert_eq!(usages(&unwrapped(&[]).unwrap()), all);
    let careful = Requester {
        every_use: false,
        ..USER
    };
    let template = raws(&aes(&[]));
    let key = build(
        CreatedBy::Unwrap,
        &Attributes::default(),
        &template,
        &careful,
    )
    .unwrap();
    assert_eq!(usages(&key.attributes), of_data);
    let half = |class, key_type| usages(&pair_half(class, key_type));
    assert_eq!(
        half(ck::CKO_PUBLIC_KEY, ck::CKK_RSA),
        [CKA_ENCRYPT, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP]
    );
    assert_eq!(
        half(ck::CKO_PRIVATE_KEY, ck::CKK_RSA),
        [CKA_DECRYPT, CKA_SIGN, CKA_SIGN_RECOVER, CKA_UNWRAP]
    );
    assert_eq!(half(ck::CKO_PUBLIC_KEY, ck::CKK_EC), [CKA_VERIFY]);
    assert_eq!(half(ck::CKO_PRIVATE_KEY, ck::CKK_EC), [CKA_SIGN]);
    assert_eq!(half(ck::CKO_PUBLIC_KEY, ck::CKK_EC_EDWARDS), [CKA_VERIFY]);
    assert_eq!(half(ck::CKO_PRIVATE_KEY, ck::CKK_EC_EDWARDS), [CKA_SIGN]);
    assert!(half(ck::CKO_PRIVATE_KEY, ck::CKK_EC_MONTGOMERY).is_empty());
}

#[test]
fn a_key_with_stated_usage_does_that_and_no_more() {
    let key = unwrapped(&[(ck::CKA_UNWRAP, flag(true)), (ck::CKA_SIGN, flag(false))]).unwrap();
    assert!(key.bool(ck::CKA_UNWRAP));
    for usage in [
        ck::CKA_ENCRYPT,
        ck::CKA_DECRYPT,
        ck::CKA_SIGN,
        ck::CKA_VERIFY,
        ck::CKA_WRAP,
    ] {
        assert_eq!(key.get(usage), Some(&flag(false)), "{:?}", name(usage));
    }
    // Saying what a key shall not do asks for no usage.
    let key = unwrapped(&[(ck::CKA_SIGN, flag(false))]).unwrap();
    assert!(key.bool(ck::CKA_ENCRYPT) && !key.bool(ck::CKA_SIGN));
}

#[test]
fn an_rsa_pair_has_65537_by_default() {
    let public = pair_half(ck::CKO_PUBLIC_KEY, ck::CKK_RSA);
    assert_eq!(public.bytes(ck::CKA_PUBLIC_EXPONENT), Some(&[1, 0, 1][..]));
}

#[test]
fn dates_run_forward() {
    let dates = |start, end| {
        rv(&unwrapped(&[
            (ck::CKA_START_DATE, text(start)),
            (ck::CKA_END_DATE, text(end)),
        ]))
    };
    assert_eq!(dates("20260101", "20260101"), ck::CKR_OK);
    assert_eq!(dates("20260102", ""), ck::CKR_OK);
    assert_eq!(dates("", "20260101"), ck::CKR_OK);
    assert_eq!(dates("20260102", "20260101"), ck::CKR_TEMPLATE_INCONSISTENT);
    let current = unwrapped(&[(ck::CKA_START_DATE, text("20260102"))]).unwrap();
    let end = raws(&[(ck::CKA_END_DATE, text("20260101"))]);
    assert_eq!(
        rv(&change(&current, &end, &USER)),
        ck::CKR_TEMPLATE_INCONSISTENT
    );
}

#[test]
fn always_authenticate_needs_a_private_object() {
    let outcome = |private| {
        let template = raws(&[
            (ck::CKA_CLASS, Value::Ulong(ck::CKO_PRIVATE_KEY)),
            (ck::CKA_KEY_TYPE, Value::Ulong(ck::CKK_EC)),
            (ck::CKA_ALWAYS_AUTHENTICATE, flag(true)),
            (ck::CKA_PRIVATE, flag(private)),
        ]);
        rv(&build(
            CreatedBy::Unwrap,
            &Attributes::default(),
            &template,
            &USER,
        ))
    };
    assert_eq!(outcome(true), ck::CKR_OK);
    assert_eq!(outcome(false), ck::CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn a_certificate_has_a_value_or_a_url_with_hashes() {
    let outcome = |more: &[Entry]| {
        rv(&build(
            CreatedBy::Create,
            &Attributes::default(),
            &raws(&certificate(more)),
            &USER,
        ))
    };
    let value = (ck::CKA_VALUE, text("der"));
    let url = (ck::CKA_URL, text("https://example.org/c"));
    let subject = (ck::CKA_HASH_OF_SUBJECT_PUBLIC_KEY, text("h1"));
    let issuer = (ck::CKA_HASH_OF_ISSUER_PUBLIC_KEY, text("h2"));
    assert_eq!(outcome(&[value]), ck::CKR_OK);
    assert_eq!(outcome(&[]), ck::CKR_TEMPLATE_INCOMPLETE);
    assert_eq!(
        outcome(&[(ck::CKA_VALUE, text(""))]),
        ck::CKR_TEMPLATE_INCOMPLETE
    );
    assert_eq!(outcome(from_ref(&url)), ck::CKR_TEMPLATE_INCOMPLETE);
    assert_eq!(
        outcome(&[url.clone(), subject.clone()]),
        ck::CKR_TEMPLATE_INCOMPLETE
    );
    assert_eq!(outcome(&[url, subject, issuer]), ck::CKR_OK);
}

#[test]
fn stated_values_are_read_before_any_rule() {
    let template = raws(&[
        (ck::CKA_TOKEN, flag(true)),
        (ck::CKA_VALUE_LEN, Value::Ulong(32)),
        (ck::CKA_ID, text("id")),
    ]);
    assert_eq!(stated_bool(&template, ck::CKA_TOKEN).unwrap(), Some(true));
    assert_eq!(stated_bool(&template, ck::CKA_PRIVATE).unwrap(), None);
    assert_eq!(
        stated_ulong(&template, ck::CKA_VALUE_LEN).unwrap(),
        Some(32)
    );
    assert_eq!(stated_bytes(&template, ck::CKA_ID), Some(&b"id"[..]));
    let invalid = ck::CKR_ATTRIBUTE_VALUE_INVALID;
    assert_eq!(rv(&stated_ulong(&template, ck::CKA_TOKEN)), invalid);
    assert_eq!(rv(&stated_bool(&template, ck::CKA_ID)), invalid);
}

#[test]
fn nothing_prints_values() {
    let entry = (ck::CKA_LABEL, text("very private"));
    let key = unwrapped(from_ref(&entry)).unwrap();
    let printed = format!("{key:?} {:?} {:?}", raw(entry.0, &entry.1), entry.1);
    assert!(printed.contains("CKA_LABEL"));
    assert!(!printed.contains("very private"), "{printed}");
}
