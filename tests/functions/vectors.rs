//! Published vectors of `tests/vectors/` through the C functions, by one call and in parts.

use cryptoki_sys::*;
use serde_json::Value;
use tenon_pkcs11::api::crypto::hash::Hash;

use super::hsm::{CKK_GENERIC_SECRET_BYTES, Hsm, open, test};
use crate::client::{Key, Mechanism, Way};
use crate::vectors::records;

/// A size of BLAKE2b: its digest, HMAC, general HMAC and derivation; the vectors of digests and of HMACs.
type Blake2b = ([CK_MECHANISM_TYPE; 4], &'static str, &'static str);

const BLAKE2B: [Blake2b; 4] = [
    (
        [
            CKM_BLAKE2B_160,
            CKM_BLAKE2B_160_HMAC,
            CKM_BLAKE2B_160_HMAC_GENERAL,
            CKM_BLAKE2B_160_KEY_DERIVE,
        ],
        include_str!("../vectors/blake2b_160.rsp"),
        include_str!("../vectors/blake2b_160_hmac.rsp"),
    ),
    (
        [
            CKM_BLAKE2B_256,
            CKM_BLAKE2B_256_HMAC,
            CKM_BLAKE2B_256_HMAC_GENERAL,
            CKM_BLAKE2B_256_KEY_DERIVE,
        ],
        include_str!("../vectors/blake2b_256.rsp"),
        include_str!("../vectors/blake2b_256_hmac.rsp"),
    ),
    (
        [
            CKM_BLAKE2B_384,
            CKM_BLAKE2B_384_HMAC,
            CKM_BLAKE2B_384_HMAC_GENERAL,
            CKM_BLAKE2B_384_KEY_DERIVE,
        ],
        include_str!("../vectors/blake2b_384.rsp"),
        include_str!("../vectors/blake2b_384_hmac.rsp"),
    ),
    (
        [
            CKM_BLAKE2B_512,
            CKM_BLAKE2B_512_HMAC,
            CKM_BLAKE2B_512_HMAC_GENERAL,
            CKM_BLAKE2B_512_KEY_DERIVE,
        ],
        include_str!("../vectors/blake2b_512.rsp"),
        include_str!("../vectors/blake2b_512_hmac.rsp"),
    ),
];

test! {
    fn blake2b_digests_and_derived_keys(hsm) {
        for ([digest, .., derive], digests, _) in BLAKE2B {
            for record in records(digests) {
                let message = &record["message"];
                let mut out = [0; 64];
                let len = hsm.client.digest(digest, message, &mut out).unwrap();
                assert_eq!(out[..len], record["digest"]);
                if message.is_empty() {
                    continue;
                }
                let derived = hsm.client.derive(
                    Mechanism::Plain(derive),
                    hsm.generic(message),
                    &open(CKK_GENERIC_SECRET_BYTES),
                );
                assert_eq!(hsm.value(derived.unwrap()), record["digest"]);
            }
        }
    }

    fn blake2b_macs(hsm) {
        for ([_, whole, general, _], _, macs) in BLAKE2B {
            for record in records(macs) {
                let (message, mac) = (&record["message"], &record["mac"]);
                if record["key"].is_empty() {
                    continue;
                }
                let key = hsm.generic(&record["key"]);
                for way in [Way::Whole, Way::Parts(7)] {
                    for (how, len) in [
                        (Mechanism::Plain(whole), mac.len()),
                        (Mechanism::Number(general, 10), 10),
                    ] {
                        let mut out = [0; 64];
                        let made = hsm.client.sign(how, key, way, message, &mut out);
                        assert_eq!((made, &out[..len]), (Ok(len), &mac[..len]));
                        hsm.client.verify(how, key, way, message, &out[..len]).unwrap();
                        out[0] ^= 1;
                        let refused = hsm.client.verify(how, key, way, message, &out[..len]);
                        assert_eq!(refused, Err(CKR_SIGNATURE_INVALID));
                    }
                }
            }
        }
    }
}

test! {
    run_offering_all:
    fn poly1305_known_answers(hsm) {
        for record in records(include_str!("../vectors/poly1305.rsp")) {
            let (message, mac) = (&record["message"], &record["mac"]);
            let key = hsm.client.create(&[
                (CKA_CLASS, &CKO_SECRET_KEY.to_ne_bytes()),
                (CKA_KEY_TYPE, &CKK_POLY1305.to_ne_bytes()),
                (CKA_VALUE, &record["key"]),
                (CKA_SIGN, &[CK_TRUE]),
                (CKA_VERIFY, &[CK_TRUE]),
            ]);
            let (key, how) = (key.unwrap(), Mechanism::Plain(CKM_POLY1305));
            for way in [Way::Whole, Way::Parts(7)] {
                let mut out = [0; 16];
                let made = hsm.client.sign(how, key, way, message, &mut out);
                assert_eq!((made, &out[..]), (Ok(16), &mac[..]));
                assert_eq!(hsm.client.verify(how, key, way, message, mac), Ok(()));
                out[0] ^= 1;
                let refused = hsm.client.verify(how, key, way, message, &out);
                assert_eq!(refused, Err(CKR_SIGNATURE_INVALID));
                let refused = hsm.client.verify(how, key, way, message, &out[1..]);
                assert_eq!(refused, Err(CKR_SIGNATURE_LEN_RANGE));
            }
        }
    }
}

