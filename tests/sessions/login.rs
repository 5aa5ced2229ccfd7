use tenon_pkcs11::api::ck;

use crate::common::{Fixture, RO, RW, SO_PIN, USER_PIN, attrs, returns};

#[test]
fn the_five_states() {
    let fixture = Fixture::logged_out();
    let rw = &fixture.session;
    let ro = fixture.open(RO);
    let states = || (rw.info().unwrap().state, ro.info().unwrap().state);
    assert_eq!(
        states(),
        (ck::CKS_RW_PUBLIC_SESSION, ck::CKS_RO_PUBLIC_SESSION)
    );
    ro.login(ck::CKU_USER, USER_PIN).unwrap();
    assert_eq!(
        states(),
        (ck::CKS_RW_USER_FUNCTIONS, ck::CKS_RO_USER_FUNCTIONS)
    );
    rw.logout().unwrap();
    assert_eq!(
        states(),
        (ck::CKS_RW_PUBLIC_SESSION, ck::CKS_RO_PUBLIC_SESSION)
    );
    fixture.module.close_session(ro.handle()).unwrap();
    rw.login(ck::CKU_SO, SO_PIN).unwrap();
    assert_eq!(rw.info().unwrap().state, ck::CKS_RW_SO_FUNCTIONS);
    let info = rw.info().unwrap();
    assert_eq!((info.slotID, info.flags, info.ulDeviceError), (0, RW, 0));
    assert_eq!(
        fixture.open(RW).info().unwrap().state,
        ck::CKS_RW_SO_FUNCTIONS
    );
}

#[test]
fn one_user_at_a_time() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    for (user, pin, other) in [
        (ck::CKU_USER, USER_PIN, ck::CKU_SO),
        (ck::CKU_SO, SO_PIN, ck::CKU_USER),
    ] {
        session.login(user, pin).unwrap();
        returns!(session.login(user, pin), CKR_USER_ALREADY_LOGGED_IN);
        returns!(session.login(user, b"wrong"), CKR_USER_ALREADY_LOGGED_IN);
        returns!(
            session.login(other, b"wrong"),
            CKR_USER_ANOTHER_ALREADY_LOGGED_IN
        );
        session.logout().unwrap();
        returns!(session.logout(), CKR_USER_NOT_LOGGED_IN);
    }
    let low = ck::CKF_USER_PIN_COUNT_LOW | ck::CKF_SO_PIN_COUNT_LOW;
    assert_eq!(fixture.token_flags() & low, 0, "no guess was made");
}

#[test]
fn users_that_do_not_exist() {
    let fixture = Fixture::logged_out();
    for user in [3, 4, u64::MAX] {
        returns!(fixture.session.login(user, USER_PIN), CKR_USER_TYPE_INVALID);
    }
}

#[test]
fn wrong_pins() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    for (user, pin) in [(ck::CKU_USER, USER_PIN), (ck::CKU_SO, SO_PIN)] {
        let longer = [pin, b"\0"].concat();
        for wrong in [&b""[..], b"wrong", &pin[1..], &longer, &[b'1'; 256]] {
            returns!(session.login(user, wrong), CKR_PIN_INCORRECT);
        }
        returns!(session.login(user, pin), CKR_OK);
        session.logout().unwrap();
    }
}

#[test]
fn the_officer_and_read_only_sessions_exclude_each_other() {
    let fixture = Fixture::logged_out();
    let ro = fixture.open(RO);
    returns!(
        fixture.session.login(ck::CKU_SO, SO_PIN),
        CKR_SESSION_READ_ONLY_EXISTS
    );
    returns!(ro.login(ck::CKU_SO, SO_PIN), CKR_SESSION_READ_ONLY_EXISTS);
    fixture.module.close_session(ro.handle()).unwrap();
    fixture.session.login(ck::CKU_SO, SO_PIN).unwrap();
    returns!(
        fixture.module.open_session(0, RO),
        CKR_SESSION_READ_WRITE_SO_EXISTS
    );
    returns!(fixture.module.open_session(0, RW), CKR_OK);
    fixture.session.logout().unwrap();
    returns!(fixture.module.open_session(0, RO), CKR_OK);
}

#[test]
fn read_only_sessions_change_no_token_objects() {
    let fixture = Fixture::new();
    let ro = fixture.open(RO);
    let object = |token| attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => token];
    let stored = fixture.session.create_object(&object(true)).unwrap();

    returns!(ro.create_object(&object(true)), CKR_SESSION_READ_ONLY);
    returns!(
        ro.set_attributes(stored, &attrs![CKA_LABEL => "x"]),
        CKR_SESSION_READ_ONLY
    );
    returns!(ro.destroy_object(stored), CKR_SESSION_READ_ONLY);
    returns!(ro.copy_object(stored, &[]), CKR_SESSION_READ_ONLY);
    let key = attrs![CKA_TOKEN => true, CKA_VALUE_LEN => 16];
    returns!(
        ro.generate_key(fixture.plain(ck::CKM_AES_KEY_GEN), &key),
        CKR_SESSION_READ_ONLY
    );
    returns!(ro.set_pin(USER_PIN, b"another"), CKR_SESSION_READ_ONLY);

    let own = ro.create_object(&object(false)).unwrap();
    returns!(ro.set_attributes(own, &attrs![CKA_LABEL => "x"]), CKR_OK);
    returns!(ro.copy_object(stored, &attrs![CKA_TOKEN => false]), CKR_OK);
    returns!(ro.destroy_object(own), CKR_OK);
    returns!(fixture.session.destroy_object(stored), CKR_OK);
}

#[test]
fn without_the_user_nobody_makes_private_objects_or_token_keys() {
    for so in [false, true] {
        let fixture = Fixture::logged_out();
        let session = &fixture.session;
        if so {
            session.login(ck::CKU_SO, SO_PIN).unwrap();
        }
        let data = |private| attrs![CKA_CLASS => ck::CKO_DATA, CKA_PRIVATE => private];
        returns!(session.create_object(&data(true)), CKR_USER_NOT_LOGGED_IN);
        returns!(session.create_object(&data(false)), CKR_OK);
        let key = |token| {
            let template = attrs![CKA_TOKEN => token, CKA_PRIVATE => false, CKA_VALUE_LEN => 16];
            session.generate_key(fixture.plain(ck::CKM_AES_KEY_GEN), &template)
        };
        returns!(key(true), CKR_USER_NOT_LOGGED_IN);
        returns!(key(false), CKR_OK);
    }
}
