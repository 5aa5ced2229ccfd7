use num_bigint::BigUint;

use super::*;
use crate::crypto::Error;
use crate::crypto::encoding::{private_key_info, public_key_info};
use crate::crypto::vectors::{bytes, list, load};
use crate::secret::Secret;

fn number(bytes: &[u8]) -> BigUint {
    BigUint::from_bytes_be(bytes)
}

/// The prime and the base of ffdhe2048, and a public value.
fn ffdhe2048() -> [Vec<u8>; 3] {
    let vectors = load("dh.json");
    let case = &list(&vectors, "agreements")[0];
    ["prime", "base", "public"].map(|name| bytes(case, name))
}

#[test]
fn published_secrets_are_agreed_on() {
    for case in list(&load("dh.json"), "agreements") {
        let [p, g, x, y, peer, shared] =
            ["prime", "base", "private", "public", "peer", "shared"].map(|name| bytes(case, name));
        let material = DhMaterial::checked(&p, &g, &x, None).unwrap();
        assert_eq!(material.y, y);
        let secret = PrivateKey::new(&material).agree(&peer).unwrap();
        assert_eq!(&*secret, shared);
    }
}

#[test]
fn every_named_group_agrees_with_an_independent_implementation() {
    for bits in [2048, 3072, 4096, 6144, 8192] {
        let group = Group::of_rfc3526(bits).unwrap().unwrap();
        assert_eq!(group.bits() as u64, bits);
        let [p, g] = group.numbers();
        let pair = generate(&p, &g, Some(256)).unwrap();
        assert_eq!(pair.private_bits(), 256);
        let [x, modulus] = [number(&pair.x), number(&p)];
        assert_eq!(number(&pair.y), number(&g).modpow(&x, &modulus));
        let peer = generate(&p, &g, None).unwrap();
        assert_eq!(peer.private_bits(), 512);
        let secret = PrivateKey::new(&pair).agree(&peer.y).unwrap();
        assert_eq!(secret.len() as u64 * 8, bits);
        assert_eq!(number(&secret), number(&peer.y).modpow(&x, &modulus));
    }
    assert!(Group::of_rfc3526(1024).unwrap().is_none());
}

#[test]
fn a_secret_is_transported_to_the_owner_of_the_key() {
    let [p, g, _] = ffdhe2048();
    let pair = generate(&p, &g, None).unwrap();
    let public = PublicKey::new(&p, &g, &pair.y).unwrap();
    let (ciphertext, secret) = public.transport().unwrap();
    assert_eq!(ciphertext.len(), public.len());
    let opened = PrivateKey::new(&pair).agree(&ciphertext).unwrap();
    assert!(opened.ct_eq(&secret));
    assert_ne!(public.transport().unwrap().0, ciphertext);
}

/// What would tell a private value: numbers of small order, numbers that are none, and those outside the subgroup.
#[test]
fn public_values_that_tell_of_a_private_one_are_refused() {
    let [p, g, y] = ffdhe2048();
    let key = PrivateKey::new(&generate(&p, &g, None).unwrap());
    let one = number(&[1]);
    let last = (number(&p) - &one).to_bytes_be();
    let past = (number(&p) + &one).to_bytes_be();
    // -1 is not in the subgroup, so neither is -y.
    let outside = (number(&p) - number(&y)).to_bytes_be();
    for wrong in [&[][..], &[0], &[1], &[0, 0, 1], &last, &p, &past, &outside] {
        assert!(matches!(key.agree(wrong), Err(Error::InvalidKey(_))));
        assert!(matches!(
            PublicKey::new(&p, &g, wrong),
            Err(Error::InvalidKey(_))
        ));
    }
    let padded = [&[0, 0][..], &y].concat();
    assert!(key.agree(&padded).unwrap().ct_eq(&key.agree(&y).unwrap()));
}

#[test]
fn groups_that_are_not_safe_are_refused() {
    let [p, g, _] = ffdhe2048();
    let (p, one) = (number(&p), number(&[1]));
    let invalid = |p: &[u8], g: &[u8]| matches!(Group::checked(p, g), Err(Error::InvalidKey(_)));
    let bytes = p.to_bytes_be();
    let last = (&p - &one).to_bytes_be();
    for base in [&[][..], &[0], &[1], &last, &bytes] {
        assert!(invalid(&bytes, base), "{base:?}");
    }
    // Composites beside the prime, even, odd, and with an odd half.
    for less in [1_u8, 2, 4, 8, 12, 16] {
        assert!(invalid(&(&p - number(&[less])).to_bytes_be(), &g), "{less}");
    }
    // A prime whose half is none: NIST's prime of FIPS 186 parameters is not safe either.
    assert!(invalid(
        &crate::crypto::vectors::bytes(&load("dh.json"), "unsafe_prime"),
        &g
    ));
    for short in [1, 256, 1024] {
        let prime = &bytes[..short / 8 + 1];
        assert!(matches!(Group::checked(prime, &g), Err(Error::KeySize)));
    }
    let long = [&[1][..], &[0; 1024]].concat();
    assert!(matches!(Group::checked(&long, &g), Err(Error::KeySize)));
}

#[test]
fn a_safe_prime_without_a_name_is_taken() {
    let p = bytes(&load("dh.json"), "safe_prime");
    let one = generate(&p, &[2], None).unwrap();
    let other = generate(&p, &[2], None).unwrap();
    let [a, b] = [(&one, &other), (&other, &one)]
        .map(|(own, peer)| PrivateKey::new(own).agree(&peer.y).unwrap());
    assert!(a.ct_eq(&b));
}

#[test]
fn lengths_of_private_values() {
    let [p, g, _] = ffdhe2048();
    for bits in [0, 1, 160, 223, 2048, 4096, u64::MAX] {
        assert!(
            matches!(generate(&p, &g, Some(bits)), Err(Error::KeySize)),
            "{bits}"
        );
    }
    for bits in [224, 225, 2047] {
        assert_eq!(generate(&p, &g, Some(bits)).unwrap().private_bits(), bits);
    }
    for x in [&[][..], &[0], &[1], &p] {
        assert!(matches!(
            DhMaterial::checked(&p, &g, x, None),
            Err(Error::InvalidKey(_))
        ));
    }
}

#[test]
fn what_the_openssl_program_made_is_understood_and_made_alike() {
    for case in list(&load("dh.json"), "encodings") {
        let (pkcs8, public) = (bytes(case, "pkcs8"), bytes(case, "spki"));
        let material = DhMaterial::from_pkcs8(&private_key_info(&pkcs8).unwrap()).unwrap();
        let numbers = [&material.p[..], &material.g, &material.y];
        assert_eq!(
            from_spki(&public_key_info(&public).unwrap()).unwrap(),
            numbers
        );
        let own = material.to_pkcs8().unwrap();
        let again = DhMaterial::from_pkcs8(&private_key_info(&own).unwrap()).unwrap();
        assert!(again.x.ct_eq(&material.x) && again.y == material.y);
        let own = spki(numbers).unwrap();
        assert_eq!(from_spki(&public_key_info(&own).unwrap()).unwrap(), numbers);
    }
}

#[test]
fn a_public_value_of_another_key_is_refused() {
    let [p, g, y] = ffdhe2048();
    let pair = generate(&p, &g, None).unwrap();
    assert!(DhMaterial::checked(&p, &g, &pair.x, Some(&pair.y)).is_ok());
    assert!(DhMaterial::checked(&p, &g, &pair.x, Some(&y)).is_err());
    assert!(DhMaterial::checked(&p, &g, &Secret::copy(&pair.x), None).is_ok());
}
