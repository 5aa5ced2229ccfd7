use spki::SubjectPublicKeyInfoRef;

use super::vectors::named;
use super::*;
use crate::crypto::Error;
use crate::crypto::hash::Hash;
use crate::crypto::sys::ec::{EcKey, Group};
use crate::crypto::vectors::{bytes, list, load, text};
use crate::keytype::Material;

/// The curves of ECDSA and ECDH.
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

fn sign(key: &PrivateKey, digest: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 2 * key.curve().order_len()];
    assert_eq!(key.sign(digest, &mut out), Ok(out.len()));
    out
}

fn pair(material: &EcMaterial) -> (PrivateKey, PublicKey) {
    let public = PublicKey::new(material.curve, &material.point).unwrap();
    (PrivateKey::new(material).unwrap(), public)
}

/// n, the order of the curve.
fn order(curve: Curve) -> Vec<u8> {
    let hex = match curve {
        Curve::P224 => "ffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3d",
        Curve::P256 => "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
        Curve::P384 => {
            "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973"
        }
        Curve::P521 => {
            "01fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
        }
        Curve::Secp256k1 => "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
        Curve::Sm2 => "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123",
        Curve::Brainpool224 => "d7c134aa264366862a18302575d0fb98d116bc4b6ddebca3a5a7939f",
        Curve::Brainpool256 => "a9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7",
        Curve::Brainpool320 => {
            "d35e472036bc4fb7e13c785ed201e065f98fcfa5b68f12a32d482ec7ee8658e98691555b44c59311"
        }
        Curve::Brainpool384 => {
            "8cb91e82a3386d280f5d6f7e50e641df152f7109ed5456b31f166e6cac0425a7cf3ab6af6b7fc3103b883202e9046565"
        }
        Curve::Brainpool512 => {
            "aadd9db8dbe9c48b3fd4e6ae33c9fc07cb308db3b3c9d20ed6639cca70330870553e5c414ca92619418661197fac10471db1d381085ddaddb58796829ca90069"
        }
    };
    bytes(&serde_json::json!({ "n": hex }), "n")
}

#[test]
fn what_the_openssl_program_made_is_understood() {
    let vectors = load("ec/openssl.json");
    let digest = Hash::Sha256.digest(&[&bytes(&vectors, "message")]);
    for case in list(&vectors, "curves") {
        let key = Material::from_pkcs8(&bytes(case, "pkcs8")).unwrap();
        let material: &EcMaterial = key.of().unwrap();
        assert_eq!(material.curve, named(text(case, "curve")));
        let (private, public) = pair(material);
        let signature = bytes(case, "sha256_signature");
        assert_eq!(public.verify(&digest, &signature), Ok(()));
        assert_eq!(public.verify(&digest, &sign(&private, &digest)), Ok(()));
        let compressed = PublicKey::new(material.curve, &bytes(case, "compressed_point"));
        assert_eq!(compressed.unwrap().point().unwrap(), material.point);
        let der = bytes(case, "spki");
        let spki = SubjectPublicKeyInfoRef::try_from(&der[..]).unwrap();
        assert_eq!(spki.subject_public_key.raw_bytes(), material.point);
    }
}

#[test]
fn generated_keys_agree_with_an_independent_implementation() {
    let digest = Hash::Sha256.digest(&[b"mortise"]);
    for curve in CURVES {
        let material = generate(curve).unwrap();
        assert_eq!(material.scalar.len(), curve.order_len());
        assert_eq!(material.point.len(), curve.point_len());
        let (private, public) = pair(&material);
        let signature = sign(&private, &digest);
        assert_eq!(public.verify(&digest, &signature), Ok(()));
        let again = generate(curve).unwrap();
        assert_ne!(again.point, material.point);
    }

    use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
    let material = generate(Curve::P256).unwrap();
    let (private, public) = pair(&material);
    let other = p256::ecdsa::SigningKey::from_slice(&material.scalar).unwrap();
    assert_eq!(
        other.verifying_key().to_sec1_point(false).as_bytes(),
        material.point
    );
    let signature = p256::ecdsa::Signature::from_slice(&sign(&private, &digest)).unwrap();
    other
        .verifying_key()
        .verify_prehash(&digest, &signature)
        .unwrap();
    let signature: p256::ecdsa::Signature = other.sign_prehash(&digest).unwrap();
    assert_eq!(public.verify(&digest, &signature.to_bytes()), Ok(()));

    // aws-lc's secp256k1 against k256.
    let material = generate(Curve::Secp256k1).unwrap();
    let (private, _) = pair(&material);
    let signature = sign(&private, &digest);
    let other = EcKey::public(Group::SECP256K1, &material.point).unwrap();
    let (r, s) = signature.split_at(32);
    assert_eq!(other.verify(&digest, r, s), Ok(()));
}

