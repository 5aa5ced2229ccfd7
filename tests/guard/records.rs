//! What is recorded.

use std::fs;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::AuditUse;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::policy::Login;
use tenon_pkcs11::api::secret::Secret;
use tenon_pkcs11::api::token::{Event, Touch};

use super::outside::{self, ID, Import, MATERIAL, OTHER, oaep, oaep_blob};
use super::tools::{events, file, last, records, token, uid};
use crate::common::{Calls, Fixture, SO_PIN, TODAY, USER_PIN, attrs, full, returns, secret};

#[test]
fn every_change_is_a_record_with_its_objects() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let module = &fixture.module;
    let key = secret(
        session,
        ck::CKK_AES,
        attrs![CKA_TOKEN => true, CKA_LABEL => "alpha"],
    )
    .public;
    let name = uid(session, key);
    let made = last(module);
    assert_eq!(
        (made.event, made.login, made.at, made.rv),
        (Event::Create, Login::User, TODAY, ck::CKR_OK)
    );
    let [object] = &made.objects[..] else {
        panic!("one object: {made:?}")
    };
    assert_eq!(
        (object.touch, object.uid, object.class, object.version),
        (Touch::Put, name, ck::CKO_SECRET_KEY, 1)
    );
    assert_eq!(object.label.as_deref(), Some(&b"alpha"[..]));

    fixture.clock.set(TODAY + 5);
    session
        .set_attributes(key, &attrs![CKA_LABEL => "beta"])
        .unwrap();
    let changed = last(module);
    assert_eq!((changed.event, changed.at), (Event::Change, TODAY + 5));
    assert_eq!(changed.objects[0].version, 2);
    assert_eq!(changed.objects[0].label.as_deref(), Some(&b"beta"[..]));

    session.copy_object(key, &attrs![]).unwrap();
    let copied = last(module);
    assert_eq!((copied.event, copied.by), (Event::Copy, Some(name)));
    assert_ne!(copied.objects[0].uid, name);

    session.destroy_object(key).unwrap();
    let destroyed = last(module);
    assert_eq!(destroyed.event, Event::Destroy);
    assert_eq!(destroyed.objects[0].touch, Touch::Removed);
    assert_eq!(destroyed.objects[0].uid, name);
    assert_eq!(
        events(module),
        [
            Event::InitToken,
            Event::InitPin,
            Event::Create,
            Event::Change,
            Event::Copy,
            Event::Destroy
        ]
    );
}

#[test]
fn a_pair_is_one_record_and_a_derived_key_names_its_base() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let params = tenon_pkcs11::api::crypto::ec::Curve::P256.params();
    session
        .generate_key_pair(
            fixture.plain(ck::CKM_EC_KEY_PAIR_GEN),
            &attrs![CKA_TOKEN => true, CKA_EC_PARAMS => params],
            &attrs![CKA_TOKEN => true],
        )
        .unwrap();
    let classes: Vec<_> = last(&fixture.module)
        .objects
        .iter()
        .map(|object| object.class)
        .collect();
    assert_eq!(classes, [ck::CKO_PUBLIC_KEY, ck::CKO_PRIVATE_KEY]);

    let base = secret(session, ck::CKK_AES, attrs![CKA_TOKEN => true]).public;
    let request = fixture.request(
        ck::CKM_AES_ECB_ENCRYPT_DATA,
        Params::Data(Secret::copy(&[1; 16])),
    );
    session
        .derive_key(request, base, &attrs![CKA_TOKEN => true])
        .unwrap();
    let derived = last(&fixture.module);
    assert_eq!(derived.event, Event::Derive);
    assert_eq!(derived.mechanism, Some(ck::CKM_AES_ECB_ENCRYPT_DATA));
    assert_eq!(derived.by, Some(uid(session, base)));
}

#[test]
fn session_objects_leave_no_record() {
    let fixture = Fixture::new();
    let before = events(&fixture.module);
    secret(&fixture.session, ck::CKK_AES, vec![]);
    assert_eq!(events(&fixture.module), before);
}

