use super::*;
use crate::ck;
use crate::clock::UnixTime;

mod versions;

const NOW: UnixTime = 1_800_000_000;
const LIVE: ExternalFacts = ExternalFacts {
    generated: false,
    of_service: false,
    bound: true,
    material: true,
    expires_at: 0,
    disabled: false,
    deletion_at: 0,
    version_pending: false,
    next: false,
    older: 0,
    older_missing: false,
    older_end: 0,
    older_lacking: None,
    shares_end: None,
    raw: false,
};

fn again(same: bool) -> Import {
    let equal = if same { Equal::Current } else { Equal::None };
    Import {
        equal: Some(equal),
        genuine: true,
        integrity: true,
        new_material: false,
        expires_at: None,
    }
}

fn went(to: Destination, expires_at: UnixTime) -> Result<Imported, Error> {
    Ok(Imported { to, expires_at })
}

#[test]
fn state_follows_from_facts() {
    let cases = [
        (ExternalFacts::default(), State::PendingImport),
        (LIVE, State::Enabled),
        (
            ExternalFacts {
                expires_at: NOW + 1,
                ..LIVE
            },
            State::Enabled,
        ),
        (
            ExternalFacts {
                expires_at: NOW,
                ..LIVE
            },
            State::PendingImport,
        ),
        (
            ExternalFacts {
                material: false,
                ..LIVE
            },
            State::PendingImport,
        ),
        (
            ExternalFacts {
                disabled: true,
                ..LIVE
            },
            State::Disabled,
        ),
        (
            ExternalFacts {
                disabled: true,
                material: false,
                ..LIVE
            },
            State::PendingImport,
        ),
        (
            ExternalFacts {
                deletion_at: NOW + 1,
                ..LIVE
            },
            State::PendingDeletion,
        ),
        (
            ExternalFacts {
                deletion_at: NOW + 1,
                material: false,
                ..LIVE
            },
            State::PendingDeletion,
        ),
        (
            ExternalFacts {
                deletion_at: NOW,
                disabled: true,
                ..LIVE
            },
            State::Deleted,
        ),
    ];
    for (facts, expected) in cases {
        assert_eq!(state(&facts, NOW), expected, "{facts:?}");
    }
}

#[test]
fn first_import_binds_for_ever() {
    let first = Import {
        equal: None,
        ..again(true)
    };
    let bound = import(&ExternalFacts::default(), &first, profile::open(), NOW);
    assert_eq!(bound, went(Destination::Current, 0));
    let bound = LIVE;
    let erased = ExternalFacts {
        material: false,
        ..bound
    };
    for facts in [
        bound,
        erased,
        ExternalFacts {
            disabled: true,
            ..bound
        },
    ] {
        assert_eq!(
            import(&facts, &again(false), profile::open(), NOW),
            Err(Error::Mismatch { named: true })
        );
    }
    let blind = Import {
        integrity: false,
        ..again(false)
    };
    assert_eq!(
        import(&erased, &blind, profile::open(), NOW),
        Err(Error::Mismatch { named: false })
    );
}

#[test]
fn reimport_sets_the_expiry_anew() {
    let old = ExternalFacts {
        expires_at: NOW + 10,
        disabled: true,
        ..LIVE
    };
    let later = Import {
        expires_at: Some(NOW + 99),
        ..again(true)
    };
    let set = import(&old, &later, profile::open(), NOW);
    assert_eq!(set, went(Destination::Current, NOW + 99));
    let unsaid = import(&old, &again(true), profile::open(), NOW).unwrap();
    assert_eq!(
        unsaid.expires_at, 0,
        "the profile's default, never the old expiry"
    );
    for past in [1, NOW - 1, NOW] {
        let import_past = Import {
            expires_at: Some(past),
            ..again(true)
        };
        assert_eq!(
            import(&old, &import_past, profile::open(), NOW),
            Err(Error::ExpiryPast)
        );
    }
}

