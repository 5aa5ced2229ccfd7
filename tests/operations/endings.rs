use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::session::{Decrypt, Encrypt};

use crate::common::{Calls, Fixture, RO, RW, attrs, full, needed, returns, rsa_pair, secret};

#[test]
fn a_step_that_fails_ends_the_operation() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let aes = secret(session, ck::CKK_AES, Vec::new()).public;
    let rsa = rsa_pair(session, vec![], vec![]);
    let ecb = || fixture.plain(ck::CKM_AES_ECB);

    session.encrypt_init(ecb(), aes).unwrap();
    returns!(
        full(|out| session.encrypt(&[0; 17], out)),
        CKR_DATA_LEN_RANGE
    );
    returns!(
        full(|out| session.encrypt(&[0; 16], out)),
        CKR_OPERATION_NOT_INITIALIZED
    );

    session.decrypt_init(ecb(), aes).unwrap();
    full(|out| session.decrypt_update(&[0; 17], out)).unwrap();
    returns!(
        full(|out| session.decrypt_final(out)),
        CKR_ENCRYPTED_DATA_LEN_RANGE
    );
    returns!(
        full(|out| session.decrypt_final(out)),
        CKR_OPERATION_NOT_INITIALIZED
    );

    session
        .sign_init(fixture.plain(ck::CKM_RSA_PKCS), rsa.private)
        .unwrap();
    returns!(session.sign_update(&[0; 246]), CKR_DATA_LEN_RANGE);
    returns!(
        full(|out| session.sign_final(out)),
        CKR_OPERATION_NOT_INITIALIZED
    );

    session
        .verify_init(fixture.plain(ck::CKM_SHA256_RSA_PKCS), rsa.public)
        .unwrap();
    returns!(session.verify(b"message", &[0; 256]), CKR_SIGNATURE_INVALID);
    returns!(session.verify_update(b""), CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn a_length_query_ends_nothing() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(session, ck::CKK_AES, Vec::new()).public;
    session
        .sign_init(fixture.plain(ck::CKM_SHA256_HMAC), key)
        .unwrap();
    for _ in 0..3 {
        assert_eq!(needed(|out| session.sign(b"message", out)).unwrap(), 32);
    }
    returns!(full(|out| session.sign(b"message", out)), CKR_OK);
    returns!(
        full(|out| session.sign(b"message", out)),
        CKR_OPERATION_NOT_INITIALIZED
    );
}

#[test]
fn cancelling_ends_what_it_names_and_nothing_else() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(session, ck::CKK_AES, Vec::new()).public;
    let ecb = || fixture.plain(ck::CKM_AES_ECB);
    let hmac = || fixture.plain(ck::CKM_SHA256_HMAC);
    let begin_all = || {
        for outcome in [
            session.encrypt_init(ecb(), key),
            session.decrypt_init(ecb(), key),
            session.sign_init(hmac(), key),
            session.verify_init(hmac(), key),
            session.digest_init(fixture.plain(ck::CKM_SHA256)),
            session.find_init(&[]),
        ] {
            outcome.unwrap();
        }
    };
    let active = || {
        [
            full(|out| session.encrypt_update(&[], out)).is_ok(),
            full(|out| session.decrypt_update(&[], out)).is_ok(),
            session.sign_update(&[]).is_ok(),
            session.verify_update(&[]).is_ok(),
            session.digest_update(&[]).is_ok(),
            session.find(0).is_ok(),
        ]
    };
    let flags = [
        ck::CKF_ENCRYPT,
        ck::CKF_DECRYPT,
        ck::CKF_SIGN,
        ck::CKF_VERIFY,
        ck::CKF_DIGEST,
        ck::CKF_FIND_OBJECTS,
    ];
    for (place, flag) in flags.into_iter().enumerate() {
        begin_all();
        session.cancel(flag);
        let mut expected = [true; 6];
        expected[place] = false;
        assert_eq!(active(), expected, "flag {flag:#x}");
        session.cancel(flags.iter().fold(0, |all, flag| all | flag));
        assert_eq!(active(), [false; 6]);
        // Nothing is active: there is nothing to refuse either.
        session.cancel(flag);
    }
}

