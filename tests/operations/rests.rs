//! The next Init function with the same mechanism and key begins with the work of the operation before: nobody sees
//! that, and no key stays longer for it.

use std::sync::Arc;

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{
    Calls, Fixture, RW, SLOT, TODAY, USER_PIN, attrs, full, returns, secret, session,
};

fn iv(of: u8) -> Params {
    Params::Iv(vec![of; 16].into())
}

fn gcm(of: u8, tag_len: usize) -> Params {
    Params::Gcm {
        iv: vec![of; 12 + usize::from(of)].into(),
        aad: vec![of; usize::from(of) * 40],
        tag_len,
    }
}

/// Each mechanism with parameters for three messages.
fn mechanisms() -> Vec<(ck::CK_MECHANISM_TYPE, [Params; 3])> {
    vec![
        (ck::CKM_AES_CBC, [1, 2, 1].map(iv)),
        (ck::CKM_AES_CBC_PAD, [1, 2, 1].map(iv)),
        (ck::CKM_AES_ECB, [(); 3].map(|()| Params::None)),
        (ck::CKM_AES_GCM, [gcm(2, 16), gcm(1, 12), gcm(0, 16)]),
        (
            ck::CKM_AES_CTR,
            [1, 2, 1].map(|of| Params::Ctr {
                counter: [of; 16],
                bits: 32,
            }),
        ),
    ]
}

fn encrypt(fixture: &Fixture, by: &Session, of: (u64, &Params), key: Handle) -> Result<Vec<u8>> {
    by.encrypt_init(fixture.request(of.0, of.1.clone()), key)?;
    full(|out| by.encrypt(&[7; 48], out))
}

fn decrypt(
    fixture: &Fixture,
    by: &Session,
    of: (u64, &Params),
    key: Handle,
    sealed: &[u8],
) -> Result<Vec<u8>> {
    by.decrypt_init(fixture.request(of.0, of.1.clone()), key)?;
    full(|out| by.decrypt(sealed, out))
}

fn in_parts(fixture: &Fixture, by: &Session, of: (u64, &Params), key: Handle) -> Vec<u8> {
    by.encrypt_init(fixture.request(of.0, of.1.clone()), key)
        .unwrap();
    let mut sealed = full(|out| by.encrypt_update(&[7; 20], out)).unwrap();
    sealed.extend(full(|out| by.encrypt_update(&[7; 28], out)).unwrap());
    sealed.extend(full(|out| by.encrypt_final(out)).unwrap());
    sealed
}

#[test]
fn each_message_is_as_in_a_session_of_its_own() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let first = secret(session, ck::CKK_AES, vec![]).public;
    let second = attrs![CKA_VALUE => &[0x77; 32]];
    let second = secret(session, ck::CKK_AES, second).public;
    for (id, all) in mechanisms() {
        for key in [first, second, first] {
            for params in &all {
                let of = (id, params);
                let alone = encrypt(&fixture, &fixture.open(RW), of, key).unwrap();
                assert_eq!(
                    encrypt(&fixture, session, of, key).unwrap(),
                    alone,
                    "{id:#x}"
                );
                assert_eq!(in_parts(&fixture, session, of, key), alone, "{id:#x}");
                assert_eq!(
                    encrypt(&fixture, session, of, key).unwrap(),
                    alone,
                    "{id:#x}"
                );
                for _ in 0..2 {
                    let opened = decrypt(&fixture, session, of, key, &alone).unwrap();
                    assert_eq!(opened, [7; 48], "{id:#x}");
                }
            }
        }
    }
}

#[test]
fn digests_begin_anew_each_time() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for id in [ck::CKM_SHA256, ck::CKM_SHA512, ck::CKM_SHA256] {
        let digest = |by: &Session, message: &[u8]| {
            by.digest_init(fixture.plain(id)).unwrap();
            full(|out| by.digest(message, out)).unwrap()
        };
        for message in [&b"one"[..], b"", &[9; 200]] {
            let alone = digest(&fixture.open(RW), message);
            assert_eq!(digest(session, message), alone);
        }
        session.digest_init(fixture.plain(id)).unwrap();
        session.digest_update(b"o").unwrap();
        session.digest_update(b"ne").unwrap();
        let parts = full(|out| session.digest_final(out)).unwrap();
        assert_eq!(parts, digest(session, b"one"));
        returns!(
            full(|out| session.digest(b"", out)),
            CKR_OPERATION_NOT_INITIALIZED
        );
    }
    // What took a key's value is not kept.
    let key = attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let key = secret(session, ck::CKK_AES, key).public;
    for _ in 0..2 {
        session.digest_init(fixture.plain(ck::CKM_SHA256)).unwrap();
        session.digest_key(key).unwrap();
        returns!(full(|out| session.digest_final(out)), CKR_OK);
    }
}

