//! Objects that the token provides itself: clock, counter, mechanisms, profiles.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::thread;

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::{Config, MechanismFilter};
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::module::padded;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::{Handle, TokenCopy};

use crate::common::{
    Calls, Fixture, RO, SLOT, SO_PIN, TODAY, USER_PIN, attrs, bytes, external, full, number, open,
    returns, secret, session,
};

const CLASSES: [ck::CK_OBJECT_CLASS; 3] = [ck::CKO_HW_FEATURE, ck::CKO_MECHANISM, ck::CKO_PROFILE];

fn find(session: &Session, template: &[RawAttribute]) -> Vec<Handle> {
    session.find_init(template).unwrap();
    let found = session.find(10_000).unwrap();
    session.find_final().unwrap();
    found
}

fn feature(session: &Session, kind: ck::CK_HW_FEATURE_TYPE) -> Handle {
    let template = attrs![CKA_CLASS => ck::CKO_HW_FEATURE, CKA_HW_FEATURE_TYPE => kind];
    let [found] = find(session, &template)[..] else {
        panic!("there is one such hardware feature");
    };
    found
}

fn clock(session: &Session) -> Handle {
    feature(session, ck::CKH_CLOCK)
}

fn counter(session: &Session) -> Handle {
    feature(session, ck::CKH_MONOTONIC_COUNTER)
}

fn numbers(session: &Session, class: ck::CK_OBJECT_CLASS, kind: ck::CK_ATTRIBUTE_TYPE) -> Vec<u64> {
    let found = find(session, &attrs![CKA_CLASS => class]);
    let number = |object: &Handle| number(session, *object, kind);
    found.iter().map(number).collect()
}

fn profiles(session: &Session) -> Vec<u64> {
    numbers(session, ck::CKO_PROFILE, ck::CKA_PROFILE_ID)
}

fn count(session: &Session, counter: Handle) -> u64 {
    let value = bytes(session, counter, ck::CKA_VALUE);
    u64::from_be_bytes(value.try_into().unwrap())
}

/// A token that offers these mechanisms alone.
fn with_mechanisms(names: &[&str]) -> Fixture {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Fixture::blank(|config| config.mechanisms = MechanismFilter::Only(names))
}

#[test]
fn the_clock_shows_the_tokens_time() {
    let fixture = Fixture::logged_out();
    let clock = clock(&fixture.session);
    let shown = || bytes(&fixture.session, clock, ck::CKA_VALUE);
    let info = || fixture.module.token_info(SLOT).unwrap().utcTime.to_vec();
    assert_eq!(shown(), b"2027011508000000");
    assert_eq!(info(), shown());
    fixture.clock.set(TODAY + 61);
    assert_eq!(shown(), b"2027011508010100");
    fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
    // The token's time does not go back with the system's.
    fixture.clock.set(TODAY);
    assert_eq!(shown(), b"2027011508010100");
    assert_eq!(info(), shown());
}

#[test]
fn a_token_has_a_clock_and_a_free_slot_has_none() {
    let fixture = Fixture::new();
    assert_eq!(
        fixture.token_flags() & ck::CKF_CLOCK_ON_TOKEN,
        ck::CKF_CLOCK_ON_TOKEN
    );
    let free = fixture.module.token_info(SLOT + 1).unwrap();
    assert_eq!(free.flags & ck::CKF_CLOCK_ON_TOKEN, 0);
    assert_eq!(free.utcTime, [b' '; 16]);
}

#[test]
fn no_two_readings_of_the_counter_are_the_same() {
    let fixture = Fixture::logged_out();
    let other = fixture.another();
    let readings: Vec<Vec<u64>> = thread::scope(|scope| {
        let readers: Vec<_> = [&fixture.module, &other, &fixture.module, &other]
            .into_iter()
            .map(|module| {
                scope.spawn(|| {
                    let session = session(module, RO);
                    let counter = counter(&session);
                    (0..20).map(|_| count(&session, counter)).collect()
                })
            })
            .collect();
        readers.into_iter().map(|r| r.join().unwrap()).collect()
    });
    assert!(readings.iter().all(|reader| reader.is_sorted()));
    let different: BTreeSet<_> = readings.concat().into_iter().collect();
    assert_eq!(different.len(), 80);
}

