use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::MechanismFilter;
use tenon_pkcs11::api::crypto::ec::Curve;
use tenon_pkcs11::api::crypto::okp;

use super::cases::cases;
use crate::common::{Calls, Fixture, attrs, dsa_parameters, full, returns};

/// The curves of ECDSA.
const CURVES: [Curve; 10] = [
    Curve::P224,
    Curve::P256,
    Curve::P384,
    Curve::P521,
    Curve::Secp256k1,
    Curve::Brainpool224,
    Curve::Brainpool256,
    Curve::Brainpool320,
    Curve::Brainpool384,
    Curve::Brainpool512,
];

#[test]
fn secret_keys_of_every_length() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    // A password gives the same key twice: `derivations` has that.
    for case in cases(|row| row.generate.is_some() && !row.from_password) {
        let generate = |len: u64| {
            let open = attrs![
                CKA_VALUE_LEN => len, CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
            ];
            session.generate_key(case.request(), &open)
        };
        let (right, wrong): (&[u64], &[u64]) = match case.row.id {
            ck::CKM_AES_KEY_GEN | ck::CKM_CAMELLIA_KEY_GEN => {
                (&[16, 24, 32], &[0, 8, 33, 64, u64::MAX])
            }
            ck::CKM_TENON_SM4_KEY_GEN => (&[16], &[0, 8, 17, 32, u64::MAX]),
            ck::CKM_DES2_KEY_GEN => (&[16], &[0, 8, 17, 24, u64::MAX]),
            ck::CKM_DES3_KEY_GEN => (&[24], &[0, 16, 25, 32, u64::MAX]),
            ck::CKM_CHACHA20_KEY_GEN | ck::CKM_POLY1305_KEY_GEN => (&[32], &[0, 16, 33, u64::MAX]),
            ck::CKM_TLS_PRE_MASTER_KEY_GEN => (&[48], &[0, 47, 49, u64::MAX]),
            ck::CKM_HOTP_KEY_GEN => (&[16, 20, 4096], &[0, 15, 4097, u64::MAX]),
            ck::CKM_AES_XTS_KEY_GEN => (&[32, 64], &[0, 16, 65, u64::MAX]),
            _ => (&[1, 20, 64, 4096], &[0, 4097, u64::MAX]),
        };
        for len in right {
            let mut values = Vec::new();
            for _ in 0..2 {
                let key = generate(*len).unwrap();
                let value = session
                    .attributes(key, &[ck::CKA_VALUE, ck::CKA_VALUE_LEN])
                    .unwrap();
                let [Revealed::Value(value), Revealed::Value(told)] = &value[..] else {
                    panic!("{}: no value", case.name());
                };
                assert_eq!(value.len() as u64, *len, "{}", case.name());
                assert_eq!(told[..], len.to_ne_bytes(), "{}", case.name());
                values.push(value.clone());
            }
            assert!(
                *len < 16 || values[0] != values[1],
                "{}: the same key twice",
                case.name()
            );
        }
        for len in wrong {
            returns!(
                generate(*len),
                CKR_KEY_SIZE_RANGE,
                "{} of {len}",
                case.name()
            );
        }
        let without = session.generate_key(case.request(), &[]);
        match right {
            [_] => returns!(without, CKR_OK, "{}", case.name()),
            _ => returns!(without, CKR_TEMPLATE_INCOMPLETE, "{}", case.name()),
        }
    }
}

#[test]
fn an_aes_key_has_one_of_three_lengths() {
    let fixture = Fixture::new();
    for len in [17, 31] {
        let template = attrs![CKA_VALUE_LEN => len];
        let outcome = fixture
            .session
            .generate_key(fixture.plain(ck::CKM_AES_KEY_GEN), &template);
        returns!(outcome, CKR_ATTRIBUTE_VALUE_INVALID, "{len}");
    }
}

#[test]
fn generated_pairs_sign_and_verify() {
    // Signatures of DSA are off by default.
    let fixture = Fixture::configured(|config| {
        config.mechanisms = MechanismFilter::AllAnd(vec!["CKM_DSA_SHA256".into()]);
    });
    let session = &fixture.session;
    for case in cases(|row| row.generate_pair.is_some()) {
        let agree = [
            ck::CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
            ck::CKM_ML_KEM_KEY_PAIR_GEN,
            ck::CKM_TENON_XWING_KEY_PAIR_GEN,
            ck::CKM_DH_PKCS_KEY_PAIR_GEN,
        ];
        if agree.contains(&case.row.id) {
            continue;
        }
        let (templates, signs): (Vec<Vec<RawAttribute>>, _) = match case.row.id {
            ck::CKM_RSA_PKCS_KEY_PAIR_GEN => (
                vec![attrs![CKA_MODULUS_BITS => 2048]],
                ck::CKM_SHA256_RSA_PKCS,
            ),
            ck::CKM_EC_EDWARDS_KEY_PAIR_GEN => (
                vec![
                    attrs![CKA_EC_PARAMS => okp::Curve::Ed25519.params()],
                    attrs![CKA_EC_PARAMS => b"\x13\x0Cedwards25519"],
                ],
                ck::CKM_EDDSA,
            ),
            ck::CKM_TENON_SM2_KEY_PAIR_GEN => (
                vec![
                    attrs![CKA_EC_PARAMS => Curve::Sm2.params()],
                    attrs![CKA_EC_PARAMS => b"\x13\x03SM2"],
                ],
                ck::CKM_TENON_SM2_SM3_SIGN,
            ),
            ck::CKM_ML_DSA_KEY_PAIR_GEN => (
                [ck::CKP_ML_DSA_44, ck::CKP_ML_DSA_65, ck::CKP_ML_DSA_87]
                    .map(|set| attrs![CKA_PARAMETER_SET => set])
                    .into(),
                ck::CKM_ML_DSA,
            ),
            ck::CKM_DSA_KEY_PAIR_GEN => (vec![dsa_parameters()], ck::CKM_DSA_SHA256),
            ck::CKM_SLH_DSA_KEY_PAIR_GEN => (
                vec![
                    attrs![CKA_PARAMETER_SET => ck::CKP_SLH_DSA_SHA2_128F],
                    attrs![CKA_PARAMETER_SET => ck::CKP_SLH_DSA_SHAKE_128F],
                ],
                ck::CKM_SLH_DSA,
            ),
            _ => (
                CURVES
                    .map(|curve| attrs![CKA_EC_PARAMS => curve.params()])
                    .into(),
                ck::CKM_ECDSA_SHA256,
            ),
        };
        for template in templates {
            let (public, private) = session
                .generate_key_pair(case.request(), &template, &[])
                .unwrap();
            session.sign_init(fixture.plain(signs), private).unwrap();
            let signature = full(|out| session.sign(b"message", out)).unwrap();
            session.verify_init(fixture.plain(signs), public).unwrap();
            returns!(
                session.verify(b"message", &signature),
                CKR_OK,
                "{}",
                case.name()
            );
        }
    }
}

