use super::*;
use crate::crypto::aes;
use crate::crypto::vectors::{hex, records};
use crate::mechanism::find;

const BASE: [u8; 4] = [0x01, 0x23, 0x45, 0x67];
const DATA: [u8; 4] = [0x89, 0xAB, 0xCD, 0xEF];

fn generic(bytes: &[u8]) -> Arc<Key> {
    Arc::new(Key::new(Secret::copy(bytes)))
}

fn derive(
    id: ck::CK_MECHANISM_TYPE,
    key: &Key,
    params: &Params,
    len: Option<usize>,
) -> Result<Vec<u8>> {
    let derive = find(id).unwrap().derive.unwrap();
    derive(key, params, &[generic(&DATA)], len).map(|value| value.to_vec())
}

/// Section 6.43: each mechanism has one.
#[test]
fn examples_of_the_specification() {
    let data = Params::Data(Secret::copy(&DATA));
    for (id, base, params, len, expected) in [
        (
            ck::CKM_CONCATENATE_BASE_AND_KEY,
            BASE,
            &Params::Key(0),
            None,
            "0123456789abcdef",
        ),
        (
            ck::CKM_CONCATENATE_BASE_AND_DATA,
            BASE,
            &data,
            None,
            "0123456789abcdef",
        ),
        (
            ck::CKM_CONCATENATE_DATA_AND_BASE,
            BASE,
            &data,
            None,
            "89abcdef01234567",
        ),
        (ck::CKM_XOR_BASE_AND_DATA, BASE, &data, None, "88888888"),
        (
            ck::CKM_EXTRACT_KEY_FROM_KEY,
            [0x32, 0x9F, 0x84, 0xA9],
            &Params::Extract(21),
            Some(2),
            "9526",
        ),
    ] {
        let derived = derive(id, &generic(&base), params, len).unwrap();
        assert_eq!(derived, hex(expected), "{id:#x}");
    }
}

#[test]
fn bits_are_extracted_from_everywhere() {
    let key: Vec<u8> = (0..20).map(|byte| byte * 13 + 7).collect();
    let bits: Vec<bool> = key
        .iter()
        .flat_map(|byte| (0..8).map(move |bit| byte >> (7 - bit) & 1 == 1))
        .collect();
    for first in 0..bits.len() {
        for len in [1, 16, 20] {
            let params = Params::Extract(u64::try_from(first).unwrap());
            let derived = derive(
                ck::CKM_EXTRACT_KEY_FROM_KEY,
                &generic(&key),
                &params,
                Some(len),
            );
            let expected: Vec<u8> = (0..len)
                .map(|byte| {
                    (0..8).fold(0, |all, bit| {
                        let at = (first + 8 * byte + bit) % bits.len();
                        all << 1 | u8::from(bits[at])
                    })
                })
                .collect();
            assert_eq!(derived.unwrap(), expected, "{len} from {first}");
        }
    }
}

#[test]
fn what_is_not_there_is_not_derived() {
    let data = Params::Data(Secret::copy(&DATA));
    let none = Params::Data(Secret::zeroed(0));
    let size = ck::CKR_KEY_SIZE_RANGE;
    let param = ck::CKR_MECHANISM_PARAM_INVALID;
    for (id, params, len, rv) in [
        (ck::CKM_CONCATENATE_BASE_AND_DATA, &data, Some(9), size),
        (ck::CKM_CONCATENATE_BASE_AND_DATA, &data, Some(0), size),
        (
            ck::CKM_CONCATENATE_BASE_AND_DATA,
            &Params::None,
            None,
            param,
        ),
        (ck::CKM_XOR_BASE_AND_DATA, &data, Some(5), size),
        (ck::CKM_XOR_BASE_AND_DATA, &none, None, size),
        (
            ck::CKM_EXTRACT_KEY_FROM_KEY,
            &Params::Extract(32),
            Some(1),
            param,
        ),
        (
            ck::CKM_EXTRACT_KEY_FROM_KEY,
            &Params::Extract(u64::MAX),
            Some(1),
            param,
        ),
        (
            ck::CKM_EXTRACT_KEY_FROM_KEY,
            &Params::Extract(0),
            Some(5),
            size,
        ),
        (
            ck::CKM_EXTRACT_KEY_FROM_KEY,
            &Params::Extract(0),
            None,
            ck::CKR_TEMPLATE_INCOMPLETE,
        ),
        (ck::CKM_SHA256_KEY_DERIVATION, &Params::None, Some(33), size),
        (ck::CKM_SHA256_KEY_DERIVATION, &data, None, param),
    ] {
        let refused = derive(id, &generic(&BASE), params, len).unwrap_err();
        assert_eq!(refused.rv, rv, "{id:#x} {len:?}");
    }
}

