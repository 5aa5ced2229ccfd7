//! The clock mark, and what the security officer does about it.

use std::sync::Arc;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::ManualClock;
use tenon_pkcs11::api::module::{Module, padded};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::{ClockStatus, Event, Handle, Swept};

use super::outside::{ID, Import, MATERIAL, find};
use super::tools::{last, token};
use crate::common::{
    Fixture, RW, SLOT, SO_PIN, TODAY, USER_PIN, attrs, open, returns, secret, session,
};

const DAY: u64 = 86_400;
const LEAP: u64 = 8 * DAY;
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
        doubted_since: Some(FAR),
        leap: LEAP,
        database: None,
        skewed: false,
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

/// What a command does under a clock that is a year ahead, and another one under the right clock.
#[test]
fn a_clock_a_year_ahead_for_an_hour_leaves_no_trace() {
    let (import, key) = expiring();
    import.fixture.clock.set(FAR);
    returns!(import.encrypt(key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let import = Import::over(import.fixture.reopened_as_user());
    import.fixture.clock.set(FAR + 3600);
    assert_eq!(
        token(&import.fixture.module).sweep().unwrap(),
        Swept::default()
    );
    assert!(import.find(&attrs![CKA_ID => ID]).is_empty());
    assert_eq!(mark(&import.fixture), TODAY);

    import.fixture.clock.set(TODAY + 30);
    let [key] = import.find(&attrs![CKA_ID => ID])[..] else {
        panic!("the key is there again, in the process that met the wrong clock too")
    };
    assert!(import.encrypt(key).is_ok());
    let status = token(&import.fixture.module).clock().unwrap();
    assert_eq!((status.believed, status.doubted_since), (true, None));
    let date = (TODAY + 30 * DAY).to_be_bytes();
    let again = import.import(MATERIAL, attrs![CKA_TENON_EXPIRES_AT => &date]);
    returns!(again, CKR_OK, "an import with a true date");
}

/// The token lay in a drawer for more than a year, with a key that expired meanwhile.
#[test]
fn a_token_that_rested_takes_the_clock_a_day_after_its_first_login() {
    let (import, key) = expiring();
    let Fixture {
        module,
        session,
        clock,
        folder,
    } = import.fixture;
    drop((session, module));
    clock.set(FAR);
    let login = |at: u64| {
        clock.set(at);
        let module = crate::common::open(&folder, &clock, |_| ()).unwrap();
        let swept = token(&module).login(false, USER_PIN).unwrap();
        (swept.materials, token(&module).clock().unwrap())
    };
    let (erased, first) = login(FAR);
    assert_eq!((erased, first.mark, first.believed), (0, TODAY, false));
    assert_eq!(first.doubted_since, Some(FAR));
    // The note is in the store: it outlives the process, and a login in between is no new one.
    let (erased, second) = login(FAR + DAY - 1);
    assert_eq!((erased, second.doubted_since), (0, Some(FAR)));
    let (erased, third) = login(FAR + DAY);
    assert_eq!((erased, third.mark), (1, FAR + DAY));
    assert_eq!((third.believed, third.doubted_since), (true, None));
    let _ = key;
}

/// A service that stays logged in takes the clock too, by its uses alone.
#[test]
fn uses_take_a_clock_that_stays_a_day_in_doubt() {
    let (import, _) = expiring();
    let unlimited = secret(
        &import.fixture.session,
        ck::CKK_AES,
        attrs![CKA_TOKEN => true],
    );
    for (at, believed) in [(FAR, false), (FAR + DAY - 1, false), (FAR + DAY, true)] {
        import.fixture.clock.set(at);
        import.encrypt(unlimited.public).unwrap();
        let status = token(&import.fixture.module).clock().unwrap();
        assert_eq!(status.believed, believed, "{status:?}");
    }
}

/// A process with a wrong clock never gets its day of doubt while another one uses the token with the
/// right clock.
#[test]
fn of_two_processes_the_wrong_clock_is_not_taken() {
    let (import, key) = expiring();
    let far = ManualClock::at(FAR);
    let other = crate::common::open(&import.fixture.folder, &far, |_| ()).unwrap();
    let there = session(&other, RW);
    there.login(ck::CKU_USER, USER_PIN).unwrap();
    for hours in (0..48).step_by(6) {
        far.set(FAR + hours * 3600);
        assert!(find(&there, &attrs![CKA_ID => ID]).is_empty());
        assert_eq!(token(&other).sweep().unwrap(), Swept::default());
        let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true];
        there.create_object(&data).unwrap();
        assert!(import.encrypt(key).is_ok(), "after {hours} hours");
        assert!(mark(&import.fixture) <= TODAY);
    }
}

#[test]
fn without_a_login_the_mark_moves_by_one_leap_in_all() {
    let (import, _) = expiring();
    import.fixture.session.logout().unwrap();
    for days in 1..20 {
        import.fixture.clock.set(TODAY + days * 4 * DAY);
        let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false];
        import.fixture.session.create_object(&data).unwrap();
        returns!(
            import.fixture.session.login(ck::CKU_SO, b"wrong"),
            CKR_PIN_INCORRECT
        );
        // The limit of wrong guesses is not what this is about.
        import.fixture.clock.set(TODAY);
        if days % 9 == 0 {
            let so = &import.fixture.session;
            so.login(ck::CKU_SO, SO_PIN).unwrap();
            so.logout().unwrap();
        }
    }
    assert_eq!(mark(&import.fixture), TODAY + LEAP);
}

