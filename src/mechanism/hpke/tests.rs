use super::*;
use crate::crypto::mlkem::MlKemMaterial;
use crate::crypto::rand::SystemRng;
use crate::crypto::vectors::{bytes, list, load};
use crate::crypto::xwing::XWingMaterial;
use crate::keytype;

/// A private key, ready for use, and the public one.
fn pair(material: &Material) -> (Key, Key) {
    let public = keytype::public_key(&material.spki().unwrap()).unwrap();
    (material.ready(None).unwrap(), public)
}

fn pairs() -> Vec<(Key, Key)> {
    let ml_kem = |set| Material::pair(mlkem::generate(set).unwrap());
    let mut materials = vec![Material::pair(xwing::generate().unwrap())];
    materials.extend(ParameterSet::ALL.map(ml_kem));
    materials.iter().map(pair).collect()
}

fn unwrap(key: &Key, info: &Params, blob: &[u8]) -> std::result::Result<Secret, ck::CK_RV> {
    (UNWRAP.length)(key, info, blob.len()).map_err(|error| error.rv)?;
    (UNWRAP.open)(key, info, blob).map_err(|BadBlob| ck::CKR_WRAPPED_KEY_INVALID)
}

fn of_key(info: &[u8]) -> Params {
    Params::CallerData(info.to_vec())
}

/// The shared secrets of draft-ietf-hpke-pq, whose own messages have another KDF or cipher.
#[test]
fn encapsulated_keys_of_the_draft() {
    let mut seen = Vec::new();
    for case in list(&load("hpke.json"), "cases") {
        if case["enc"].is_null() {
            continue;
        }
        let (seed, public) = (bytes(case, "skRm"), bytes(case, "pkRm"));
        let mut sets = ParameterSet::ALL.into_iter();
        let material = match sets.find(|set| set.public_len() == public.len()) {
            None => Material::pair(XWingMaterial::checked(&seed, Some(&public)).unwrap()),
            Some(set) => Material::pair(
                MlKemMaterial::checked(set, Some(&seed), None, Some(&public)).unwrap(),
            ),
        };
        let (private, _) = pair(&material);
        let (suite, shared) = match Recipient::of(&private).unwrap() {
            Recipient::XWing(key) => (XWING, key.decapsulate(&bytes(case, "enc"))),
            Recipient::MlKem(key) => (ml_kem(key.set()), key.decapsulate(&bytes(case, "enc"))),
        };
        let shared = shared.unwrap();
        assert_eq!(&shared[..], bytes(case, "shared_secret"));
        // The same message by the suite of the mechanism.
        let sealed = suite.seal(&shared, b"info", b"material").unwrap();
        let blob = [bytes(case, "enc"), sealed].concat();
        let clear = unwrap(&private, &of_key(b"info"), &blob).unwrap();
        assert_eq!(&clear[..], b"material");
        seen.push(case["kem_id"].as_u64().unwrap());
    }
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, [0x41, 0x42, 0x647A]);
}

#[test]
fn what_one_key_seals_no_other_opens() {
    let pairs = pairs();
    for (at, (private, public)) in pairs.iter().enumerate() {
        let info = of_key(b"uid");
        let blob = wrap(public, &info, &SystemRng, b"material").unwrap();
        assert_eq!(&unwrap(private, &info, &blob).unwrap()[..], b"material");
        let invalid = Err(ck::CKR_WRAPPED_KEY_INVALID);
        for other in [Params::None, of_key(b"uie"), of_key(b"")] {
            assert_eq!(unwrap(private, &other, &blob), invalid);
        }
        let without = wrap(public, &Params::None, &SystemRng, b"material").unwrap();
        assert!(unwrap(private, &of_key(b""), &without).is_ok());
        for (other, (private, _)) in pairs.iter().enumerate() {
            assert!(other == at || unwrap(private, &info, &blob).is_err());
        }
        let same = pair(&Material::pair(xwing::generate().unwrap())).0;
        assert!(unwrap(&same, &info, &blob).is_err());
    }
}

#[test]
fn every_wrong_blob_is_the_same() {
    for (private, public) in pairs() {
        let blob = wrap(&public, &Params::None, &SystemRng, &[7; 32]).unwrap();
        let encapsulated = blob.len() - OVERHEAD - 32;
        for place in (0..encapsulated)
            .step_by(97)
            .chain(encapsulated - 1..blob.len())
        {
            let mut changed = blob.clone();
            changed[place] ^= 1;
            let refused = unwrap(&private, &Params::None, &changed);
            assert_eq!(refused, Err(ck::CKR_WRAPPED_KEY_INVALID), "{place}");
        }
        let more = [&blob[..], &[0; 3]].concat();
        for len in 0..=more.len() {
            let expected = match len {
                _ if len <= encapsulated + OVERHEAD => Some(ck::CKR_WRAPPED_KEY_LEN_RANGE),
                _ if len == blob.len() => None,
                _ => Some(ck::CKR_WRAPPED_KEY_INVALID),
            };
            if len < 2 || len > encapsulated {
                let outcome = unwrap(&private, &Params::None, &more[..len]);
                assert_eq!(outcome.err(), expected, "{len}");
            }
        }
    }
}

#[test]
fn keys_and_parameters_of_others_are_refused() {
    let (private, public) = pairs().swap_remove(0);
    let refused = |result: Result<Vec<u8>>| result.err().map(|error| error.rv);
    assert_eq!(
        refused(wrap(&private, &Params::None, &SystemRng, b"key")),
        Some(ck::CKR_KEY_TYPE_INCONSISTENT)
    );
    assert_eq!(
        unwrap(&public, &Params::None, &[0; 2000]),
        Err(ck::CKR_KEY_TYPE_INCONSISTENT)
    );
    let iv = Params::Iv(vec![0; 16].into());
    assert_eq!(
        refused(wrap(&public, &iv, &SystemRng, b"key")),
        Some(ck::CKR_MECHANISM_PARAM_INVALID)
    );
    assert_eq!(
        unwrap(&private, &iv, &[0; 2000]),
        Err(ck::CKR_MECHANISM_PARAM_INVALID)
    );
}
