use super::*;
use crate::crypto::Error;
use crate::crypto::encoding::{private_key_info, public_key_info};
use crate::crypto::parameter_set::{NamedSet, parameter_set, spki};
use crate::crypto::prehash::{Form, Randomness, SignedMessage};
use crate::crypto::vectors::{bytes, list, load, text};

/// A set whose signatures take little time.
const FAST: ParameterSet = ParameterSet::Sha2_128f;

fn set_of(case: &serde_json::Value) -> ParameterSet {
    let named = |set: &ParameterSet| set.name() == text(case, "set");
    ParameterSet::ALL.into_iter().find(named).unwrap()
}

fn form(context: &[u8]) -> Form {
    SignedMessage::pure(context).unwrap().form
}

fn sign(key: &SlhDsaMaterial, message: &[u8], randomness: Randomness) -> Vec<u8> {
    let mut out = vec![0; key.set.signature_len()];
    let key = PrivateKey::new(key);
    let made = key.sign(&form(b"context"), message, randomness, &mut out);
    assert_eq!(made, Ok(out.len()));
    out
}

#[test]
fn private_keys_are_those_of_nist_and_prove_their_public_keys() {
    let vectors = load("slhdsa.json");
    let mut sets = Vec::new();
    for case in list(&vectors, "keys") {
        let set = set_of(case);
        sets.push(set);
        let (private, public) = (bytes(case, "private"), bytes(case, "public"));
        let key = SlhDsaMaterial::checked(set, &private, Some(&public)).unwrap();
        assert_eq!(key.public, public);
        let der = key.to_pkcs8().unwrap();
        let read = SlhDsaMaterial::from_pkcs8(&private_key_info(&der).unwrap()).unwrap();
        assert!(read.private.ct_eq(&private) && read.set == set);
    }
    assert_eq!(sets.len(), ParameterSet::ALL.len());
    assert!(ParameterSet::ALL.iter().all(|set| sets.contains(set)));
}

#[test]
fn a_private_key_of_other_parts_is_refused() {
    let key = generate(FAST).unwrap();
    for place in [0, 32, 63] {
        let mut wrong = key.private.clone();
        wrong[place] ^= 1;
        let refused = SlhDsaMaterial::checked(FAST, &wrong, None).err();
        assert!(matches!(refused, Some(Error::InvalidKey(_))), "{place}");
    }
    // SK.prf is part of no public value.
    let mut other = key.private.clone();
    other[16] ^= 1;
    assert!(SlhDsaMaterial::checked(FAST, &other, None).is_ok());
    for wrong in [&key.private[1..], &[]] {
        let refused = SlhDsaMaterial::checked(FAST, wrong, None).err();
        assert!(matches!(refused, Some(Error::InvalidKey(_))));
    }
    let refused = SlhDsaMaterial::checked(FAST, &key.private, Some(&[7; 32])).err();
    assert!(matches!(refused, Some(Error::InvalidKey(_))));
}

/// RFC 9909 section 3, whose object identifiers are those of 2.16.840.1.101.3.4.3 from 20 on.
#[test]
fn each_set_has_its_object_identifier() {
    use ParameterSet::*;
    let in_order = [
        Sha2_128s, Sha2_128f, Sha2_192s, Sha2_192f, Sha2_256s, Sha2_256f, Shake128s, Shake128f,
        Shake192s, Shake192f, Shake256s, Shake256f,
    ];
    for (last, set) in (20..).zip(in_order) {
        assert_eq!(
            set.oid().to_string(),
            format!("2.16.840.1.101.3.4.3.{last}")
        );
        assert!(OIDS.contains(&set.oid()));
        let der = spki(set, &vec![7; set.public_len()]).unwrap();
        let read = parameter_set(&public_key_info(&der).unwrap().algorithm);
        assert_eq!(read, Ok(set));
    }
}

#[test]
fn hedged_signatures_differ_and_deterministic_ones_do_not() {
    let key = generate(FAST).unwrap();
    let public = PublicKey::new(FAST, &key.public).unwrap();
    let hedged = [0; 2].map(|_| sign(&key, b"message", Randomness::Fresh));
    assert_ne!(hedged[0], hedged[1]);
    let fixed = [0; 2].map(|_| sign(&key, b"message", Randomness::None));
    assert_eq!(fixed[0], fixed[1]);
    let verify = |context: &[u8], message: &[u8], signature: &[u8]| {
        public.verify(&form(context), message, signature)
    };
    for signature in hedged.iter().chain(&fixed) {
        assert_eq!(verify(b"context", b"message", signature), Ok(()));
        let bad = Err(Error::BadSignature);
        assert_eq!(verify(b"", b"message", signature), bad);
        assert_eq!(verify(b"context", b"other", signature), bad);
        let short = verify(b"context", b"message", &signature[1..]);
        assert_eq!(short, Err(Error::SignatureLength));
    }
}

/// Clients sign on threads whose stacks are smaller than a program's first.
#[test]
fn the_longest_signature_is_made_on_a_small_stack() {
    let set = ParameterSet::Sha2_256f;
    let signs = move || {
        let key = generate(set).unwrap();
        let signature = sign(&key, b"message", Randomness::Fresh);
        let public = PublicKey::new(set, &key.public).unwrap();
        public.verify(&form(b"context"), b"message", &signature)
    };
    let thread = std::thread::Builder::new().stack_size(1 << 20);
    assert_eq!(thread.spawn(signs).unwrap().join().unwrap(), Ok(()));
}
