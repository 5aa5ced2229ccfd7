//! CKA_ALWAYS_AUTHENTICATE: each operation waits for a PIN of its own.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::token::Handle;

use crate::common::{Calls, Fixture, RW, SO_PIN, USER_PIN, attrs, full, needed, returns, rsa_pair};

fn key(fixture: &Fixture) -> Handle {
    let changes = attrs![CKA_PRIVATE => true, CKA_ALWAYS_AUTHENTICATE => true];
    rsa_pair(&fixture.session, vec![], changes).private
}

#[test]
fn each_signature_needs_a_login_of_its_own() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = key(&fixture);
    for _ in 0..2 {
        session
            .sign_init(fixture.plain(ck::CKM_RSA_PKCS), key)
            .unwrap();
        returns!(
            session.login(ck::CKU_CONTEXT_SPECIFIC, b"wrong"),
            CKR_PIN_INCORRECT
        );
        returns!(
            session.login(ck::CKU_CONTEXT_SPECIFIC, SO_PIN),
            CKR_PIN_INCORRECT
        );
        session.login(ck::CKU_CONTEXT_SPECIFIC, USER_PIN).unwrap();
        assert_eq!(needed(|out| session.sign(b"text", out)).unwrap(), 256);
        assert_eq!(full(|out| session.sign(b"text", out)).unwrap().len(), 256);
    }
}

#[test]
fn a_step_without_that_login_ends_the_operation() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = key(&fixture);
    let init = || session.sign_init(fixture.plain(ck::CKM_SHA256_RSA_PKCS), key);
    for _ in 0..2 {
        returns!(init(), CKR_OK);
        returns!(
            full(|out| session.sign(b"text", out)),
            CKR_USER_NOT_LOGGED_IN
        );
        returns!(init(), CKR_OK);
        returns!(session.sign_update(b"text"), CKR_USER_NOT_LOGGED_IN);
        returns!(
            session.login(ck::CKU_CONTEXT_SPECIFIC, USER_PIN),
            CKR_OPERATION_NOT_INITIALIZED
        );
    }
}

#[test]
fn one_login_is_enough_for_all_parts() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    session
        .sign_init(fixture.plain(ck::CKM_SHA256_RSA_PKCS), key(&fixture))
        .unwrap();
    session.login(ck::CKU_CONTEXT_SPECIFIC, USER_PIN).unwrap();
    session.sign_update(b"one").unwrap();
    session.sign_update(b"two").unwrap();
    returns!(full(|out| session.sign_final(out)), CKR_OK);
}

#[test]
fn decryption_waits_too() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let public = rsa_pair(session, vec![], vec![]).public;
    session
        .encrypt_init(fixture.plain(ck::CKM_RSA_PKCS), public)
        .unwrap();
    let sealed = full(|out| session.encrypt(b"text", out)).unwrap();
    session
        .decrypt_init(fixture.plain(ck::CKM_RSA_PKCS), key(&fixture))
        .unwrap();
    returns!(
        full(|out| session.decrypt(&sealed, out)),
        CKR_USER_NOT_LOGGED_IN
    );
    session
        .decrypt_init(fixture.plain(ck::CKM_RSA_PKCS), key(&fixture))
        .unwrap();
    session.login(ck::CKU_CONTEXT_SPECIFIC, USER_PIN).unwrap();
    assert_eq!(full(|out| session.decrypt(&sealed, out)).unwrap(), b"text");
}

#[test]
fn a_login_is_for_the_operation_of_its_session_alone() {
    let fixture = Fixture::new();
    let (one, other) = (&fixture.session, fixture.open(RW));
    let key = key(&fixture);
    one.sign_init(fixture.plain(ck::CKM_RSA_PKCS), key).unwrap();
    other
        .sign_init(fixture.plain(ck::CKM_RSA_PKCS), key)
        .unwrap();
    one.login(ck::CKU_CONTEXT_SPECIFIC, USER_PIN).unwrap();
    returns!(full(|out| other.sign(b"text", out)), CKR_USER_NOT_LOGGED_IN);
    returns!(full(|out| one.sign(b"text", out)), CKR_OK);
}

#[test]
fn without_an_operation_there_is_nothing_to_log_in_for() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let login = |pin| session.login(ck::CKU_CONTEXT_SPECIFIC, pin);
    returns!(login(USER_PIN), CKR_OPERATION_NOT_INITIALIZED);
    session
        .sign_init(fixture.plain(ck::CKM_RSA_PKCS), key(&fixture))
        .unwrap();
    login(USER_PIN).unwrap();
    returns!(login(USER_PIN), CKR_OPERATION_NOT_INITIALIZED);
    full(|out| session.sign(b"text", out)).unwrap();
    session.logout().unwrap();
    returns!(login(USER_PIN), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn wrong_context_specific_pins_are_counted() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    session
        .sign_init(fixture.plain(ck::CKM_RSA_PKCS), key(&fixture))
        .unwrap();
    for _ in 0..10 {
        returns!(
            session.login(ck::CKU_CONTEXT_SPECIFIC, b"wrong"),
            CKR_PIN_INCORRECT
        );
    }
    returns!(
        session.login(ck::CKU_CONTEXT_SPECIFIC, USER_PIN),
        CKR_PIN_LOCKED
    );
    assert_ne!(fixture.token_flags() & ck::CKF_USER_PIN_LOCKED, 0);
    returns!(
        full(|out| session.sign(b"text", out)),
        CKR_USER_NOT_LOGGED_IN
    );
}