/// The list `name` of the file `path`.
fn cases(path: &str, name: &str) -> Vec<Value> {
    let path = format!("{}/tests/vectors/{path}", env!("CARGO_MANIFEST_DIR"));
    let mut file: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let Value::Array(cases) = file[name].take() else {
        panic!("{name} is no list");
    };
    assert!(!cases.is_empty());
    cases
}

fn bytes(case: &Value, name: &str) -> Vec<u8> {
    let hex = case[name].as_str().unwrap();
    let byte = |at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(byte).collect()
}

fn slh_dsa_set(case: &Value) -> [u8; 8] {
    let set = match case["set"].as_str().unwrap() {
        "SLH-DSA-SHA2-128s" => CKP_SLH_DSA_SHA2_128S,
        "SLH-DSA-SHAKE-128s" => CKP_SLH_DSA_SHAKE_128S,
        "SLH-DSA-SHA2-128f" => CKP_SLH_DSA_SHA2_128F,
        "SLH-DSA-SHAKE-128f" => CKP_SLH_DSA_SHAKE_128F,
        "SLH-DSA-SHA2-192s" => CKP_SLH_DSA_SHA2_192S,
        "SLH-DSA-SHAKE-192s" => CKP_SLH_DSA_SHAKE_192S,
        "SLH-DSA-SHA2-192f" => CKP_SLH_DSA_SHA2_192F,
        "SLH-DSA-SHAKE-192f" => CKP_SLH_DSA_SHAKE_192F,
        "SLH-DSA-SHA2-256s" => CKP_SLH_DSA_SHA2_256S,
        "SLH-DSA-SHAKE-256s" => CKP_SLH_DSA_SHAKE_256S,
        "SLH-DSA-SHA2-256f" => CKP_SLH_DSA_SHA2_256F,
        "SLH-DSA-SHAKE-256f" => CKP_SLH_DSA_SHAKE_256F,
        other => panic!("{other}"),
    };
    set.to_ne_bytes()
}

/// A key of SLH-DSA that is read back.
fn slh_dsa_key(hsm: &Hsm, class: CK_OBJECT_CLASS, case: &Value, value: &[u8]) -> Key {
    let key = hsm.client.create(&[
        (CKA_CLASS, &class.to_ne_bytes()),
        (CKA_KEY_TYPE, &CKK_SLH_DSA.to_ne_bytes()),
        (CKA_PARAMETER_SET, &slh_dsa_set(case)),
        (CKA_VALUE, value),
        match class {
            CKO_PRIVATE_KEY => (CKA_SIGN, &[CK_TRUE]),
            _ => (CKA_VERIFY, &[CK_TRUE]),
        },
    ]);
    key.unwrap()
}

/// CKA_PUBLIC_KEY_INFO of a key.
fn key_info(hsm: &Hsm, key: Key) -> Vec<u8> {
    let mut out = vec![0; 128];
    let lens = hsm
        .client
        .attributes(key, &mut [(CKA_PUBLIC_KEY_INFO, &mut out)]);
    out.truncate(lens.unwrap()[0]);
    out
}

/// The mechanism that hashes by this function, and the function's own mechanism and digest of a message;
/// `None` for a message that is signed as it is.
fn slh_dsa_hash(case: &Value) -> Option<(CK_MECHANISM_TYPE, Option<(CK_MECHANISM_TYPE, Hash)>)> {
    Some(match case["hash"].as_str()? {
        "SHA224" => (CKM_HASH_SLH_DSA_SHA224, Some((CKM_SHA224, Hash::Sha224))),
        "SHA256" => (CKM_HASH_SLH_DSA_SHA256, Some((CKM_SHA256, Hash::Sha256))),
        "SHA384" => (CKM_HASH_SLH_DSA_SHA384, Some((CKM_SHA384, Hash::Sha384))),
        "SHA512" => (CKM_HASH_SLH_DSA_SHA512, Some((CKM_SHA512, Hash::Sha512))),
        "SHA3_224" => (
            CKM_HASH_SLH_DSA_SHA3_224,
            Some((CKM_SHA3_224, Hash::Sha3_224)),
        ),
        "SHA3_256" => (
            CKM_HASH_SLH_DSA_SHA3_256,
            Some((CKM_SHA3_256, Hash::Sha3_256)),
        ),
        "SHA3_384" => (
            CKM_HASH_SLH_DSA_SHA3_384,
            Some((CKM_SHA3_384, Hash::Sha3_384)),
        ),
        "SHA3_512" => (
            CKM_HASH_SLH_DSA_SHA3_512,
            Some((CKM_SHA3_512, Hash::Sha3_512)),
        ),
        "SHAKE128" => (CKM_HASH_SLH_DSA_SHAKE128, None),
        "SHAKE256" => (CKM_HASH_SLH_DSA_SHAKE256, None),
        // No mechanism hashes by these two: the caller does.
        "SHA512_224" => (CKM_HASH_SLH_DSA, Some((CKM_SHA512_224, Hash::Sha512_224))),
        "SHA512_256" => (CKM_HASH_SLH_DSA, Some((CKM_SHA512_256, Hash::Sha512_256))),
        other => panic!("{other}"),
    })
}

