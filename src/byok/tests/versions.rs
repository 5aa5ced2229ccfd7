//! Keys with versions (rule 10).

use super::*;

#[test]
fn only_some_keys_take_material_for_a_next_version() {
    let aes = Some(Spec::Aes(256));
    let refused = |name: &str, rule| Err(Error::Profile(of(name), rule));
    assert_eq!(may_import_next(&LIVE, of("aws"), aes), Ok(()));
    let unbound = ExternalFacts::default();
    let rsa = Some(Spec::Rsa(2048));
    assert_eq!(
        may_import_next(&unbound, of("aws"), rsa),
        Ok(()),
        "the first"
    );
    assert_eq!(
        may_import_next(&LIVE, of("aws"), rsa),
        refused("aws", Rule::Rotation)
    );
    for name in ["open", "oci", "google", "vault", "alibaba-software"] {
        assert_eq!(
            may_import_next(&LIVE, of(name), aes),
            refused(name, Rule::NextMaterial),
            "{name}"
        );
    }
}

/// At the most versions the material that a key has already is refused as that, and other material for the limit.
#[test]
fn a_key_has_a_limited_number_of_versions() {
    let came = |older, next, equal| {
        let facts = ExternalFacts {
            older,
            next,
            ..LIVE
        };
        let import_of = Import {
            equal: Some(equal),
            new_material: true,
            ..again(false)
        };
        import(
            &facts,
            &Import {
                expires_at: Some(0),
                ..import_of
            },
            of("aws"),
            NOW,
        )
    };
    let full = Err(Error::Profile(of("aws"), Rule::Versions(25)));
    for (older, next, equal, expected) in [
        (23, false, Equal::None, went(Destination::Next, 0)),
        (23, true, Equal::None, went(Destination::Next, 0)),
        (24, true, Equal::None, went(Destination::Next, 0)),
        (24, false, Equal::None, full),
        (24, false, Equal::Older, Err(Error::NotNew)),
        (24, false, Equal::Current, Err(Error::NotNew)),
    ] {
        assert_eq!(
            came(older, next, equal),
            expected,
            "{older} {next} {equal:?}"
        );
    }
}

/// Rule 10, *pending*: the key is PendingImport while a version that is not pending lacks its material.
#[test]
fn a_key_that_needs_every_version_waits_for_each() {
    let missing = ExternalFacts {
        older_missing: true,
        ..LIVE
    };
    assert_eq!(state(&missing, NOW), State::PendingImport);
    let ends = ExternalFacts {
        older_end: NOW + 1,
        expires_at: NOW + 9,
        ..LIVE
    };
    assert_eq!(state(&ends, NOW), State::Enabled);
    assert_eq!(ends.ends_at(), NOW + 1);
    assert_eq!(state(&ends, NOW + 1), State::PendingImport);
    assert!(!ends.stale(NOW + 1), "its own material stays");
}

#[test]
fn a_key_that_waits_for_shares_says_so() {
    let waiting = ExternalFacts {
        shares_end: Some(NOW + 1),
        ..ExternalFacts::default()
    };
    let refused = may(Act::Use, &waiting, NOW).unwrap_err();
    assert_eq!(refused, Error::Share(ShareRefusal::Waiting));
    assert!(refused.to_string().contains("import --share"), "{refused}");
    let over = may(Act::Use, &waiting, NOW + 1);
    assert_eq!(over, Err(Error::State(State::PendingImport)));
    assert_eq!(may(Act::Import, &waiting, NOW), Ok(()));
}

#[test]
fn a_key_that_waits_for_an_older_version_names_it() {
    let older = OlderVersion {
        number: 3,
        material_id: [0xA5; 16],
    };
    let missing = ExternalFacts {
        older_missing: true,
        older_lacking: Some(older),
        ..LIVE
    };
    let ended = ExternalFacts {
        older_missing: false,
        older_end: NOW,
        ..missing
    };
    for facts in [missing, ended] {
        for act in [Act::Use, Act::Rotate] {
            assert_eq!(may(act, &facts, NOW), Err(Error::OlderMaterial(older)));
        }
        let kind = KeyKind::OfProfile(profile::open(), facts);
        let refused = may_change(kind, ck::CKA_TENON_DISABLED, Some(&[1]), NOW).unwrap_err();
        assert_eq!(refused, Error::OlderMaterial(older));
        let why = refused.to_string();
        assert!(why.contains("version 3 "), "{why}");
        assert!(
            why.contains(&"a5".repeat(16)) && why.contains("import"),
            "{why}"
        );
        let own = ExternalFacts {
            material: false,
            ..facts
        };
        let own_alone = may(Act::Use, &ExternalFacts { older: 0, ..own }, NOW);
        assert_eq!(own_alone, Err(Error::State(State::PendingImport)));
        let own = may(Act::Use, &ExternalFacts { older: 3, ..own }, NOW).unwrap_err();
        assert_eq!(own, Error::CurrentMaterial(4));
        assert!(own.to_string().contains("version 4 "), "{own}");
    }
    assert_eq!(may(Act::Use, &ended, NOW - 1), Ok(()));
}

#[test]
fn one_version_at_a_time_of_keys_that_rotate() {
    let aes = Some(Spec::Aes(256));
    let rotate = |facts: &ExternalFacts, name, spec| may_rotate(facts, of(name), spec, NOW, false);
    let waiting = ExternalFacts {
        version_pending: true,
        ..LIVE
    };
    let next = ExternalFacts { next: true, ..LIVE };
    let raw = ExternalFacts { raw: true, ..next };
    for (facts, name, expected) in [
        (LIVE, "oci", Ok(Rotated::Opened)),
        (waiting, "oci", Err(Error::VersionPending)),
        (LIVE, "aws", Err(Error::NoNext)),
        (next, "aws", Ok(Rotated::Promoted)),
        (raw, "aws", Err(Error::RawRotation)),
    ] {
        assert_eq!(rotate(&facts, name, aes), expected, "{name} {facts:?}");
    }
    let forced = may_rotate(&raw, of("aws"), aes, NOW, true);
    assert_eq!(forced, Ok(Rotated::Promoted));
    for (name, spec, rule) in [
        ("aws", Some(Spec::Rsa(2048)), Rule::Rotation),
        ("aws", Some(Spec::Hmac(256)), Rule::Rotation),
        ("aws", None, Rule::Rotation),
        ("open", aes, Rule::Rotation),
        ("alibaba-hardware", aes, Rule::Rotation),
        ("huawei", aes, Rule::Rotation),
        ("google", aes, Rule::RotationByImport),
    ] {
        let refused = Err(Error::Profile(of(name), rule));
        assert_eq!(rotate(&LIVE, name, spec), refused, "{name} {spec:?}");
    }
    assert_eq!(
        rotate(&ExternalFacts::default(), "aws", aes),
        Err(Error::State(State::PendingImport))
    );
}
