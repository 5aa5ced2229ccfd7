use ::aes::cipher::{Array, BlockCipherDecrypt, BlockCipherEncrypt, KeyInit};
use aes_gcm::aead::{Aead, Payload};
use proptest::prelude::*;

use super::*;
use crate::crypto::Error;
use crate::crypto::vectors::hex;

fn key_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec![16, 24, 32_usize])
        .prop_flat_map(|len| prop::collection::vec(any::<u8>(), len))
}

fn blocks() -> impl Strategy<Value = Vec<u8>> {
    // From no block to beyond `ECB_SHORT`.
    (0..40_usize).prop_flat_map(|blocks| prop::collection::vec(any::<u8>(), blocks * BLOCK))
}

/// One block by the other implementation.
fn reference(key: &[u8], direction: Direction, block: &[u8]) -> [u8; BLOCK] {
    let mut block = Array::try_from(block).unwrap();
    macro_rules! run {
        ($cipher:ty) => {{
            let cipher = <$cipher>::new_from_slice(key).unwrap();
            match direction {
                Direction::Encrypt => cipher.encrypt_block(&mut block),
                Direction::Decrypt => cipher.decrypt_block(&mut block),
            }
        }};
    }
    match key.len() {
        16 => run!(::aes::Aes128),
        24 => run!(::aes::Aes192),
        _ => run!(::aes::Aes256),
    }
    block.into()
}

fn xor(one: &[u8], other: &[u8]) -> Vec<u8> {
    one.iter().zip(other).map(|(a, b)| a ^ b).collect()
}

#[test]
fn takes_three_key_lengths() {
    for len in [0, 8, 15, 17, 31, 33, 64] {
        assert_eq!(Key::new(&vec![0; len]).err(), Some(Error::KeySize));
    }
    for len in [16, 24, 32] {
        assert_eq!(Key::new(&vec![1; len]).unwrap().bytes(), vec![1; len]);
    }
}

/// FIPS 197 appendix C.
#[test]
fn fips_197() {
    let bytes: Vec<u8> = (0..32).collect();
    let plain = hex("00112233445566778899aabbccddeeff");
    for (len, expected) in [
        (16, "69c4e0d86a7b0430d8cdb78070b4c55a"),
        (24, "dda97ca4864cdfe06eaf70a0ec0d7191"),
        (32, "8ea2b7ca516745bfeafc49904b496089"),
    ] {
        let mut out = [0; BLOCK];
        Key::new(&bytes[..len])
            .unwrap()
            .ecb(Direction::Encrypt, &plain, &mut out)
            .unwrap();
        assert_eq!(out[..], hex(expected));
    }
}

#[test]
fn debug_shows_the_length_alone() {
    assert_eq!(
        format!("{:?}", Key::new(&[0x5A; 16]).unwrap()),
        "aes::Key(16 bytes)"
    );
}

#[test]
fn block_modes_refuse_partial_blocks_and_short_buffers() {
    let key = Key::new(&[0; 16]).unwrap();
    let mut cbc = Cbc::new(&key, Direction::Encrypt, [0; BLOCK]);
    let mut out = [0; 32];
    for (input, room) in [(15, 32), (17, 32), (32, 31), (16, 0)] {
        let (input, out) = (vec![0; input], &mut out[..room]);
        assert_eq!(
            key.ecb(Direction::Encrypt, &input, out),
            Err(Error::InputLength)
        );
        assert_eq!(cbc.update(&input, out), Err(Error::InputLength));
    }
}

#[test]
fn gcm_refuses_short_buffers() {
    let key = Key::new(&[0; 16]).unwrap();
    let seal = key.gcm_seal(&[0; 12], b"", 16, &[0; 8], &mut [0; 23]);
    assert_eq!(seal, Err(Error::InputLength));
    let open = key.gcm_open(&[0; 12], b"", 16, &[0; 24], &mut [0; 7]);
    assert_eq!(open, Err(Error::CiphertextLength));
    let mut stream = GcmStream::new(&key, &[0; 12], b"").unwrap();
    assert_eq!(stream.update(&[0; 8], &mut [0; 7]), Err(Error::InputLength));
}

#[test]
fn a_stream_ends_where_the_counter_does() {
    let key = Key::new(&[0; 16]).unwrap();
    let mut stream = GcmStream::new(&key, &[0; 12], b"").unwrap();
    stream.left = 4;
    assert_eq!(stream.update(&[0; 4], &mut [0; 4]), Ok(()));
    assert_eq!(stream.update(&[0], &mut [0]), Err(Error::InputLength));
}

#[test]
fn one_key_serves_many_threads() {
    let key = Key::new(&[7; 32]).unwrap();
    let seal = |key: &Key| {
        let mut out = [0; 4096 + TAG];
        key.gcm_seal(&[1; 12], b"aad", TAG, &[5; 4096], &mut out)
            .unwrap();
        out
    };
    let expected = seal(&key);
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| (0..200).for_each(|_| assert_eq!(seal(&key), expected)));
        }
    });
}

proptest! {
    #[test]
    fn ecb_agrees_with_another_implementation(key in key_bytes(), input in blocks()) {
        for direction in [Direction::Encrypt, Direction::Decrypt] {
            let mut out = vec![0; input.len()];
            Key::new(&key).unwrap().ecb(direction, &input, &mut out).unwrap();
            let expected: Vec<u8> =
                input.chunks(BLOCK).flat_map(|block| reference(&key, direction, block)).collect();
            prop_assert_eq!(out, expected);
        }
    }

    #[test]
    fn cbc_agrees_with_another_implementation(
        key in key_bytes(),
        iv in any::<[u8; BLOCK]>(),
        input in blocks(),
    ) {
        let ready = Key::new(&key).unwrap();
        let mut out = vec![0; input.len()];
        Cbc::new(&ready, Direction::Encrypt, iv).update(&input, &mut out).unwrap();
        let mut chain = iv;
        let mut expected = Vec::new();
        for block in input.chunks(BLOCK) {
            chain = reference(&key, Direction::Encrypt, &xor(block, &chain));
            expected.extend_from_slice(&chain);
        }
        prop_assert_eq!(&out, &expected);

        let mut back = vec![0; input.len()];
        Cbc::new(&ready, Direction::Decrypt, iv).update(&out, &mut back).unwrap();
        prop_assert_eq!(back, input);
    }

    #[test]
    fn gcm_agrees_with_another_implementation(
        key in any::<[u8; 32]>(),
        iv in any::<[u8; 12]>(),
        aad in prop::collection::vec(any::<u8>(), 0..80),
        plain in prop::collection::vec(any::<u8>(), 0..600),
    ) {
        let ready = Key::new(&key).unwrap();
        let mut out = vec![0; plain.len() + TAG];
        ready.gcm_seal(&iv, &aad, TAG, &plain, &mut out).unwrap();
        let other = aes_gcm::Aes256Gcm::new_from_slice(&key).unwrap();
        let payload = Payload { msg: &plain, aad: &aad };
        prop_assert_eq!(&other.encrypt(&iv.into(), payload).unwrap(), &out);

        let mut back = vec![0; plain.len()];
        ready.gcm_open(&iv, &aad, TAG, &out, &mut back).unwrap();
        prop_assert_eq!(back, plain);
    }
}