/// Signs and verifies a message in each of `ways`.
fn signs(hsm: &Hsm, case: &Value, how: Mechanism<'_>, message: &[u8], ways: &[Way]) {
    let value = bytes(case, "private");
    let private = slh_dsa_key(hsm, CKO_PRIVATE_KEY, case, &value);
    let public = slh_dsa_key(hsm, CKO_PUBLIC_KEY, case, &value[value.len() / 2..]);
    for way in ways {
        let mut out = vec![0; 49_856];
        let len = hsm.client.sign(how, private, *way, message, &mut out);
        let signature = &mut out[..len.unwrap()];
        let digest = Hash::Sha256.digest(&[&*signature]);
        assert_eq!(digest, bytes(case, "signature_sha256"), "{case}");
        let verified = hsm.client.verify(how, public, *way, message, signature);
        assert_eq!(verified, Ok(()), "{case}");
        *signature.last_mut().unwrap() ^= 1;
        let verified = hsm.client.verify(how, public, *way, message, signature);
        assert_eq!(verified, Err(CKR_SIGNATURE_INVALID), "{case}");
    }
    for key in [private, public] {
        hsm.client.destroy(key).unwrap();
    }
}

test! {
    fn slh_dsa_signatures(hsm) {
        let hedge = CKH_DETERMINISTIC_REQUIRED;
        for case in cases("slhdsa.json", "signatures") {
            let (context, message) = (&bytes(&case, "context")[..], bytes(&case, "message"));
            let of = |kind| Mechanism::Context { kind, hedge, context };
            // Small signatures take seconds.
            let fast = case["set"].as_str().unwrap().ends_with('f');
            let ways: &[Way] = if fast { &[Way::Whole, Way::Parts(13)] } else { &[Way::Whole] };
            let Some((kind, given)) = slh_dsa_hash(&case) else {
                signs(hsm, &case, of(CKM_SLH_DSA), &message, ways);
                continue;
            };
            if kind != CKM_HASH_SLH_DSA {
                signs(hsm, &case, of(kind), &message, ways);
            }
            let Some((hash, function)) = given else {
                continue;
            };
            let kind = CKM_HASH_SLH_DSA;
            let how = Mechanism::HashContext { kind, hedge, context, hash };
            signs(hsm, &case, how, &function.digest(&[&message]), ways);
        }
    }

    fn slh_dsa_verifications(hsm) {
        for case in cases("slhdsa.json", "verifications") {
            let key = slh_dsa_key(hsm, CKO_PUBLIC_KEY, &case, &bytes(&case, "public"));
            let (message, signature) = (bytes(&case, "message"), bytes(&case, "signature"));
            let how = Mechanism::Plain(CKM_SLH_DSA);
            for way in [Way::Whole, Way::Parts(13)] {
                let verify = |message: &[u8], signature: &[u8]| {
                    hsm.client.verify(how, key, way, message, signature)
                };
                assert_eq!(verify(&message, &signature), Ok(()));
                assert_eq!(verify(&message[1..], &signature), Err(CKR_SIGNATURE_INVALID));
                assert_eq!(verify(&message, &signature[1..]), Err(CKR_SIGNATURE_LEN_RANGE));
            }
        }
    }

    fn slh_dsa_keys(hsm) {
        for case in cases("slhdsa.json", "keys") {
            let (value, public) = (bytes(&case, "private"), bytes(&case, "public"));
            let key = slh_dsa_key(hsm, CKO_PRIVATE_KEY, &case, &value);
            let info = key_info(hsm, key);
            assert!(info.ends_with(&public), "{case}");
            let key = slh_dsa_key(hsm, CKO_PUBLIC_KEY, &case, &public);
            let other = key_info(hsm, key);
            assert_eq!(info, other, "{case}");
        }
    }
}