#[test]
fn profiles_bound_the_expiry() {
    const DAY: UnixTime = 86_400;
    let at = |name: &str, asked| expiry(asked, profile::find(name.as_bytes()).unwrap(), NOW);
    assert_eq!(at("open", None), Ok(0));
    assert_eq!(at("huawei", None), Ok(NOW + DAY));
    assert_eq!(at("huawei", Some(0)), Ok(0));
    assert_eq!(at("aws", Some(0)), Ok(0));
    assert_eq!(at("aws", Some(NOW + 365 * DAY)), Ok(NOW + 365 * DAY));
    let refused = |name: &str, asked| match at(name, asked) {
        Err(Error::Profile(_, rule)) => rule,
        other => panic!("{other:?}"),
    };
    assert_eq!(refused("aws", None), Rule::ExpiryUnnamed);
    let past_a_year = Some(NOW + 365 * DAY + 1);
    assert_eq!(refused("aws", past_a_year), Rule::ExpiryMaximum);
    assert_eq!(at("tencent", Some(2_147_443_200)), Ok(2_147_443_200));
    let later = Some(2_147_443_201);
    assert_eq!(refused("tencent", later), Rule::ExpiryMaximum);
}

#[test]
fn no_import_while_deletion_is_pending() {
    let pending = ExternalFacts {
        deletion_at: NOW + 1,
        ..LIVE
    };
    assert_eq!(
        import(&pending, &again(true), profile::open(), NOW),
        Err(Error::State(State::PendingDeletion))
    );
}

#[test]
fn fixed_attributes_of_an_external_key() {
    let external = KeyKind::OfProfile(profile::open(), LIVE);
    let set = |key, kind, value: &[u8]| may_change(key, kind, Some(value), NOW);
    for kind in [
        ck::CKA_ID,
        ck::CKA_ENCRYPT,
        ck::CKA_TENON_PROFILE,
        ck::CKA_MODIFIABLE,
    ] {
        assert_eq!(set(external, kind, b"x"), Err(Error::Fixed));
        assert_eq!(set(KeyKind::Job, kind, b"x"), Err(Error::Fixed));
    }
    assert_eq!(set(external, ck::CKA_LABEL, b"\xff"), Ok(()));
    assert_eq!(set(KeyKind::Ordinary, ck::CKA_ID, b"x"), Ok(()));
    for kind in [ck::CKA_TENON_DISABLED, ck::CKA_TENON_DELETION_AT] {
        assert_eq!(set(KeyKind::Ordinary, kind, &[1]), Err(Error::Fixed));
        assert_eq!(set(KeyKind::Job, kind, &[1]), Err(Error::Fixed));
    }
    let day = 86_400;
    let days = |n: u64| {
        let at = (NOW + n * day).to_be_bytes();
        set(external, ck::CKA_TENON_DELETION_AT, &at)
    };
    assert_eq!((days(7), days(30)), (Ok(()), Ok(())));
    assert_eq!(
        days(6),
        Err(Error::Profile(profile::open(), Rule::Deletion))
    );
    assert_eq!(
        days(31),
        Err(Error::Profile(profile::open(), Rule::Deletion))
    );
    let pending = ExternalFacts {
        deletion_at: NOW + 1,
        ..LIVE
    };
    let waits = ExternalFacts {
        material: false,
        ..LIVE
    };
    let off = ExternalFacts {
        disabled: true,
        ..LIVE
    };
    let refused = |act, state| Err(Error::Administration(act, state));
    let later = (NOW + 8 * day).to_be_bytes();
    for (facts, kind, value, expected) in [
        (
            LIVE,
            ck::CKA_TENON_DELETION_AT,
            &[0; 8][..],
            refused(Act::Cancel, State::Enabled),
        ),
        (
            off,
            ck::CKA_TENON_DELETION_AT,
            &[0; 8],
            refused(Act::Cancel, State::Disabled),
        ),
        (pending, ck::CKA_TENON_DELETION_AT, &[0; 8], Ok(())),
        (
            pending,
            ck::CKA_TENON_DELETION_AT,
            &later,
            refused(Act::Schedule, State::PendingDeletion),
        ),
        (waits, ck::CKA_TENON_DELETION_AT, &later, Ok(())),
        (
            waits,
            ck::CKA_TENON_DISABLED,
            &[1],
            refused(Act::Switch, State::PendingImport),
        ),
        (
            waits,
            ck::CKA_TENON_DISABLED,
            &[0],
            refused(Act::Switch, State::PendingImport),
        ),
        (
            pending,
            ck::CKA_TENON_DISABLED,
            &[1],
            refused(Act::Switch, State::PendingDeletion),
        ),
        (off, ck::CKA_TENON_DISABLED, &[1], Ok(())),
        (pending, ck::CKA_LABEL, b"free", Ok(())),
        (
            pending,
            ck::CKA_TENON_TAGS,
            b"{}",
            refused(Act::Describe, State::PendingDeletion),
        ),
    ] {
        let key = KeyKind::OfProfile(profile::open(), facts);
        assert_eq!(
            may_change(key, kind, Some(value), NOW),
            expected,
            "{facts:?}"
        );
    }
}

