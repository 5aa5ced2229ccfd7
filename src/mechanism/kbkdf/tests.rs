use super::*;
use crate::crypto::aes;
use crate::crypto::hash::Hash;
use crate::crypto::vectors::{bytes, list, load, text};
use crate::mechanism::derive::MAX;
use crate::mechanism::{NumberFormat, find};

fn format(bits: u64) -> NumberFormat {
    NumberFormat {
        bytes: usize::try_from(bits / 8).unwrap(),
        little_endian: false,
    }
}

#[test]
fn nist_known_answers() {
    for case in list(&load("kbkdf.json"), "cases") {
        let (id, mode) = match text(case, "mode") {
            "counter" => (ck::CKM_SP800_108_COUNTER_KDF, KbkdfMode::Counter),
            "feedback" => (ck::CKM_SP800_108_FEEDBACK_KDF, KbkdfMode::Feedback),
            _ => (
                ck::CKM_SP800_108_DOUBLE_PIPELINE_KDF,
                KbkdfMode::DoublePipeline,
            ),
        };
        let value = bytes(case, "key");
        let (prf, key) = match text(case, "prf") {
            "cmac" => (KbkdfPrf::AesCmac, Key::new(aes::Key::new(&value).unwrap())),
            "sha224" => (KbkdfPrf::Hmac(Hash::Sha224), Key::new(Secret::copy(&value))),
            _ => (KbkdfPrf::Hmac(Hash::Sha256), Key::new(Secret::copy(&value))),
        };
        let mut data = Vec::new();
        if mode != KbkdfMode::Counter {
            data.push(KbkdfPart::Previous);
        }
        let bits = case["counter_bits"].as_u64().unwrap();
        if bits > 0 {
            data.push(KbkdfPart::Counter(format(bits)));
        }
        // A key in the data is its bytes.
        let fixed = bytes(case, "fixed");
        data.push(KbkdfPart::Bytes(fixed[..20].to_vec()));
        data.push(match prf {
            KbkdfPrf::Hmac(_) => KbkdfPart::Key(7),
            KbkdfPrf::AesCmac => KbkdfPart::Bytes(fixed[20..].to_vec()),
        });
        let other = Arc::new(Key::new(Secret::copy(&fixed[20..])));
        let params = Params::Kbkdf(Kbkdf {
            mode,
            prf,
            iv: bytes(case, "iv"),
            data,
        });
        let row = find(id).unwrap();
        assert!(row.params.admits(&params));
        let expected = bytes(case, "out");
        let derived = derive(&key, &params, &[other], Some(expected.len())).unwrap();
        assert_eq!(derived[..], expected, "{case}");
    }
}

fn of(data: Vec<KbkdfPart>, len: Option<usize>) -> Result<Vec<u8>> {
    let params = Params::Kbkdf(Kbkdf {
        mode: KbkdfMode::Counter,
        prf: KbkdfPrf::Hmac(Hash::Sha256),
        iv: Vec::new(),
        data,
    });
    derive(&Key::new(Secret::copy(b"base")), &params, &[], len).map(|value| value.to_vec())
}

#[test]
fn the_length_counts_keys_or_blocks() {
    let counter = || KbkdfPart::Counter(format(8));
    let length = |segments| KbkdfPart::Length {
        format: format(16),
        segments,
    };
    let written = |bits: u16| KbkdfPart::Bytes(bits.to_be_bytes().to_vec());
    let derived = |part, len| of(vec![counter(), part], Some(len)).unwrap();
    assert_eq!(derived(length(false), 40), derived(written(320), 40));
    assert_eq!(derived(length(true), 40), derived(written(512), 40));
    assert_eq!(derived(length(true), 64), derived(written(512), 64));
    let narrow = KbkdfPart::Length {
        format: format(8),
        segments: false,
    };
    let wide = of(vec![counter(), narrow], Some(32)).unwrap_err();
    assert_eq!(wide.rv, ck::CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn the_counter_numbers_every_block() {
    let data = || vec![KbkdfPart::Counter(format(8))];
    assert_eq!(of(data(), None).unwrap().len(), 32);
    assert_eq!(of(data(), Some(255 * 32)).unwrap().len(), 255 * 32);
    for len in [0, 255 * 32 + 1, MAX + 1] {
        let size = of(data(), Some(len)).unwrap_err();
        assert_eq!(size.rv, ck::CKR_KEY_SIZE_RANGE, "{len}");
    }
}

#[test]
fn cmac_takes_an_aes_key() {
    let params = Params::Kbkdf(Kbkdf {
        mode: KbkdfMode::Counter,
        prf: KbkdfPrf::AesCmac,
        iv: Vec::new(),
        data: vec![KbkdfPart::Counter(format(8))],
    });
    let key = Key::new(Secret::copy(&[1; 16]));
    let outcome = derive(&key, &params, &[], None).unwrap_err();
    assert_eq!(outcome.rv, ck::CKR_KEY_TYPE_INCONSISTENT);
}
