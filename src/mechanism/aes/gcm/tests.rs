use proptest::prelude::*;

use super::super::testing::{cut, decryption, encryption, in_parts, key, parts, whole};
use crate::ck;
use crate::crypto::vectors::records;
use crate::mechanism::{Mechanism, Params, find};

const KEY: [u8; 32] = [0x42; 32];

fn row() -> &'static Mechanism {
    find(ck::CKM_AES_GCM).unwrap()
}

fn params(iv: &[u8], aad: &[u8], tag_len: usize) -> Params {
    Params::Gcm {
        iv: iv.into(),
        aad: aad.to_vec(),
        tag_len,
    }
}

#[test]
fn known_answers() {
    for record in records(include_str!("../../../../tests/vectors/aes_gcm.rsp")) {
        let params = params(&record["iv"], &record["aad"], record["tag"].len());
        let sealed = [&record["ciphertext"][..], &record["tag"]].concat();
        let encrypt = || encryption(row(), &record["key"], &params);
        let decrypt = || decryption(row(), &record["key"], &params);
        assert_eq!(whole(encrypt(), &record["plaintext"]).unwrap(), sealed);
        assert_eq!(
            in_parts(encrypt(), &[&record["plaintext"]]).unwrap(),
            sealed
        );
        assert_eq!(whole(decrypt(), &sealed).unwrap(), record["plaintext"]);
        assert_eq!(
            in_parts(decrypt(), &[&sealed]).unwrap(),
            record["plaintext"]
        );
    }
}

#[test]
fn lengths_outside_the_mode_are_refused() {
    for (iv, tag_len) in [
        (0, 16),
        (1025, 16),
        (12, 0),
        (12, 1),
        (12, 5),
        (12, 11),
        (12, 17),
    ] {
        for begin in [row().encrypt, row().decrypt] {
            let refused = begin.unwrap()(&key(&KEY), &params(&vec![1; iv], b"", tag_len));
            assert_eq!(refused.err().unwrap().rv, ck::CKR_MECHANISM_PARAM_INVALID);
        }
    }
    for iv in [1, 12, 1024] {
        let params = params(&vec![1; iv], b"", 16);
        let sealed = whole(encryption(row(), &KEY, &params), b"text").unwrap();
        assert_eq!(
            in_parts(encryption(row(), &KEY, &params), &[b"text"]).unwrap(),
            sealed
        );
        assert_eq!(
            whole(decryption(row(), &KEY, &params), &sealed).unwrap(),
            b"text"
        );
    }
}

#[test]
fn a_ciphertext_shorter_than_its_tag_is_refused() {
    let params = params(&[1; 12], b"", 16);
    for len in [0, 1, 15] {
        let input = vec![0; len];
        for run in [
            whole(decryption(row(), &KEY, &params), &input),
            in_parts(decryption(row(), &KEY, &params), &[&input]),
        ] {
            assert_eq!(run.unwrap_err().rv, ck::CKR_ENCRYPTED_DATA_LEN_RANGE);
        }
    }
}

#[test]
fn nothing_comes_out_before_the_tag_is_verified() {
    let params = params(&[1; 12], b"aad", 16);
    let mut sealed = whole(encryption(row(), &KEY, &params), &[7; 100]).unwrap();
    sealed[50] ^= 1;

    let mut parts = decryption(row(), &KEY, &params);
    assert_eq!(parts.update_bound(sealed.len()), 0);
    assert_eq!(parts.update(&sealed, &mut []).unwrap(), 0);

    for mut operation in [parts, decryption(row(), &KEY, &params)] {
        let mut out = [0xEE; 110];
        let run = match operation.finish_bound() {
            0 => operation.one_shot(&sealed, &mut out),
            _ => operation.finish(&mut out),
        };
        assert_eq!(run.unwrap_err().rv, ck::CKR_ENCRYPTED_DATA_INVALID);
        assert_eq!(out[..100], [0; 100], "wiped");
        assert_eq!(out[100..], [0xEE; 10], "untouched beyond the plaintext");
    }
}

#[test]
fn bounds_of_hostile_lengths_do_not_overflow() {
    let params = params(&[1; 12], b"", 16);
    let encrypt = encryption(row(), &KEY, &params);
    assert_eq!(encrypt.one_shot_bound(usize::MAX), usize::MAX);
    let decrypt = decryption(row(), &KEY, &params);
    assert_eq!(decrypt.one_shot_bound(usize::MAX), usize::MAX - 16);
    assert_eq!(decrypt.one_shot_bound(0), 0);
}

proptest! {
    #[test]
    fn parts_make_the_whole(
        parts in parts(),
        pattern in parts(),
        iv in prop::collection::vec(any::<u8>(), 1..40),
        aad in prop::collection::vec(any::<u8>(), 0..40),
        tag_len in prop::sample::select(vec![4, 8, 12, 13, 14, 15, 16_usize]),
    ) {
        let params = params(&iv, &aad, tag_len);
        let plain = parts.concat();
        let sealed = whole(encryption(row(), &KEY, &params), &plain).unwrap();
        prop_assert_eq!(sealed.len(), plain.len() + tag_len);
        prop_assert_eq!(&in_parts(encryption(row(), &KEY, &params), &parts).unwrap(), &sealed);
        let opened = in_parts(decryption(row(), &KEY, &params), &cut(&sealed, &pattern)).unwrap();
        prop_assert_eq!(&opened, &plain);
        prop_assert_eq!(&whole(decryption(row(), &KEY, &params), &sealed).unwrap(), &plain);
    }
}