#[test]
fn labels_are_read_after_a_login_and_stand_in_no_file() {
    let label = "needle in the haystack";
    let fixture = Fixture::new();
    for private in [true, false] {
        let changes = attrs![CKA_TOKEN => true, CKA_PRIVATE => private, CKA_LABEL => label];
        secret(&fixture.session, ck::CKK_AES, changes);
    }
    fixture.session.logout().unwrap();
    let of_creations = || {
        let mut records = records(&fixture.module);
        records.retain(|entry| entry.event == Event::Create);
        let labels = records.into_iter().map(|mut e| e.objects.remove(0).label);
        labels.collect::<Vec<_>>()
    };
    assert_eq!(of_creations(), [None, None]);
    fixture
        .session
        .create_object(&attrs![
            CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false,
            CKA_LABEL => label,
        ])
        .unwrap();
    fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
    let known = Some(label.as_bytes().to_vec());
    assert_eq!(
        of_creations(),
        [known.clone(), known, None],
        "nobody was logged in who could seal the last one"
    );

    let Fixture {
        module,
        session,
        folder,
        ..
    } = fixture;
    drop((session, module));
    let bytes = fs::read(file(folder.path())).unwrap();
    let found = bytes.windows(6).any(|window| window == b"needle");
    assert!(!found, "a label stands in the file");
}

#[test]
fn long_labels_are_cut() {
    let fixture = Fixture::new();
    let label = "x".repeat(70_000);
    secret(
        &fixture.session,
        ck::CKK_AES,
        attrs![CKA_TOKEN => true, CKA_LABEL => label.as_str()],
    );
    let recorded = last(&fixture.module).objects.remove(0).label.unwrap();
    assert_eq!(recorded, label.as_bytes()[..255]);
    token(&fixture.module).verify_audit().unwrap();
}

