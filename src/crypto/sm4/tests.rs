use aes_gcm::AesGcm;
use aes_gcm::aead::{Aead, Payload};
use proptest::prelude::*;
use sm4::Sm4;
use sm4::cipher::KeyInit;
use sm4::cipher::typenum::{U12, U16};

use super::*;
use crate::crypto::Error;
use crate::crypto::aes::{BLOCK, Direction, TAG};
use crate::crypto::block_cipher::{BlockKey, Chain};
use crate::crypto::soft_cipher::tests::{cbc_known_answers, ecb_known_answers};
use crate::crypto::vectors::{hex, records};

#[test]
fn ecb_and_cbc_known_answers() {
    ecb_known_answers::<Sm4>(include_str!("../../../tests/vectors/sm4_ecb.rsp"));
    cbc_known_answers::<Sm4>(include_str!("../../../tests/vectors/sm4_cbc.rsp"));
}

/// GB/T 32907 appendix A.2.
#[test]
fn a_million_encryptions() {
    let start = hex("0123456789abcdeffedcba9876543210");
    let key = Key::new(&start).unwrap();
    let (mut block, mut next) = (start, vec![0; BLOCK]);
    for _ in 0..1_000_000 {
        key.ecb(Direction::Encrypt, &block, &mut next).unwrap();
        std::mem::swap(&mut block, &mut next);
    }
    assert_eq!(block, hex("595298c7c6fd271f0402f804c33d3f66"));
}

#[test]
fn gcm_known_answers() {
    for record in records(include_str!("../../../tests/vectors/sm4_gcm.rsp")) {
        let key = Key::new(&record["key"]).unwrap();
        let (iv, aad, plain) = (&record["iv"], &record["aad"], &record["plaintext"]);
        let sealed = [&record["ciphertext"][..], &record["tag"]].concat();
        let mut out = vec![0xEE; sealed.len()];
        let written = key.gcm_seal(iv, aad, TAG, plain, &mut out);
        assert_eq!((written, &out), (Ok(sealed.len()), &sealed));
        let mut out = vec![0xEE; plain.len()];
        let written = key.gcm_open(iv, aad, TAG, &sealed, &mut out);
        assert_eq!((written, &out), (Ok(plain.len()), plain));
        for place in [0, sealed.len() / 2, sealed.len() - 1] {
            let mut damaged = sealed.clone();
            damaged[place] ^= 1;
            let refused = key.gcm_open(iv, aad, TAG, &damaged, &mut out);
            assert_eq!(refused, Err(Error::BadCiphertext));
            assert_eq!(out, vec![0; out.len()]);
        }
    }
}

#[test]
fn lengths_that_do_not_fit_are_refused() {
    let key = Key::new(&[7; KEY_LEN]).unwrap();
    let mut out = [0; 48];
    for (input, room) in [(15, 48), (17, 48), (32, 16)] {
        let (input, out) = (&[0; 48][..input], &mut out[..room]);
        for direction in [Direction::Encrypt, Direction::Decrypt] {
            assert_eq!(key.ecb(direction, input, out), Err(Error::InputLength));
            let refused = key.cbc(direction, [0; BLOCK]).unwrap().update(input, out);
            assert_eq!(refused, Err(Error::InputLength));
        }
    }
    for len in [0, 15, 17, 24, 32] {
        assert!(matches!(Key::new(&vec![0; len]), Err(Error::KeySize)));
    }
    let short = key.gcm_seal(&[0; 12], &[], TAG, &[0; 33], &mut out);
    assert_eq!(short, Err(Error::InputLength));
    for (sealed, room) in [(15, 48), (48, 31)] {
        let refused = key.gcm_open(&[0; 12], &[], TAG, &[0; 48][..sealed], &mut out[..room]);
        assert_eq!(refused, Err(Error::CiphertextLength));
    }
    for (iv, tag_len) in [(0, 16), (1025, 16), (12, 3), (12, 17)] {
        let refused = key.gcm_seal(&vec![0; iv], &[], tag_len, &[], &mut out);
        assert!(matches!(refused, Err(Error::InvalidParameter(_))));
        let refused = key.gcm_open(&vec![0; iv], &[], tag_len, &[0; 20], &mut out);
        assert!(matches!(refused, Err(Error::InvalidParameter(_))));
    }
}

#[test]
fn schedules_are_zeroized_when_dropped() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    wiped::<Sm4>();
    wiped::<cbc::Encryptor<Sm4>>();
    wiped::<cbc::Decryptor<Sm4>>();
    wiped::<ctr::Ctr32BE<Sm4>>();
}

proptest! {
    /// The generic GCM of `aes-gcm` shares GHASH with this one, and nothing else.
    #[test]
    fn parts_agree_with_another_gcm(
        key in any::<[u8; KEY_LEN]>(),
        iv in any::<[u8; 12]>(),
        aad in prop::collection::vec(any::<u8>(), 0..40),
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..50), 0..6),
    ) {
        let plain = parts.concat();
        let other = <AesGcm<Sm4, U12, U16> as KeyInit>::new(&key.into());
        let expected = other.encrypt(&iv.into(), Payload { msg: &plain, aad: &aad }).unwrap();
        let key = Key::new(&key).unwrap();
        let mut stream = GcmStream::new(&key, &iv, &aad).unwrap();
        let mut sealed = Vec::new();
        for part in &parts {
            let mut out = vec![0; part.len()];
            stream.update(part, &mut out).unwrap();
            sealed.extend(out);
        }
        sealed.extend(stream.tag().unwrap());
        prop_assert_eq!(&sealed, &expected);
        for tag_len in [4, 8, 12, 13, 14, 15, 16] {
            let cut = &sealed[..plain.len() + tag_len];
            let mut out = vec![0; plain.len()];
            prop_assert_eq!(key.gcm_open(&iv, &aad, tag_len, cut, &mut out), Ok(plain.len()));
            prop_assert_eq!(&out, &plain);
        }
    }
}