#[test]
fn each_mac_is_as_in_a_session_of_its_own() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(session, ck::CKK_GENERIC_SECRET, vec![]).public;
    let sign = |by: &Session, id, params: &Params, message: &[u8]| {
        by.sign_init(fixture.request(id, params.clone()), key)
            .unwrap();
        full(|out| by.sign(message, out)).unwrap()
    };
    let verify = |id, params: &Params, message: &[u8], mac: &[u8]| {
        session
            .verify_init(fixture.request(id, params.clone()), key)
            .unwrap();
        session.verify(message, mac)
    };
    for (id, params, len) in [
        (ck::CKM_SHA256_HMAC, Params::None, 32),
        (ck::CKM_SHA256_HMAC_GENERAL, Params::MacLen(20), 20),
        (ck::CKM_SHA256_HMAC_GENERAL, Params::MacLen(5), 5),
        (ck::CKM_SHA512_HMAC, Params::None, 64),
    ] {
        for message in [&b"one"[..], b"", &[9; 200]] {
            let alone = sign(&fixture.open(RW), id, &params, message);
            assert_eq!(alone.len(), len);
            assert_eq!(sign(session, id, &params, message), alone);
            returns!(verify(id, &params, message, &alone), CKR_OK);
            let other = [message, b"!"].concat();
            returns!(verify(id, &params, &other, &alone), CKR_SIGNATURE_INVALID);
            returns!(verify(id, &params, message, &alone), CKR_OK);
            returns!(
                verify(id, &params, message, &alone[1..]),
                CKR_SIGNATURE_LEN_RANGE
            );
        }
    }
}

#[test]
fn an_operation_that_is_over_is_not_there() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(session, ck::CKK_AES, vec![]).public;
    let of = (ck::CKM_AES_CBC, &iv(1));
    let sealed = encrypt(&fixture, session, of, key).unwrap();
    decrypt(&fixture, session, of, key, &sealed).unwrap();
    for outcome in [
        full(|out| session.encrypt(&[7; 16], out)),
        full(|out| session.encrypt_final(out)),
        full(|out| session.decrypt(&[7; 16], out)),
    ] {
        returns!(outcome, CKR_OPERATION_NOT_INITIALIZED);
    }
    returns!(session.operation_state(), CKR_OPERATION_NOT_INITIALIZED);
    // Parameters are judged as those of a first operation, and a refused Init function leaves nothing.
    for wrong in [Params::None, gcm(1, 16)] {
        let row = fixture.module.mechanism(ck::CKM_AES_CBC).unwrap();
        if let Ok(request) = tenon_pkcs11::api::mechanism::Request::new(row, wrong) {
            returns!(
                session.encrypt_init(request, key),
                CKR_MECHANISM_PARAM_INVALID
            );
        }
        returns!(
            full(|out| session.encrypt(&[7; 16], out)),
            CKR_OPERATION_NOT_INITIALIZED
        );
        returns!(encrypt(&fixture, session, of, key), CKR_OK);
    }
    // After a failed step nothing rests, and the next operation is a new one.
    returns!(
        decrypt(&fixture, session, of, key, &sealed[..5]),
        CKR_ENCRYPTED_DATA_LEN_RANGE
    );
    assert_eq!(
        decrypt(&fixture, session, of, key, &sealed).unwrap(),
        [7; 48]
    );
    session.cancel(ck::CKF_ENCRYPT | ck::CKF_DECRYPT);
    assert_eq!(encrypt(&fixture, session, of, key).unwrap(), sealed);
}

/// A change to a key, and what the next Init function with it answers.
type Change = (&'static str, fn(&Fixture, Handle), &'static str);

