//! CKA_WRAP_TEMPLATE and CKA_UNWRAP_TEMPLATE.

use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::ck;

use super::keys::{flag, read, unwrap, wrap, wrapping_key};
use crate::common::{Fixture, attrs, returns, secret};

#[test]
fn an_unwrapped_key_is_what_the_unwrapping_key_says() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let template = attrs![
        CKA_EXTRACTABLE => false, CKA_DECRYPT => true, CKA_LABEL => "from outside",
    ];
    let wrapping = wrapping_key(&fixture, attrs![CKA_UNWRAP_TEMPLATE => template]).unwrap();
    let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
    let blob = wrap(&fixture, wrapping, key).unwrap();

    let made = unwrap(&fixture, wrapping, &blob, vec![]).unwrap();
    assert_eq!(read(session, made, ck::CKA_DECRYPT), flag(true));
    assert_eq!(
        read(session, made, ck::CKA_ENCRYPT),
        flag(false),
        "a use is stated"
    );
    assert_eq!(
        read(session, made, ck::CKA_LABEL),
        Revealed::Value(b"from outside".to_vec())
    );
    let agreeing = attrs![CKA_EXTRACTABLE => false, CKA_ENCRYPT => true];
    returns!(unwrap(&fixture, wrapping, &blob, agreeing), CKR_OK);
    for conflict in [
        attrs![CKA_EXTRACTABLE => true],
        attrs![CKA_DECRYPT => false],
        attrs![CKA_LABEL => "another"],
    ] {
        let outcome = unwrap(&fixture, wrapping, b"never looked at", conflict);
        returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
    }
}

#[test]
fn an_unwrap_template_that_the_new_key_cannot_have_refuses_it() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
    let secret_key = || attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
    for (unfit, template) in [
        (attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY], secret_key()),
        (attrs![CKA_ALWAYS_AUTHENTICATE => true], secret_key()),
        (attrs![CKA_CHECK_VALUE => &[1, 2]], secret_key()),
        (
            attrs![CKA_KEY_TYPE => ck::CKK_CAST128],
            attrs![CKA_CLASS => ck::CKO_SECRET_KEY],
        ),
    ] {
        let kind = unfit[0].kind;
        let wrapping = wrapping_key(&fixture, attrs![CKA_UNWRAP_TEMPLATE => unfit]).unwrap();
        let blob = wrap(&fixture, wrapping, key).unwrap();
        let mechanism = fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
        let outcome = session.unwrap_key(mechanism, wrapping, &blob, &template);
        returns!(outcome, CKR_TEMPLATE_INCONSISTENT, "{kind:#x}");
    }
    let other_length = attrs![CKA_VALUE_LEN => 16];
    let wrapping = wrapping_key(&fixture, attrs![CKA_UNWRAP_TEMPLATE => other_length]).unwrap();
    let blob = wrap(&fixture, wrapping, key).unwrap();
    returns!(
        unwrap(&fixture, wrapping, &blob, vec![]),
        CKR_WRAPPED_KEY_INVALID
    );
    let never = attrs![CKA_MODULUS_BITS => 2048];
    let outcome = wrapping_key(&fixture, attrs![CKA_UNWRAP_TEMPLATE => never]);
    returns!(outcome, CKR_ATTRIBUTE_READ_ONLY);
}

#[test]
fn an_unwrap_template_alone_may_say_everything() {
    let fixture = Fixture::new();
    let all = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET];
    let wrapping = wrapping_key(&fixture, attrs![CKA_UNWRAP_TEMPLATE => all]).unwrap();
    let key = secret(
        &fixture.session,
        ck::CKK_AES,
        attrs![CKA_EXTRACTABLE => true],
    )
    .public;
    let blob = wrap(&fixture, wrapping, key).unwrap();
    let mechanism = || fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    let made = fixture
        .session
        .unwrap_key(mechanism(), wrapping, &blob, &[])
        .unwrap();
    let key_type = Revealed::Value(ck::CKK_GENERIC_SECRET.to_ne_bytes().to_vec());
    assert_eq!(read(&fixture.session, made, ck::CKA_KEY_TYPE), key_type);
    let other = unwrap(&fixture, wrapping, &blob, vec![]);
    returns!(other, CKR_TEMPLATE_INCONSISTENT, "the helper says AES");
}

#[test]
fn a_wrapping_key_wraps_what_matches_its_template() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let wanted = attrs![CKA_KEY_TYPE => ck::CKK_AES, CKA_SIGN => true, CKA_ID => b"export"];
    let wrapping = wrapping_key(&fixture, attrs![CKA_WRAP_TEMPLATE => wanted]).unwrap();
    let make = |key_type, changes: Vec<_>| {
        let mut all = attrs![CKA_EXTRACTABLE => true];
        all.extend(changes);
        secret(session, key_type, all).public
    };
    let fits = make(ck::CKK_AES, attrs![CKA_ID => b"export"]);
    returns!(wrap(&fixture, wrapping, fits), CKR_OK);
    for misfit in [
        make(ck::CKK_GENERIC_SECRET, attrs![CKA_ID => b"export"]),
        make(ck::CKK_AES, attrs![CKA_ID => b"export", CKA_SIGN => false]),
        make(ck::CKK_AES, attrs![CKA_ID => b"other"]),
        make(ck::CKK_AES, vec![]),
    ] {
        returns!(wrap(&fixture, wrapping, misfit), CKR_KEY_HANDLE_INVALID);
    }
    // What may not leave at all is refused for that.
    let kept = make(ck::CKK_AES, attrs![CKA_ID => b"export"]);
    session
        .set_attributes(kept, &attrs![CKA_EXTRACTABLE => false])
        .unwrap();
    returns!(wrap(&fixture, wrapping, kept), CKR_KEY_UNEXTRACTABLE);
}

#[test]
fn templates_outlive_the_process() {
    let fixture = Fixture::new();
    let wanted = attrs![CKA_ID => b"export"];
    let kept = attrs![CKA_EXTRACTABLE => false];
    let templates = attrs![
        CKA_ID => b"kek", CKA_WRAP_TEMPLATE => wanted, CKA_UNWRAP_TEMPLATE => kept,
    ];
    wrapping_key(&fixture, templates).unwrap();
    let fixture = fixture.reopened_as_user();
    let wrapping = super::keys::find(&fixture.session, &attrs![CKA_ID => b"kek"])[0];
    let make = |id: &str| {
        let changes = attrs![CKA_EXTRACTABLE => true, CKA_ID => id];
        secret(&fixture.session, ck::CKK_AES, changes).public
    };
    returns!(
        wrap(&fixture, wrapping, make("other")),
        CKR_KEY_HANDLE_INVALID
    );
    let blob = wrap(&fixture, wrapping, make("export")).unwrap();
    let open = attrs![CKA_EXTRACTABLE => true];
    returns!(
        unwrap(&fixture, wrapping, &blob, open),
        CKR_TEMPLATE_INCONSISTENT
    );
}
