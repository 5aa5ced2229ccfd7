use super::*;
use crate::crypto::vectors::{bytes, list, load};

fn number(case: &serde_json::Value, name: &str) -> u16 {
    u16::try_from(case[name].as_u64().unwrap()).unwrap()
}

fn suite(case: &serde_json::Value) -> Suite {
    let (kdf, aead) = (number(case, "kdf_id"), number(case, "aead_id"));
    Suite {
        kem: number(case, "kem_id"),
        kdf,
        hash: if kdf == 1 { Hash::Sha256 } else { Hash::Sha384 },
        aead,
        key_len: if aead == 1 { 16 } else { 32 },
    }
}

/// Those of RFC 9180 and of draft-ietf-hpke-pq, whatever the KEM: each brings its shared secret.
#[test]
fn known_key_schedules_and_messages() {
    let mut opened = 0;
    for case in list(&load("hpke.json"), "cases") {
        let (suite, shared, info) = (
            suite(case),
            bytes(case, "shared_secret"),
            bytes(case, "info"),
        );
        let Context { key, nonce } = suite.context(&shared, &info).unwrap();
        assert_eq!(
            (&key[..], &nonce[..]),
            (&bytes(case, "key")[..], &bytes(case, "base_nonce")[..])
        );
        let Some(aead) = case["ct"].as_str().map(|_| bytes(case, "aad")) else {
            continue;
        };
        let (clear, sealed) = (bytes(case, "pt"), bytes(case, "ct"));
        let mut out = vec![0; sealed.len()];
        let key = aes::Key::new(&key).unwrap();
        key.gcm_seal(&nonce, &aead, TAG, &clear, &mut out).unwrap();
        assert_eq!(out, sealed);
        opened += 1;
    }
    assert!(opened >= 2, "{opened} messages");
}

#[test]
fn a_message_opens_under_its_secret_and_info_alone() {
    let suite = Suite::sha256_aes256_gcm(0x647a);
    let (shared, info) = ([7; 32], b"a key's uid");
    let sealed = suite.seal(&shared, info, b"material").unwrap();
    assert_eq!(sealed.len(), 8 + OVERHEAD);
    assert_eq!(
        &suite.open(&shared, info, &sealed).unwrap()[..],
        b"material"
    );
    let bad = Some(Error::BadCiphertext);
    assert_eq!(suite.open(&[8; 32], info, &sealed).err(), bad);
    assert_eq!(suite.open(&shared, b"", &sealed).err(), bad);
    let other = Suite::sha256_aes256_gcm(0x0042);
    assert_eq!(other.open(&shared, info, &sealed).err(), bad);
    for place in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[place] ^= 1;
        assert_eq!(suite.open(&shared, info, &changed).err(), bad, "{place}");
    }
    for len in 0..OVERHEAD {
        let refused = suite.open(&shared, info, &sealed[..len]).err();
        assert_eq!(refused, Some(Error::CiphertextLength), "{len}");
    }
    assert_eq!(
        &suite
            .open(&shared, info, &suite.seal(&shared, info, b"").unwrap())
            .unwrap()[..],
        b""
    );
}