/// Every change is seen by the next Init function in the session in which an operation with the key rests.
#[test]
fn what_happens_to_the_key_is_seen_by_the_next_init() {
    const CHANGES: &[Change] = &[
        (
            "destroyed",
            |fixture, key| fixture.session.destroy_object(key).unwrap(),
            "CKR_KEY_HANDLE_INVALID",
        ),
        (
            "destroyed by another session",
            |fixture, key| fixture.open(RW).destroy_object(key).unwrap(),
            "CKR_KEY_HANDLE_INVALID",
        ),
        (
            "may no longer encrypt",
            |fixture, key| {
                let template = attrs![CKA_ENCRYPT => false];
                fixture.open(RW).set_attributes(key, &template).unwrap();
            },
            "CKR_KEY_FUNCTION_NOT_PERMITTED",
        ),
        (
            "another label",
            |fixture, key| {
                let template = attrs![CKA_LABEL => "another"];
                fixture.session.set_attributes(key, &template).unwrap();
            },
            "CKR_OK",
        ),
        (
            "its end has come",
            |fixture, _| fixture.clock.set(TODAY + 2 * 86_400),
            "CKR_KEY_FUNCTION_NOT_PERMITTED",
        ),
        (
            "logged out",
            |fixture, _| fixture.session.logout().unwrap(),
            "CKR_KEY_HANDLE_INVALID",
        ),
    ];
    for token in [false, true] {
        for (what, change, expected) in CHANGES {
            let fixture = Fixture::configured(|config| config.enforce_dates = true);
            let template = attrs![
                CKA_TOKEN => token, CKA_PRIVATE => true, CKA_END_DATE => b"20270115",
            ];
            let key = secret(&fixture.session, ck::CKK_AES, template).public;
            let of = (ck::CKM_AES_GCM, &gcm(1, 16));
            for _ in 0..2 {
                encrypt(&fixture, &fixture.session, of, key).unwrap();
            }
            change(&fixture, key);
            let outcome = encrypt(&fixture, &fixture.session, of, key);
            assert_eq!(crate::common::rv(&outcome), *expected, "{what}, {token}");
        }
    }
}