#[test]
fn the_counter_is_above_the_changes_and_goes_on_after_a_new_start() {
    let fixture = Fixture::new();
    let before = count(&fixture.session, counter(&fixture.session));
    for _ in 0..5 {
        secret(&fixture.session, ck::CKK_AES, attrs![CKA_TOKEN => true]);
    }
    let after = count(&fixture.session, counter(&fixture.session));
    assert!(after >= before + 5, "{before} {after}");
    let fixture = fixture.reopened();
    assert!(count(&fixture.session, counter(&fixture.session)) > after);
}

#[test]
fn the_counter_survives_init_token_as_it_says() {
    let fixture = Fixture::new();
    let old = counter(&fixture.session);
    let mut last = 0;
    for _ in 0..3 {
        last = count(&fixture.session, old);
    }
    for kind in [ck::CKA_RESET_ON_INIT, ck::CKA_HAS_RESET] {
        assert_eq!(bytes(&fixture.session, old, kind), [ck::CK_FALSE]);
    }
    fixture.module.close_all_sessions(SLOT).unwrap();
    fixture
        .module
        .init_token(SLOT, SO_PIN, &padded("again"))
        .unwrap();
    let session = session(&fixture.module, RO);
    returns!(session.object_size(old), CKR_OBJECT_HANDLE_INVALID);
    let new = counter(&session);
    assert!(count(&session, new) > last);
    assert_eq!(bytes(&session, new, ck::CKA_HAS_RESET), [ck::CK_FALSE]);
}

#[test]
fn a_token_that_is_only_read_has_a_clock_and_no_counter() {
    let fixture = Fixture::new();
    let other = fixture.another_configured(|config| config.read_only = true);
    let session = session(&other, RO);
    let features = numbers(&session, ck::CKO_HW_FEATURE, ck::CKA_HW_FEATURE_TYPE);
    assert_eq!(features, [ck::CKH_CLOCK]);
}

#[test]
fn they_are_found_by_their_class_alone() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    assert!(find(session, &[]).is_empty());
    assert!(find(session, &attrs![CKA_TOKEN => true]).is_empty());
    assert!(find(session, &attrs![CKA_TOKEN => false]).is_empty());
    assert!(find(session, &attrs![CKA_HW_FEATURE_TYPE => ck::CKH_CLOCK]).is_empty());
    assert!(find(session, &attrs![CKA_CLASS => ck::CKO_VALIDATION]).is_empty());
    let data = session
        .create_object(&attrs![CKA_CLASS => ck::CKO_DATA, CKA_PRIVATE => false])
        .unwrap();
    assert_eq!(find(session, &[]), [data]);
    for class in CLASSES {
        let found = find(session, &attrs![CKA_CLASS => class]);
        assert!(!found.is_empty());
        assert!(!found.contains(&data));
        // They are no storage objects.
        let stored = attrs![CKA_CLASS => class, CKA_TOKEN => true];
        assert!(find(session, &stored).is_empty());
        for object in found {
            assert_eq!(number(session, object, ck::CKA_CLASS), class);
            let name = bytes(session, object, ck::CKA_UNIQUE_ID);
            let by_name = attrs![CKA_CLASS => class, CKA_UNIQUE_ID => &name];
            assert_eq!(find(session, &by_name), [object]);
        }
    }
}

#[test]
fn each_has_a_handle_and_a_unique_id_of_its_own_before_and_after_the_login() {
    let fixture = Fixture::logged_out();
    let all = || -> Vec<Handle> {
        let of = |class| find(&fixture.session, &attrs![CKA_CLASS => class]);
        CLASSES.into_iter().flat_map(of).collect()
    };
    let first = all();
    fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
    let key = secret(&fixture.session, ck::CKK_AES, vec![]).private;
    assert_eq!(all(), first);
    fixture.session.logout().unwrap();
    assert_eq!(all(), first);
    let mut handles: BTreeSet<_> = first.iter().copied().collect();
    let names: BTreeSet<_> = first
        .iter()
        .map(|object| bytes(&fixture.session, *object, ck::CKA_UNIQUE_ID))
        .collect();
    assert_eq!(names.len(), first.len());
    assert!(handles.insert(key));
    assert_eq!(handles.len(), first.len() + 1);
}

