use super::*;
use crate::crypto::Error;
use crate::crypto::hash::Hash;
use crate::crypto::vectors::{bytes, list, load};
use crate::keytype::Material;

fn pair(material: &OkpMaterial) -> (PrivateKey, PublicKey) {
    let public = PublicKey::new(material.curve, &material.public).unwrap();
    (PrivateKey::new(material).unwrap(), public)
}

fn sign(key: &PrivateKey, scheme: &Scheme, input: &[u8]) -> Vec<u8> {
    let mut out = vec![0; SIGNATURE_LEN];
    assert_eq!(key.sign(scheme, input, &mut out), Ok(SIGNATURE_LEN));
    out
}

#[test]
fn published_signatures_are_made_and_verify() {
    let vectors = load("okp.json");
    for name in ["ed25519", "ed25519ctx", "ed25519ph"] {
        for case in list(&vectors, name) {
            let message = bytes(case, "message");
            let (scheme, input) = match name {
                "ed25519" => (Scheme::Pure, message),
                "ed25519ctx" => (Scheme::Context(bytes(case, "context")), message),
                _ => {
                    let digest = Hash::Sha512.digest(&[&message]);
                    (Scheme::Prehashed(bytes(case, "context")), digest)
                }
            };
            let seed = bytes(case, "seed");
            let material = OkpMaterial::checked(Curve::Ed25519, &seed, None).unwrap();
            if name == "ed25519" {
                assert_eq!(material.public, bytes(case, "public"));
            }
            let (private, public) = pair(&material);
            let signature = bytes(case, "signature");
            assert_eq!(sign(&private, &scheme, &input), signature, "{name}");
            assert_eq!(public.verify(&scheme, &input, &signature), Ok(()));
        }
    }
}

#[test]
fn published_secrets_are_agreed_on() {
    for case in list(&load("okp.json"), "x25519") {
        let scalar = bytes(case, "scalar");
        let (private, _) = pair(&OkpMaterial::checked(Curve::X25519, &scalar, None).unwrap());
        let peer = PublicKey::new(Curve::X25519, &bytes(case, "point")).unwrap();
        assert_eq!(&*private.agree(&peer).unwrap(), bytes(case, "shared"));
    }
}

#[test]
fn what_the_openssl_program_made_is_understood_and_made_alike() {
    for (case, curve) in list(&load("okp.json"), "encodings")
        .iter()
        .zip([Curve::X25519, Curve::Ed25519])
    {
        let pkcs8 = bytes(case, "pkcs8");
        let material = Material::from_pkcs8(&pkcs8).unwrap();
        assert_eq!(material.of::<OkpMaterial>().unwrap().curve, curve);
        assert_eq!(&*material.to_pkcs8().unwrap(), &pkcs8[..]);
        assert_eq!(material.spki(), Some(bytes(case, "spki")));
        for len in 0..pkcs8.len() {
            assert!(Material::from_pkcs8(&pkcs8[..len]).is_err(), "{len}");
        }
        // NULL parameters, which RFC 8410 section 3 forbids.
        let mut null = pkcs8.clone();
        null.splice(12..12, [5, 0]);
        (null[1], null[6]) = (null[1] + 2, null[6] + 2);
        let refused = Material::from_pkcs8(&null).unwrap_err();
        let what = "Ed25519 and X25519 take no algorithm parameters";
        assert_eq!(refused, Error::InvalidKey(what));
    }
}

#[test]
fn a_version_2_key_brings_the_right_public_key() {
    let material = generate(Curve::Ed25519).unwrap();
    let with = |public: &[u8]| {
        let mut der = Material::pair(material.clone())
            .to_pkcs8()
            .unwrap()
            .to_vec();
        der[4] = 1;
        der.extend([0x81, 0x21, 0]);
        der.extend(public);
        der[1] = u8::try_from(der.len() - 2).unwrap();
        Material::from_pkcs8(&der)
    };
    assert!(with(&material.public).is_ok());
    let other = generate(Curve::Ed25519).unwrap();
    assert!(matches!(with(&other.public), Err(Error::InvalidKey(_))));
}