#[test]
fn digests_are_keys() {
    for record in records(include_str!("../../../tests/vectors/sha256.rsp")) {
        if record["message"].is_empty() {
            continue;
        }
        let key = generic(&record["message"]);
        for len in [None, Some(16), Some(32)] {
            let derived = derive(ck::CKM_SHA256_KEY_DERIVATION, &key, &Params::None, len);
            assert_eq!(derived.unwrap(), record["digest"][..len.unwrap_or(32)]);
        }
    }
}

#[test]
fn extendable_outputs_are_keys_of_any_length() {
    let mut seen = Vec::new();
    for record in records(include_str!("../../../tests/vectors/shake.rsp")) {
        let key = generic(&record["message"]);
        for (id, name, usual) in [
            (ck::CKM_SHAKE_128_KEY_DERIVATION, "shake128", 32),
            (ck::CKM_SHAKE_256_KEY_DERIVATION, "shake256", 64),
        ] {
            let Some(output) = record.get(name) else {
                continue;
            };
            let derived = derive(id, &key, &Params::None, Some(output.len())).unwrap();
            assert_eq!(derived, *output, "{name}");
            let whole = derive(id, &key, &Params::None, None).unwrap();
            let both = usual.min(output.len());
            assert_eq!((whole.len(), &whole[..both]), (usual, &output[..both]));
            seen.push(id);
        }
        for len in [0, MAX + 1] {
            let refused = derive(seen[0], &key, &Params::None, Some(len)).unwrap_err();
            assert_eq!(refused.rv, ck::CKR_KEY_SIZE_RANGE);
        }
    }
    assert!(seen.contains(&ck::CKM_SHAKE_256_KEY_DERIVATION));
}

#[test]
fn ciphertexts_are_keys() {
    for record in records(include_str!("../../../tests/vectors/aes_cbc.rsp")) {
        let key = Key::new(aes::Key::new(&record["key"]).unwrap());
        let params = Params::CbcData {
            iv: record["iv"].clone(),
            data: Secret::copy(&record["plaintext"]),
        };
        let derived = derive(ck::CKM_AES_CBC_ENCRYPT_DATA, &key, &params, None).unwrap();
        assert_eq!(derived, record["ciphertext"]);
    }
    for record in records(include_str!("../../../tests/vectors/aes_ecb.rsp")) {
        let key = Key::new(aes::Key::new(&record["key"]).unwrap());
        let params = Params::Data(Secret::copy(&record["plaintext"]));
        let derived = derive(ck::CKM_AES_ECB_ENCRYPT_DATA, &key, &params, Some(16)).unwrap();
        assert_eq!(derived, record["ciphertext"][..16]);
        let partial = Params::Data(Secret::copy(&record["plaintext"][1..]));
        let longer = Some(record["plaintext"].len() + 1);
        for (params, len) in [(&partial, None), (&params, longer)] {
            let refused = derive(ck::CKM_AES_ECB_ENCRYPT_DATA, &key, params, len).unwrap_err();
            assert_eq!(refused.rv, ck::CKR_MECHANISM_PARAM_INVALID);
        }
    }
}
