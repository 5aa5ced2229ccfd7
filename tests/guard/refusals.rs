//! Callers without a login, and callers who are refused in a loop, do not make the token's file grow.

use std::fs;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::token::Event;

use super::outside::{self, Import, MATERIAL, oaep, oaep_blob};
use super::tools::{file, last, records, token};
use crate::common::{Fixture, RW, SO_PIN, TODAY, USER_PIN, attrs, returns, session};

const DAY: u64 = 86_400;

/// How many refusals of this kind are on record, each record with its count.
fn refusals(fixture: &Fixture, event: Event) -> (usize, u64) {
    let records = records(&fixture.module);
    let of_kind: Vec<_> = records.iter().filter(|e| e.event == event).collect();
    let count = |entry: &&tenon_pkcs11::api::token::AuditEntry| {
        entry.repeated.map_or(1, |repeated| repeated.count)
    };
    (of_kind.len(), of_kind.iter().map(count).sum())
}

fn refused(fixture: &Fixture) {
    let template = outside::aes_template();
    let unwrapped = fixture.session.unwrap_key(oaep(), 999, &[0; 24], &template);
    returns!(unwrapped, CKR_UNWRAPPING_KEY_HANDLE_INVALID);
}

#[test]
fn a_caller_who_is_refused_in_a_loop_costs_two_records() {
    let fixture = Fixture::logged_out();
    let size = || {
        let log = file(fixture.folder.path()).with_extension("tenon-wal");
        [file(fixture.folder.path()), log].map(|path| fs::metadata(path).map_or(0, |m| m.len()))
    };
    refused(&fixture);
    let before = size();
    for _ in 0..5000 {
        refused(&fixture);
    }
    assert_eq!(size(), before, "none of them was written");
    let fixture = fixture.reopened();
    assert_eq!(refusals(&fixture, Event::ImportRefused), (2, 5001));
    token(&fixture.module).login(false, USER_PIN).unwrap();
    token(&fixture.module).verify_audit().unwrap();
}

#[test]
fn repeats_are_told_after_a_minute_and_with_the_next_change() {
    let import = Import::new();
    let fixture = &import.fixture;
    let loops = || {
        for _ in 0..10 {
            let blob = import.unwrap(oaep(), &[0; 256], &outside::aes_template());
            returns!(blob, CKR_WRAPPED_KEY_INVALID);
        }
    };
    loops();
    assert_eq!(refusals(fixture, Event::ImportRefused), (1, 1));
    fixture.clock.set(TODAY + 60);
    loops();
    assert_eq!(refusals(fixture, Event::ImportRefused), (2, 11));
    let repeated = records(&fixture.module).pop().unwrap().repeated.unwrap();
    assert_eq!((repeated.count, repeated.since), (10, TODAY));
    // Another kind is a record of its own, at once, behind what was counted.
    let other = import.unwrap(oaep(), &[0; 255], &outside::aes_template());
    returns!(other, CKR_WRAPPED_KEY_LEN_RANGE);
    assert_eq!(refusals(fixture, Event::ImportRefused), (4, 21));
    loops();
    import.import(MATERIAL, vec![]).unwrap();
    assert_eq!(refusals(fixture, Event::ImportRefused), (5, 31));
    assert_eq!(last(&fixture.module).event, Event::Import, "in its order");
    token(&fixture.module).verify_audit().unwrap();
}

#[test]
fn a_locked_pin_is_not_recorded_again_and_again() {
    let fixture = Fixture::logged_out();
    for _ in 0..10 {
        returns!(
            fixture.session.login(ck::CKU_USER, b"wrong"),
            CKR_PIN_INCORRECT
        );
    }
    assert_eq!(refusals(&fixture, Event::LoginRefused), (10, 10));
    for _ in 0..500 {
        returns!(
            fixture.session.login(ck::CKU_USER, USER_PIN),
            CKR_PIN_LOCKED
        );
    }
    assert_eq!(refusals(&fixture, Event::LoginRefused), (11, 11));
    fixture.session.login(ck::CKU_SO, SO_PIN).unwrap();
    assert_eq!(refusals(&fixture, Event::LoginRefused), (12, 510));
}

