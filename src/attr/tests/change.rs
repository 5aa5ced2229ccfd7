//! Objects after their making: trust, changes, copies, history.

use crate::ck;

use super::super::{Attributes, CreatedBy, Value, build, change, copy, finish_key_facts, name};
use super::{Entry, SO, USER, aes, certificate, flag, pair_half, raws, rv, text, unwrapped};

#[test]
fn only_the_so_trusts() {
    let trusted = (ck::CKA_TRUSTED, flag(true));
    let template = raws(&certificate(&[
        (ck::CKA_VALUE, text("der")),
        trusted.clone(),
    ]));
    let by = |requester| {
        build(
            CreatedBy::Create,
            &Attributes::default(),
            &template,
            requester,
        )
    };
    assert_eq!(rv(&by(&USER)), ck::CKR_ATTRIBUTE_READ_ONLY);
    let certificate = by(&SO).unwrap().attributes;
    let label = raws(&[(ck::CKA_LABEL, text("mine"))]);
    assert_eq!(
        rv(&change(&certificate, &label, &USER)),
        ck::CKR_ACTION_PROHIBITED
    );
    assert_eq!(rv(&change(&certificate, &label, &SO)), ck::CKR_OK);
    assert!(
        copy(&certificate, &label, &SO)
            .unwrap()
            .bool(ck::CKA_TRUSTED)
    );
    assert!(
        !copy(&certificate, &label, &USER)
            .unwrap()
            .bool(ck::CKA_TRUSTED)
    );
    assert_eq!(rv(&unwrapped(&[trusted])), ck::CKR_ATTRIBUTE_READ_ONLY);
}

/// An AES key that is generated to wrap and for nothing else, and `more`.
fn wrapping_key(more: &[Entry]) -> Attributes {
    let mut entries = aes(&[
        (ck::CKA_WRAP, flag(true)),
        (ck::CKA_UNWRAP, flag(true)),
        (ck::CKA_COPYABLE, flag(false)),
    ]);
    entries.retain(|(kind, _)| more.iter().all(|(other, _)| other != kind));
    entries.extend_from_slice(more);
    let template = raws(&entries);
    let built = build(CreatedBy::Unwrap, &Attributes::default(), &template, &USER);
    let mut key = built.unwrap().attributes;
    finish_key_facts(CreatedBy::Generate, &mut key, None);
    key
}

#[test]
fn a_trusted_key_is_local_and_wraps_alone() {
    let trusted = raws(&[(ck::CKA_TRUSTED, flag(true))]);
    let trust = |key: &Attributes| rv(&change(key, &trusted, &SO));
    assert_eq!(trust(&wrapping_key(&[])), ck::CKR_OK);
    let only_unwraps = wrapping_key(&[(ck::CKA_WRAP, flag(false))]);
    assert_eq!(trust(&only_unwraps), ck::CKR_OK);
    for (kind, value) in [
        (ck::CKA_ENCRYPT, true),
        (ck::CKA_DECRYPT, true),
        (ck::CKA_SIGN, true),
        (ck::CKA_VERIFY, true),
        (ck::CKA_DERIVE, true),
        (ck::CKA_COPYABLE, true),
        (ck::CKA_EXTRACTABLE, true),
        (ck::CKA_SENSITIVE, false),
    ] {
        let once = wrapping_key(&[(kind, flag(value))]);
        assert_eq!(
            trust(&once),
            ck::CKR_TEMPLATE_INCONSISTENT,
            "{:?}",
            name(kind)
        );
        // Not even when it is so no more.
        let back = raws(&[(kind, flag(!value))]);
        let reformed = change(&once, &back, &USER).unwrap();
        assert_eq!(
            trust(&reformed),
            ck::CKR_TEMPLATE_INCONSISTENT,
            "{:?}",
            name(kind)
        );
    }
    for how in [CreatedBy::Create, CreatedBy::Unwrap, CreatedBy::Derive] {
        let mut foreign = wrapping_key(&[]);
        finish_key_facts(how, &mut foreign, None);
        assert_eq!(trust(&foreign), ck::CKR_TEMPLATE_INCONSISTENT, "{how:?}");
        let template = raws(&aes(&[
            (ck::CKA_TRUSTED, flag(true)),
            (ck::CKA_WRAP, flag(true)),
        ]));
        let made = build(how, &Attributes::default(), &template, &SO);
        assert_ne!(rv(&made), ck::CKR_OK, "{how:?}");
    }
}

