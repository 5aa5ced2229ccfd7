use super::*;
use crate::crypto::ec::{Curve, EcMaterial};
use crate::crypto::vectors::{bytes, list, load};
use crate::keytype::Material;

fn fixtures() -> Vec<(Vec<u8>, Vec<u8>)> {
    let rsa = load("rsa/openssl.json");
    let ec = load("ec/openssl.json");
    let curves = list(&ec, "curves").iter();
    std::iter::once(&rsa)
        .chain(curves)
        .map(|case| (bytes(case, "pkcs8"), bytes(case, "spki")))
        .collect()
}

fn refusal(der: &[u8]) -> Error {
    Material::from_pkcs8(der).unwrap_err()
}

/// DER with a definite length in the shortest form.
fn tlv(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let [.., high, low] = value.len().to_be_bytes();
    let header = match value.len() {
        0..=0x7F => vec![tag, low],
        0x80..=0xFF => vec![tag, 0x81, low],
        _ => vec![tag, 0x82, high, low],
    };
    [header, value].concat()
}

/// Algorithm and private key of a version 1 key.
fn parts(pkcs8: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let info = parse(pkcs8).unwrap();
    (
        info.algorithm.to_der().unwrap(),
        info.private_key.as_bytes().to_vec(),
    )
}

const V1: &[u8] = &[2, 1, 0];
const V2: &[u8] = &[2, 1, 1];

#[test]
fn keys_of_the_openssl_program_come_back_byte_for_byte() {
    for (pkcs8, spki) in fixtures() {
        let key = Material::from_pkcs8(&pkcs8).unwrap();
        assert_eq!(&*key.to_pkcs8().unwrap(), &pkcs8[..]);
        assert_eq!(key.spki(), Some(spki));
    }
}

#[test]
fn secret_keys_have_no_such_form() {
    let key = Material::Secret(Secret::zeroed(16));
    assert!(matches!(key.to_pkcs8(), Err(Error::InvalidKey(_))));
    assert_eq!(key.spki(), None);
}

#[test]
fn every_truncation_and_every_trailing_byte_is_refused() {
    for (pkcs8, _) in fixtures() {
        for len in 0..pkcs8.len() {
            assert!(
                matches!(refusal(&pkcs8[..len]), Error::InvalidKey(_)),
                "{len}"
            );
        }
        let (algorithm, key) = parts(&pkcs8);
        let whole = tlv(0x30, &[V1, &algorithm, &tlv(0x04, &[&key])]);
        assert_eq!(whole, pkcs8);
        let null = [5, 0];
        let inner = &parse_sequence(&key);
        let trailing = [
            [&whole[..], &null].concat(),
            tlv(0x30, &[V1, &algorithm, &tlv(0x04, &[&key]), &null]),
            tlv(0x30, &[V1, &algorithm, &tlv(0x04, &[&key]), &[0xA5, 0]]),
            tlv(0x30, &[V1, &algorithm, &tlv(0x04, &[&key, &null])]),
            tlv(
                0x30,
                &[V1, &algorithm, &tlv(0x04, &[&tlv(0x30, &[inner, &null])])],
            ),
            tlv(
                0x30,
                &[
                    V1,
                    &tlv(0x30, &[&parse_sequence(&algorithm), &null]),
                    &tlv(0x04, &[&key]),
                ],
            ),
        ];
        for der in trailing {
            assert!(matches!(refusal(&der), Error::InvalidKey(_)));
        }
    }
}

/// What stands inside a SEQUENCE.
fn parse_sequence(der: &[u8]) -> Vec<u8> {
    AnyRef::from_der(der).unwrap().value().to_vec()
}

#[test]
fn version_2_needs_the_right_public_key() {
    for (pkcs8, spki) in fixtures() {
        let (algorithm, key) = parts(&pkcs8);
        let public = SubjectPublicKeyInfoRef::from_der(&spki).unwrap();
        let public = public.subject_public_key.raw_bytes().to_vec();
        let build = |version: &[u8], public: &[u8]| {
            let public = tlv(0x81, &[&[0], public]);
            tlv(0x30, &[version, &algorithm, &tlv(0x04, &[&key]), &public])
        };
        assert!(Material::from_pkcs8(&build(V2, &public)).is_ok());
        let mut wrong = public.clone();
        *wrong.last_mut().unwrap() ^= 2;
        for der in [
            build(V1, &public),
            build(&[2, 1, 2], &public),
            build(V2, &wrong),
            build(V2, &[]),
            tlv(0x30, &[V2, &algorithm, &tlv(0x04, &[&key])]),
        ] {
            assert!(matches!(refusal(&der), Error::InvalidKey(_)));
        }
    }
}

#[test]
fn attributes_are_ignored() {
    for (pkcs8, _) in fixtures() {
        let (algorithm, key) = parts(&pkcs8);
        // keyUsage, as some exporters write it
        let usage = tlv(0x31, &[&tlv(0x03, &[&[0x07, 0x80]])]);
        let attribute = tlv(0x30, &[&[0x06, 0x03, 0x55, 0x1D, 0x0F], &usage]);
        let attributes = tlv(0xA0, &[&attribute]);
        let der = tlv(0x30, &[V1, &algorithm, &tlv(0x04, &[&key]), &attributes]);
        let taken = Material::from_pkcs8(&der).unwrap();
        assert_eq!(&*taken.to_pkcs8().unwrap(), &pkcs8[..]);
    }
}

#[test]
fn a_single_wrong_byte_never_gives_another_key() {
    for (pkcs8, _) in fixtures() {
        let step = pkcs8.len() / 50;
        for at in (0..pkcs8.len()).step_by(step.max(1)) {
            let mut der = pkcs8.clone();
            der[at] ^= 4;
            assert!(Material::from_pkcs8(&der).is_err(), "{at}");
        }
    }
}

#[test]
fn rsa_with_three_primes_is_refused() {
    let der = bytes(&load("rsa/openssl.json"), "three_primes_pkcs8");
    assert_eq!(
        refusal(&der),
        Error::InvalidKey("an RSA key of more than two primes")
    );
}

#[test]
fn explicit_curves_are_refused() {
    for case in list(&load("ec/openssl.json"), "curves") {
        assert_eq!(
            refusal(&bytes(case, "explicit_pkcs8")),
            Error::CurveParameters
        );
    }
}

#[test]
fn parameters_inside_an_ec_key_agree_with_those_outside() {
    let (p256, _) = fixtures().swap_remove(1);
    let (algorithm, _) = parts(&p256);
    let key = Material::from_pkcs8(&p256).unwrap();
    let key: &EcMaterial = key.of().unwrap();
    let build = |params: &[u8]| {
        let scalar = tlv(0x04, &[&key.scalar]);
        let inner = tlv(0x30, &[V2, &scalar, &tlv(0xA0, &[params])]);
        tlv(0x30, &[V1, &algorithm, &tlv(0x04, &[&inner])])
    };
    assert!(Material::from_pkcs8(&build(Curve::P256.params())).is_ok());
    let refused = refusal(&build(Curve::Secp256k1.params()));
    assert_eq!(refused, Error::InvalidKey("the EC key names two curves"));
}

#[test]
fn der_ends_where_its_length_says() {
    let long = [&[0x30, 0x81, 0x80][..], &[0; 0x80]].concat();
    for (der, len) in [(&[0x30, 2, 5, 0][..], 4), (&long, 0x83)] {
        assert_eq!(der_len(der), Some(len));
        assert_eq!(der_len(&[der, &[0; 7]].concat()), Some(len));
        assert_eq!(der_len(&der[..len - 1]), None);
    }
    assert_eq!(der_len(&[]), None);
}
