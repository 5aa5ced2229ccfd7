use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::module::padded;

use crate::common::{Fixture, SO_PIN, USER_PIN, returns};

#[test]
fn the_officer_alone_sets_the_users_pin() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    returns!(session.init_pin(b"new-pin"), CKR_USER_NOT_LOGGED_IN);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    returns!(session.init_pin(b"new-pin"), CKR_USER_NOT_LOGGED_IN);
    session.logout().unwrap();
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    session.init_pin(b"new-pin").unwrap();
    session.logout().unwrap();
    returns!(session.login(ck::CKU_USER, USER_PIN), CKR_PIN_INCORRECT);
    returns!(session.login(ck::CKU_USER, b"new-pin"), CKR_OK);
}

#[test]
fn before_the_officer_has_set_it_there_is_no_users_pin() {
    let fixture = Fixture::blank(|_| ());
    let session = &fixture.session;
    for _ in 0..12 {
        returns!(
            session.login(ck::CKU_USER, b"guess"),
            CKR_USER_PIN_NOT_INITIALIZED
        );
    }
    returns!(
        session.login(ck::CKU_USER, b""),
        CKR_USER_PIN_NOT_INITIALIZED
    );
    returns!(
        session.set_pin(b"guess", b"new-pin"),
        CKR_USER_PIN_NOT_INITIALIZED
    );
    let of_user = ck::CKF_USER_PIN_INITIALIZED
        | ck::CKF_USER_PIN_COUNT_LOW
        | ck::CKF_USER_PIN_FINAL_TRY
        | ck::CKF_USER_PIN_LOCKED;
    assert_eq!(fixture.token_flags() & of_user, 0);
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    session.init_pin(USER_PIN).unwrap();
    assert_eq!(
        fixture.token_flags() & of_user,
        ck::CKF_USER_PIN_INITIALIZED
    );
}

#[test]
fn everybody_changes_their_own_pin() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    returns!(session.set_pin(b"wrong", b"new-pin"), CKR_PIN_INCORRECT);
    session.set_pin(USER_PIN, b"pin-2").unwrap();
    session.login(ck::CKU_USER, b"pin-2").unwrap();
    session.set_pin(b"pin-2", b"pin-3").unwrap();
    returns!(session.set_pin(b"pin-2", b"pin-4"), CKR_PIN_INCORRECT);
    session.logout().unwrap();

    session.login(ck::CKU_SO, SO_PIN).unwrap();
    returns!(
        session.set_pin(b"pin-3", b"new-pin"),
        CKR_PIN_INCORRECT,
        "that is the user's"
    );
    session.set_pin(SO_PIN, b"officer-2").unwrap();
    session.logout().unwrap();

    let fixture = fixture.reopened();
    let session = &fixture.session;
    returns!(session.login(ck::CKU_SO, SO_PIN), CKR_PIN_INCORRECT);
    returns!(session.login(ck::CKU_SO, b"officer-2"), CKR_OK);
    session.logout().unwrap();
    returns!(session.login(ck::CKU_USER, b"pin-2"), CKR_PIN_INCORRECT);
    returns!(session.login(ck::CKU_USER, b"pin-3"), CKR_OK);
}

#[test]
fn pins_have_4_to_255_bytes() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    let free = 1;
    for len in [0, 1, 3, 256, 1000] {
        let pin = vec![b'x'; len];
        returns!(session.set_pin(USER_PIN, &pin), CKR_PIN_LEN_RANGE, "{len}");
        returns!(
            fixture.module.init_token(free, &pin, &padded("new")),
            CKR_PIN_LEN_RANGE,
            "{len}"
        );
    }
    session.login(ck::CKU_SO, SO_PIN).unwrap();
    for len in [0, 3, 256] {
        returns!(
            session.init_pin(&vec![b'x'; len]),
            CKR_PIN_LEN_RANGE,
            "{len}"
        );
        returns!(
            session.set_pin(SO_PIN, &vec![b'x'; len]),
            CKR_PIN_LEN_RANGE,
            "{len}"
        );
    }
    for len in [4, 255] {
        let pin = vec![b'x'; len];
        session.init_pin(&pin).unwrap();
        session.logout().unwrap();
        returns!(session.login(ck::CKU_USER, &pin), CKR_OK, "{len}");
        session.logout().unwrap();
        session.login(ck::CKU_SO, SO_PIN).unwrap();
    }
    let info = fixture.module.token_info(0).unwrap();
    assert_eq!((info.ulMinPinLen, info.ulMaxPinLen), (4, 255));
}

#[test]
fn the_configuration_asks_for_longer_pins() {
    let fixture = Fixture::configured(|config| config.pin_min_length = 8);
    returns!(
        fixture.session.set_pin(USER_PIN, b"1234567"),
        CKR_PIN_LEN_RANGE
    );
    returns!(fixture.session.set_pin(USER_PIN, b"12345678"), CKR_OK);
    assert_eq!(fixture.module.token_info(0).unwrap().ulMinPinLen, 8);
}

/// Bytes, not text: a PIN may hold anything.
#[test]
fn pins_are_bytes() {
    let fixture = Fixture::new();
    let pin = [0, 0xFF, 0x80, 0, b'\n'];
    fixture.session.set_pin(USER_PIN, &pin).unwrap();
    fixture.session.logout().unwrap();
    returns!(
        fixture.session.login(ck::CKU_USER, &pin[..4]),
        CKR_PIN_INCORRECT
    );
    returns!(fixture.session.login(ck::CKU_USER, &pin), CKR_OK);
}

#[test]
fn a_key_file_is_part_of_every_pin() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("key");
    std::fs::write(&path, [7; 32]).unwrap();
    let fixture = Fixture::configured(|config| config.pin_key_file = Some(path.clone()));
    let without = fixture.another();
    let session = crate::common::session(&without, crate::common::RW);
    returns!(session.login(ck::CKU_USER, USER_PIN), CKR_PIN_INCORRECT);
    fixture.session.logout().unwrap();
    std::fs::write(&path, [7; 8]).unwrap();
    returns!(
        fixture.session.login(ck::CKU_USER, USER_PIN),
        CKR_DEVICE_ERROR
    );
    std::fs::remove_file(&path).unwrap();
    returns!(
        fixture.session.login(ck::CKU_USER, USER_PIN),
        CKR_DEVICE_ERROR
    );
    std::fs::write(&path, [7; 32]).unwrap();
    returns!(fixture.session.login(ck::CKU_USER, USER_PIN), CKR_OK);
}