#[test]
fn a_use_that_a_key_had_once_keeps_it_from_being_trusted() {
    let key = wrapping_key(&[]);
    let set = |key: &Attributes, value| {
        let template = raws(&[(ck::CKA_DECRYPT, flag(value))]);
        change(key, &template, &USER).unwrap()
    };
    let once_decrypted = set(&set(&key, true), false);
    let trusted = raws(&[(ck::CKA_TRUSTED, flag(true))]);
    let outcome = change(&once_decrypted, &trusted, &SO);
    assert_eq!(rv(&outcome), ck::CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(rv(&change(&set(&key, false), &trusted, &SO)), ck::CKR_OK);
}

#[test]
fn the_roles_of_a_trusted_key_are_fixed() {
    let trusted = raws(&[(ck::CKA_TRUSTED, flag(true))]);
    let key = change(&wrapping_key(&[]), &trusted, &SO).unwrap();
    assert!(key.bool(ck::CKA_TRUSTED));
    let less = raws(&[(ck::CKA_UNWRAP, flag(false))]);
    assert_eq!(rv(&change(&key, &less, &USER)), ck::CKR_ATTRIBUTE_READ_ONLY);
    assert_eq!(rv(&change(&key, &less, &SO)), ck::CKR_ATTRIBUTE_READ_ONLY);
    let decrypt = raws(&[(ck::CKA_DECRYPT, flag(true))]);
    assert_eq!(
        rv(&change(&key, &decrypt, &SO)),
        ck::CKR_TEMPLATE_INCONSISTENT
    );
    let distrust = raws(&[(ck::CKA_TRUSTED, flag(false))]);
    for requester in [&USER, &SO] {
        let outcome = change(&key, &distrust, requester);
        assert_eq!(rv(&outcome), ck::CKR_ATTRIBUTE_READ_ONLY);
    }
    let label = raws(&[(ck::CKA_LABEL, text("x"))]);
    assert_eq!(rv(&change(&key, &label, &USER)), ck::CKR_OK);
}

#[test]
fn a_trusted_public_key_is_generated_and_does_not_encrypt() {
    let trusted = raws(&[(ck::CKA_TRUSTED, flag(true))]);
    let mut key = pair_half(ck::CKO_PUBLIC_KEY, ck::CKK_RSA);
    finish_key_facts(CreatedBy::Generate, &mut key, None);
    assert_eq!(
        rv(&change(&key, &trusted, &SO)),
        ck::CKR_TEMPLATE_INCONSISTENT
    );
    key.set(ck::CKA_ENCRYPT, flag(false));
    assert_eq!(rv(&change(&key, &trusted, &SO)), ck::CKR_OK);
    finish_key_facts(CreatedBy::Create, &mut key, None);
    assert_eq!(
        rv(&change(&key, &trusted, &SO)),
        ck::CKR_TEMPLATE_INCONSISTENT
    );
}

#[test]
fn a_copy_is_a_new_object() {
    let mut original = unwrapped(&[(ck::CKA_LABEL, text("one"))]).unwrap();
    original.set(ck::CKA_UNIQUE_ID, text("u-1"));
    let copied = copy(&original, &raws(&[(ck::CKA_TOKEN, flag(true))]), &USER).unwrap();
    assert_eq!(copied.get(ck::CKA_UNIQUE_ID), None);
    assert_eq!(copied.bytes(ck::CKA_LABEL), Some(&b"one"[..]));
    assert!(copied.bool(ck::CKA_TOKEN) && !original.bool(ck::CKA_TOKEN));
}

#[test]
fn a_failed_change_changes_nothing() {
    let current = unwrapped(&[]).unwrap();
    let before = current.clone();
    let template = raws(&[
        (ck::CKA_LABEL, text("new")),
        (ck::CKA_EXTRACTABLE, flag(true)),
    ]);
    assert!(change(&current, &template, &USER).is_err());
    assert_eq!(current, before);
}

#[test]
fn history_follows_the_specification() {
    let facts = |key: &Attributes| {
        [
            ck::CKA_LOCAL,
            ck::CKA_ALWAYS_SENSITIVE,
            ck::CKA_NEVER_EXTRACTABLE,
        ]
        .map(|kind| key.get(kind) == Some(&flag(true)))
    };
    let key = |how, sensitive, extractable, parent: Option<&Attributes>| {
        let mut key = unwrapped(&[
            (ck::CKA_SENSITIVE, flag(sensitive)),
            (ck::CKA_EXTRACTABLE, flag(extractable)),
        ])
        .unwrap();
        finish_key_facts(how, &mut key, parent);
        key
    };
    let closed = key(CreatedBy::Generate, true, false, None);
    let open = key(CreatedBy::Generate, false, true, None);
    assert_eq!(facts(&closed), [true, true, true]);
    assert_eq!(facts(&open), [true, false, false]);
    for how in [CreatedBy::Create, CreatedBy::Unwrap] {
        let imported = key(how, true, false, None);
        assert_eq!(facts(&imported), [false, false, false], "{how:?}");
        let mechanism = imported.ulong(ck::CKA_KEY_GEN_MECHANISM);
        assert_eq!(mechanism, Some(ck::CK_UNAVAILABLE_INFORMATION), "{how:?}");
    }
    // A derived key is as closed as its base key always was, and as it is itself.
    assert_eq!(
        facts(&key(CreatedBy::Derive, true, false, Some(&closed))),
        [false, true, true]
    );
    assert_eq!(
        facts(&key(CreatedBy::Derive, false, true, Some(&closed))),
        [false, false, false]
    );
    assert_eq!(
        facts(&key(CreatedBy::Derive, true, false, Some(&open))),
        [false, false, false]
    );
    // A copy keeps its original's history.
    assert_eq!(
        facts(&key(CreatedBy::Copy, true, false, Some(&closed))),
        [true, true, true]
    );
    assert_eq!(
        facts(&key(CreatedBy::Copy, true, false, Some(&open))),
        [true, false, false]
    );
    let mut original = closed;
    original.set(ck::CKA_KEY_GEN_MECHANISM, Value::Ulong(ck::CKM_AES_KEY_GEN));
    let copied = key(CreatedBy::Copy, true, false, Some(&original));
    assert_eq!(
        copied.ulong(ck::CKA_KEY_GEN_MECHANISM),
        Some(ck::CKM_AES_KEY_GEN)
    );

    let mut public = pair_half(ck::CKO_PUBLIC_KEY, ck::CKK_EC);
    finish_key_facts(CreatedBy::Generate, &mut public, None);
    assert_eq!(public.get(ck::CKA_LOCAL), Some(&flag(true)));
    assert_eq!(public.get(ck::CKA_ALWAYS_SENSITIVE), None);
}
