//! CKM_PUB_KEY_FROM_PRIV_KEY (section 6.43).

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::okp::Curve;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::token::Handle;

use crate::common::{
    Calls, Fixture, Pair, attrs, bytes, dsa_pair, ec_pair, full, ml_dsa_pair, ml_kem_pair,
    okp_pair, returns, rsa_pair, secret, slh_dsa_pair, sm2_pair,
};

fn derive(fixture: &Fixture, private: Handle, template: &[RawAttribute]) -> Result<Handle> {
    let request = fixture.plain(ck::CKM_PUB_KEY_FROM_PRIV_KEY);
    fixture.session.derive_key(request, private, template)
}

fn read(fixture: &Fixture, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> Vec<u8> {
    bytes(&fixture.session, key, kind)
}

fn flag(fixture: &Fixture, key: Handle, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
    read(fixture, key, kind) == [1]
}

#[test]
fn every_private_key_has_its_public_key() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let named = || attrs![CKA_DERIVE => false, CKA_ID => b"one", CKA_SUBJECT => b"\x30\x00"];
    for Pair { public, private } in [
        rsa_pair(session, vec![], named()),
        ec_pair(session, vec![], named()),
        sm2_pair(session, vec![], named()),
        okp_pair(session, Curve::Ed25519, vec![], named()),
        okp_pair(session, Curve::X25519, vec![], named()),
        ml_dsa_pair(session, vec![], named()),
        ml_kem_pair(session, vec![], named()),
        slh_dsa_pair(session, vec![], named()),
        dsa_pair(session, vec![], named()),
    ] {
        let derived = derive(&fixture, private, &[]).unwrap();
        for kind in [ck::CKA_CLASS, ck::CKA_KEY_TYPE, ck::CKA_PUBLIC_KEY_INFO] {
            assert_eq!(read(&fixture, derived, kind), read(&fixture, public, kind));
        }
        for kind in [ck::CKA_ID, ck::CKA_SUBJECT, ck::CKA_KEY_GEN_MECHANISM] {
            assert_eq!(read(&fixture, derived, kind), read(&fixture, private, kind));
        }
        assert_eq!(read(&fixture, derived, ck::CKA_LABEL), b"");
        for (of_public, of_private) in [
            (ck::CKA_ENCRYPT, ck::CKA_DECRYPT),
            (ck::CKA_VERIFY, ck::CKA_SIGN),
            (ck::CKA_WRAP, ck::CKA_UNWRAP),
            (ck::CKA_ENCAPSULATE, ck::CKA_DECAPSULATE),
            (ck::CKA_DERIVE, ck::CKA_DERIVE),
        ] {
            let expected = flag(&fixture, private, of_private);
            assert_eq!(
                flag(&fixture, derived, of_public),
                expected,
                "{of_public:#x}"
            );
        }
        for (kind, expected) in [
            (ck::CKA_TOKEN, false),
            (ck::CKA_PRIVATE, false),
            (ck::CKA_LOCAL, false),
            (ck::CKA_TRUSTED, false),
            (ck::CKA_MODIFIABLE, true),
            (ck::CKA_COPYABLE, true),
            (ck::CKA_DESTROYABLE, true),
        ] {
            assert_eq!(flag(&fixture, derived, kind), expected, "{kind:#x}");
        }
    }
}

#[test]
fn a_derived_public_key_verifies() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let template = attrs![CKA_EC_PARAMS => &[6, 8, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 3, 1, 7]];
    let request = fixture.plain(ck::CKM_EC_KEY_PAIR_GEN);
    let made = session.generate_key_pair(request, &template, &attrs![CKA_SIGN => true]);
    let (_, private) = made.unwrap();
    let public = derive(&fixture, private, &[]).unwrap();
    let made_by = ck::CKM_EC_KEY_PAIR_GEN.to_ne_bytes();
    assert_eq!(read(&fixture, public, ck::CKA_KEY_GEN_MECHANISM), made_by);
    let ecdsa = || fixture.plain(ck::CKM_ECDSA_SHA256);
    session.sign_init(ecdsa(), private).unwrap();
    let signature = full(|out| session.sign(b"mortise", out)).unwrap();
    session.verify_init(ecdsa(), public).unwrap();
    session.verify(b"mortise", &signature).unwrap();
    let deaf = derive(&fixture, private, &attrs![CKA_VERIFY => false]).unwrap();
    returns!(
        session.verify_init(ecdsa(), deaf),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
}

#[test]
fn the_template_decides_what_the_private_key_does_not() {
    let fixture = Fixture::new();
    let pair = rsa_pair(&fixture.session, vec![], attrs![CKA_LABEL => "private"]);
    let template =
        attrs![CKA_LABEL => "public", CKA_PRIVATE => true, CKA_TOKEN => true, CKA_ID => b"two"];
    let derived = derive(&fixture, pair.private, &template).unwrap();
    assert_eq!(read(&fixture, derived, ck::CKA_LABEL), b"public");
    assert_eq!(read(&fixture, derived, ck::CKA_ID), b"two");
    assert!(flag(&fixture, derived, ck::CKA_PRIVATE) && flag(&fixture, derived, ck::CKA_TOKEN));
    for (wrong, expected) in [
        (
            attrs![CKA_MODULUS => &[0xFF; 256]],
            "CKR_TEMPLATE_INCONSISTENT",
        ),
        (
            attrs![CKA_CLASS => ck::CKO_SECRET_KEY],
            "CKR_TEMPLATE_INCONSISTENT",
        ),
        (
            attrs![CKA_KEY_TYPE => ck::CKK_EC],
            "CKR_TEMPLATE_INCONSISTENT",
        ),
        (attrs![CKA_SENSITIVE => false], "CKR_TEMPLATE_INCONSISTENT"),
        (attrs![CKA_LOCAL => true], "CKR_ATTRIBUTE_READ_ONLY"),
    ] {
        let outcome = derive(&fixture, pair.private, &wrong);
        assert_eq!(crate::common::rv(&outcome), expected, "{wrong:?}");
    }
}

#[test]
fn only_a_private_key_that_is_seen_has_one() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let pair = rsa_pair(session, vec![], attrs![CKA_TOKEN => true]);
    let aes = secret(session, ck::CKK_AES, vec![]).public;
    for other in [pair.public, aes] {
        returns!(derive(&fixture, other, &[]), CKR_KEY_TYPE_INCONSISTENT);
    }
    returns!(derive(&fixture, 999_999, &[]), CKR_KEY_HANDLE_INVALID);
    session.logout().unwrap();
    returns!(derive(&fixture, pair.private, &[]), CKR_KEY_HANDLE_INVALID);
}
