//! CKA_EC_POINT of Ed25519 and X25519 keys: DER, or the bare bytes of sections 6.3.5 and 6.3.7 where
//! `compat.edwards_point` says so.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::okp::Curve;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use crate::common::{Fixture, attrs, bytes, okp_pair};

const CURVES: [(Curve, u64, u64); 2] = [
    (
        Curve::Ed25519,
        ck::CKK_EC_EDWARDS,
        ck::CKM_EC_EDWARDS_KEY_PAIR_GEN,
    ),
    (
        Curve::X25519,
        ck::CKK_EC_MONTGOMERY,
        ck::CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
    ),
];

/// The public key at the end of CKA_PUBLIC_KEY_INFO (RFC 8410), bare and in an OCTET STRING.
fn points(session: &Session, key: Handle) -> (Vec<u8>, Vec<u8>) {
    let info = bytes(session, key, ck::CKA_PUBLIC_KEY_INFO);
    assert_eq!(info.len(), 12 + 32);
    let raw = info[12..].to_vec();
    let der = [&[4, 32][..], &raw].concat();
    (raw, der)
}

fn found(session: &Session, template: &[RawAttribute]) -> Vec<Handle> {
    session.find_init(template).unwrap();
    let mut keys = session.find(10).unwrap();
    session.find_final().unwrap();
    keys.sort_unstable();
    keys
}

/// Both keys of the token read the point as `der` says, and both forms of it find both keys.
fn check(fixture: &Fixture, key_type: u64, der: bool) {
    let session = &fixture.session;
    let keys = found(session, &attrs![CKA_KEY_TYPE => key_type]);
    assert_eq!(keys.len(), 2);
    for key in &keys {
        let (raw, octets) = points(session, *key);
        let wanted = if der { &octets } else { &raw };
        assert_eq!(bytes(session, *key, ck::CKA_EC_POINT), *wanted);
        for point in [raw, octets] {
            let same = found(session, &attrs![CKA_EC_POINT => &point]);
            assert_eq!(same, keys, "{}", point.len());
        }
    }
}

#[test]
fn edwards_points_read_as_the_setting_says_whatever_form_made_them() {
    for (curve, key_type, generator) in CURVES {
        for der in [false, true] {
            let fixture = Fixture::configured(|config| config.edwards_point_raw = !der);
            let session = &fixture.session;
            let made = okp_pair(session, curve, vec![], vec![]);
            check(&fixture, key_type, der);
            let (_, octets) = points(session, made.public);
            for key in [made.public, made.private] {
                session.destroy_object(key).unwrap();
            }
            let params = curve.params();
            let public = attrs![CKA_EC_PARAMS => params];
            let plain = fixture.plain(generator);
            let pair = session.generate_key_pair(plain, &public, &[]).unwrap();
            check(&fixture, key_type, der);
            session.destroy_object(pair.0).unwrap();
            session.destroy_object(pair.1).unwrap();
            let given = attrs![
                CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => key_type,
                CKA_EC_PARAMS => params, CKA_EC_POINT => &octets,
            ];
            let key = session.create_object(&given).unwrap();
            session.copy_object(key, &[]).unwrap();
            check(&fixture, key_type, der);
        }
    }
}

/// What is stored does not depend on the setting, so a token serves processes with either.
#[test]
fn the_same_token_serves_both_settings() {
    let mut fixture = Fixture::new();
    let place = || attrs![CKA_TOKEN => true, CKA_PRIVATE => false];
    okp_pair(&fixture.session, Curve::Ed25519, place(), place());
    for der in [false, true] {
        fixture = fixture.reopened_with(|config| config.edwards_point_raw = !der);
        check(&fixture, ck::CKK_EC_EDWARDS, der);
    }
}