#[test]
fn what_another_process_does_is_seen_by_the_next_init() {
    let fixture = Fixture::new();
    let of = (ck::CKM_AES_GCM, &gcm(1, 16));
    let other = fixture.another();
    let theirs = session(&other, RW);
    theirs.login(ck::CKU_USER, USER_PIN).unwrap();
    let made = |label: &str| {
        let template = attrs![CKA_TOKEN => true, CKA_LABEL => label];
        let ours = secret(&fixture.session, ck::CKK_AES, template).public;
        for _ in 0..2 {
            encrypt(&fixture, &fixture.session, of, ours).unwrap();
        }
        theirs.find_init(&attrs![CKA_LABEL => label]).unwrap();
        let found = theirs.find(2).unwrap();
        theirs.find_final().unwrap();
        (ours, found[0])
    };
    let (ours, same) = made("to be changed");
    theirs
        .set_attributes(same, &attrs![CKA_ENCRYPT => false])
        .unwrap();
    returns!(
        encrypt(&fixture, &fixture.session, of, ours),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    let (ours, same) = made("to be destroyed");
    theirs.destroy_object(same).unwrap();
    returns!(
        encrypt(&fixture, &fixture.session, of, ours),
        CKR_KEY_HANDLE_INVALID
    );
}

/// What ends a key, or the session in which an operation with the key rests.
type End = (&'static str, fn(&Fixture, &Arc<Session>, Handle));

#[test]
fn no_session_keeps_a_key_that_is_gone() {
    const ENDS: &[End] = &[
        ("destroyed by the session", |_, session, key| {
            session.destroy_object(key).unwrap();
        }),
        ("destroyed by another session", |fixture, _, key| {
            fixture.session.destroy_object(key).unwrap();
        }),
        ("logged out", |fixture, _, _| {
            fixture.session.logout().unwrap();
        }),
        ("its session closed", |fixture, session, key| {
            // Its owner is the other session.
            fixture.module.close_session(session.handle()).unwrap();
            fixture.session.destroy_object(key).unwrap();
        }),
    ];
    for token in [false, true] {
        for (what, end) in ENDS {
            let fixture = Fixture::new();
            let template = attrs![CKA_TOKEN => token, CKA_PRIVATE => true];
            let key = secret(&fixture.session, ck::CKK_AES, template).public;
            let session = fixture.open(RW);
            for (id, params) in &mechanisms() {
                for params in params {
                    let of = (*id, params);
                    let sealed = encrypt(&fixture, &session, of, key).unwrap();
                    decrypt(&fixture, &session, of, key, &sealed).unwrap();
                }
            }
            let held = Arc::downgrade(&fixture.module.token(SLOT).unwrap().object(key).unwrap());
            end(&fixture, &session, key);
            drop(session);
            assert!(held.upgrade().is_none(), "{what}, {token}");
        }
    }
}

/// What another process does to a key is seen by one session, and no other keeps the key as it was.
#[test]
fn no_session_keeps_a_key_that_has_ended_elsewhere() {
    type Ends = fn(&Session, Handle);
    const ENDS: &[(&str, Ends)] = &[
        ("destroyed", |theirs, key| {
            theirs.destroy_object(key).unwrap();
        }),
        ("changed", |theirs, key| {
            let template = attrs![CKA_ENCRYPT => false];
            theirs.set_attributes(key, &template).unwrap();
        }),
    ];
    let fixture = Fixture::new();
    let other = fixture.another();
    let theirs = session(&other, RW);
    theirs.login(ck::CKU_USER, USER_PIN).unwrap();
    let of = (ck::CKM_AES_CBC, &iv(1));
    for (what, end) in ENDS {
        for by_init in [false, true] {
            let label = &*format!("{what}, {by_init}");
            let template = attrs![CKA_TOKEN => true, CKA_LABEL => label];
            let key = secret(&fixture.session, ck::CKK_AES, template).public;
            let idle = fixture.open(RW);
            encrypt(&fixture, &idle, of, key).unwrap();
            let held = Arc::downgrade(&fixture.module.token(SLOT).unwrap().object(key).unwrap());
            theirs.find_init(&attrs![CKA_LABEL => label]).unwrap();
            let found = theirs.find(1).unwrap();
            theirs.find_final().unwrap();
            end(&theirs, found[0]);
            if by_init {
                let refused = encrypt(&fixture, &fixture.session, of, key);
                assert!(refused.is_err(), "{what}");
            } else {
                let size = fixture.session.object_size(key);
                assert_eq!(size.is_err(), *what == "destroyed");
                let digest = fixture.plain(ck::CKM_SHA256);
                fixture.session.digest_init(digest).unwrap();
                full(|out| fixture.session.digest(b"", out)).unwrap();
            }
            assert!(held.upgrade().is_none(), "{what}, {by_init}");
        }
    }
}

#[test]
fn no_session_keeps_a_key_whose_owner_is_closed() {
    for all in [false, true] {
        let fixture = Fixture::new();
        let owner = fixture.open(RW);
        let key = secret(&owner, ck::CKK_AES, vec![]).public;
        let others = [fixture.open(RW), fixture.open(RW)];
        let of = (ck::CKM_AES_CBC, &iv(1));
        for by in others.iter().chain([&owner]) {
            let sealed = encrypt(&fixture, by, of, key).unwrap();
            decrypt(&fixture, by, of, key, &sealed).unwrap();
        }
        let held = Arc::downgrade(&fixture.module.token(SLOT).unwrap().object(key).unwrap());
        if all {
            fixture.module.close_all_sessions(SLOT).unwrap();
            drop((owner, others));
        } else {
            fixture.module.close_session(owner.handle()).unwrap();
            drop(owner);
        }
        assert!(held.upgrade().is_none(), "all: {all}");
    }
}

/// An operation whose key is destroyed goes on to its end, and lets go of the key there.
#[test]
fn a_key_destroyed_during_an_operation_does_not_come_to_rest() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for token in [false, true] {
        for by in [session, &fixture.open(RW)] {
            for (id, [params, ..]) in mechanisms() {
                let key = secret(session, ck::CKK_AES, attrs![CKA_TOKEN => token]).public;
                let held =
                    Arc::downgrade(&fixture.module.token(SLOT).unwrap().object(key).unwrap());
                session
                    .encrypt_init(fixture.request(id, params), key)
                    .unwrap();
                full(|out| session.encrypt_update(&[7; 32], out)).unwrap();
                by.destroy_object(key).unwrap();
                full(|out| session.encrypt_final(out)).unwrap();
                assert!(held.upgrade().is_none(), "{id:#x}, {token}");
            }
            let template = attrs![CKA_TOKEN => token];
            let key = secret(session, ck::CKK_GENERIC_SECRET, template).public;
            let held = Arc::downgrade(&fixture.module.token(SLOT).unwrap().object(key).unwrap());
            session
                .sign_init(fixture.plain(ck::CKM_SHA256_HMAC), key)
                .unwrap();
            session.sign_update(&[7; 32]).unwrap();
            by.destroy_object(key).unwrap();
            full(|out| session.sign_final(out)).unwrap();
            assert!(held.upgrade().is_none(), "HMAC, {token}");
        }
    }
}

/// A step computes in one session while another destroys the key: the step ends as it began, and lets go of the key.
#[test]
fn a_key_destroyed_during_a_step_is_let_go_after_it() {
    let fixture = Fixture::new();
    let key = secret(&fixture.session, ck::CKK_AES, vec![]).public;
    let of = (ck::CKM_AES_CBC, &iv(1));
    let session = fixture.open(RW);
    encrypt(&fixture, &session, of, key).unwrap();
    let held = Arc::downgrade(&fixture.module.token(SLOT).unwrap().object(key).unwrap());
    session
        .encrypt_init(fixture.request(of.0, of.1.clone()), key)
        .unwrap();
    session
        .step(
            tenon_pkcs11::api::session::Encrypt,
            tenon_pkcs11::api::session::Phase::Whole,
            |active| {
                fixture.session.destroy_object(key).unwrap();
                let mut out = [0; 16];
                let mut out = tenon_pkcs11::api::out::Out::new(Some(&mut out));
                tenon_pkcs11::api::session::Produces::produce(active, &[7; 16], &mut out)
            },
        )
        .unwrap();
    assert!(held.upgrade().is_none());
}
