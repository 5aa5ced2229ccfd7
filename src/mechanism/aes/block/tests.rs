use proptest::prelude::*;

use super::super::testing::{cut, decryption, encryption, in_parts, parts, whole};
use crate::ck;
use crate::crypto::vectors::records;
use crate::mechanism::{Mechanism, Params, find};

const KEY: [u8; 32] = [0x42; 32];

fn ecb() -> (&'static Mechanism, Params) {
    (find(ck::CKM_AES_ECB).unwrap(), Params::None)
}

fn cbc() -> (&'static Mechanism, Params) {
    (
        find(ck::CKM_AES_CBC).unwrap(),
        Params::Iv(vec![3; 16].into()),
    )
}

fn cbc_pad() -> (&'static Mechanism, Params) {
    (
        find(ck::CKM_AES_CBC_PAD).unwrap(),
        Params::Iv(vec![3; 16].into()),
    )
}

fn known_answers(row: &Mechanism, file: &str, params: impl Fn(&[u8]) -> Params) {
    for record in records(file) {
        let iv = record.get("iv").map(Vec::as_slice).unwrap_or_default();
        let encryption = encryption(row, &record["key"], &params(iv));
        assert_eq!(
            whole(encryption, &record["plaintext"]).unwrap(),
            record["ciphertext"]
        );
        let decryption = decryption(row, &record["key"], &params(iv));
        assert_eq!(
            whole(decryption, &record["ciphertext"]).unwrap(),
            record["plaintext"]
        );
    }
}

#[test]
fn ecb_known_answers() {
    let file = include_str!("../../../../tests/vectors/aes_ecb.rsp");
    known_answers(ecb().0, file, |_| Params::None);
}

#[test]
fn cbc_known_answers() {
    let file = include_str!("../../../../tests/vectors/aes_cbc.rsp");
    known_answers(cbc().0, file, |iv| Params::Iv(iv[..].into()));
}

#[test]
fn partial_blocks_are_refused_at_the_end() {
    for (row, params) in [ecb(), cbc()] {
        for len in [1, 15, 17, 31] {
            let input = vec![0; len];
            for run in [
                whole(encryption(row, &KEY, &params), &input),
                in_parts(encryption(row, &KEY, &params), &[&input]),
            ] {
                assert_eq!(run.unwrap_err().rv, ck::CKR_DATA_LEN_RANGE);
            }
            for run in [
                whole(decryption(row, &KEY, &params), &input),
                in_parts(decryption(row, &KEY, &params), &[&input]),
            ] {
                assert_eq!(run.unwrap_err().rv, ck::CKR_ENCRYPTED_DATA_LEN_RANGE);
            }
        }
        assert!(
            whole(encryption(row, &KEY, &params), &[])
                .unwrap()
                .is_empty()
        );
    }
}

#[test]
fn padded_ciphertext_is_never_empty_or_partial() {
    let (row, params) = cbc_pad();
    for len in [0, 1, 15, 17, 33] {
        let input = vec![0; len];
        for run in [
            whole(decryption(row, &KEY, &params), &input),
            in_parts(decryption(row, &KEY, &params), &[&input]),
        ] {
            assert_eq!(
                run.unwrap_err().rv,
                ck::CKR_ENCRYPTED_DATA_LEN_RANGE,
                "{len}"
            );
        }
    }
}

#[test]
fn an_empty_message_pads_to_one_block() {
    let (row, params) = cbc_pad();
    let sealed = whole(encryption(row, &KEY, &params), &[]).unwrap();
    assert_eq!(sealed.len(), 16);
    assert!(
        whole(decryption(row, &KEY, &params), &sealed)
            .unwrap()
            .is_empty()
    );
    assert_eq!(
        in_parts(encryption(row, &KEY, &params), &[] as &[&[u8]]).unwrap(),
        sealed
    );
}

#[test]
fn wrong_padding_leaves_nothing_in_the_buffer() {
    let (row, params) = cbc_pad();
    let mut sealed = whole(encryption(row, &KEY, &params), &[7; 40]).unwrap();
    *sealed.last_mut().unwrap() ^= 1;
    let mut operation = decryption(row, &KEY, &params);
    let mut out = [0xEE; 47];
    let refused = operation.one_shot(&sealed, &mut out).unwrap_err();
    assert_eq!(refused.rv, ck::CKR_ENCRYPTED_DATA_INVALID);
    assert!(out[..32].iter().all(|&byte| byte == 0));
}

#[test]
fn bounds_of_hostile_lengths_do_not_overflow() {
    for (row, params) in [ecb(), cbc(), cbc_pad()] {
        for operation in [
            encryption(row, &KEY, &params),
            decryption(row, &KEY, &params),
        ] {
            for input in [usize::MAX, usize::MAX - 1, usize::MAX - 16] {
                assert!(operation.update_bound(input) > usize::MAX - 48);
                assert!(operation.one_shot_bound(input) > usize::MAX - 48);
            }
        }
    }
}

proptest! {
    #[test]
    fn parts_make_the_whole(parts in parts(), pattern in parts(), mode in 0..3_usize) {
        let (row, params) = [ecb, cbc, cbc_pad][mode]();
        let mut parts = parts;
        let partial = parts.concat().len() % 16;
        if row.id != ck::CKM_AES_CBC_PAD && partial != 0 {
            parts.push(vec![0; 16 - partial]);
        }
        let plain = parts.concat();
        let sealed = whole(encryption(row, &KEY, &params), &plain).unwrap();
        prop_assert_eq!(&in_parts(encryption(row, &KEY, &params), &parts).unwrap(), &sealed);
        let opened = in_parts(decryption(row, &KEY, &params), &cut(&sealed, &pattern)).unwrap();
        prop_assert_eq!(&opened, &plain);
        prop_assert_eq!(&whole(decryption(row, &KEY, &params), &sealed).unwrap(), &plain);
    }
}
