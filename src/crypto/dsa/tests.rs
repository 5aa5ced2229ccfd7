use num_bigint::BigUint;

use super::*;
use crate::crypto::Error;
use crate::crypto::encoding::{private_key_info, public_key_info};
use crate::crypto::hash::Hash;
use crate::crypto::vectors::{bytes, list, load, text};

/// Prime, subprime and base.
fn numbers(case: &serde_json::Value) -> [Vec<u8>; 3] {
    ["prime", "subprime", "base"].map(|name| bytes(case, name))
}

fn group([p, q, g]: &[Vec<u8>; 3]) -> crate::crypto::Result<Group> {
    Group::checked([p, q, g])
}

fn hash(name: &str) -> Hash {
    match name {
        "SHA-1" => Hash::Sha1,
        "SHA-224" => Hash::Sha224,
        "SHA-256" => Hash::Sha256,
        "SHA-384" => Hash::Sha384,
        "SHA-512" => Hash::Sha512,
        _ => panic!("{name}"),
    }
}

/// A published key of each size.
fn keys() -> Vec<DsaMaterial> {
    let vectors = load("dsa.json");
    let key = |case| {
        let group = group(&numbers(case)).unwrap();
        let (x, y) = (bytes(case, "private"), bytes(case, "public"));
        DsaMaterial::checked(&group, &x, Some(&y)).unwrap()
    };
    list(&vectors, "keys").iter().map(key).collect()
}

fn pair(material: &DsaMaterial) -> (PrivateKey, PublicKey) {
    let group = Group::sized([&material.p, &material.q, &material.g]).unwrap();
    let public = PublicKey::new(&group, &material.y).unwrap();
    (PrivateKey::new(material), public)
}

fn sign(key: &PrivateKey, digest: &[u8]) -> Vec<u8> {
    let mut signature = vec![0; key.signature_len() + 1];
    let len = key.sign(digest, &mut signature).unwrap();
    assert_eq!(signature.pop(), Some(0));
    assert_eq!(len, signature.len());
    signature
}

/// Whether the equation of FIPS 186-4 section 4.7 holds, by an independent library.
fn holds(key: &DsaMaterial, digest: &[u8], signature: &[u8]) -> bool {
    let number = BigUint::from_bytes_be;
    let [p, q, g, y] = [&key.p, &key.q, &key.g, &key.y].map(|bytes| number(bytes));
    let (r, s) = signature.split_at(key.q.len());
    let (r, s) = (number(r), number(s));
    let z = number(&digest[..digest.len().min(key.q.len())]);
    let w = s.modinv(&q).unwrap();
    let power = |base: &BigUint, of: &BigUint| base.modpow(&(of * &w % &q), &p);
    power(&g, &z) * power(&y, &r) % &p % &q == r
}

#[test]
fn published_signatures_are_judged() {
    let vectors = load("dsa.json");
    let mut judged = 0;
    for set in list(&vectors, "signatures") {
        let (group, hash) = (group(&numbers(set)).unwrap(), hash(text(set, "hash")));
        for case in list(set, "cases") {
            let digest = hash.digest(&[&bytes(case, "message")]);
            let key = PublicKey::new(&group, &bytes(case, "public"));
            let valid = key.is_ok_and(|key| key.verify(&digest, &bytes(case, "signature")).is_ok());
            assert_eq!(Some(valid), case["result"].as_bool());
            judged += 1;
        }
    }
    assert_eq!(judged, 28);
}

#[test]
fn published_domain_parameters_are_judged() {
    let vectors = load("dsa.json");
    for case in list(&vectors, "groups") {
        let taken = group(&numbers(case)).is_ok();
        assert_eq!(Some(taken), case["result"].as_bool());
    }
}

#[test]
fn signatures_of_every_length_of_digest_hold_by_an_independent_library() {
    for material in keys() {
        let (private, public) = pair(&material);
        let len = material.q.len();
        for digest_len in [0, 1, len - 1, len, len + 1, 64] {
            let digest = vec![0xA7; digest_len];
            let signature = sign(&private, &digest);
            assert!(holds(&material, &digest, &signature), "{digest_len}");
            assert_eq!(public.verify(&digest, &signature), Ok(()));
            assert_ne!(sign(&private, &digest), signature);
            let other = vec![0xA6; digest_len.max(1)];
            assert_eq!(public.verify(&other, &signature), Err(Error::BadSignature));
        }
    }
}

