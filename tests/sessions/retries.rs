//! Ten wrong PINs lock a PIN.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::module::padded;

use crate::common::{Fixture, LABEL, SO_PIN, USER_PIN, returns};

const LIMIT: usize = 10;
const USER: ck::CK_FLAGS =
    ck::CKF_USER_PIN_COUNT_LOW | ck::CKF_USER_PIN_FINAL_TRY | ck::CKF_USER_PIN_LOCKED;
const SO: ck::CK_FLAGS =
    ck::CKF_SO_PIN_COUNT_LOW | ck::CKF_SO_PIN_FINAL_TRY | ck::CKF_SO_PIN_LOCKED;

#[test]
fn the_users_pin_locks_and_the_officer_unlocks_it() {
    let mut fixture = Fixture::logged_out();
    assert_eq!(fixture.token_flags() & (USER | SO), 0);
    for guess in 1..=LIMIT {
        let expected = match guess {
            LIMIT => ck::CKF_USER_PIN_LOCKED,
            9 => ck::CKF_USER_PIN_COUNT_LOW | ck::CKF_USER_PIN_FINAL_TRY,
            _ => ck::CKF_USER_PIN_COUNT_LOW,
        };
        returns!(
            fixture.session.login(ck::CKU_USER, b"wrong"),
            CKR_PIN_INCORRECT
        );
        assert_eq!(
            fixture.token_flags() & (USER | SO),
            expected,
            "after {guess} guesses"
        );
        if guess % 4 == 0 {
            fixture = fixture.reopened();
            assert_eq!(fixture.token_flags() & (USER | SO), expected, "reopened");
        }
    }
    let fixture = fixture.reopened();
    let session = &fixture.session;
    assert_eq!(fixture.token_flags() & USER, ck::CKF_USER_PIN_LOCKED);
    returns!(session.login(ck::CKU_USER, USER_PIN), CKR_PIN_LOCKED);
    returns!(session.login(ck::CKU_USER, b"wrong"), CKR_PIN_LOCKED);
    returns!(session.set_pin(USER_PIN, b"new-pin"), CKR_PIN_LOCKED);

    session.login(ck::CKU_SO, SO_PIN).unwrap();
    session.init_pin(b"new-pin").unwrap();
    assert_eq!(fixture.token_flags() & (USER | SO), 0);
    session.logout().unwrap();
    returns!(session.login(ck::CKU_USER, b"new-pin"), CKR_OK);
}

#[test]
fn the_officers_pin_locks_for_good() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    for _ in 0..5 {
        returns!(session.login(ck::CKU_SO, b"wrong"), CKR_PIN_INCORRECT);
    }
    fixture.module.close_all_sessions(0).unwrap();
    for _ in 5..LIMIT {
        let outcome = fixture.module.init_token(0, b"wrong", &padded(LABEL));
        returns!(outcome, CKR_PIN_INCORRECT);
    }
    assert_eq!(fixture.token_flags() & (USER | SO), ck::CKF_SO_PIN_LOCKED);
    returns!(
        fixture.module.init_token(0, SO_PIN, &padded(LABEL)),
        CKR_PIN_LOCKED
    );
    let session = fixture.open(crate::common::RW);
    returns!(session.login(ck::CKU_SO, SO_PIN), CKR_PIN_LOCKED);
    returns!(session.login(ck::CKU_USER, USER_PIN), CKR_OK);
}

#[test]
fn a_right_pin_begins_the_count_anew() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    for _ in 0..2 {
        for _ in 1..LIMIT {
            returns!(session.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
        }
        returns!(session.login(ck::CKU_USER, USER_PIN), CKR_OK);
        assert_eq!(fixture.token_flags() & USER, 0);
        session.logout().unwrap();
    }
}

#[test]
fn changing_a_pin_is_a_guess_too() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for _ in 0..LIMIT {
        returns!(session.set_pin(b"wrong", b"new-pin"), CKR_PIN_INCORRECT);
    }
    returns!(session.set_pin(USER_PIN, b"new-pin"), CKR_PIN_LOCKED);
    session.logout().unwrap();
    returns!(session.login(ck::CKU_USER, USER_PIN), CKR_PIN_LOCKED);
}

#[test]
fn a_short_or_endless_pin_is_a_guess() {
    let fixture = Fixture::logged_out();
    for pin in [&b"x"[..], &[b'x'; 1000]].into_iter().cycle().take(LIMIT) {
        returns!(fixture.session.login(ck::CKU_USER, pin), CKR_PIN_INCORRECT);
    }
    returns!(
        fixture.session.login(ck::CKU_USER, USER_PIN),
        CKR_PIN_LOCKED
    );
}

