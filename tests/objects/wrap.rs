//! Keys that leave a token and come into another.

use der::{Decode, Encode};
use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::aes;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::crypto::rsa::{self, RsaMaterial};
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::{Key, Oaep, Params, Request};
use tenon_pkcs11::api::out::Out;

use crate::common::{
    Calls, Fixture, Pair, attrs, bytes, ec_material, ec_pair, full, returns, rsa_material,
    rsa_pair, secret,
};

fn oaep() -> Oaep {
    Oaep {
        hash: Hash::Sha256,
        mgf: Hash::Sha256,
        label: vec![],
    }
}

fn composite(fixture: &Fixture) -> Request {
    let params = Params::RsaAesKeyWrap {
        aes_bits: Some(256),
        oaep: oaep(),
    };
    fixture.request(ck::CKM_RSA_AES_KEY_WRAP, params)
}

fn ways(fixture: &Fixture) -> [(Request, Pair); 3] {
    let rsa = rsa_pair(&fixture.session, vec![], vec![]);
    let aes = secret(&fixture.session, ck::CKK_AES, vec![]);
    [
        (
            fixture.request(ck::CKM_RSA_PKCS_OAEP, Params::Oaep(oaep())),
            rsa,
        ),
        (composite(fixture), rsa),
        (fixture.plain(ck::CKM_AES_KEY_WRAP_KWP), aes),
    ]
}

#[test]
fn a_token_key_made_by_an_unwrap_is_there_after_reopening() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let key = secret(session, ck::CKK_AES, attrs![CKA_EXTRACTABLE => true]).public;
    session
        .sign_init(fixture.plain(ck::CKM_SHA256_HMAC), key)
        .unwrap();
    let mac = full(|out| session.sign(b"text", out)).unwrap();
    for (number, (way, pair)) in (0_u64..).zip(ways(&fixture)) {
        let blob = full(|out| session.wrap_key(way.clone(), pair.public, key, out)).unwrap();
        let template = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_TOKEN => true,
            CKA_EXTRACTABLE => true, CKA_ID => &number.to_be_bytes(), CKA_SIGN => true,
        ];
        session
            .unwrap_key(way, pair.private, &blob, &template)
            .unwrap();
    }
    let fixture = fixture.reopened_as_user();
    let session = &fixture.session;
    session
        .find_init(&attrs![CKA_CLASS => ck::CKO_SECRET_KEY])
        .unwrap();
    let found = session.find(10).unwrap();
    assert_eq!(found.len(), 3);
    for key in found {
        session
            .sign_init(fixture.plain(ck::CKM_SHA256_HMAC), key)
            .unwrap();
        assert_eq!(full(|out| session.sign(b"text", out)).unwrap(), mac);
        let read = session
            .attributes(key, &[ck::CKA_LOCAL, ck::CKA_TENON_ORIGIN])
            .unwrap();
        let origin = ck::ORIGIN_IMPORTED.to_ne_bytes().to_vec();
        assert_eq!(read, [vec![0], origin].map(Revealed::Value));
    }
}

#[test]
fn unwrapped_private_keys_say_what_they_are_and_sign() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let extractable = || attrs![CKA_EXTRACTABLE => true];
    let rsa = rsa_pair(session, vec![], extractable());
    let ec = ec_pair(session, vec![], extractable());
    let [_, composite, kwp] = ways(&fixture);
    for (way, wrapping) in [composite, kwp] {
        for (pair, key_type, mechanism, kinds) in [
            (
                rsa,
                ck::CKK_RSA,
                ck::CKM_SHA256_RSA_PKCS,
                [
                    ck::CKA_MODULUS,
                    ck::CKA_PUBLIC_EXPONENT,
                    ck::CKA_PUBLIC_KEY_INFO,
                ],
            ),
            (
                ec,
                ck::CKK_EC,
                ck::CKM_ECDSA_SHA256,
                [ck::CKA_EC_PARAMS, ck::CKA_EC_POINT, ck::CKA_PUBLIC_KEY_INFO],
            ),
        ] {
            let wrap = |out: &mut Out<'_>| {
                session.wrap_key(way.clone(), wrapping.public, pair.private, out)
            };
            let blob = full(wrap).unwrap();
            let template = attrs![
                CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => key_type, CKA_TOKEN => true,
                CKA_SIGN => true,
            ];
            let made = session
                .unwrap_key(way.clone(), wrapping.private, &blob, &template)
                .unwrap();
            let read = session.attributes(made, &kinds).unwrap();
            assert_eq!(read, session.attributes(pair.private, &kinds).unwrap());
            session.sign_init(fixture.plain(mechanism), made).unwrap();
            let signature = full(|out| session.sign(b"text", out)).unwrap();
            session
                .verify_init(fixture.plain(mechanism), pair.public)
                .unwrap();
            returns!(session.verify(b"text", &signature), CKR_OK);

            let wrong = if key_type == ck::CKK_RSA {
                ck::CKK_EC
            } else {
                ck::CKK_RSA
            };
            let template = attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => wrong];
            let outcome = session.unwrap_key(way.clone(), wrapping.private, &blob, &template);
            returns!(outcome, CKR_WRAPPED_KEY_INVALID);
        }
    }
}

