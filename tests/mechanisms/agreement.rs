//! Diffie-Hellman: C_DeriveKey with the public key of another party.

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::Curve;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::crypto::okp;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{self, Params, Request, SharedKdf};
use tenon_pkcs11::api::token::Handle;

use super::cases::{cases, ecdh};
use crate::common::{Fixture, attrs, ec_pair, returns, rsa_pair, with};

/// A key pair that agrees, and its CKA_EC_POINT.
fn party(fixture: &Fixture, mechanism: ck::CK_MECHANISM_TYPE, params: &[u8]) -> (Handle, Vec<u8>) {
    let session = &fixture.session;
    let public = attrs![CKA_EC_PARAMS => params];
    let (public, private) = session
        .generate_key_pair(
            fixture.plain(mechanism),
            &public,
            &attrs![CKA_DERIVE => true],
        )
        .unwrap();
    let point = session.attributes(public, &[ck::CKA_EC_POINT]).unwrap();
    let [Revealed::Value(point)] = &point[..] else {
        panic!("no point");
    };
    (private, point.clone())
}

fn derive(
    fixture: &Fixture,
    (id, params): (ck::CK_MECHANISM_TYPE, Params),
    base: Handle,
    template: Vec<RawAttribute>,
) -> Result<Handle> {
    let open = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET,
        CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
    ];
    let request = Request::new(mechanism::find(id).unwrap(), params)?;
    fixture
        .session
        .derive_key(request, base, &with(open, template))
}

fn value(fixture: &Fixture, key: Handle) -> Vec<u8> {
    match &fixture.session.attributes(key, &[ck::CKA_VALUE]).unwrap()[..] {
        [Revealed::Value(value)] => value.clone(),
        other => panic!("{other:?}"),
    }
}

/// Both mechanisms, both parties, every function and length.
fn agrees(fixture: &Fixture, mechanism: ck::CK_MECHANISM_TYPE, params: &[u8], len: u64) {
    let (one, of_one) = party(fixture, mechanism, params);
    let (two, of_two) = party(fixture, mechanism, params);
    for case in cases(|row| row.derive.is_some() && row.name.starts_with("CKM_ECDH1")) {
        let id = case.row.id;
        if id == ck::CKM_ECDH1_COFACTOR_DERIVE && mechanism != ck::CKM_EC_KEY_PAIR_GEN {
            continue;
        }
        for kdf in [
            None,
            Some(SharedKdf::X963(Hash::Sha1)),
            Some(SharedKdf::X963(Hash::Sha3_384)),
            Some(SharedKdf::OneStep(Hash::Sha256)),
            Some(SharedKdf::OneStep(Hash::Blake2b512)),
        ] {
            for len in [1, 16, len] {
                let secret = |key, point: &[u8]| {
                    let template = attrs![CKA_VALUE_LEN => len];
                    let key = derive(fixture, (id, ecdh(kdf, point)), key, template).unwrap();
                    value(fixture, key)
                };
                let shared = secret(one, &of_two);
                assert_eq!(shared, secret(two, &of_one), "{}", case.name());
                assert_eq!(shared.len() as u64, len);
            }
        }
        let whole = derive(fixture, (id, ecdh(None, &of_two)), one, vec![]).unwrap();
        assert_eq!(value(fixture, whole).len() as u64, len);
    }
}

#[test]
fn two_parties_derive_the_same_key() {
    let fixture = Fixture::new();
    for curve in [
        Curve::P224,
        Curve::P256,
        Curve::P521,
        Curve::Secp256k1,
        Curve::Brainpool384,
    ] {
        let len = u64::try_from(curve.field_len()).unwrap();
        agrees(&fixture, ck::CKM_EC_KEY_PAIR_GEN, curve.params(), len);
    }
}

#[test]
fn x25519_agrees_too() {
    let fixture = Fixture::new();
    let generate = ck::CKM_EC_MONTGOMERY_KEY_PAIR_GEN;
    for params in [okp::Curve::X25519.params(), b"\x13\x0Acurve25519"] {
        agrees(&fixture, generate, params, 32);
    }
    let (key, _) = party(&fixture, generate, okp::Curve::X25519.params());
    for wrong in [&[0; 32][..], &[9; 31], &[]] {
        let request = (ck::CKM_ECDH1_DERIVE, ecdh(None, wrong));
        returns!(
            derive(&fixture, request, key, vec![]),
            CKR_MECHANISM_PARAM_INVALID
        );
    }
    let request = (ck::CKM_ECDH1_COFACTOR_DERIVE, ecdh(None, &[9; 32]));
    returns!(
        derive(&fixture, request, key, vec![]),
        CKR_KEY_TYPE_INCONSISTENT
    );
}

#[test]
fn what_cannot_be_derived_is_refused() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let (key, own) = party(&fixture, ck::CKM_EC_KEY_PAIR_GEN, Curve::P256.params());
    let (_, other) = party(&fixture, ck::CKM_EC_KEY_PAIR_GEN, Curve::Secp256k1.params());
    for id in [ck::CKM_ECDH1_DERIVE, ck::CKM_ECDH1_COFACTOR_DERIVE] {
        let derived = |params, base, template| derive(&fixture, (id, params), base, template);
        for wrong in [
            Params::None,
            Params::Iv(vec![0; 16].into()),
            ecdh(None, &other),
            ecdh(None, &[]),
        ] {
            returns!(derived(wrong, key, vec![]), CKR_MECHANISM_PARAM_INVALID);
        }
        let fine = || ecdh(None, &own);
        let len = |len: u64| attrs![CKA_VALUE_LEN => len];
        returns!(derived(fine(), key, len(33)), CKR_KEY_SIZE_RANGE);
        let keyed = || ecdh(Some(SharedKdf::X963(Hash::Sha256)), &own);
        returns!(derived(keyed(), key, len(u64::MAX)), CKR_KEY_SIZE_RANGE);
        returns!(derived(keyed(), key, vec![]), CKR_TEMPLATE_INCOMPLETE);
        let aes = || attrs![CKA_KEY_TYPE => ck::CKK_AES];
        returns!(derived(fine(), key, aes()), CKR_OK);
        let odd = with(aes(), len(20));
        returns!(derived(fine(), key, odd), CKR_KEY_SIZE_RANGE);
        let rsa = rsa_pair(session, vec![], attrs![CKA_DERIVE => true]).private;
        returns!(derived(fine(), rsa, vec![]), CKR_KEY_TYPE_INCONSISTENT);
        returns!(derived(fine(), 999_999, vec![]), CKR_KEY_HANDLE_INVALID);
        let idle = ec_pair(session, vec![], attrs![CKA_DERIVE => false]).private;
        returns!(
            derived(fine(), idle, vec![]),
            CKR_KEY_FUNCTION_NOT_PERMITTED
        );
        let only = attrs![CKA_DERIVE => true, CKA_ALLOWED_MECHANISMS => [ck::CKM_ECDSA]];
        let other = ec_pair(session, vec![], only).private;
        returns!(derived(fine(), other, vec![]), CKR_MECHANISM_INVALID);
    }
}