#[test]
fn pairs_that_cannot_be_are_refused() {
    let fixture = Fixture::new();
    let session = &fixture.session;
    let pair = |id, public: &[RawAttribute], private: &[RawAttribute]| {
        session.generate_key_pair(fixture.plain(id), public, private)
    };
    let rsa = |template: &[RawAttribute]| pair(ck::CKM_RSA_PKCS_KEY_PAIR_GEN, template, &[]);
    returns!(rsa(&[]), CKR_TEMPLATE_INCOMPLETE);
    returns!(rsa(&attrs![CKA_MODULUS_BITS => 1022]), CKR_KEY_SIZE_RANGE);
    returns!(rsa(&attrs![CKA_MODULUS_BITS => 16_384]), CKR_KEY_SIZE_RANGE);
    for exponent in [&[1][..], &[1, 0, 0]] {
        let template = attrs![CKA_MODULUS_BITS => 2048, CKA_PUBLIC_EXPONENT => exponent];
        returns!(rsa(&template), CKR_ATTRIBUTE_VALUE_INVALID);
    }

    let ml_dsa = |public: &[RawAttribute], private: &[RawAttribute]| {
        pair(ck::CKM_ML_DSA_KEY_PAIR_GEN, public, private)
    };
    let set = |set: u64| attrs![CKA_PARAMETER_SET => set];
    returns!(ml_dsa(&[], &[]), CKR_TEMPLATE_INCOMPLETE);
    returns!(ml_dsa(&set(1), &set(2)), CKR_TEMPLATE_INCONSISTENT);
    returns!(ml_dsa(&set(1), &set(1)), CKR_OK);
    for none in [0, 4, u64::MAX] {
        returns!(ml_dsa(&set(none), &[]), CKR_PARAMETER_SET_NOT_SUPPORTED);
    }

    let ec = |public: &[RawAttribute], private: &[RawAttribute]| {
        pair(ck::CKM_EC_KEY_PAIR_GEN, public, private)
    };
    let p256 = || attrs![CKA_EC_PARAMS => Curve::P256.params()];
    let p384 = || attrs![CKA_EC_PARAMS => Curve::P384.params()];
    returns!(ec(&p256(), &p384()), CKR_TEMPLATE_INCONSISTENT);
    returns!(ec(&p256(), &p256()), CKR_OK);
    // secp192r1 is none of the token's curves; five zero bytes are no parameters at all.
    let p192 = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x01];
    let p192 = attrs![CKA_EC_PARAMS => &p192];
    returns!(ec(&p192, &[]), CKR_CURVE_NOT_SUPPORTED);
    returns!(
        ec(&attrs![CKA_EC_PARAMS => &[0; 5]], &[]),
        CKR_DOMAIN_PARAMS_INVALID
    );
    let sm2 = |params: &[u8]| {
        let params = attrs![CKA_EC_PARAMS => params];
        pair(ck::CKM_TENON_SM2_KEY_PAIR_GEN, &params, &[])
    };
    returns!(sm2(Curve::P256.params()), CKR_CURVE_NOT_SUPPORTED);
    returns!(sm2(&[0; 5]), CKR_DOMAIN_PARAMS_INVALID);
    let wrong_type = attrs![CKA_EC_PARAMS => Curve::P256.params(), CKA_KEY_TYPE => ck::CKK_RSA];
    returns!(ec(&wrong_type, &[]), CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn the_least_size_of_rsa_keys_is_a_setting() {
    let fixture = Fixture::configured(|config| config.rsa_min_bits = 2050);
    let session = &fixture.session;
    let generation = ck::CKM_RSA_PKCS_KEY_PAIR_GEN;
    let pair = |bits: u64| {
        let template = attrs![CKA_MODULUS_BITS => bits];
        session.generate_key_pair(fixture.plain(generation), &template, &[])
    };
    returns!(pair(2048), CKR_KEY_SIZE_RANGE);
    returns!(pair(2050), CKR_OK);
    let info = fixture.module.mechanism_info(0, generation).unwrap();
    assert_eq!(info.ulMinKeySize, 2050);
}
