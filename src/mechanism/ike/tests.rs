use serde_json::Value;

use super::*;
use crate::crypto::vectors::{bytes, list, load, text};

fn hash(case: &Value) -> Hash {
    match text(case, "hash") {
        "sha1" => Hash::Sha1,
        "sha256" => Hash::Sha256,
        "sha384" => Hash::Sha384,
        _ => Hash::Sha512,
    }
}

fn key(value: &[u8]) -> Arc<Key> {
    Arc::new(Key::new(Secret::copy(value)))
}

/// What is derived of the value `base` of a vector, with the values of other keys.
fn derived(
    case: &Value,
    base: &str,
    step: IkeStep,
    others: &[&str],
    len: Option<usize>,
) -> Result<Secret> {
    let hash = hash(case);
    let others: Vec<_> = others.iter().map(|name| key(&bytes(case, name))).collect();
    let params = Params::Ike(IkeParams { hash, step });
    derive(&key(&bytes(case, base)), &params, &others, len)
}

fn longer_keys(
    case: &Value,
) -> [(&'static str, &'static str, IkeStep, &'static [&'static str]); 7] {
    let extended = |shared, data| IkeStep::Extended { shared, data };
    let plus = |seed_key| IkeStep::Plus {
        seed_key,
        seed: bytes(case, "data"),
    };
    let data = || bytes(case, "data");
    [
        ("extended", "skeyid_d", extended(None, vec![]), &[]),
        ("beginning", "skeyid_d", extended(None, vec![]), &[]),
        ("quick", "skeyid_d", extended(None, data()), &[]),
        ("quick_short", "skeyid_d", extended(None, data()), &[]),
        (
            "quick_shared",
            "skeyid_d",
            extended(Some(1), data()),
            &["shared"],
        ),
        ("plus", "skeyid", plus(None), &[]),
        ("plus_shared", "skeyid", plus(Some(1)), &["shared"]),
    ]
}

#[test]
fn known_answers_of_another_implementation() {
    for case in list(&load("ike.json"), "cases") {
        let nonces = [bytes(case, "ni"), bytes(case, "nr")].concat();
        let first = |base| IkeStep::First {
            nonces: nonces.clone(),
            base,
        };
        let cookies = [bytes(case, "cookie_i"), bytes(case, "cookie_r")].concat();
        let further = |number, previous| IkeStep::Further {
            shared: 1,
            previous,
            cookies: cookies.clone(),
            number,
        };
        let short: [(_, _, _, &[&str]); 6] = [
            ("signature_skeyid", "shared", first(IkeBase::Message), &[]),
            ("skeyid", "psk", first(IkeBase::Key), &[]),
            ("rekeyed", "skeyid", first(IkeBase::Rekey(1)), &["new"]),
            ("skeyid_d", "skeyid", further(0, None), &["shared"]),
            (
                "skeyid_a",
                "skeyid",
                further(1, Some(2)),
                &["skeyid_d", "shared"],
            ),
            (
                "skeyid_e",
                "skeyid",
                further(2, Some(2)),
                &["skeyid_a", "shared"],
            ),
        ];
        for (name, base, step, others) in short {
            let made = derived(case, base, step, others, None).unwrap();
            assert_eq!(*made, bytes(case, name), "{name}");
        }
        for (name, base, step, others) in longer_keys(case) {
            let wanted = bytes(case, name);
            let made = derived(case, base, step, others, Some(wanted.len())).unwrap();
            assert_eq!(*made, wanted, "{name}");
        }
    }
}

#[test]
fn lengths_are_those_of_the_specification() {
    for case in list(&load("ike.json"), "cases") {
        let digest = hash(case).len();
        let first = || IkeStep::First {
            nonces: vec![1; 32],
            base: IkeBase::Key,
        };
        let further = || IkeStep::Further {
            shared: 1,
            previous: None,
            cookies: vec![2; 16],
            number: 0,
        };
        for len in [1, digest - 1, digest + 1] {
            let refused = derived(case, "psk", first(), &[], Some(len)).err().unwrap();
            assert_eq!(refused.rv, ck::CKR_KEY_SIZE_RANGE);
        }
        let whole = derived(case, "skeyid", further(), &["shared"], None).unwrap();
        let cut = derived(case, "skeyid", further(), &["shared"], Some(10)).unwrap();
        assert_eq!((whole.len(), &whole[..10]), (digest, &cut[..]));
        let refused = derived(case, "skeyid", further(), &["shared"], Some(digest + 1));
        assert_eq!(refused.err().unwrap().rv, ck::CKR_KEY_SIZE_RANGE);
        for (name, base, step, others) in longer_keys(case) {
            for (len, rv) in [
                (None, ck::CKR_TEMPLATE_INCOMPLETE),
                (Some(255 * digest + 1), ck::CKR_KEY_SIZE_RANGE),
            ] {
                let refused = derived(case, base, step.clone(), others, len)
                    .err()
                    .unwrap();
                assert_eq!(refused.rv, rv, "{name}");
            }
        }
    }
}
