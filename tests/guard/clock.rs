//! The clock mark, and what the security officer does about it.

use std::sync::Arc;

use tenon_pkcs11::ck;
use tenon_pkcs11::clock::ManualClock;
use tenon_pkcs11::module::{Module, padded};
use tenon_pkcs11::session::Session;
use tenon_pkcs11::token::{ClockStatus, Event, Handle, Swept};

use super::outside::{ID, Import, MATERIAL, find};
use super::tools::{last, token};
use crate::common::{Fixture, RW, SLOT, SO_PIN, TODAY, USER_PIN, attrs, open, returns, session};

const DAY: u64 = 86_400;
const FAR: u64 = TODAY + 401 * DAY;

/// A token with an external key that expires in a minute.
fn expiring() -> (Import, Handle) {
    let import = Import::new();
    let soon = (TODAY + 60).to_be_bytes();
    let key = import
        .import(MATERIAL, attrs![CKA_TENON_EXPIRES_AT => &soon])
        .unwrap();
    (import, key)
}

/// Another process, with the officer logged in.
fn officer(fixture: &Fixture) -> (Module, Arc<Session>) {
    let module = fixture.another();
    let session = session(&module, RW);
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    (module, session)
}

fn mark(fixture: &Fixture) -> u64 {
    token(&fixture.another()).clock().unwrap().mark
}

#[test]
fn a_change_and_a_refusal_commit_the_reading() {
    let (import, key) = expiring();
    assert_eq!(mark(&import.fixture), TODAY);
    import.fixture.clock.set(TODAY + 10);
    import
        .fixture
        .session
        .set_attributes(key, &attrs![CKA_LABEL => "a"])
        .unwrap();
    assert_eq!(mark(&import.fixture), TODAY + 10);
    import.fixture.clock.set(TODAY + 60);
    returns!(import.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(mark(&import.fixture), TODAY + 60, "the mark is no deadline");
}

/// The search only reads; the refusal comes when the clock stands lower again.
#[test]
fn a_refusal_commits_the_time_by_which_it_refuses() {
    let (import, key) = expiring();
    import.fixture.clock.set(TODAY + 61);
    assert!(import.find(&attrs![CKA_ID => ID]).is_empty());
    import.fixture.clock.set(TODAY);
    returns!(import.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(mark(&import.fixture), TODAY + 61);
    let import = Import::over(import.fixture.reopened_as_user());
    assert!(import.find(&attrs![CKA_ID => ID]).is_empty());
}

#[test]
fn an_expiry_in_the_past_commits_the_reading_too() {
    let import = Import::new();
    import.fixture.clock.set(TODAY + 100);
    let past = (TODAY + 100).to_be_bytes();
    let past = attrs![CKA_TENON_EXPIRES_AT => &past];
    returns!(import.import(MATERIAL, past), CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(mark(&import.fixture), TODAY + 100);
}

#[test]
fn a_clock_thrown_ahead_erases_nothing_until_the_officer_accepts_it() {
    let (import, key) = expiring();
    import.fixture.clock.set(FAR);
    returns!(import.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let here = token(&import.fixture.module);
    assert_eq!(here.sweep().unwrap(), Swept::default());
    let status = ClockStatus {
        reading: FAR,
        mark: TODAY,
        now: FAR,
        believed: false,
    };
    assert_eq!(here.clock().unwrap(), status);

    let (module, _officer) = officer(&import.fixture);
    let accepted = token(&module).accept_clock(false).unwrap();
    assert_eq!((accepted.mark, accepted.believed), (FAR, true));
    let record = last(&module);
    assert_eq!(
        (record.event, record.number),
        (Event::ClockAccepted, Some(FAR))
    );
    assert_eq!(
        here.clock().unwrap(),
        accepted,
        "the other process sees it at once"
    );
    let erased = Swept {
        materials: 1,
        ..Swept::default()
    };
    assert_eq!(here.sweep().unwrap(), erased);
    here.verify_audit().unwrap();
}

#[test]
fn after_acceptance_the_next_touch_erases() {
    let (import, key) = expiring();
    import.fixture.clock.set(FAR);
    let (module, _officer) = officer(&import.fixture);
    token(&module).accept_clock(false).unwrap();
    returns!(import.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(last(&module).event, Event::Expire);
}

#[test]
fn the_officer_alone_accepts() {
    let fixture = Fixture::new();
    let token = token(&fixture.module);
    for lower in [false, true] {
        returns!(token.accept_clock(lower), CKR_USER_NOT_LOGGED_IN);
    }
    fixture.session.logout().unwrap();
    for lower in [false, true] {
        returns!(token.accept_clock(lower), CKR_USER_NOT_LOGGED_IN);
    }
    fixture.session.login(ck::CKU_SO, SO_PIN).unwrap();
    returns!(token.accept_clock(false), CKR_OK);
}

/// The clock was wrong for a while, and the token believed it.
#[test]
fn a_lowered_mark_holds_in_every_process() {
    let (import, key) = expiring();
    let other = import.fixture.another();
    let there = session(&other, RW);
    there.login(ck::CKU_USER, USER_PIN).unwrap();
    import.fixture.clock.set(TODAY + 100 * DAY);
    // This one remembers the reading; nothing has touched the key.
    assert!(find(&there, &attrs![CKA_ID => ID]).is_empty());
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true];
    import.fixture.session.create_object(&data).unwrap();
    assert_eq!(mark(&import.fixture), TODAY + 100 * DAY);

    import.fixture.clock.set(TODAY + 30);
    assert!(find(&there, &attrs![CKA_ID => ID]).is_empty());
    let (module, _officer) = officer(&import.fixture);
    let officers = token(&module);
    returns!(officers.accept_clock(false), CKR_ACTION_PROHIBITED);
    let lowered = officers.accept_clock(true).unwrap();
    assert_eq!((lowered.mark, lowered.now), (TODAY + 30, TODAY + 30));
    assert_eq!(last(&module).event, Event::ClockLowered);

    let [seen] = find(&there, &attrs![CKA_ID => ID])[..] else {
        panic!("the running process goes on by the old time")
    };
    there
        .set_attributes(seen, &attrs![CKA_LABEL => "alive"])
        .unwrap();
    assert!(import.encrypt(key).is_ok());
    assert_eq!(mark(&import.fixture), TODAY + 30, "nobody put it back");
    import.fixture.clock.set(TODAY + 60);
    returns!(import.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn initializing_again_keeps_the_mark() {
    let fixture = Fixture::new();
    fixture.clock.set(TODAY + 500);
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true];
    fixture.session.create_object(&data).unwrap();
    fixture.clock.set(TODAY);
    fixture.module.close_all_sessions(SLOT).unwrap();
    fixture
        .module
        .init_token(SLOT, SO_PIN, &padded("anew"))
        .unwrap();
    assert_eq!(mark(&fixture), TODAY + 500);
}

#[test]
fn an_edited_mark_is_found() {
    let fixture = Fixture::new();
    let Fixture {
        module,
        session,
        folder,
        ..
    } = fixture;
    drop((session, module));
    let file = super::tools::file(folder.path());
    let edit = "UPDATE meta SET value = CAST(x'0000000000000001' || substr(value, 9) AS BLOB) WHERE name = 'clock'";
    super::tools::sql(&file, edit);
    let module = open(&folder, &ManualClock::at(TODAY), |_| ()).unwrap();
    returns!(module.token(SLOT), CKR_TOKEN_NOT_RECOGNIZED);
    let why = module.unreadable(SLOT).unwrap().unwrap();
    assert!(why.contains("clock mark"), "{why}");
}