#[test]
fn there_is_an_object_for_each_mechanism_that_is_offered() {
    for fixture in [
        Fixture::logged_out(),
        with_mechanisms(&["CKM_AES_CBC", "CKM_SHA256"]),
    ] {
        let offered = fixture.module.mechanisms(SLOT).unwrap();
        let session = &fixture.session;
        let found = numbers(session, ck::CKO_MECHANISM, ck::CKA_MECHANISM_TYPE);
        assert_eq!(found, offered);
        let one = attrs![CKA_CLASS => ck::CKO_MECHANISM, CKA_MECHANISM_TYPE => ck::CKM_SHA256];
        assert_eq!(find(session, &one).len(), 1);
    }
}

#[test]
fn the_profiles_are_those_whose_conditions_hold() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let always = [
        ck::CKP_BASELINE_PROVIDER,
        ck::CKP_EXTENDED_PROVIDER,
        ck::CKP_AUTHENTICATION_TOKEN,
        ck::CKP_HKDF_TLS_TOKEN,
    ];
    let with_certificates = || {
        let mut profiles = profiles(session);
        let before = profiles.len();
        profiles.retain(|id| *id != ck::CKP_PUBLIC_CERTIFICATES_TOKEN);
        assert_eq!(profiles, always);
        before == profiles.len() + 1
    };
    assert!(with_certificates());
    let certificate = |private: bool| {
        let template = attrs![
            CKA_CLASS => ck::CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE => ck::CKC_X_509,
            CKA_SUBJECT => b"cn", CKA_VALUE => b"der", CKA_TOKEN => true, CKA_PRIVATE => private,
        ];
        session.create_object(&template).unwrap()
    };
    certificate(false);
    assert!(with_certificates());
    // "All certificates are publicly readable" is not true of this token for a while.
    let hidden = certificate(true);
    assert!(!with_certificates());
    session.destroy_object(hidden).unwrap();
    assert!(with_certificates());
}

#[test]
fn a_profile_needs_its_mechanisms() {
    assert_eq!(
        profiles(&with_mechanisms(&["CKM_SHA256"]).session),
        [
            ck::CKP_BASELINE_PROVIDER,
            ck::CKP_EXTENDED_PROVIDER,
            ck::CKP_PUBLIC_CERTIFICATES_TOKEN
        ]
    );
}

#[test]
fn none_can_be_made_changed_copied_destroyed_or_used() {
    let fixture = Fixture::new();
    for session in [&fixture.session, &fixture.open(RO)] {
        for class in CLASSES {
            let template = attrs![CKA_CLASS => class];
            returns!(
                session.create_object(&template),
                CKR_ATTRIBUTE_VALUE_INVALID
            );
            for object in find(session, &template) {
                for change in [
                    attrs![],
                    attrs![CKA_VALUE => b"0"],
                    attrs![CKA_LABEL => "a"],
                ] {
                    returns!(
                        session.set_attributes(object, &change),
                        CKR_ACTION_PROHIBITED
                    );
                }
                returns!(session.copy_object(object, &[]), CKR_ACTION_PROHIBITED);
                returns!(session.destroy_object(object), CKR_ACTION_PROHIBITED);
                assert!(session.object_size(object).unwrap() > 0);
                let encrypt = fixture.plain(ck::CKM_AES_ECB);
                returns!(
                    session.encrypt_init(encrypt, object),
                    CKR_KEY_HANDLE_INVALID
                );
                let unknown = session.attributes(object, &[ck::CKA_LABEL]).unwrap();
                assert_eq!(unknown, [Revealed::Invalid]);
            }
        }
    }
}

#[test]
fn only_a_clock_has_an_error_and_only_a_counter_has_resets() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let (clock, counter) = (clock(session), counter(session));
    assert_eq!(bytes(session, clock, ck::CKA_TENON_LAST_ERROR), b"");
    let invalid = [Revealed::Invalid];
    for (object, kind) in [
        (clock, ck::CKA_RESET_ON_INIT),
        (clock, ck::CKA_TENON_SWEEP),
        (counter, ck::CKA_TENON_LAST_ERROR),
    ] {
        assert_eq!(session.attributes(object, &[kind]).unwrap(), invalid);
    }
}