#[test]
fn an_init_without_a_mechanism_ends_what_is_active_and_is_refused_otherwise() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(session, ck::CKK_AES, Vec::new()).public;
    let ecb = || fixture.plain(ck::CKM_AES_ECB);
    session.encrypt_init(ecb(), key).unwrap();
    session.decrypt_init(ecb(), key).unwrap();
    returns!(session.end(Encrypt), CKR_OK);
    returns!(session.end(Encrypt), CKR_ARGUMENTS_BAD);
    returns!(session.encrypt_init(ecb(), key), CKR_OK);
    returns!(session.end(Decrypt), CKR_OK, "the other one was left alone");
}

#[test]
fn logout_ends_operations_with_private_keys_in_every_session() {
    let fixture = Fixture::new();
    let sessions = [fixture.session.clone(), fixture.open(RW), fixture.open(RO)];
    let private = || attrs![CKA_PRIVATE => true];
    let key = secret(&fixture.session, ck::CKK_AES, private()).public;
    let rsa = rsa_pair(&fixture.session, vec![], private()).private;
    for session in &sessions {
        session
            .encrypt_init(fixture.plain(ck::CKM_AES_ECB), key)
            .unwrap();
        session
            .decrypt_init(fixture.plain(ck::CKM_AES_ECB), key)
            .unwrap();
        session
            .sign_init(fixture.plain(ck::CKM_RSA_PKCS), rsa)
            .unwrap();
        session
            .verify_init(fixture.plain(ck::CKM_SHA256_HMAC), key)
            .unwrap();
        session.find_init(&[]).unwrap();
        full(|out| session.encrypt_update(&[0; 16], out)).unwrap();
    }
    sessions[1].logout().unwrap();
    for session in &sessions {
        for outcome in [
            full(|out| session.encrypt_final(out)),
            full(|out| session.decrypt(&[0; 16], out)),
            full(|out| session.sign(b"", out)),
        ] {
            returns!(outcome, CKR_OPERATION_NOT_INITIALIZED);
        }
        returns!(session.verify(b"", b""), CKR_OPERATION_NOT_INITIALIZED);
        returns!(session.find(1), CKR_OPERATION_NOT_INITIALIZED);
    }
}

/// CKA_PRIVATE is FALSE, and still the token key is usable by its user alone.
#[test]
fn logout_ends_operations_with_token_keys_that_are_not_private() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let changes = attrs![CKA_TOKEN => true, CKA_PRIVATE => false];
    let key = secret(session, ck::CKK_AES, changes).public;
    session
        .encrypt_init(fixture.plain(ck::CKM_AES_ECB), key)
        .unwrap();
    session.logout().unwrap();
    returns!(
        full(|out| session.encrypt(&[0; 16], out)),
        CKR_OPERATION_NOT_INITIALIZED
    );
    let again = session.encrypt_init(fixture.plain(ck::CKM_AES_ECB), key);
    returns!(again, CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn logout_leaves_public_operations_alone() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let public = || attrs![CKA_PRIVATE => false];
    let key = secret(session, ck::CKK_AES, public()).public;
    let rsa = rsa_pair(session, public(), public());
    session
        .encrypt_init(fixture.plain(ck::CKM_RSA_PKCS), rsa.public)
        .unwrap();
    session
        .sign_init(fixture.plain(ck::CKM_SHA256_HMAC), key)
        .unwrap();
    session.digest_init(fixture.plain(ck::CKM_SHA256)).unwrap();
    session.logout().unwrap();
    returns!(full(|out| session.encrypt(b"text", out)), CKR_OK);
    returns!(full(|out| session.sign(b"text", out)), CKR_OK);
    returns!(full(|out| session.digest(b"text", out)), CKR_OK);
}

#[test]
fn closing_the_last_session_ends_the_login_and_its_operations() {
    let fixture = Fixture::new();
    let session = fixture.session.clone();
    let key = secret(&session, ck::CKK_AES, attrs![CKA_PRIVATE => true]).public;
    let gcm = Params::Gcm {
        iv: vec![0; 12].into(),
        aad: vec![],
        tag_len: 16,
    };
    session
        .encrypt_init(fixture.request(ck::CKM_AES_GCM, gcm), key)
        .unwrap();
    fixture.module.close_all_sessions(0).unwrap();
    returns!(
        fixture.module.session(session.handle()),
        CKR_SESSION_HANDLE_INVALID
    );
    assert_eq!(
        fixture.open(RW).info().unwrap().state,
        ck::CKS_RW_PUBLIC_SESSION
    );
}
