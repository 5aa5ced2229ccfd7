use serde_json::Value;

use super::*;
use crate::crypto::ec::EcMaterial;
use crate::crypto::ec::{self, Curve};
use crate::crypto::vectors::{bytes, hex, list, load};
use crate::keytype::Material;

fn vectors() -> Value {
    load("ec/sm2.json")
}

fn pair(material: &EcMaterial) -> (ec::PrivateKey, ec::PublicKey) {
    assert_eq!(material.curve, Curve::Sm2);
    let public = ec::PublicKey::new(Curve::Sm2, &material.point).unwrap();
    (ec::PrivateKey::new(material).unwrap(), public)
}

fn material(pkcs8: &[u8]) -> EcMaterial {
    let material = Material::from_pkcs8(pkcs8).unwrap();
    material.of().cloned().unwrap()
}

fn digest(mut hasher: Hasher, message: &[u8]) -> Vec<u8> {
    hasher.update(message);
    hasher.finish()
}

fn nonce(case: &Value) -> NonZeroScalar {
    NonZeroScalar::try_from(&bytes(case, "nonce")[..]).unwrap()
}

#[test]
fn the_signature_of_the_standard() {
    let case = &vectors()["published"];
    let key = PrivateKey::new(&bytes(case, "scalar")).unwrap();
    assert_eq!(key.point(), bytes(case, "point"));
    let digest = digest(key.hasher(), &bytes(case, "message"));
    assert_eq!(digest, bytes(case, "digest"));
    let e = FieldBytes::try_from(&digest[..]).unwrap();
    let (r, s) = key.try_sign(&e, &nonce(case)).unwrap();
    let signature = [FieldBytes::from(r), FieldBytes::from(s)].concat();
    assert_eq!(signature, bytes(case, "signature"));
    assert_eq!(key.public.verify(&digest, &signature), Ok(()));
}

#[test]
fn the_ciphertext_of_the_standard() {
    let case = &vectors()["published"];
    let key = PrivateKey::new(&bytes(case, "scalar")).unwrap();
    let (message, ciphertext) = (bytes(case, "plaintext"), bytes(case, "ciphertext"));
    assert_eq!(raw_len(message.len()), ciphertext.len());
    let made = key.public.try_encrypt(&message, &nonce(case)).unwrap();
    assert_eq!(made, ciphertext);
    assert_eq!(&*key.decrypt(&ciphertext).unwrap(), &message[..]);
}

#[test]
fn what_the_openssl_program_made_is_understood() {
    for case in list(&vectors(), "openssl") {
        let material = material(&bytes(case, "pkcs8"));
        assert_eq!(material.point, bytes(case, "point"));
        let whole = Material::pair(material.clone());
        assert_eq!(whole.spki().unwrap(), bytes(case, "spki"));
        assert_eq!(&*whole.to_pkcs8().unwrap(), &bytes(case, "pkcs8")[..]);
        let (private, public) = pair(&material);
        let (private, public) = (private.sm2().unwrap(), public.sm2().unwrap());
        let digest = digest(public.hasher(), &bytes(case, "message"));
        assert_eq!(public.verify(&digest, &bytes(case, "signature")), Ok(()));
        for ciphertext in list(case, "ciphertexts") {
            let message = bytes(ciphertext, "message");
            let der = bytes(ciphertext, "der");
            assert_eq!(&*private.decrypt(&der).unwrap(), &message[..]);
        }
    }
}

/// GmSSL repeats the curve inside ECPrivateKey.
#[test]
fn a_curve_named_twice_is_understood() {
    let case = &vectors()["openssl"][0];
    let (der, own) = (bytes(case, "pkcs8"), Curve::Sm2.params());
    let at = der
        .windows(2)
        .rposition(|pair| pair == [0xA1, 0x44])
        .unwrap();
    let added = [&[0xA0, 0x0A], own].concat();
    let mut twice = [&der[..at], &added, &der[at..]].concat();
    // The lengths of the three that hold it.
    for place in [2, 28, 30] {
        twice[place] += 12;
    }
    assert_eq!(material(&twice).point, bytes(case, "point"));
    let p256 = Curve::P256.params();
    twice.splice(at + 2..at + 12, p256.iter().copied());
    assert!(Material::from_pkcs8(&twice).is_err());
}

#[test]
fn new_keys_sign_and_decrypt() {
    let (private, public) = pair(&ec::generate(Curve::Sm2).unwrap());
    let (_, other) = pair(&ec::generate(Curve::Sm2).unwrap());
    assert_ne!(public.point(), other.point());
    let (private, public) = (private.sm2().unwrap(), public.sm2().unwrap());
    let digest = digest(private.hasher(), b"mortise");
    let mut signature = [0; SIGNATURE_LEN + 1];
    let mut again = signature;
    for out in [&mut signature, &mut again] {
        assert_eq!(private.sign(&digest, out), Ok(SIGNATURE_LEN));
        assert_eq!(public.verify(&digest, &out[..SIGNATURE_LEN]), Ok(()));
    }
    assert_ne!(signature, again);
    assert_eq!(signature[SIGNATURE_LEN], 0);
    assert_eq!(
        private.sign(&digest[1..], &mut again),
        Err(Error::InputLength)
    );
    for len in [1, 16, 31, 32, 33, 1000, MESSAGE_MAX] {
        let message = vec![0xA5; len];
        let ciphertext = public.encrypt(&message).unwrap();
        assert_eq!(ciphertext.len(), raw_len(len));
        assert_eq!(&*private.decrypt(&ciphertext).unwrap(), &message[..]);
    }
    for len in [0, MESSAGE_MAX + 1] {
        assert_eq!(public.encrypt(&vec![0; len]), Err(Error::InputLength));
    }
}