#[test]
fn they_are_no_operands_of_key_functions() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let clock = clock(session);
    let extractable = attrs![CKA_EXTRACTABLE => true];
    let key = secret(session, ck::CKK_AES, extractable).private;
    let wrap = |wrapping, key| {
        let mechanism = fixture.plain(ck::CKM_AES_KEY_WRAP);
        full(|out| session.wrap_key(mechanism, wrapping, key, out))
    };
    returns!(wrap(key, key), CKR_OK);
    returns!(wrap(key, clock), CKR_KEY_NOT_WRAPPABLE);
    returns!(wrap(clock, key), CKR_WRAPPING_KEY_HANDLE_INVALID);
    session.digest_init(fixture.plain(ck::CKM_SHA256)).unwrap();
    returns!(session.digest_key(clock), CKR_KEY_HANDLE_INVALID);
}

/// Writes CKA_TENON_SWEEP alone.
fn sweep(session: &Session, object: Handle, wanted: bool) -> Result<()> {
    session.set_attributes(object, &attrs![CKA_TENON_SWEEP => wanted])
}

#[test]
fn writing_sweep_to_the_clock_erases_what_is_due() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = external(session, vec![]).private;
    let day = (TODAY + 7 * 86_400).to_be_bytes();
    session
        .set_attributes(key, &attrs![CKA_TENON_DELETION_AT => &day])
        .unwrap();
    let objects = || fixture.module.token(SLOT).unwrap().object_count().unwrap();
    let before = objects();
    let clock = clock(session);
    sweep(session, clock, true).unwrap();
    assert_eq!(objects(), before);
    fixture.clock.set(TODAY + 7 * 86_400);
    sweep(session, clock, true).unwrap();
    assert_eq!(objects(), before - 1);
}

#[test]
fn sweeping_needs_the_clock_a_login_and_a_session_that_writes() {
    let fixture = Fixture::logged_out();
    let (session, reader) = (&fixture.session, fixture.open(RO));
    let clock = clock(session);
    returns!(sweep(session, clock, true), CKR_USER_NOT_LOGGED_IN);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    returns!(sweep(&reader, clock, true), CKR_SESSION_READ_ONLY);
    returns!(sweep(session, clock, false), CKR_ATTRIBUTE_VALUE_INVALID);
    let two = attrs![CKA_TENON_SWEEP => true, CKA_LABEL => "a"];
    returns!(
        session.set_attributes(clock, &two),
        CKR_TEMPLATE_INCONSISTENT
    );
    let key = secret(session, ck::CKK_AES, vec![]).private;
    for other in [counter(session), key] {
        returns!(sweep(session, other, true), CKR_TEMPLATE_INCONSISTENT);
    }
    returns!(sweep(session, Handle::MAX, true), CKR_OBJECT_HANDLE_INVALID);
    returns!(sweep(session, clock, true), CKR_OK);
}

#[test]
fn a_restored_counter_says_that_it_was_reset() {
    let fixture = Fixture::new();
    let backup = fixture.folder.path().join("backup");
    let token = fixture.module.token(SLOT).unwrap();
    let copy = token.back_up(&backup, Box::new(|_, _| ())).unwrap();
    copy.publish(false).unwrap();
    drop(token);
    let Fixture {
        module,
        session,
        clock,
        folder,
    } = fixture;
    let catalog = module.catalog().clone();
    drop((session, module));
    let config = Arc::new(Config::default());
    let now = Arc::new(clock.clone());
    let rng = Arc::new(SystemRng);
    let copy = TokenCopy::of_file(&*catalog, &backup, config, now, rng, Box::new(|_, _| ()));
    copy.unwrap().install(&*catalog, SLOT, None).unwrap();
    let module = open(&folder, &clock, |_| ()).unwrap();
    let session = crate::common::session(&module, RO);
    let counter = counter(&session);
    assert_eq!(bytes(&session, counter, ck::CKA_HAS_RESET), [ck::CK_TRUE]);
    assert_eq!(
        bytes(&session, counter, ck::CKA_RESET_ON_INIT),
        [ck::CK_FALSE]
    );
}
