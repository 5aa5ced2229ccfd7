//! Several processes on one folder. Here they are several modules in one process, which the store
//! keeps apart just so.

use std::sync::Arc;

use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::{Params, Request};
use tenon_pkcs11::api::module::{Module, padded};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{
    Calls, Fixture, RW, SLOT, SO_PIN, USER_PIN, attrs, full, returns, secret, session,
};

fn user(module: &Module) -> Arc<Session> {
    let session = session(module, RW);
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    session
}

fn found(session: &Session) -> Vec<Handle> {
    session.find_init(&attrs![CKA_ID => b"shared"]).unwrap();
    let found = session.find(100).unwrap();
    session.find_final().unwrap();
    found
}

#[test]
fn changes_of_one_are_seen_by_the_other() {
    let fixture = Fixture::new();
    let here = &fixture.session;
    let other = fixture.another();
    let there = user(&other);
    let template = attrs![CKA_TOKEN => true, CKA_ID => b"shared", CKA_VALUE_LEN => 32];
    let made = here
        .generate_key(fixture.plain(ck::CKM_AES_KEY_GEN), &template)
        .unwrap();
    let [seen] = found(&there)[..] else {
        panic!("the other module sees the new key");
    };
    let label = || there.attributes(seen, &[ck::CKA_LABEL]).unwrap().remove(0);
    assert_eq!(label(), Revealed::Value(vec![]));

    here.set_attributes(made, &attrs![CKA_LABEL => "changed"])
        .unwrap();
    assert_eq!(label(), Revealed::Value(b"changed".to_vec()));

    let init = || there.encrypt_init(fixture.plain(ck::CKM_AES_ECB), seen);
    init().unwrap();
    there.cancel(ck::CKF_ENCRYPT);
    here.set_attributes(made, &attrs![CKA_ENCRYPT => false])
        .unwrap();
    returns!(init(), CKR_KEY_FUNCTION_NOT_PERMITTED);

    here.destroy_object(made).unwrap();
    returns!(init(), CKR_KEY_HANDLE_INVALID);
    returns!(there.object_size(seen), CKR_OBJECT_HANDLE_INVALID);
    returns!(there.destroy_object(seen), CKR_OBJECT_HANDLE_INVALID);
    assert!(found(&there).is_empty());
}

/// A new label makes no other token: a search that has pages to read still goes on.
#[test]
fn a_search_goes_on_while_the_token_gets_another_label() {
    const MANY: usize = 300;
    let fixture = Fixture::new();
    let here = &fixture.session;
    for _ in 0..MANY {
        let data = attrs![CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => true, CKA_VALUE => b"x"];
        here.create_object(&data).unwrap();
    }
    here.find_init(&attrs![CKA_CLASS => ck::CKO_DATA]).unwrap();
    let mut found = here.find(10).unwrap();

    let other = fixture.another();
    let officer = session(&other, RW);
    officer.login(ck::CKU_SO, SO_PIN).unwrap();
    let token = other.token(SLOT).unwrap();
    token.rename(&padded("another label")).unwrap();

    found.extend(here.find(2 * MANY).unwrap());
    found.extend(here.find(2 * MANY).unwrap());
    here.find_final().unwrap();
    assert_eq!(found.len(), MANY);
    assert_eq!(
        fixture.module.token_info(SLOT).unwrap().label,
        padded("another label")
    );
}

#[test]
fn both_change_one_object() {
    let fixture = Fixture::new();
    let other = fixture.another();
    let there = user(&other);
    let template = attrs![CKA_TOKEN => true, CKA_ID => b"shared"];
    let here = secret(&fixture.session, ck::CKK_AES, template).public;
    let seen = found(&there)[0];
    there
        .set_attributes(seen, &attrs![CKA_LABEL => "theirs"])
        .unwrap();
    fixture
        .session
        .set_attributes(here, &attrs![CKA_ID => b"mine"])
        .unwrap();
    let both = [ck::CKA_LABEL, ck::CKA_ID];
    let expected = [
        Revealed::Value(b"theirs".to_vec()),
        Revealed::Value(b"mine".to_vec()),
    ];
    assert_eq!(fixture.session.attributes(here, &both).unwrap(), expected);
    assert_eq!(there.attributes(seen, &both).unwrap(), expected);
    assert!(found(&there).is_empty(), "its old CKA_ID finds it no more");
}