#[test]
fn every_refused_login_is_a_record() {
    let fixture = Fixture::blank(|_| ());
    let session = &fixture.session;
    let refused = || {
        let entry = last(&fixture.module);
        assert_eq!(entry.event, Event::LoginRefused);
        (entry.login, ck::rv_name(entry.rv))
    };
    returns!(
        session.login(ck::CKU_USER, USER_PIN),
        CKR_USER_PIN_NOT_INITIALIZED
    );
    assert_eq!(refused(), (Login::User, "CKR_USER_PIN_NOT_INITIALIZED"));
    returns!(session.login(ck::CKU_SO, b"wrong"), CKR_PIN_INCORRECT);
    assert_eq!(refused(), (Login::So, "CKR_PIN_INCORRECT"));
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    session.init_pin(USER_PIN).unwrap();
    session.logout().unwrap();
    returns!(session.set_pin(b"wrong", b"another"), CKR_PIN_INCORRECT);
    assert_eq!(refused(), (Login::User, "CKR_PIN_INCORRECT"));
    for _ in 1..10 {
        returns!(session.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    }
    returns!(session.login(ck::CKU_USER, USER_PIN), CKR_PIN_LOCKED);
    assert_eq!(refused(), (Login::User, "CKR_PIN_LOCKED"));
    let all = events(&fixture.module);
    let refusals = all.iter().filter(|event| **event == Event::LoginRefused);
    assert_eq!(refusals.count(), 13);
}

#[test]
fn imports_and_refused_ones_name_wrapping_key_and_mechanism() {
    let import = Import::new();
    let module = &import.fixture.module;
    let wrapping = Some(uid(&import.fixture.session, import.wrapping));
    let key = import.import(MATERIAL, vec![]).unwrap();
    let done = last(module);
    assert_eq!((done.event, done.rv), (Event::Import, ck::CKR_OK));
    assert_eq!(done.mechanism, Some(ck::CKM_RSA_PKCS_OAEP));
    assert_eq!(done.by, wrapping);
    assert_eq!(done.objects[0].uid, uid(&import.fixture.session, key));

    let refused = |rv: &str| {
        let entry = last(module);
        assert_eq!(
            (entry.event, ck::rv_name(entry.rv)),
            (Event::ImportRefused, rv)
        );
        assert_eq!(entry.mechanism, Some(ck::CKM_RSA_PKCS_OAEP));
        assert_eq!(entry.by, wrapping);
        assert_eq!(entry.objects, []);
    };
    returns!(import.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);
    refused("CKR_TENON_MATERIAL_MISMATCH");
    let template = outside::aes_template();
    returns!(
        import.unwrap(oaep(), &[0; 256], &template),
        CKR_WRAPPED_KEY_INVALID
    );
    refused("CKR_WRAPPED_KEY_INVALID");
    returns!(
        import.unwrap(oaep(), &[0; 255], &template),
        CKR_WRAPPED_KEY_LEN_RANGE
    );
    refused("CKR_WRAPPED_KEY_LEN_RANGE");
    let past = (TODAY - 1).to_be_bytes();
    let past = attrs![CKA_TENON_EXPIRES_AT => &past];
    returns!(import.import(MATERIAL, past), CKR_ATTRIBUTE_VALUE_INVALID);
    refused("CKR_ATTRIBUTE_VALUE_INVALID");

    let ordinary = attrs![CKA_ID => b"other", CKA_EXTRACTABLE => true];
    import.import(MATERIAL, ordinary).unwrap();
    let done = last(module);
    assert_eq!((done.event, done.by), (Event::Unwrap, wrapping));
    assert_eq!(done.mechanism, Some(ck::CKM_RSA_PKCS_OAEP));
}

#[test]
fn an_unwrap_with_no_key_at_all_is_refused_on_record() {
    let fixture = Fixture::new();
    let unwrapped =
        fixture
            .session
            .unwrap_key(oaep(), 999, &oaep_blob(MATERIAL), &outside::aes_template());
    returns!(unwrapped, CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    let entry = last(&fixture.module);
    assert_eq!((entry.event, entry.by), (Event::ImportRefused, None));
}

#[test]
fn erasing_and_expiry_are_records() {
    let import = Import::new();
    let module = &import.fixture.module;
    let key = import.import(MATERIAL, vec![]).unwrap();
    let name = uid(&import.fixture.session, key);
    import.fixture.session.destroy_object(key).unwrap();
    assert_eq!(last(module).event, Event::EraseMaterial);
    assert_eq!(last(module).objects[0].uid, name);
    let soon = (TODAY + 60).to_be_bytes();
    let key = import
        .import(MATERIAL, attrs![CKA_TENON_EXPIRES_AT => &soon])
        .unwrap();
    import.fixture.clock.set(TODAY + 60);
    returns!(import.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(last(module).event, Event::Expire);
    assert_eq!(last(module).objects[0].uid, name);
    assert!(import.find(&attrs![CKA_ID => ID]).is_empty());
    token(module).verify_audit().unwrap();
}

#[test]
fn uses_and_logins_are_recorded_where_that_is_configured() {
    for wanted in [AuditUse::On, AuditUse::Strict, AuditUse::Off] {
        let fixture = Fixture::configured(|config| config.audit_use = wanted);
        let session = &fixture.session;
        let changes = attrs![CKA_TOKEN => true, CKA_LABEL => "used"];
        let key = secret(session, ck::CKK_AES, changes).public;
        let before = events(&fixture.module).len();
        let ecb = fixture.plain(ck::CKM_AES_ECB);
        session.encrypt_init(ecb, key).unwrap();
        full(|out| session.encrypt(&[0; 16], out)).unwrap();
        let sha = fixture.plain(ck::CKM_SHA256);
        session.digest_init(sha).unwrap();
        session.logout().unwrap();
        session.login(ck::CKU_USER, USER_PIN).unwrap();
        let records = records(&fixture.module).split_off(before);
        if wanted == AuditUse::Off {
            assert_eq!(records, []);
            continue;
        }
        let [used, login] = &records[..] else {
            panic!("two records: {records:?}")
        };
        assert_eq!(used.event, Event::Use);
        assert_eq!(used.mechanism, Some(ck::CKM_AES_ECB));
        assert_eq!(used.number, Some(ck::CKA_ENCRYPT));
        let object = &used.objects[0];
        assert_eq!(object.touch, Touch::Used);
        assert_eq!(object.label.as_deref(), Some(&b"used"[..]));
        assert_eq!((login.event, login.login), (Event::Login, Login::User));
        token(&fixture.module).verify_audit().unwrap();
    }
}