#[test]
fn signatures_of_other_shapes_are_refused() {
    let case = &vectors()["published"];
    let key = PrivateKey::new(&bytes(case, "scalar")).unwrap();
    let (digest, right) = (bytes(case, "digest"), bytes(case, "signature"));
    let (r, s) = right.split_at(LEN);
    let order = hex("fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d54123");
    for wrong in [
        [&[0; LEN], s],
        [r, &[0; LEN]],
        [&order, s],
        [r, &order],
        [s, r],
    ] {
        let refused = key.public.verify(&digest, &wrong.concat());
        assert_eq!(refused, Err(Error::BadSignature));
    }
    for wrong in [&right[1..], &[], &[&right[..], &[0]].concat()] {
        let refused = key.public.verify(&digest, wrong);
        assert_eq!(refused, Err(Error::SignatureLength));
    }
    for wrong in [&digest[1..], &[0; LEN]] {
        assert_eq!(key.public.verify(wrong, &right), Err(Error::BadSignature));
    }
}

#[test]
fn only_a_true_ciphertext_decrypts() {
    let case = &vectors()["published"];
    let key = PrivateKey::new(&bytes(case, "scalar")).unwrap();
    let raw = bytes(case, "ciphertext");
    let key_of_der = &vectors()["openssl"][0];
    let (private, _) = pair(&material(&bytes(key_of_der, "pkcs8")));
    let der = bytes(&key_of_der["ciphertexts"][1], "der");
    for (key, whole) in [(&key, raw), (private.sm2().unwrap(), der)] {
        for len in 0..whole.len() {
            assert!(key.decrypt(&whole[..len]).is_err(), "{len}");
        }
        assert!(key.decrypt(&[&whole[..], &[0]].concat()).is_err());
        for place in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[place] ^= 1;
            assert!(key.decrypt(&damaged).is_err(), "{place}");
        }
        assert!(key.decrypt(&whole).is_ok());
    }
    assert_eq!(key.decrypt(&[]), Err(Error::CiphertextLength));
    assert_eq!(key.decrypt(&[4; 97]), Err(Error::CiphertextLength));
    assert_eq!(key.decrypt(&[2; 98]), Err(Error::BadCiphertext));
}

#[test]
fn a_ciphertext_ends_where_it_says() {
    let case = &vectors()["openssl"][0]["ciphertexts"][1];
    let der = bytes(case, "der");
    let raw = [&[4; 97][..], &[7; 16]].concat();
    for whole in [&der, &raw] {
        let longer = [whole, &[9; 48][..]].concat();
        assert_eq!(cipher_len(&longer, 16), Some(whole.len()));
        assert_eq!(cipher_len(whole, 16), Some(whole.len()));
        assert_eq!(cipher_len(&whole[..whole.len() - 1], 16), None);
    }
    // What DER says may be anything.
    for wrong in [
        &[][..],
        &[0; 200],
        &[0x30],
        &[0x30, 0x82, 0xFF, 0xFF],
        &[0x30, 0x80],
    ] {
        assert_eq!(cipher_len(wrong, 16), None);
    }
    let long = [&[0x30, 0x81, 200][..], &[0; 200]].concat();
    assert_eq!(cipher_len(&long, 16), None);
}

#[test]
fn points_and_scalars_are_proven() {
    let key = ec::generate(Curve::Sm2).unwrap();
    let even = key.point[2 * LEN] & 1;
    let compressed = [&[0x02 | even], &key.point[1..=LEN]].concat();
    for point in [None, Some(&key.point[..]), Some(&compressed)] {
        let taken = EcMaterial::checked(Curve::Sm2, &key.scalar, point).unwrap();
        assert!(taken.point == key.point && taken.scalar.ct_eq(&key.scalar));
    }
    let mut off = key.point.clone();
    off[2 * LEN] ^= 1;
    let p256 = ec::generate(Curve::P256).unwrap().point;
    for wrong in [&off[..], &p256, &[4; 65], &key.point[1..], &[0], &[]] {
        let refused = ec::PublicKey::new(Curve::Sm2, wrong);
        assert!(matches!(refused, Err(Error::InvalidKey(_))));
        let refused = EcMaterial::checked(Curve::Sm2, &key.scalar, Some(wrong));
        assert!(matches!(refused, Err(Error::InvalidKey(_))));
    }
    // n - 2, then n - 1 and n.
    let scalar = |last: u8| {
        hex(&format!(
            "fffffffeffffffffffffffffffffffff7203df6b21c6052b53bbf40939d541{last:02x}"
        ))
    };
    assert!(EcMaterial::checked(Curve::Sm2, &scalar(0x21), None).is_ok());
    for wrong in [
        &scalar(0x22)[..],
        &scalar(0x23),
        &[0; 32],
        &[0xFF; 32],
        &[1; 33],
    ] {
        assert!(EcMaterial::checked(Curve::Sm2, wrong, None).is_err());
    }
}

#[test]
fn no_other_algorithm_takes_the_keys() {
    let (private, public) = pair(&ec::generate(Curve::Sm2).unwrap());
    let refused = |error| matches!(error, Error::InvalidKey(_));
    assert!(refused(private.sign(&[7; 32], &mut [0; 64]).unwrap_err()));
    assert!(refused(public.verify(&[7; 32], &[1; 64]).unwrap_err()));
    assert!(refused(private.agree(&public).unwrap_err()));
    let p256 = ec::generate(Curve::P256).unwrap();
    assert!(ec::PrivateKey::new(&p256).unwrap().sm2().is_none());
    let public = ec::PublicKey::new(Curve::P256, &p256.point).unwrap();
    assert!(public.sm2().is_none());
}