/// A secret that is not mounted yet must not lock the PIN that it will be.
#[test]
fn an_empty_pin_is_refused_and_not_counted() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    for blank in [&b""[..], b" ", b"\n", b"\r\n", b"    ", b"\0\0\0\0"] {
        for _ in 0..LIMIT {
            returns!(session.login(ck::CKU_USER, blank), CKR_PIN_INCORRECT);
            returns!(session.login(ck::CKU_SO, blank), CKR_PIN_INCORRECT);
            returns!(session.set_pin(blank, b"new-pin"), CKR_PIN_INCORRECT);
        }
    }
    returns!(session.set_pin(USER_PIN, b"      "), CKR_PIN_INVALID);
    assert_eq!(fixture.token_flags() & (USER | SO), 0);
    fixture.module.close_all_sessions(0).unwrap();
    for _ in 0..2 * LIMIT {
        let outcome = fixture.module.init_token(0, b"", &padded(LABEL));
        returns!(outcome, CKR_PIN_INCORRECT);
    }
    assert_eq!(fixture.token_flags() & (USER | SO), 0);
    let session = fixture.open(crate::common::RW);
    for _ in 0..LIMIT {
        returns!(session.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    }
    returns!(session.login(ck::CKU_USER, b""), CKR_PIN_LOCKED);
}

/// Each process locks by its own setting; the count is the token's.
#[test]
fn the_setting_says_how_many_wrong_pins_lock() {
    let fixture = Fixture::logged_out();
    let strict = fixture.another_configured(|config| config.pin_retries = 3);
    let elsewhere = crate::common::session(&strict, crate::common::RW);
    let flags =
        |module: &tenon_pkcs11::api::module::Module| module.token_info(0).unwrap().flags & USER;
    for expected in [
        ck::CKF_USER_PIN_COUNT_LOW,
        ck::CKF_USER_PIN_COUNT_LOW | ck::CKF_USER_PIN_FINAL_TRY,
        ck::CKF_USER_PIN_LOCKED,
    ] {
        returns!(elsewhere.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
        assert_eq!(flags(&strict), expected);
    }
    returns!(elsewhere.login(ck::CKU_USER, USER_PIN), CKR_PIN_LOCKED);
    assert_eq!(flags(&fixture.module), ck::CKF_USER_PIN_COUNT_LOW);
    returns!(fixture.session.login(ck::CKU_USER, USER_PIN), CKR_OK);
    assert_eq!(flags(&strict), 0);
    returns!(elsewhere.login(ck::CKU_USER, USER_PIN), CKR_OK);
}

#[test]
fn the_count_is_of_the_file_not_of_the_process() {
    let fixture = Fixture::logged_out();
    let other = fixture.another();
    let elsewhere = crate::common::session(&other, crate::common::RW);
    for _ in 0..LIMIT / 2 {
        returns!(
            fixture.session.login(ck::CKU_USER, b"wrong"),
            CKR_PIN_INCORRECT
        );
        returns!(elsewhere.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    }
    returns!(
        fixture.session.login(ck::CKU_USER, USER_PIN),
        CKR_PIN_LOCKED
    );
    returns!(elsewhere.login(ck::CKU_USER, USER_PIN), CKR_PIN_LOCKED);
}

#[test]
fn a_counter_that_is_missing_or_damaged_is_a_locked_pin() {
    use tenon_pkcs11::api::store::{Error, Store};

    for damage in [None, Some(0), Some(5), Some(40)] {
        let Fixture {
            module,
            session,
            clock,
            folder,
        } = Fixture::logged_out();
        drop((session, module));
        let path = folder.path().join("tokens/slot-0000.tenon");
        let store = Store::open(&path, &tenon_pkcs11::api::store::Options::default()).unwrap();
        store
            .write(|tx| {
                let Some(position) = damage else {
                    return tx.remove_meta("pin.user");
                };
                let mut row = tx.meta("pin.user")?.unwrap();
                row[position] ^= 1;
                tx.set_meta("pin.user", &row)?;
                Ok::<_, Error>(())
            })
            .unwrap();
        drop(store);
        let module = crate::common::open(&folder, &clock, |_| ()).unwrap();
        let session = crate::common::session(&module, crate::common::RW);
        returns!(
            session.login(ck::CKU_USER, USER_PIN),
            CKR_PIN_LOCKED,
            "{damage:?}"
        );
        let flags = module.token_info(0).unwrap().flags;
        assert_ne!(flags & ck::CKF_USER_PIN_LOCKED, 0, "{damage:?}");
    }
}