#[test]
fn destroying_erases_material_alone() {
    assert_eq!(
        destruction(&ExternalFacts::default(), NOW),
        Destruction::Whole
    );
    assert_eq!(destruction(&LIVE, NOW), Destruction::Material);
    assert_eq!(
        destruction(
            &ExternalFacts {
                material: false,
                ..LIVE
            },
            NOW
        ),
        Destruction::Nothing
    );
}

#[test]
fn other_material_binds_the_version_that_waits() {
    let waiting = ExternalFacts {
        version_pending: true,
        ..LIVE
    };
    let into = |facts: &ExternalFacts, came: &Import| import(facts, came, profile::open(), NOW);
    assert_eq!(
        into(&waiting, &again(false)),
        went(Destination::NewVersion, 0)
    );
    assert_eq!(into(&waiting, &again(true)), went(Destination::Current, 0));
    let garbage = Import {
        genuine: false,
        integrity: false,
        ..again(false)
    };
    for facts in [waiting, ExternalFacts::default()] {
        assert_eq!(
            into(&facts, &garbage),
            Err(Error::Mismatch { named: false })
        );
    }
    assert_eq!(
        into(&LIVE, &again(false)),
        Err(Error::Mismatch { named: true })
    );
}

fn of(name: &str) -> &'static Profile {
    profile::find(name.as_bytes()).unwrap()
}

/// Rule 10: the three ways of rotation, and what an import of each material comes to.
#[test]
fn an_import_goes_where_the_profile_rotates() {
    let never = Some(0);
    let came = |equal, new_material| Import {
        equal: Some(equal),
        new_material,
        expires_at: never,
        ..again(true)
    };
    let mismatch = Err(Error::Mismatch { named: true });
    for (profile, equal, new_material, expected) in [
        ("aws", Equal::None, false, mismatch),
        ("aws", Equal::None, true, went(Destination::Next, 0)),
        ("aws", Equal::Next, true, went(Destination::Next, 0)),
        ("aws", Equal::Next, false, went(Destination::Next, 0)),
        ("aws", Equal::Current, true, Err(Error::NotNew)),
        ("aws", Equal::Older, true, Err(Error::NotNew)),
        ("aws", Equal::Older, false, went(Destination::Older, 0)),
        (
            "google",
            Equal::None,
            false,
            went(Destination::NewVersion, 0),
        ),
        (
            "vault",
            Equal::None,
            false,
            went(Destination::NewVersion, 0),
        ),
        ("vault", Equal::Older, false, went(Destination::Older, 0)),
        (
            "vault",
            Equal::Current,
            false,
            went(Destination::Current, 0),
        ),
        ("oci", Equal::None, false, mismatch),
        ("alibaba-hardware", Equal::None, false, mismatch),
    ] {
        let outcome = import(&LIVE, &came(equal, new_material), of(profile), NOW);
        assert_eq!(outcome, expected, "{profile} {equal:?} {new_material}");
    }
}

#[test]
fn older_versions_have_material_to_delete() {
    let expired = ExternalFacts {
        material: false,
        ..LIVE
    };
    assert_eq!(destruction(&expired, NOW), Destruction::Nothing);
    let rotated = ExternalFacts {
        older: 1,
        ..expired
    };
    assert_eq!(destruction(&rotated, NOW), Destruction::Material);
    let shares = ExternalFacts {
        shares_end: Some(NOW + 1),
        ..ExternalFacts::default()
    };
    assert_eq!(destruction(&shares, NOW), Destruction::Material);
    let of_service = ExternalFacts {
        of_service: true,
        ..shares
    };
    assert_eq!(destruction(&of_service, NOW), Destruction::Material);
    let again = ExternalFacts {
        shares_end: Some(NOW + 1),
        ..expired
    };
    assert_eq!(destruction(&again, NOW), Destruction::Material);
    for (end, expected) in [(0, Destruction::Material), (NOW, Destruction::Nothing)] {
        let ending = ExternalFacts {
            shares_end: Some(end),
            ..expired
        };
        assert_eq!(destruction(&ending, NOW), expected, "{end}");
    }
}
