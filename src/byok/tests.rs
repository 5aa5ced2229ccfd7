use super::*;
use crate::ck;
use crate::clock::UnixTime;

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
    rotated: false,
};

fn again(same: bool) -> Import {
    Import {
        same: Some(same),
        genuine: true,
        integrity: true,
        expires_at: None,
    }
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
        same: None,
        ..again(true)
    };
    let bound = import(&ExternalFacts::default(), &first, profile::open(), NOW).unwrap();
    assert_eq!(bound, LIVE);
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
    let facts = import(&old, &later, profile::open(), NOW).unwrap();
    assert_eq!((facts.expires_at, facts.disabled), (NOW + 99, true));
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
    let external = Kind::OfProfile(profile::open());
    let set = |key, kind, value: &[u8]| may_change(key, kind, Some(value), NOW);
    for kind in [
        ck::CKA_ID,
        ck::CKA_ENCRYPT,
        ck::CKA_TENON_PROFILE,
        ck::CKA_MODIFIABLE,
    ] {
        assert_eq!(set(external, kind, b"x"), Err(Error::Fixed));
        assert_eq!(set(Kind::Job, kind, b"x"), Err(Error::Fixed));
    }
    assert_eq!(set(external, ck::CKA_LABEL, b"\xff"), Ok(()));
    assert_eq!(set(Kind::Ordinary, ck::CKA_ID, b"x"), Ok(()));
    for kind in [ck::CKA_TENON_DISABLED, ck::CKA_TENON_DELETION_AT] {
        assert_eq!(set(Kind::Ordinary, kind, &[1]), Err(Error::Fixed));
        assert_eq!(set(Kind::Job, kind, &[1]), Err(Error::Fixed));
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
    assert_eq!(set(external, ck::CKA_TENON_DELETION_AT, &[0; 8]), Ok(()));
}

#[test]
fn destroying_erases_material_alone() {
    assert_eq!(destruction(&ExternalFacts::default()), Destruction::Whole);
    assert_eq!(destruction(&LIVE), Destruction::Material);
    assert_eq!(
        destruction(&ExternalFacts {
            material: false,
            ..LIVE
        }),
        Destruction::Nothing
    );
}

#[test]
fn other_material_binds_the_version_that_waits() {
    let waiting = ExternalFacts {
        version_pending: true,
        ..LIVE
    };
    let bound = import(&waiting, &again(false), profile::open(), NOW).unwrap();
    assert_eq!(
        bound,
        ExternalFacts {
            rotated: true,
            ..LIVE
        }
    );
    assert_eq!(
        import(&waiting, &again(true), profile::open(), NOW),
        Ok(waiting)
    );
    let garbage = Import {
        genuine: false,
        integrity: false,
        ..again(false)
    };
    for facts in [waiting, ExternalFacts::default()] {
        assert_eq!(
            import(&facts, &garbage, profile::open(), NOW),
            Err(Error::Mismatch { named: false })
        );
    }
    assert_eq!(
        import(&bound, &again(false), profile::open(), NOW),
        Err(Error::Mismatch { named: true })
    );
}

#[test]
fn one_version_at_a_time_of_keys_that_rotate() {
    let aws = profile::find(b"aws").unwrap();
    let aes = Some(Spec::Aes(256));
    assert_eq!(may_rotate(&LIVE, aws, aes, NOW), Ok(()));
    let waiting = ExternalFacts {
        version_pending: true,
        ..LIVE
    };
    assert_eq!(
        may_rotate(&waiting, aws, aes, NOW),
        Err(Error::VersionPending)
    );
    for (profile, spec) in [
        (aws, Some(Spec::Rsa(2048))),
        (aws, None),
        (profile::open(), aes),
    ] {
        assert_eq!(
            may_rotate(&LIVE, profile, spec, NOW),
            Err(Error::Profile(profile, Rule::Rotation))
        );
    }
    assert_eq!(
        may_rotate(&ExternalFacts::default(), aws, aes, NOW),
        Err(Error::State(State::PendingImport))
    );
}

#[test]
fn older_versions_have_material_to_delete() {
    let expired = ExternalFacts {
        material: false,
        ..LIVE
    };
    assert_eq!(destruction(&expired), Destruction::Nothing);
    let rotated = ExternalFacts {
        rotated: true,
        ..expired
    };
    assert_eq!(destruction(&rotated), Destruction::Material);
}