/// An empty PIN is no guess, so no limit of guesses bounds how often it is given.
#[test]
fn empty_pins_are_recorded_together() {
    let fixture = Fixture::logged_out();
    for _ in 0..500 {
        returns!(fixture.session.login(ck::CKU_USER, b""), CKR_PIN_INCORRECT);
        returns!(fixture.session.set_pin(b"", b"new-pin"), CKR_PIN_INCORRECT);
    }
    let (records, _) = refusals(&fixture, Event::LoginRefused);
    assert!(records <= 2, "{records}");
    fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
    let (records, count) = refusals(&fixture, Event::LoginRefused);
    assert!(records <= 4 && count == 1000, "{records} {count}");
}

/// Each of them is the first of its kind in its process.
#[test]
fn processes_that_come_and_go_have_so_many_records_a_day() {
    const PROCESSES: u64 = 300;
    let fixture = Fixture::logged_out();
    let knock = || {
        let module = fixture.another();
        let session = session(&module, RW);
        let template = outside::aes_template();
        let unwrapped = session.unwrap_key(oaep(), 999, &oaep_blob(MATERIAL), &template);
        returns!(unwrapped, CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    };
    for _ in 0..PROCESSES {
        knock();
    }
    assert_eq!(refusals(&fixture, Event::ImportRefused), (256, 256));
    assert_eq!(refusals(&fixture, Event::RefusalsOmitted), (0, 0));
    // Guesses at a PIN are not hidden behind that.
    returns!(
        fixture.session.login(ck::CKU_USER, b"wrong"),
        CKR_PIN_INCORRECT
    );
    assert_eq!(refusals(&fixture, Event::LoginRefused), (1, 1));
    fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
    assert_eq!(
        refusals(&fixture, Event::RefusalsOmitted),
        (1, PROCESSES - 256)
    );
    fixture.clock.set(TODAY + DAY);
    knock();
    assert_eq!(refusals(&fixture, Event::ImportRefused), (257, 257));
    token(&fixture.module).verify_audit().unwrap();
}

#[test]
fn changes_without_a_login_have_a_limit_a_day() {
    let fixture = Fixture::logged_out().reopened_with(|config| config.public_changes = 5);
    let session = &fixture.session;
    let data = attrs![
        CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false, CKA_LABEL => "a",
    ];
    let create = || session.create_object(&data);
    let first = create().unwrap();
    create().unwrap();
    session
        .set_attributes(first, &attrs![CKA_LABEL => "b"])
        .unwrap();
    session.copy_object(first, &attrs![]).unwrap();
    session.destroy_object(first).unwrap();
    returns!(create(), CKR_USER_NOT_LOGGED_IN);
    let told = create().unwrap_err().to_string();
    assert!(told.contains("policy.public_changes"), "{told}");
    let session_object = attrs![CKA_CLASS => ck::CKO_DATA, CKA_PRIVATE => false];
    session.create_object(&session_object).unwrap();
    returns!(session.login(ck::CKU_USER, USER_PIN), CKR_OK);
    for _ in 0..10 {
        create().unwrap();
    }
    session.logout().unwrap();
    returns!(create(), CKR_USER_NOT_LOGGED_IN);
    fixture.clock.set(TODAY + DAY);
    returns!(create(), CKR_OK, "the next day");
}

#[test]
fn objects_made_without_a_login_have_a_limit_of_bytes() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    let value = vec![7; 33 << 20];
    let data = attrs![
        CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false,
        CKA_VALUE => value.as_slice(),
    ];
    let first = session.create_object(&data).unwrap();
    returns!(session.create_object(&data), CKR_USER_NOT_LOGGED_IN);
    returns!(
        session.copy_object(first, &attrs![]),
        CKR_USER_NOT_LOGGED_IN
    );
    session.destroy_object(first).unwrap();
    returns!(session.create_object(&data), CKR_OK, "there is room again");
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    returns!(session.create_object(&data), CKR_OK, "logged in");
}
