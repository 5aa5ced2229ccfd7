//! Published vectors of ECDSA and ECDH.

use super::*;
use crate::crypto::Error;
use crate::crypto::hash::Hash;
use crate::crypto::vectors::{bytes, list, load, text};

/// The curve that a vector file calls `name`.
pub(super) fn named(name: &str) -> Curve {
    let der = [&[0x13, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
    Curve::from_params(&der).unwrap()
}

#[test]
fn published_signatures_verify() {
    for case in list(&load("ec/ecdsa.json"), "cases") {
        let curve = named(text(case, "curve"));
        let hash = match text(case, "hash") {
            "sha1" => Hash::Sha1,
            "sha224" => Hash::Sha224,
            "sha256" => Hash::Sha256,
            "sha384" => Hash::Sha384,
            "sha512" => Hash::Sha512,
            other => panic!("{other}"),
        };
        let key = PublicKey::new(curve, &bytes(case, "point")).unwrap();
        let digest = hash.digest(&[&bytes(case, "message")]);
        assert_eq!(key.verify(&digest, &bytes(case, "signature")), Ok(()));
    }
}

fn private(curve: Curve, scalar: &[u8]) -> PrivateKey {
    let zeros = scalar.iter().take_while(|byte| **byte == 0).count();
    let material = EcMaterial::checked(curve, &scalar[zeros..], None).unwrap();
    PrivateKey::new(&material).unwrap()
}

#[test]
fn published_secrets_are_agreed_on() {
    for case in list(&load("ec/ecdh.json"), "cases") {
        let curve = named(text(case, "curve"));
        let peer = PublicKey::new(curve, &bytes(case, "point")).unwrap();
        let shared = private(curve, &bytes(case, "scalar")).agree(&peer).unwrap();
        assert_eq!(&*shared, bytes(case, "shared"), "{curve:?}");
    }
}

#[test]
fn keys_of_two_curves_do_not_agree() {
    let of = |curve| generate(curve).unwrap();
    let key = PrivateKey::new(&of(Curve::P256)).unwrap();
    for curve in [Curve::Secp256k1, Curve::Brainpool256, Curve::P384] {
        let peer = PublicKey::new(curve, &of(curve).point).unwrap();
        assert!(matches!(key.agree(&peer), Err(Error::InvalidKey(_))));
    }
}
