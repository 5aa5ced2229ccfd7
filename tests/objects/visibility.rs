use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::token::Handle;

use crate::common::{Calls, Fixture, SO_PIN, USER_PIN, attrs, full, returns, rsa_pair, secret};

fn labels(fixture: &Fixture) -> Vec<Vec<u8>> {
    fixture.session.find_init(&[]).unwrap();
    let found = fixture.session.find(100).unwrap();
    fixture.session.find_final().unwrap();
    let label = |object: Handle| match fixture.session.attributes(object, &[ck::CKA_LABEL]) {
        Ok(mut read) => match read.remove(0) {
            Revealed::Value(label) => label,
            other => panic!("the label is {other:?}"),
        },
        Err(error) => panic!("{error}"),
    };
    let mut labels: Vec<_> = found.into_iter().map(label).collect();
    labels.sort();
    labels
}

fn token(label: &str, private: bool) -> Vec<RawAttribute> {
    attrs![CKA_TOKEN => true, CKA_PRIVATE => private, CKA_LABEL => label]
}

#[test]
fn private_objects_are_the_users_alone() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    secret(session, ck::CKK_AES, token("private key", true));
    secret(session, ck::CKK_AES, token("public key", false));
    let expected = [b"private key".to_vec(), b"public key".to_vec()];
    assert_eq!(labels(&fixture), expected);
    let fixture = fixture.reopened();
    assert_eq!(labels(&fixture), expected[1..]);
    fixture.session.login(ck::CKU_SO, SO_PIN).unwrap();
    assert_eq!(labels(&fixture), expected[1..]);
    fixture.session.logout().unwrap();
    fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
    assert_eq!(labels(&fixture), expected);
}

/// pkcs11-tool's keys have CKA_PRIVATE FALSE: found without a login, and used only after one.
#[test]
fn token_keys_that_are_not_private_are_seen_but_not_used_without_login() {
    let fixture = Fixture::new();
    let mut template = token("open", false);
    template.extend(attrs![CKA_SENSITIVE => false, CKA_EXTRACTABLE => true]);
    secret(&fixture.session, ck::CKK_AES, template);
    let fixture = fixture.reopened();
    let session = &fixture.session;
    for so in [false, true] {
        if so {
            session.login(ck::CKU_SO, SO_PIN).unwrap();
        }
        session.find_init(&attrs![CKA_LABEL => "open"]).unwrap();
        let key = session.find(1).unwrap()[0];
        session.find_final().unwrap();
        let read = session
            .attributes(key, &[ck::CKA_VALUE, ck::CKA_VALUE_LEN])
            .unwrap();
        let expected = [
            Revealed::Sensitive,
            Revealed::Value(32_u64.to_ne_bytes().to_vec()),
        ];
        assert_eq!(read, expected);
        for outcome in [
            session.encrypt_init(fixture.plain(ck::CKM_AES_ECB), key),
            session.sign_init(fixture.plain(ck::CKM_SHA256_HMAC), key),
            session.set_attributes(key, &attrs![CKA_LABEL => "x"]),
            session.destroy_object(key),
            session
                .copy_object(key, &attrs![CKA_TOKEN => false])
                .map(drop),
        ] {
            returns!(outcome, CKR_USER_NOT_LOGGED_IN);
        }
        let kwp = || fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
        let own = secret(session, ck::CKK_AES, attrs![CKA_PRIVATE => false]).public;
        let wrapped = full(|out| session.wrap_key(kwp(), own, key, out));
        returns!(wrapped, CKR_USER_NOT_LOGGED_IN);
        let wrapped = full(|out| session.wrap_key(kwp(), key, own, out));
        returns!(wrapped, CKR_USER_NOT_LOGGED_IN);
    }
    session.logout().unwrap();
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    session.find_init(&attrs![CKA_LABEL => "open"]).unwrap();
    let key = session.find(1).unwrap()[0];
    let read = session.attributes(key, &[ck::CKA_VALUE]).unwrap();
    assert_eq!(read, [Revealed::Value(vec![0x5A; 32])]);
    returns!(
        session.encrypt_init(fixture.plain(ck::CKM_AES_ECB), key),
        CKR_OK
    );
}

/// OpenSSH's agent lists and uses public keys before anybody logs in.
#[test]
fn public_keys_work_without_login() {
    let fixture = Fixture::new();
    let pair = rsa_pair(&fixture.session, token("public", false), vec![]);
    fixture
        .session
        .sign_init(fixture.plain(ck::CKM_SHA256_RSA_PKCS), pair.private)
        .unwrap();
    let signature = full(|out| fixture.session.sign(b"text", out)).unwrap();
    let fixture = fixture.reopened();
    let session = &fixture.session;
    session
        .find_init(&attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY])
        .unwrap();
    let key = session.find(1).unwrap()[0];
    session
        .verify_init(fixture.plain(ck::CKM_SHA256_RSA_PKCS), key)
        .unwrap();
    returns!(session.verify(b"text", &signature), CKR_OK);
}

#[test]
fn public_objects_are_made_and_changed_without_login() {
    let fixture = Fixture::logged_out();
    let session = &fixture.session;
    let mut template = token("mine", false);
    template.extend(attrs![CKA_CLASS => ck::CKO_DATA]);
    let made = session.create_object(&template).unwrap();
    session
        .set_attributes(made, &attrs![CKA_LABEL => "changed"])
        .unwrap();
    session.login(ck::CKU_USER, USER_PIN).unwrap();
    assert_eq!(labels(&fixture), [b"changed".to_vec()]);
    returns!(session.destroy_object(made), CKR_OK);
}