#[test]
fn each_has_its_own_login_and_session_objects() {
    let fixture = Fixture::new();
    let other = fixture.another();
    let there = session(&other, RW);
    assert_eq!(there.info().unwrap().state, ck::CKS_RW_PUBLIC_SESSION);
    fixture
        .session
        .create_object(&attrs![CKA_CLASS => ck::CKO_DATA])
        .unwrap();
    there.find_init(&[]).unwrap();
    assert!(there.find(1).unwrap().is_empty());
    there.login(ck::CKU_SO, SO_PIN).unwrap();
    there.init_pin(b"changed").unwrap();
    assert_eq!(
        fixture.session.info().unwrap().state,
        ck::CKS_RW_USER_FUNCTIONS
    );
    fixture.session.logout().unwrap();
    returns!(
        fixture.session.login(ck::CKU_USER, USER_PIN),
        CKR_PIN_INCORRECT
    );
    returns!(fixture.session.login(ck::CKU_USER, b"changed"), CKR_OK);
}

#[test]
fn a_token_that_another_process_makes_appears() {
    let fixture = Fixture::logged_out();
    let other = fixture.another();
    assert_eq!(other.slots(), [0, 1]);
    fixture
        .module
        .init_token(1, SO_PIN, &padded("new"))
        .unwrap();
    assert_eq!(other.slots(), [0, 1, 2]);
    assert_eq!(other.token_info(1).unwrap().label, padded("new"));
    returns!(other.open_session(1, RW), CKR_OK);
}

/// Without asking for the list of slots again, which a client with a slot number does not do.
#[test]
fn a_token_that_another_process_makes_is_there_at_once() {
    let fixture = Fixture::logged_out();
    let other = fixture.another();
    let init = |slot, label| {
        let outcome = fixture.module.init_token(slot, SO_PIN, &padded(label));
        returns!(outcome, CKR_OK);
    };
    returns!(other.open_session(1, RW), CKR_TOKEN_NOT_RECOGNIZED);
    init(1, "one");
    returns!(other.open_session(1, RW), CKR_OK);
    init(2, "two");
    assert_eq!(other.token_info(2).unwrap().label, padded("two"));
    returns!(other.slot_info(2), CKR_OK);
    returns!(other.open_session(9, RW), CKR_SLOT_ID_INVALID);
}

#[test]
fn a_token_that_another_process_initializes_again_has_nobody_logged_in() {
    let fixture = Fixture::new();
    let other = fixture.another();
    other.init_token(0, SO_PIN, &padded("anew")).unwrap();
    let state = || fixture.session.info().unwrap().state;
    assert_eq!(state(), ck::CKS_RW_PUBLIC_SESSION);
    returns!(fixture.session.logout(), CKR_USER_NOT_LOGGED_IN);
    assert_eq!(fixture.module.token_info(0).unwrap().label, padded("anew"));
    returns!(
        fixture.session.login(ck::CKU_USER, USER_PIN),
        CKR_USER_PIN_NOT_INITIALIZED
    );
    let read_only = fixture.open(crate::common::RO);
    assert_eq!(read_only.info().unwrap().state, ck::CKS_RO_PUBLIC_SESSION);
}

/// Both know slot 1 as free. The second does not erase the token that it finds there, with the right
/// PIN either, before it has looked at it.
#[test]
fn two_processes_do_not_take_one_free_slot() {
    let fixture = Fixture::logged_out();
    let other = fixture.another();
    fixture
        .module
        .init_token(1, b"first-officer", &padded("first"))
        .unwrap();
    for pin in [&b"second-officer"[..], b"first-officer"] {
        let second = other.init_token(1, pin, &padded("second"));
        returns!(second, CKR_FUNCTION_FAILED);
        assert_eq!(other.slots(), [0, 1, 2]);
    }
    assert_eq!(other.token_info(1).unwrap().label, padded("first"));
    returns!(
        other.init_token(1, b"first-officer", &padded("second")),
        CKR_OK
    );
    assert_eq!(
        fixture.module.token_info(1).unwrap().label,
        padded("second")
    );
}