#[test]
fn templates_of_unwraps_are_judged_before_the_blob() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    for (way, pair) in ways(&fixture) {
        let unwrap = |template: Vec<_>| {
            session.unwrap_key(way.clone(), pair.private, b"no blob at all", &template)
        };
        let name = way.row.name;
        returns!(unwrap(attrs![]), CKR_TEMPLATE_INCOMPLETE, "{name}");
        let public = attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_RSA];
        returns!(unwrap(public), CKR_TEMPLATE_INCONSISTENT, "{name}");
        let value = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE => &[0; 16],
        ];
        returns!(unwrap(value), CKR_ATTRIBUTE_READ_ONLY, "{name}");
        let plain = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES];
        returns!(unwrap(plain), CKR_WRAPPED_KEY_LEN_RANGE, "{name}");
    }
}

#[test]
fn only_trusted_keys_wrap_what_asks_for_them() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let picky = attrs![CKA_EXTRACTABLE => true, CKA_WRAP_WITH_TRUSTED => true];
    let key = secret(session, ck::CKK_AES, picky).public;
    for (way, pair) in ways(&fixture) {
        let outcome = full(|out| session.wrap_key(way.clone(), pair.public, key, out));
        returns!(outcome, CKR_KEY_NOT_WRAPPABLE, "{}", way.row.name);
    }
}

/// SoftHSM up to 2.6.1 fills PKCS #8 up to 8 bytes with zeros before any wrap.
#[test]
fn up_to_seven_zeros_behind_a_private_key_are_padding() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let value = [9; 32];
    let aes = secret(session, ck::CKK_AES, attrs![CKA_VALUE => &value]).private;
    let aes_key = Key::new(aes::Key::new(&value).unwrap());
    let rsa = rsa_pair(session, vec![], vec![]).private;
    let RsaMaterial { n, e, .. } = rsa_material();
    let rsa_key = Key::new(rsa::PublicKey::new(n, e).unwrap());
    let der = Material::pair(ec_material().clone()).to_pkcs8().unwrap();
    let template = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC, CKA_SIGN => true,
    ];
    for (way, key, handle) in [
        (fixture.plain(ck::CKM_AES_KEY_WRAP_KWP), &aes_key, aes),
        (fixture.plain(ck::CKM_AES_KEY_WRAP_PAD), &aes_key, aes),
        (fixture.plain(ck::CKM_AES_KEY_WRAP_PKCS7), &aes_key, aes),
        (composite(&fixture), &rsa_key, rsa),
    ] {
        let unwrap = |behind: &[u8]| {
            let clear = [&der[..], behind].concat();
            let blob = way.row.wrap.unwrap()(key, &way.params, &SystemRng, &clear).unwrap();
            session.unwrap_key(way.clone(), handle, &blob, &template)
        };
        for zeros in 0..8 {
            assert!(unwrap(&vec![0; zeros]).is_ok(), "{}, {zeros}", way.row.name);
        }
        for wrong in [&[0; 8][..], &[1], &[0, 0, 1]] {
            returns!(unwrap(wrong), CKR_WRAPPED_KEY_INVALID);
        }
    }
}

/// RSAPrivateKey and ECPrivateKey with their curve, as openssl's older formats are, come in where the blob proves its
/// integrity.
#[test]
fn private_keys_come_without_pkcs_8_around_them() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let value = [9; 32];
    let aes = secret(session, ck::CKK_AES, attrs![CKA_VALUE => &value]).private;
    let key = Key::new(aes::Key::new(&value).unwrap());
    // Version, AlgorithmIdentifier, OCTET STRING: the last one holds the bare key.
    let bare = |pkcs8: &[u8]| {
        let info = pkcs8::PrivateKeyInfoRef::try_from(pkcs8).unwrap();
        info.private_key.as_bytes().to_vec()
    };
    let ec = ec_material();
    let rsa = bare(&Material::pair(rsa_material().clone()).to_pkcs8().unwrap());
    let without_curve = bare(&Material::pair(ec.clone()).to_pkcs8().unwrap());
    let sec1 = sec1::EcPrivateKey {
        private_key: &ec.scalar,
        parameters: Some(sec1::EcParameters::from_der(ec.curve.params()).unwrap()),
        public_key: Some(&ec.point),
    };
    let sec1 = sec1.to_der().unwrap();
    let template = |key_type: u64| attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => key_type, CKA_SIGN => true];
    let unwrap = |way: &Request, clear: &[u8], template: &[_]| {
        let blob = way.row.wrap.unwrap()(&key, &way.params, &SystemRng, clear).unwrap();
        session.unwrap_key(way.clone(), aes, &blob, template)
    };
    let kwp = fixture.plain(ck::CKM_AES_KEY_WRAP_KWP);
    for (clear, key_type, kept) in [
        (&rsa, ck::CKK_RSA, ck::CKA_MODULUS),
        (&sec1, ck::CKK_EC, ck::CKA_EC_POINT),
    ] {
        let made = unwrap(&kwp, clear, &template(key_type)).unwrap();
        assert!(!bytes(session, made, kept).is_empty());
    }
    for (clear, key_type) in [
        (&rsa, ck::CKK_EC),
        (&sec1, ck::CKK_RSA),
        (&without_curve, ck::CKK_EC),
        (&sec1[..sec1.len() - 1].to_vec(), ck::CKK_EC),
    ] {
        returns!(
            unwrap(&kwp, clear, &template(key_type)),
            CKR_WRAPPED_KEY_INVALID
        );
    }
    // Without integrity nothing but PKCS #8 comes in.
    let cbc = fixture.request(ck::CKM_AES_CBC_PAD, Params::Iv(vec![7; 16].into()));
    returns!(
        unwrap(&cbc, &rsa, &template(ck::CKK_RSA)),
        CKR_WRAPPED_KEY_INVALID
    );
}
