use super::*;
use crate::crypto::Error;
use crate::crypto::encoding::{private_key_info, public_key_info};
use crate::crypto::vectors::{bytes, hex, list, load};

fn pair(material: &XWingMaterial) -> (PublicKey, PrivateKey) {
    let public = PublicKey::new(&material.public).unwrap();
    (public, PrivateKey::new(material).unwrap())
}

/// Appendix C of the draft.
#[test]
fn keys_and_secrets_of_the_draft() {
    for case in list(&load("xwing.json"), "cases") {
        let material = XWingMaterial::checked(&bytes(case, "sk"), None).unwrap();
        assert_eq!(material.public, bytes(case, "pk"));
        let (_, private) = pair(&material);
        let secret = private.decapsulate(&bytes(case, "ct")).unwrap();
        assert_eq!(&secret[..], bytes(case, "ss"));
    }
}

#[test]
fn both_sides_get_one_secret_and_a_changed_ciphertext_another() {
    let (public, private) = pair(&generate().unwrap());
    let (ciphertext, secret) = public.encapsulate().unwrap();
    assert_eq!((ciphertext.len(), secret.len()), (CIPHERTEXT_LEN, 32));
    assert!(private.decapsulate(&ciphertext).unwrap().ct_eq(&secret));
    assert!(!public.encapsulate().unwrap().1.ct_eq(&secret));
    let (_, other) = pair(&generate().unwrap());
    assert!(!other.decapsulate(&ciphertext).unwrap().ct_eq(&secret));
    for place in [0, 1087, 1088, CIPHERTEXT_LEN - 1] {
        let mut changed = ciphertext.clone();
        changed[place] ^= 1;
        assert!(
            !private.decapsulate(&changed).unwrap().ct_eq(&secret),
            "{place}"
        );
    }
    for wrong in [&ciphertext[1..], &[], &[&ciphertext[..], &[0]].concat()] {
        let refused = private.decapsulate(wrong).err();
        assert_eq!(refused, Some(Error::CiphertextLength));
    }
    // Zero, of order 1 or 2, in place of the ephemeral key.
    let mut small = ciphertext;
    small[1088..].fill(0);
    assert_eq!(
        private.decapsulate(&small).err(),
        Some(Error::BadCiphertext)
    );
}

#[test]
fn public_keys_are_checked() {
    let key = generate().unwrap();
    for wrong in [&key.public[1..], &[], &[&key.public[..], &[0]].concat()] {
        assert!(PublicKey::new(wrong).is_err());
    }
    let mut coefficients = key.public.clone();
    coefficients[..3].fill(0xFF);
    assert!(PublicKey::new(&coefficients).is_err());
    let mut small = key.public.clone();
    small[1184..].fill(0);
    assert!(PublicKey::new(&small).unwrap().encapsulate().is_err());
}

/// The private key is an example beside the draft's text: the seed 00 01 02 … 1F.
#[test]
fn keys_are_encoded_as_the_draft_says() {
    let seed: Vec<u8> = (0..32).collect();
    let material = XWingMaterial::checked(&seed, None).unwrap();
    let head = "3034020100300d060b2b0601040183e62d81c87a0420";
    let der = [hex(head), seed.clone()].concat();
    assert_eq!(&material.to_pkcs8().unwrap()[..], der);
    let read = XWingMaterial::from_pkcs8(&private_key_info(&der).unwrap()).unwrap();
    assert_eq!(read.public, material.public);
    let spki = spki(&material.public).unwrap();
    assert_eq!(
        from_spki(&public_key_info(&spki).unwrap()).unwrap(),
        material.public
    );
    for len in [0, 31, 33, 64] {
        assert!(
            XWingMaterial::checked(&vec![7; len], None).is_err(),
            "{len}"
        );
    }
    assert!(XWingMaterial::checked(&seed, Some(&material.public)).is_ok());
    let other = generate().unwrap();
    assert!(XWingMaterial::checked(&seed, Some(&other.public)).is_err());
}