/// Both know the token; the second knows another one than the first has made of it.
#[test]
fn two_processes_do_not_initialize_one_token_twice() {
    let fixture = Fixture::logged_out();
    fixture.module.close_all_sessions(0).unwrap();
    let other = fixture.another();
    let init = |label| fixture.module.init_token(0, SO_PIN, &padded(label));
    returns!(init("anew"), CKR_OK);
    let second = || other.init_token(0, SO_PIN, &padded("second"));
    returns!(second(), CKR_FUNCTION_FAILED);
    assert_eq!(other.token_info(0).unwrap().label, padded("anew"));
    returns!(second(), CKR_OK);
    returns!(init("third"), CKR_FUNCTION_FAILED);
}

#[test]
fn threads_do_not_take_one_free_slot() {
    let fixture = Fixture::logged_out();
    let made: Vec<_> = std::thread::scope(|scope| {
        let init = || crate::common::rv(&fixture.module.init_token(1, SO_PIN, &padded("x")));
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(init)).collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    let count = |rv| made.iter().filter(|made| **made == rv).count();
    // A thread that comes late knows of the token, and initializes it again.
    assert!(count("CKR_OK") >= 1);
    assert_eq!(
        count("CKR_OK") + count("CKR_FUNCTION_FAILED"),
        8,
        "{made:?}"
    );
    assert!(count("CKR_FUNCTION_FAILED") > 0, "{made:?}");
}

#[test]
fn a_token_that_another_process_initializes_again_is_not_mixed_with_the_old() {
    let fixture = Fixture::new();
    let here = &fixture.session;
    let template = || attrs![CKA_TOKEN => true, CKA_ID => b"shared", CKA_VALUE_LEN => 32];
    let generate = || here.generate_key(fixture.plain(ck::CKM_AES_KEY_GEN), &template());
    let old = generate().unwrap();
    let other = fixture.another();
    other.init_token(0, SO_PIN, &padded("anew")).unwrap();

    returns!(generate(), CKR_DEVICE_REMOVED);
    returns!(here.object_size(old), CKR_OBJECT_HANDLE_INVALID);
    assert_eq!(fixture.module.token_info(0).unwrap().label, padded("anew"));
    assert_eq!(here.info().unwrap().state, ck::CKS_RW_PUBLIC_SESSION);
    here.login(ck::CKU_SO, SO_PIN).unwrap();
    here.init_pin(USER_PIN).unwrap();
    here.logout().unwrap();
    here.login(ck::CKU_USER, USER_PIN).unwrap();
    returns!(generate(), CKR_OK);
    assert_eq!(found(here).len(), 1);
}

/// One-time passwords: every counter is given once, whoever signs, and what is refused takes none.
#[test]
fn two_processes_never_get_one_counter() {
    const EACH: u64 = 40;
    let fixture = Fixture::new();
    let template = attrs![
        CKA_CLASS => ck::CKO_OTP_KEY, CKA_KEY_TYPE => ck::CKK_HOTP, CKA_TOKEN => true, CKA_ID => b"shared",
        CKA_VALUE => b"12345678901234567890",
    ];
    fixture.session.create_object(&template).unwrap();
    let other = fixture.another();
    let sessions = [
        fixture.session.clone(),
        session(&fixture.module, RW),
        user(&other),
    ];
    let row = fixture.plain(ck::CKM_HOTP).row;
    let sign = |session: &Session| {
        let key = found(session)[0];
        let mut counters = Vec::new();
        for _ in 0..EACH {
            let request = Request::new(row, Params::None).unwrap();
            session.sign_init(request, key).unwrap();
            let signature = full(|out| session.sign(&[], out)).unwrap();
            // After CK_OTP_SIGNATURE_INFO and two CK_OTP_PARAM.
            counters.push(u64::from_be_bytes(signature[64..72].try_into().unwrap()));
        }
        counters
    };
    let mut counters: Vec<u64> = std::thread::scope(|scope| {
        let threads = sessions
            .iter()
            .map(|session| scope.spawn(|| sign(session)))
            .collect::<Vec<_>>();
        threads
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    counters.sort_unstable();
    assert_eq!(counters, (0..3 * EACH).collect::<Vec<_>>());
}
