//! `store.read_only`: keys are found and used, nothing is changed.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::module::padded;

use crate::common::{
    Calls, Fixture, RO, RW, SO_PIN, USER_PIN, attrs, full, returns, secret, session,
};

#[test]
fn nothing_is_written() {
    let fixture = Fixture::new();
    let public = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false];
    fixture.session.create_object(&public).unwrap();
    let module = fixture.another_configured(|config| config.read_only = true);
    returns!(module.open_session(0, RW), CKR_TOKEN_WRITE_PROTECTED);
    assert_ne!(
        module.token_info(0).unwrap().flags & ck::CKF_WRITE_PROTECTED,
        0
    );
    returns!(
        module.init_token(0, SO_PIN, &padded("x")),
        CKR_TOKEN_WRITE_PROTECTED
    );
    returns!(
        module.init_token(1, SO_PIN, &padded("x")),
        CKR_TOKEN_WRITE_PROTECTED
    );

    let session = session(&module, RO);
    returns!(
        session.login(ck::CKU_USER, USER_PIN),
        CKR_TOKEN_WRITE_PROTECTED
    );
    session
        .find_init(&attrs![CKA_CLASS => ck::CKO_DATA])
        .unwrap();
    let found = session.find(10).unwrap();
    assert_eq!(found.len(), 1);
    returns!(session.create_object(&public), CKR_SESSION_READ_ONLY);
    returns!(session.destroy_object(found[0]), CKR_SESSION_READ_ONLY);
    let own = attrs![CKA_CLASS => ck::CKO_DATA, CKA_PRIVATE => false];
    returns!(session.create_object(&own), CKR_OK);
}

/// The count lives in the memory of the process, and outlives the module; it is of one PIN of one
/// token.
#[test]
fn wrong_pins_are_counted_for_each_pin() {
    let fixtures = [Fixture::new(), Fixture::new()];
    let reader = |fixture: &Fixture| {
        fixture.another_configured(|config| {
            config.read_only = true;
            config.read_only_login = true;
        })
    };
    for _ in 0..2 {
        let module = reader(&fixtures[0]);
        let session = session(&module, RO);
        for _ in 0..5 {
            returns!(session.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
        }
    }
    let module = reader(&fixtures[0]);
    returns!(
        session(&module, RO).login(ck::CKU_USER, USER_PIN),
        CKR_PIN_LOCKED
    );
    let other = reader(&fixtures[1]);
    returns!(session(&other, RO).login(ck::CKU_USER, USER_PIN), CKR_OK);
}

#[test]
fn a_login_is_allowed_where_the_configuration_says_so() {
    let fixture = Fixture::new();
    let template = attrs![CKA_TOKEN => true, CKA_ID => b"key"];
    secret(&fixture.session, ck::CKK_AES, template);
    let module = fixture.another_configured(|config| {
        config.read_only = true;
        config.read_only_login = true;
    });
    let session = session(&module, RO);
    for _ in 0..9 {
        returns!(session.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    }
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    session.find_init(&attrs![CKA_ID => b"key"]).unwrap();
    let key = session.find(1).unwrap()[0];
    session
        .sign_init(fixture.plain(ck::CKM_SHA256_HMAC), key)
        .unwrap();
    returns!(full(|out| session.sign(b"text", out)), CKR_OK);
    let changed = session.set_attributes(key, &attrs![CKA_LABEL => "x"]);
    returns!(changed, CKR_SESSION_READ_ONLY);
    returns!(
        module.init_token(0, SO_PIN, &padded("x")),
        CKR_SESSION_EXISTS
    );
    session.logout().unwrap();

    for _ in 0..10 {
        returns!(session.login(ck::CKU_USER, b"wrong"), CKR_PIN_INCORRECT);
    }
    returns!(session.login(ck::CKU_USER, USER_PIN), CKR_PIN_LOCKED);
    let flags = fixture.token_flags();
    let of_user = ck::CKF_USER_PIN_COUNT_LOW | ck::CKF_USER_PIN_LOCKED;
    assert_eq!(flags & of_user, 0, "the file was not written");
}