#[test]
fn signatures_out_of_range_are_refused() {
    let material = &keys()[0];
    let (private, public) = pair(material);
    let signature = sign(&private, b"digest");
    let (r, s) = signature.split_at(20);
    let add = |number: &[u8]| {
        let sum = BigUint::from_bytes_be(number) + BigUint::from_bytes_be(&material.q);
        sum.to_bytes_be()
    };
    let zero = &[0; 20][..];
    let mut wrong = vec![
        [zero, s].concat(),
        [r, zero].concat(),
        [&material.q, s].concat(),
        [r, &material.q].concat(),
        [&[0xFF; 20], s].concat(),
    ];
    // The same numbers modulo q, where they still fit.
    let same = [[add(r), s.to_vec()].concat(), [r.to_vec(), add(s)].concat()];
    wrong.extend(same.into_iter().filter(|same| same.len() == 40));
    for wrong in wrong {
        assert_eq!(public.verify(b"digest", &wrong), Err(Error::BadSignature));
    }
    for len in [0, 20, 39, 41, 64] {
        let wrong = vec![1; len];
        assert_eq!(
            public.verify(b"digest", &wrong),
            Err(Error::SignatureLength)
        );
    }
}

#[test]
fn new_domain_parameters_are_proven_and_of_the_size() {
    for (bits, subprime, len) in [(1024, None, 20), (2048, None, 28), (2048, Some(256), 32)] {
        let made = Group::generate(bits, subprime).unwrap().unwrap();
        assert_eq!(made.bits() as u64, bits);
        let numbers = made.numbers();
        assert_eq!(numbers[1].len(), len);
        let (private, public) = pair(&generate(&group(&numbers).unwrap()).unwrap());
        let signature = sign(&private, b"digest");
        assert_eq!(public.verify(b"digest", &signature), Ok(()));
    }
    for (bits, subprime) in [
        (0, None),
        (512, None),
        (1024, Some(256)),
        (3072, Some(224)),
        (4096, None),
    ] {
        assert!(Group::generate(bits, subprime).unwrap().is_none());
    }
}

#[test]
fn what_are_no_domain_parameters_is_refused() {
    let [p, q, g] = numbers(&list(&load("dsa.json"), "keys")[0]);
    let one = BigUint::from(1_u8);
    let number = |bytes: &[u8]| BigUint::from_bytes_be(bytes);
    let last = (number(&p) - &one).to_bytes_be();
    let invalid = |p: &[u8], q: &[u8], g: &[u8]| {
        matches!(Group::checked([p, q, g]), Err(Error::InvalidKey(_)))
    };
    for base in [&[][..], &[1], &last, &p, &[2]] {
        assert!(invalid(&p, &q, base));
    }
    // A prime, and a composite, which do not divide p - 1; and composites of the form that q and p want.
    let beside = (number(&q) + BigUint::from(2_u8)).to_bytes_be();
    assert!(invalid(&p, &beside, &g));
    assert!(invalid(&last, &q, &g));
    let step = number(&q) * BigUint::from(2_u8);
    let composites = (1_u8..).map(|times| number(&p) + &step * BigUint::from(times));
    for composite in composites.take(3) {
        assert!(invalid(&composite.to_bytes_be(), &q, &g));
    }
    for (p, q) in [
        (&p[1..], &q[..]),
        (&p, &q[1..]),
        (&[&[1], &p[..], &p, &p].concat(), &q),
    ] {
        assert!(matches!(Group::checked([p, q, &g]), Err(Error::KeySize)));
    }
}

#[test]
fn values_that_are_none_of_the_group_are_refused() {
    let vectors = load("dsa.json");
    let case = &list(&vectors, "keys")[0];
    let group = group(&numbers(case)).unwrap();
    let [p, q, _] = group.numbers();
    let x = bytes(case, "private");
    for wrong in [&[][..], &[0], &q, &p] {
        assert!(DsaMaterial::checked(&group, wrong, None).is_err());
    }
    let other = generate(&group).unwrap();
    assert!(DsaMaterial::checked(&group, &x, Some(&other.y)).is_err());
    let last = (BigUint::from_bytes_be(&p) - BigUint::from(1_u8)).to_bytes_be();
    for wrong in [&[][..], &[1], &[2], &last, &p] {
        let refused = PublicKey::new(&group, wrong);
        assert!(matches!(refused, Err(Error::InvalidKey(_))));
    }
}

#[test]
fn what_the_openssl_program_made_is_understood_and_made_alike() {
    let vectors = load("dsa.json");
    for case in list(&vectors, "encodings") {
        let (pkcs8, public) = (bytes(case, "pkcs8"), bytes(case, "spki"));
        let material = DsaMaterial::from_pkcs8(&private_key_info(&pkcs8).unwrap()).unwrap();
        let numbers = [&material.p[..], &material.q, &material.g, &material.y];
        assert_eq!(
            from_spki(&public_key_info(&public).unwrap()).unwrap(),
            numbers
        );
        assert_eq!(*material.to_pkcs8().unwrap(), pkcs8);
        assert_eq!(spki(numbers).unwrap(), public);
        let (_, key) = pair(&material);
        let digest = Hash::Sha256.digest(&[&bytes(case, "message")]);
        assert_eq!(key.verify(&digest, &bytes(case, "signature")), Ok(()));
    }
}