#[test]
fn the_use_of_a_limited_key_moves_a_mark_that_is_an_hour_behind() {
    let import = Import::new();
    let day = (TODAY + DAY).to_be_bytes();
    let key = import
        .import(MATERIAL, attrs![CKA_TENON_EXPIRES_AT => &day])
        .unwrap();
    for (at, expected) in [(3600, 0), (3601, 3601), (7000, 3601), (7202, 7202)] {
        import.fixture.clock.set(TODAY + at);
        import.encrypt(key).unwrap();
        assert_eq!(mark(&import.fixture), TODAY + expected, "after {at} s");
    }
    import.fixture.clock.set(TODAY + DAY - 1);
    import.encrypt(key).unwrap();
    import.fixture.clock.set(TODAY);
    let import = Import::over(import.fixture.reopened_as_user());
    let status = token(&import.fixture.module).clock().unwrap();
    assert_eq!(status.now, TODAY + DAY - 1, "turned back, and started anew");
}

#[test]
fn a_refusal_for_time_says_by_which_times() {
    let (import, key) = expiring();
    import.fixture.clock.set(TODAY + 61);
    let times = |error: tenon_pkcs11::api::error::Error, all: [&str; 3]| {
        let text = error.to_string();
        for time in all {
            assert!(text.contains(time), "no {time:?} in: {text}");
        }
    };
    let first = "the token's time is 2027-01-15T08:01:01Z";
    let mark = "its mark 2027-01-15T08:0";
    let right = "the host's clock shows 2027-01-15T08:01:01Z";
    times(import.encrypt(key).unwrap_err(), [first, mark, right]);
    let past = (TODAY + 61).to_be_bytes();
    let past = attrs![CKA_TENON_EXPIRES_AT => &past];
    let refused = import.import(MATERIAL, past).unwrap_err();
    times(refused, [first, mark, right]);
    let date = (TODAY + 1000 * DAY).to_be_bytes();
    let window = attrs![CKA_TENON_DELETION_AT => &date];
    let session = &import.fixture.session;
    let refused = session.set_attributes(key, &window).unwrap_err();
    times(refused, [first, mark, right]);

    let (import, key) = expiring();
    import.fixture.clock.set(FAR);
    let wrong = "the host's clock shows 2028-02-20T08:00:00Z, which is in doubt";
    times(
        import.encrypt(key).unwrap_err(),
        ["time is 2028-02-20", "its mark 2027-01-15", wrong],
    );
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
    import.fixture.clock.set(TODAY + LEAP);
    // This one remembers the reading; nothing has touched the key.
    assert!(find(&there, &attrs![CKA_ID => ID]).is_empty());
    let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true];
    import.fixture.session.create_object(&data).unwrap();
    assert_eq!(mark(&import.fixture), TODAY + LEAP);

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
