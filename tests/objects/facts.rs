//! What the token alone knows of a key, and tells rightly however the key came.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::Curve;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{Fixture, attrs, bytes, ec_pair, full, rsa_pair, secret};

fn history(session: &Session, key: Handle) -> [Vec<u8>; 4] {
    [
        ck::CKA_LOCAL,
        ck::CKA_ALWAYS_SENSITIVE,
        ck::CKA_NEVER_EXTRACTABLE,
        ck::CKA_KEY_GEN_MECHANISM,
    ]
    .map(|kind| bytes(session, key, kind))
}

fn facts(local: bool, sensitive: bool, kept: bool, mechanism: u64) -> [Vec<u8>; 4] {
    let flag = |flag| vec![u8::from(flag)];
    [
        flag(local),
        flag(sensitive),
        flag(kept),
        mechanism.to_ne_bytes().to_vec(),
    ]
}

const NONE: u64 = ck::CK_UNAVAILABLE_INFORMATION;

#[test]
fn the_history_of_generated_created_copied_and_unwrapped_keys() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for sensitive in [false, true] {
        for extractable in [false, true] {
            let template = || {
                attrs![
                    CKA_VALUE_LEN => 16, CKA_SENSITIVE => sensitive,
                    CKA_EXTRACTABLE => extractable, CKA_WRAP => true, CKA_UNWRAP => true,
                ]
            };
            let made = session
                .generate_key(fixture.plain(ck::CKM_AES_KEY_GEN), &template())
                .unwrap();
            let generated = facts(true, sensitive, !extractable, ck::CKM_AES_KEY_GEN);
            assert_eq!(history(session, made), generated);

            let copy = session.copy_object(made, &[]).unwrap();
            assert_eq!(history(session, copy), generated);
            let stricter = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false];
            let copy = session.copy_object(made, &stricter).unwrap();
            assert_eq!(
                history(session, copy),
                generated,
                "what was once readable stays suspect"
            );

            let changes = attrs![CKA_SENSITIVE => sensitive, CKA_EXTRACTABLE => extractable];
            let created = secret(session, ck::CKK_AES, changes).private;
            assert_eq!(history(session, created), facts(false, false, false, NONE));
        }
    }
    let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).private;
    let kwp = || fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    let blob = full(|out| session.wrap_key(kwp(), key, key, out)).unwrap();
    let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
    let unwrapped = session.unwrap_key(kwp(), key, &blob, &template).unwrap();
    assert_eq!(
        history(session, unwrapped),
        facts(false, false, false, NONE)
    );
}

#[test]
fn making_a_key_sensitive_later_does_not_rewrite_its_history() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let open = attrs![CKA_VALUE_LEN => 16, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true];
    let key = session
        .generate_key(fixture.plain(ck::CKM_AES_KEY_GEN), &open)
        .unwrap();
    let stricter = attrs![CKA_SENSITIVE => true, CKA_EXTRACTABLE => false];
    session.set_attributes(key, &stricter).unwrap();
    let expected = facts(true, false, false, ck::CKM_AES_KEY_GEN);
    assert_eq!(history(session, key), expected);
}

#[test]
fn check_values_and_lengths() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let check = |key| bytes(session, key, ck::CKA_CHECK_VALUE);
    // FIPS 197, appendix C.1 has the key 000102…0f; the check value of a zero key is well known.
    let zero = secret(session, ck::CKK_AES, attrs![CKA_VALUE => &[0; 16]]).private;
    assert_eq!(check(zero), [0x66, 0xE9, 0x4B]);
    assert_eq!(
        bytes(session, zero, ck::CKA_VALUE_LEN),
        16_u64.to_ne_bytes()
    );
    // FIPS 180-4: SHA-1 of "abc" begins a9993e.
    let abc = secret(session, ck::CKK_GENERIC_SECRET, attrs![CKA_VALUE => b"abc"]).private;
    assert_eq!(check(abc), [0xA9, 0x99, 0x3E]);

    let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).private;
    let kwp = || fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    let blob = full(|out| session.wrap_key(kwp(), key, key, out)).unwrap();
    let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
    let unwrapped = session.unwrap_key(kwp(), key, &blob, &template).unwrap();
    assert_eq!(check(unwrapped), check(key));
    assert_eq!(
        bytes(session, unwrapped, ck::CKA_VALUE_LEN),
        32_u64.to_ne_bytes()
    );
}

#[test]
fn both_halves_of_a_pair_say_the_same() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let p384 = attrs![CKA_EC_PARAMS => Curve::P384.params()];
    let generate = |mechanism, public: &[_]| {
        session
            .generate_key_pair(fixture.plain(mechanism), public, &[])
            .unwrap()
    };
    let created_rsa = rsa_pair(session, vec![], vec![]);
    let created_ec = ec_pair(session, vec![], vec![]);
    let bits = attrs![CKA_MODULUS_BITS => 2048];
    for (public, private) in [
        generate(ck::CKM_RSA_PKCS_KEY_PAIR_GEN, &bits),
        (created_rsa.public, created_rsa.private),
    ] {
        for kind in [
            ck::CKA_MODULUS,
            ck::CKA_PUBLIC_EXPONENT,
            ck::CKA_PUBLIC_KEY_INFO,
        ] {
            assert_eq!(
                bytes(session, public, kind),
                bytes(session, private, kind),
                "{kind:#x}"
            );
        }
        assert_eq!(bytes(session, public, ck::CKA_MODULUS).len(), 256);
        assert_eq!(
            bytes(session, public, ck::CKA_MODULUS_BITS),
            2048_u64.to_ne_bytes()
        );
    }
    for (public, private) in [
        generate(ck::CKM_EC_KEY_PAIR_GEN, &p384),
        (created_ec.public, created_ec.private),
    ] {
        for kind in [ck::CKA_EC_PARAMS, ck::CKA_EC_POINT, ck::CKA_PUBLIC_KEY_INFO] {
            assert_eq!(
                bytes(session, public, kind),
                bytes(session, private, kind),
                "{kind:#x}"
            );
        }
        let point = bytes(session, public, ck::CKA_EC_POINT);
        assert!(point.starts_with(&[0x04]) && point[2] == 0x04);
        let info = bytes(session, public, ck::CKA_PUBLIC_KEY_INFO);
        assert!(info.ends_with(&point[2..]));
    }
}

#[test]
fn names_are_unique_and_stay() {
    let fixture = Fixture::new();
    let id = |fixture: &Fixture, key| bytes(&fixture.session, key, ck::CKA_UNIQUE_ID);
    let template = attrs![CKA_TOKEN => true, CKA_ID => b"kept"];
    let key = secret(&fixture.session, ck::CKK_AES, template).private;
    let copy = fixture
        .session
        .copy_object(key, &attrs![CKA_ID => b"copy"])
        .unwrap();
    let name = id(&fixture, key);
    assert_eq!(name.len(), 32);
    assert_ne!(name, id(&fixture, copy));
    fixture
        .session
        .set_attributes(key, &attrs![CKA_LABEL => "changed"])
        .unwrap();
    assert_eq!(id(&fixture, key), name);

    let fixture = fixture.reopened_as_user();
    fixture
        .session
        .find_init(&attrs![CKA_UNIQUE_ID => &name])
        .unwrap();
    let [key] = fixture.session.find(5).unwrap()[..] else {
        panic!("one object has the name");
    };
    assert_eq!(bytes(&fixture.session, key, ck::CKA_ID), b"kept");
    assert_eq!(bytes(&fixture.session, key, ck::CKA_LABEL), b"changed");
}
