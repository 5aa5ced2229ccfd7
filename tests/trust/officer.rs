//! CKA_TRUSTED is the security officer's to give, and hers alone.

use tenon_pkcs11::api::ck;

use super::keys::{
    by_officer, find, flag, picky_key, read, trust, trusted_key, wrap, wrapping_key,
};
use crate::common::{Fixture, attrs, returns};

#[test]
fn the_officer_trusts_a_secret_key_and_the_user_uses_it() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let wrapping = wrapping_key(&fixture, attrs![CKA_ID => b"kek"]).unwrap();
    let key = picky_key(&fixture, vec![]);
    returns!(wrap(&fixture, wrapping, key), CKR_KEY_NOT_WRAPPABLE);
    let trusted = attrs![CKA_TRUSTED => true];
    returns!(
        session.set_attributes(wrapping, &trusted),
        CKR_ATTRIBUTE_READ_ONLY
    );
    returns!(trust(&fixture, wrapping), CKR_OK);
    returns!(wrap(&fixture, wrapping, key), CKR_OK);

    let fixture = fixture.reopened_as_user();
    let session = &fixture.session;
    let wrapping = find(session, &attrs![CKA_ID => b"kek", CKA_TRUSTED => true])[0];
    let key = find(session, &attrs![CKA_WRAP_WITH_TRUSTED => true])[0];
    returns!(wrap(&fixture, wrapping, key), CKR_OK);
    let distrusted = attrs![CKA_TRUSTED => false];
    returns!(
        session.set_attributes(wrapping, &distrusted),
        CKR_ATTRIBUTE_READ_ONLY
    );
    by_officer(&fixture, |session| {
        let outcome = session.set_attributes(wrapping, &distrusted);
        returns!(outcome, CKR_ATTRIBUTE_READ_ONLY);
    });
    returns!(session.destroy_object(wrapping), CKR_OK);
}

#[test]
fn trust_is_all_that_the_officer_changes_of_a_secret_key() {
    let fixture = Fixture::new();
    let seen = wrapping_key(&fixture, attrs![CKA_ID => b"seen"]).unwrap();
    let hidden = wrapping_key(&fixture, attrs![CKA_ID => b"hidden", CKA_PRIVATE => true]).unwrap();
    let fixed = wrapping_key(&fixture, attrs![CKA_MODIFIABLE => false]).unwrap();
    by_officer(&fixture, |session| {
        assert_eq!(find(session, &attrs![CKA_ID => b"seen"]), [seen]);
        assert!(find(session, &attrs![CKA_ID => b"hidden"]).is_empty());
        let trusted = || attrs![CKA_TRUSTED => true];
        let set = |key, template: Vec<_>| session.set_attributes(key, &template);
        returns!(set(hidden, trusted()), CKR_OBJECT_HANDLE_INVALID);
        returns!(set(fixed, trusted()), CKR_ACTION_PROHIBITED);
        returns!(set(seen, vec![]), CKR_USER_NOT_LOGGED_IN);
        returns!(set(seen, attrs![CKA_ID => b"x"]), CKR_USER_NOT_LOGGED_IN);
        let both = attrs![CKA_TRUSTED => true, CKA_UNWRAP => false];
        returns!(set(seen, both), CKR_USER_NOT_LOGGED_IN);
        returns!(session.destroy_object(seen), CKR_USER_NOT_LOGGED_IN);
        let mechanism = fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
        returns!(
            session.wrap_key(
                mechanism,
                seen,
                seen,
                &mut tenon_pkcs11::api::out::Out::new(None)
            ),
            CKR_USER_NOT_LOGGED_IN
        );
        returns!(set(seen, trusted()), CKR_OK);
    });
}

#[test]
fn a_read_only_session_trusts_nothing() {
    let fixture = Fixture::new();
    let key = wrapping_key(&fixture, vec![]).unwrap();
    let read_only = fixture.open(crate::common::RO);
    let trusted = attrs![CKA_TRUSTED => true];
    returns!(
        read_only.set_attributes(key, &trusted),
        CKR_SESSION_READ_ONLY
    );
}

#[test]
fn no_template_of_the_user_says_trusted() {
    let fixture = Fixture::new();
    let outcome = wrapping_key(&fixture, attrs![CKA_TRUSTED => true]);
    returns!(outcome, CKR_ATTRIBUTE_READ_ONLY);
    let implied = attrs![CKA_TRUSTED => true];
    let outcome = wrapping_key(&fixture, attrs![CKA_UNWRAP_TEMPLATE => implied]);
    returns!(outcome, CKR_ATTRIBUTE_READ_ONLY);
    let key = trusted_key(&fixture, vec![]);
    returns!(
        fixture.session.copy_object(key, &attrs![CKA_LABEL => "x"]),
        CKR_ACTION_PROHIBITED
    );
}

#[test]
fn the_officer_trusts_certificates() {
    let fixture = Fixture::new();
    let certificate = || {
        attrs![
            CKA_CLASS => ck::CKO_CERTIFICATE, CKA_CERTIFICATE_TYPE => ck::CKC_X_509,
            CKA_SUBJECT => b"CN=ca", CKA_VALUE => b"der", CKA_TOKEN => true,
        ]
    };
    let made = fixture.session.create_object(&certificate()).unwrap();
    returns!(trust(&fixture, made), CKR_OK);
    let session = &fixture.session;
    assert_eq!(read(session, made, ck::CKA_TRUSTED), flag(true));
    let label = attrs![CKA_LABEL => "mine"];
    returns!(session.set_attributes(made, &label), CKR_ACTION_PROHIBITED);
    let copy = session.copy_object(made, &label).unwrap();
    assert_eq!(read(session, copy, ck::CKA_TRUSTED), flag(false));
    let mut outright = certificate();
    outright.extend(attrs![CKA_TRUSTED => true]);
    returns!(session.create_object(&outright), CKR_ATTRIBUTE_READ_ONLY);
    let by_her = by_officer(&fixture, |session| {
        session.create_object(&outright).unwrap()
    });
    assert_eq!(read(session, by_her, ck::CKA_TRUSTED), flag(true));
}
