use super::*;
use crate::crypto::vectors::records;

fn stream(key: &[u8], nonce: &[u8], counter: u64, text: &[u8]) -> Result<Vec<u8>> {
    let mut out = vec![0; text.len()];
    Stream::new(key, nonce, counter)?.update(text, &mut out)?;
    Ok(out)
}

#[test]
fn known_answers() {
    for record in records(include_str!("../../../tests/vectors/chacha20.rsp")) {
        let counter = record["counter"].as_slice().try_into().unwrap();
        let counter = u64::from_be_bytes(counter);
        for (from, to) in [("plaintext", "ciphertext"), ("ciphertext", "plaintext")] {
            let text = &record[from];
            let begin = || Stream::new(&record["key"], &record["nonce"], counter).unwrap();
            for first in [0, 1, 63, text.len()] {
                let first = first.min(text.len());
                let mut out = vec![0; text.len()];
                let mut stream = begin();
                let (head, tail) = out.split_at_mut(first);
                stream.update(&text[..first], head).unwrap();
                stream.update(&text[first..], tail).unwrap();
                assert_eq!(out, record[to]);
            }
        }
    }
}

#[test]
fn counters_go_on_as_far_as_they_are_wide() {
    for nonce_len in [8, 12, 24] {
        let nonce = &vec![7; nonce_len];
        let block = |counter| stream(&[9; 32], nonce, counter, &[0; 64]);
        let last = u64::from(u32::MAX) - 2;
        let two = stream(&[9; 32], nonce, last, &[0; 128]).unwrap();
        assert_eq!(
            two,
            [block(last).unwrap(), block(last + 1).unwrap()].concat()
        );
        let beyond = stream(&[9; 32], nonce, last, &[0; 256]);
        if nonce_len == 12 {
            assert_eq!(beyond, Err(Error::InputLength));
            assert!(matches!(block(1 << 32), Err(Error::InvalidParameter(_))));
        } else {
            let after = block(1 << 32).unwrap();
            assert_eq!(beyond.unwrap()[192..], after);
        }
    }
}

#[test]
fn lengths_of_nonces_and_keys() {
    for len in 0..=40 {
        let known = [8, 12, 24].contains(&len);
        assert_eq!(Stream::new(&[0; 32], &vec![0; len], 0).is_ok(), known);
        let sealed = seal(&[0; 32], &vec![0; len], b"", b"", &mut [0; 16]);
        assert_eq!(sealed.is_ok(), [12, 24].contains(&len), "{len}");
    }
    for len in [0, 16, 31, 33] {
        let key = vec![0; len];
        assert_eq!(Stream::new(&key, &[0; 12], 0).err(), Some(Error::KeySize));
        let sealed = seal(&key, &[0; 12], b"", b"", &mut [0; 16]);
        assert_eq!(sealed, Err(Error::KeySize));
    }
}

#[test]
fn a_ciphertext_holds_its_tag() {
    let mut sealed = [0; 5 + TAG];
    assert_eq!(
        seal(&[1; 32], &[2; 24], b"aad", b"tenon", &mut sealed),
        Ok(21)
    );
    let open = |sealed: &[u8], aad: &[u8]| {
        let mut out = [0xEE; 5];
        open(&[1; 32], &[2; 24], aad, sealed, &mut out).map(|len| out[..len].to_vec())
    };
    assert_eq!(open(&sealed, b"aad").unwrap(), b"tenon");
    assert_eq!(open(&sealed, b"add"), Err(Error::BadCiphertext));
    assert_eq!(open(&sealed[..15], b"aad"), Err(Error::CiphertextLength));
    for place in 0..sealed.len() {
        let mut damaged = sealed;
        damaged[place] ^= 1;
        assert_eq!(open(&damaged, b"aad"), Err(Error::BadCiphertext));
    }
}