#[test]
fn digests_of_every_length_sign_by_their_leftmost_bits() {
    // The order of P-521 is no whole number of bytes.
    for curve in CURVES.into_iter().filter(|curve| *curve != Curve::P521) {
        let (private, public) = pair(&generate(curve).unwrap());
        let len = curve.order_len();
        let long = [0xA5; 128];
        for digest in [&long[..1], &long[..20], &long[..len], &long[..]] {
            let signature = sign(&private, digest);
            assert_eq!(public.verify(digest, &signature), Ok(()));
            let padded = [&vec![0; len.saturating_sub(digest.len())], digest].concat();
            assert_eq!(public.verify(&padded, &signature), Ok(()));
            if digest.len() > len {
                assert_eq!(public.verify(&digest[..len], &signature), Ok(()));
            } else {
                let shifted = [digest, &[0]].concat();
                let longer = digest.len() == len;
                assert_eq!(public.verify(&shifted, &signature).is_ok(), longer);
            }
        }
    }
}

#[test]
fn signatures_of_other_shapes_are_refused() {
    let digest = [7; 32];
    for curve in CURVES {
        let (private, public) = pair(&generate(curve).unwrap());
        let len = curve.order_len();
        let signature = sign(&private, &digest);
        for wrong in [&[][..], &[1], &signature[1..], &[0; 200]] {
            assert_eq!(public.verify(&digest, wrong), Err(Error::SignatureLength));
        }
        let half = vec![0; len];
        let (r, s) = signature.split_at(len);
        for wrong in [
            [&half[..], s],
            [r, &half],
            [s, r],
            [&order(curve), s],
            [r, &order(curve)],
        ] {
            assert_eq!(
                public.verify(&digest, &wrong.concat()),
                Err(Error::BadSignature)
            );
        }
        assert_eq!(
            public.verify(&[8; 32], &signature),
            Err(Error::BadSignature)
        );
    }
}

#[test]
fn high_and_low_s_are_equally_good() {
    // s' = n - s signs the same digest.
    for curve in CURVES {
        let (private, public) = pair(&generate(curve).unwrap());
        let signature = sign(&private, &[7; 32]);
        let (r, s) = signature.split_at(curve.order_len());
        let mut other = order(curve);
        let mut borrow = 0;
        for (byte, low) in other.iter_mut().zip(s).rev() {
            let difference = i16::from(*byte) - i16::from(*low) - borrow;
            borrow = i16::from(difference < 0);
            *byte = u8::try_from(difference.rem_euclid(256)).unwrap();
        }
        assert_eq!(public.verify(&[7; 32], &[r, &other].concat()), Ok(()));
    }
}

#[test]
fn points_off_the_curve_or_in_other_forms_are_refused() {
    for curve in CURVES {
        let point = generate(curve).unwrap().point;
        let field = curve.field_len();
        let mut off = point.clone();
        off[2 * field] ^= 1;
        let mut hybrid = point.clone();
        hybrid[0] = 0x06 | (point[2 * field] & 1);
        let origin = [&[0x04][..], &vec![0; 2 * field]].concat();
        let beyond = [&[0x04][..], &vec![0xFF; 2 * field]].concat();
        let cut = &point[..point.len() - 1];
        let long = [&point[..], &[0]].concat();
        for wrong in [
            &off,
            &hybrid,
            &origin,
            &beyond,
            cut,
            &long,
            &[][..],
            &[0x00],
            &[0x04],
            &[0x02],
        ] {
            assert!(matches!(
                PublicKey::new(curve, wrong),
                Err(Error::InvalidKey(_))
            ));
        }
    }
    let p256 = generate(Curve::P256).unwrap().point;
    assert!(PublicKey::new(Curve::Secp256k1, &p256).is_err());
}

#[test]
fn import_proves_the_scalar_and_the_point() {
    for curve in CURVES {
        let key = generate(curve).unwrap();
        let other = generate(curve).unwrap();
        let compressed = [
            &[0x02 | (key.point[2 * curve.field_len()] & 1)],
            &key.point[1..=curve.field_len()],
        ]
        .concat();
        for point in [None, Some(&key.point[..]), Some(&compressed)] {
            let taken = EcMaterial::checked(curve, &key.scalar, point).unwrap();
            assert!(taken.point == key.point && taken.scalar.ct_eq(&key.scalar));
        }
        let one = EcMaterial::checked(curve, &[1], None).unwrap();
        assert_eq!(one.scalar.len(), curve.order_len());
        let n = order(curve);
        let mut last = n.clone();
        *last.last_mut().unwrap() -= 1;
        assert!(EcMaterial::checked(curve, &last, None).is_ok());
        let with_zeros = [&[0; 40], &key.scalar[..]].concat();
        let taken = EcMaterial::checked(curve, &with_zeros, None).unwrap();
        assert!(taken.scalar.ct_eq(&key.scalar));
        let too_long = [&[1, 0], &key.scalar[..]].concat();
        for wrong in [
            &n[..],
            &[],
            &[0],
            &vec![0; n.len()],
            &vec![0xFF; n.len()],
            &too_long,
        ] {
            let refused = EcMaterial::checked(curve, wrong, None).unwrap_err();
            assert_eq!(
                refused,
                Error::InvalidKey("the EC scalar is outside [1, n - 1]")
            );
        }
        let refused = EcMaterial::checked(curve, &key.scalar, Some(&other.point)).unwrap_err();
        assert_eq!(
            refused,
            Error::InvalidKey("the EC point is not that of the scalar")
        );
    }
}