#[test]
fn generated_keys_work() {
    let (private, public) = pair(&generate(Curve::Ed25519).unwrap());
    let signature = sign(&private, &Scheme::Pure, b"mortise");
    assert_eq!(public.verify(&Scheme::Pure, b"mortise", &signature), Ok(()));
    let refused = public.verify(&Scheme::Pure, b"tenon", &signature);
    assert_eq!(refused, Err(Error::BadSignature));
    for len in [0, 63, 65] {
        let refused = public.verify(&Scheme::Pure, b"mortise", &vec![0; len]);
        assert_eq!(refused, Err(Error::SignatureLength));
    }
    let ((one, of_one), (two, of_two)) = (
        pair(&generate(Curve::X25519).unwrap()),
        pair(&generate(Curve::X25519).unwrap()),
    );
    assert!(
        one.agree(&of_two)
            .unwrap()
            .ct_eq(&two.agree(&of_one).unwrap())
    );
    assert!(matches!(private.agree(&of_one), Err(Error::InvalidKey(_))));
    assert!(matches!(one.agree(&public), Err(Error::InvalidKey(_))));
    let refused = one.sign(&Scheme::Pure, b"", &mut [0; 64]);
    assert!(matches!(refused, Err(Error::InvalidKey(_))));
}

#[test]
fn contexts_and_digests_have_their_lengths() {
    let (private, public) = pair(&generate(Curve::Ed25519).unwrap());
    let mut out = [0; 64];
    for scheme in [
        Scheme::Context(Vec::new()),
        Scheme::Context(vec![0; 256]),
        Scheme::Prehashed(vec![0; 256]),
    ] {
        let refused = private.sign(&scheme, &[0; 64], &mut out);
        assert!(matches!(refused, Err(Error::InvalidParameter(_))));
        let refused = public.verify(&scheme, &[0; 64], &out);
        assert!(matches!(refused, Err(Error::InvalidParameter(_))));
    }
    for len in [0, 32, 65] {
        let refused = private.sign(&Scheme::Prehashed(Vec::new()), &vec![0; len], &mut out);
        assert_eq!(refused, Err(Error::InputLength));
    }
}

#[test]
fn import_proves_lengths_and_the_public_key() {
    for curve in [Curve::Ed25519, Curve::X25519] {
        let key = generate(curve).unwrap();
        let other = generate(curve).unwrap();
        let checked = |private: &[u8], public: Option<&[u8]>| {
            OkpMaterial::checked(curve, private, public).is_ok()
        };
        assert!(checked(&key.private, None) && checked(&key.private, Some(&key.public)));
        assert!(!checked(&key.private, Some(&other.public)));
        assert!(!checked(&key.private[1..], None) && !checked(&[0; 33], None));
        assert!(PublicKey::new(curve, &key.public[1..]).is_err());
    }
}

/// id-ecPublicKey with the curve as its parameter, or id-Ed25519 with ECPrivateKey inside.
#[test]
fn what_nss_wrote_is_understood() {
    let material = generate(Curve::Ed25519).unwrap();
    let tlv = |tag: u8, parts: &[&[u8]]| {
        let value = parts.concat();
        [&[tag, u8::try_from(value.len()).unwrap()][..], &value].concat()
    };
    let ed25519: &[u8] = &[0x06, 3, 0x2B, 0x65, 0x70];
    let ec: &[u8] = &[0x06, 7, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 2, 1];
    let x25519: &[u8] = &[0x06, 3, 0x2B, 0x65, 0x6E];
    let bits = |public: &[u8]| tlv(0xA1, &[&tlv(3, &[&[0], public])]);
    let pkcs8 = |algorithm: &[&[u8]], inner: &[u8]| {
        let algorithm = tlv(0x30, algorithm);
        Material::from_pkcs8(&tlv(0x30, &[&[2, 1, 0], &algorithm, &tlv(4, &[inner])]))
    };
    let secret = tlv(4, &[&material.private]);
    let inner = |more: &[u8]| tlv(0x30, &[&[2, 1, 1], &secret, more]);
    let with_public = inner(&bits(&material.public));
    let with_curve = inner(&tlv(0xA0, &[ed25519]));
    for (algorithm, inner) in [
        (&[ed25519][..], &with_public),
        (&[ed25519], &inner(&[])),
        (&[ed25519], &with_curve),
        (&[ec, ed25519], &with_public),
        (&[ec, ed25519], &secret),
    ] {
        let read = pkcs8(algorithm, inner).unwrap();
        let read = read.of::<OkpMaterial>().unwrap();
        assert_eq!(read.curve, Curve::Ed25519);
        assert_eq!(*read.private, *material.private);
    }
    let other = generate(Curve::Ed25519).unwrap();
    for (algorithm, inner) in [
        (&[ed25519][..], &inner(&bits(&other.public))),
        (&[ec, x25519], &with_curve),
        (&[ed25519], &inner(&tlv(0xA0, &[x25519]))),
        (&[ec], &with_public),
    ] {
        assert!(matches!(pkcs8(algorithm, inner), Err(Error::InvalidKey(_))));
    }
}
