//! How long sessions, logins, objects and handles live.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{Fixture, RO, RW, USER_PIN, attrs, returns};

fn data(session: &Session, token: bool, private: bool) -> Handle {
    let template = attrs![
        CKA_CLASS => ck::CKO_DATA, CKA_TOKEN => token, CKA_PRIVATE => private,
    ];
    session.create_object(&template).unwrap()
}

fn found(session: &Session) -> Vec<Handle> {
    session.find_init(&[]).unwrap();
    let found = session.find(100).unwrap();
    session.find_final().unwrap();
    found
}

#[test]
fn closed_sessions_are_gone() {
    let fixture = Fixture::logged_out();
    let module = &fixture.module;
    let one = fixture.open(RO).handle();
    module.close_session(one).unwrap();
    returns!(module.session(one), CKR_SESSION_HANDLE_INVALID);
    returns!(module.close_session(one), CKR_SESSION_HANDLE_INVALID);
    returns!(module.close_session(0), CKR_SESSION_HANDLE_INVALID);
    let next = fixture.open(RO).handle();
    assert_ne!(next, one, "handles are not used again");

    module.close_all_sessions(0).unwrap();
    returns!(module.session(next), CKR_SESSION_HANDLE_INVALID);
    returns!(
        module.session(fixture.session.handle()),
        CKR_SESSION_HANDLE_INVALID
    );
    returns!(module.close_all_sessions(0), CKR_OK);
    returns!(module.close_all_sessions(9), CKR_SLOT_ID_INVALID);
}

#[test]
fn the_last_session_takes_the_login_with_it() {
    let fixture = Fixture::new();
    let other = fixture.open(RO);
    fixture
        .module
        .close_session(fixture.session.handle())
        .unwrap();
    assert_eq!(other.info().unwrap().state, ck::CKS_RO_USER_FUNCTIONS);
    fixture.module.close_session(other.handle()).unwrap();
    let session = fixture.open(RW);
    assert_eq!(session.info().unwrap().state, ck::CKS_RW_PUBLIC_SESSION);
    returns!(session.logout(), CKR_USER_NOT_LOGGED_IN);
    returns!(session.login(ck::CKU_USER, USER_PIN), CKR_OK);
}

#[test]
fn session_objects_are_seen_by_all_and_die_with_their_session() {
    let fixture = Fixture::new();
    let (one, other) = (&fixture.session, fixture.open(RO));
    let stays = data(one, false, true);
    let goes = data(&other, false, false);
    let token = data(one, true, false);
    for session in [one, &other] {
        assert_eq!(found(session).len(), 3);
        returns!(session.object_size(goes), CKR_OK);
    }
    fixture.module.close_session(other.handle()).unwrap();
    returns!(one.object_size(goes), CKR_OBJECT_HANDLE_INVALID);
    assert_eq!(found(one), [stays, token]);
}

#[test]
fn private_objects_and_their_handles_die_at_logout() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let private = [data(session, false, true), data(session, true, true)];
    let public = [data(session, false, false), data(session, true, false)];
    session.logout().unwrap();
    let dead = |handle| {
        returns!(session.object_size(handle), CKR_OBJECT_HANDLE_INVALID);
        returns!(
            session.attributes(handle, &[ck::CKA_CLASS]),
            CKR_OBJECT_HANDLE_INVALID
        );
        returns!(session.destroy_object(handle), CKR_OBJECT_HANDLE_INVALID);
        returns!(session.copy_object(handle, &[]), CKR_OBJECT_HANDLE_INVALID);
        returns!(
            session.set_attributes(handle, &attrs![CKA_LABEL => "x"]),
            CKR_OBJECT_HANDLE_INVALID
        );
    };
    private.into_iter().for_each(dead);
    assert_eq!(found(session), public);

    session.login(ck::CKU_USER, USER_PIN).unwrap();
    private.into_iter().for_each(dead);
    let now = found(session);
    assert_eq!(
        now.len(),
        3,
        "the private token object is back, the session object is not"
    );
    assert!(public.iter().all(|handle| now.contains(handle)));
}

#[test]
fn logins_are_of_one_token_alone() {
    let fixture = Fixture::new();
    let module = &fixture.module;
    module
        .init_token(
            1,
            b"other-officer",
            &tenon_pkcs11::api::module::padded("two"),
        )
        .unwrap();
    let other = module.session(module.open_session(1, RW).unwrap()).unwrap();
    assert_eq!(other.info().unwrap().state, ck::CKS_RW_PUBLIC_SESSION);
    assert_eq!(other.info().unwrap().slotID, 1);
    returns!(
        other.login(ck::CKU_SO, crate::common::SO_PIN),
        CKR_PIN_INCORRECT
    );
    other.login(ck::CKU_SO, b"other-officer").unwrap();
    assert_eq!(
        fixture.session.info().unwrap().state,
        ck::CKS_RW_USER_FUNCTIONS
    );

    let here = data(&fixture.session, true, false);
    assert_eq!(found(&fixture.session), [here]);
    assert!(found(&other).is_empty());
    module.close_all_sessions(1).unwrap();
    assert_eq!(
        fixture.session.info().unwrap().state,
        ck::CKS_RW_USER_FUNCTIONS
    );
}

#[test]
fn tokens_count_their_sessions() {
    let fixture = Fixture::new();
    let counts = || {
        let info = fixture.module.token_info(0).unwrap();
        (info.ulSessionCount, info.ulRwSessionCount)
    };
    assert_eq!(counts(), (1, 1));
    let ro = fixture.open(RO);
    fixture.open(RW);
    assert_eq!(counts(), (3, 2));
    fixture.module.close_session(ro.handle()).unwrap();
    assert_eq!(counts(), (2, 2));
    fixture.module.close_all_sessions(0).unwrap();
    assert_eq!(counts(), (0, 0));
}
