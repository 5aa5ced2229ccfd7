use proptest::prelude::*;

use super::super::KEY_WRAP_PAD_PKCS7;
use super::super::testing::{cut, decryption, encryption, in_parts, key, parts, whole};
use super::*;
use crate::crypto::rand::SystemRng;
use crate::crypto::vectors::records;
use crate::mechanism::{Mechanism, find};

const KEY: [u8; 32] = [0x42; 32];

const IDS: [ck::CK_MECHANISM_TYPE; 4] = [
    ck::CKM_AES_KEY_WRAP,
    ck::CKM_AES_KEY_WRAP_PAD,
    ck::CKM_AES_KEY_WRAP_KWP,
    ck::CKM_AES_KEY_WRAP_PKCS7,
];

fn rows() -> impl Iterator<Item = &'static Mechanism> {
    IDS.iter()
        .map(|id| find(*id).unwrap())
        .chain([&KEY_WRAP_PAD_PKCS7])
}

fn kwp() -> &'static Mechanism {
    find(ck::CKM_AES_KEY_WRAP_KWP).unwrap()
}

fn wrap_by(row: &Mechanism, kek: &[u8], params: &Params, clear: &[u8]) -> Result<Vec<u8>> {
    row.wrap.unwrap()(&key(kek), params, &SystemRng, clear)
}

/// As the token opens a blob: the length first.
fn unwrap_by(row: &Mechanism, kek: &[u8], blob: &[u8]) -> std::result::Result<Vec<u8>, BadBlob> {
    let unwrap = row.unwrap.unwrap();
    (unwrap.length)(&key(kek), &Params::None, blob.len()).map_err(|_| BadBlob)?;
    (unwrap.open)(&key(kek), &Params::None, blob).map(|clear| clear.to_vec())
}

#[test]
fn known_answers_of_rfc5649() {
    for record in records(include_str!("../../../../tests/vectors/aes_kwp.rsp")) {
        let (plain, wrapped) = (&record["plaintext"], &record["ciphertext"]);
        let kek = &record["key"];
        for row in [kwp(), find(ck::CKM_AES_KEY_WRAP_PAD).unwrap()] {
            assert_eq!(&wrap_by(row, kek, &Params::None, plain).unwrap(), wrapped);
            assert_eq!(&unwrap_by(row, kek, wrapped).unwrap(), plain);
            let encryption = encryption(row, kek, &Params::None);
            assert_eq!(&whole(encryption, plain).unwrap(), wrapped);
            let decryption = decryption(row, kek, &Params::None);
            assert_eq!(&whole(decryption, wrapped).unwrap(), plain);
        }
    }
}

#[test]
fn pad_takes_both_of_its_meanings() {
    let rfc5649 = find(ck::CKM_AES_KEY_WRAP_PAD).unwrap();
    let pkcs7 = find(ck::CKM_AES_KEY_WRAP_PKCS7).unwrap();
    for len in [8, 15, 16, 24, 32, 100] {
        let clear = vec![9; len];
        let made = |row| wrap_by(row, &KEY, &Params::None, &clear).unwrap();
        assert_eq!(made(rfc5649), made(kwp()));
        assert_eq!(made(&KEY_WRAP_PAD_PKCS7), made(pkcs7));
        for blob in [made(kwp()), made(pkcs7)] {
            for row in [rfc5649, &KEY_WRAP_PAD_PKCS7] {
                assert_eq!(unwrap_by(row, &KEY, &blob).as_deref(), Ok(&clear[..]));
            }
        }
        assert_eq!(unwrap_by(kwp(), &KEY, &made(pkcs7)), Err(BadBlob));
        assert_eq!(unwrap_by(pkcs7, &KEY, &made(kwp())), Err(BadBlob));
    }
}

#[test]
fn the_initial_value_of_kwp_is_absent_or_the_constant() {
    let aiv = Params::Iv(AIV[..].into());
    let wrapped = whole(encryption(kwp(), &KEY, &aiv), b"a key").unwrap();
    let decryption = decryption(kwp(), &KEY, &Params::None);
    assert_eq!(whole(decryption, &wrapped).unwrap(), b"a key");
    let invalid = ck::CKR_MECHANISM_PARAM_INVALID;
    for (row, wrong) in [
        (kwp(), vec![0xA6; 4]),
        (kwp(), vec![0xA6; 8]),
        (find(ck::CKM_AES_KEY_WRAP).unwrap(), vec![0xA6; 4]),
        (find(ck::CKM_AES_KEY_WRAP_PAD).unwrap(), vec![0xA6; 8]),
    ] {
        let wrong = Params::Iv(wrong.into());
        for begin in [row.encrypt, row.decrypt].into_iter().flatten() {
            assert_eq!(begin(&key(&KEY), &wrong).err().unwrap().rv, invalid);
        }
        let refused = wrap_by(row, &KEY, &wrong, &[9; 16]).unwrap_err();
        assert_eq!(refused.rv, invalid);
        let refused = (row.unwrap.unwrap().length)(&key(&KEY), &wrong, 24);
        assert_eq!(refused.unwrap_err().rv, invalid);
    }
}

#[test]
fn impossible_lengths_are_refused() {
    for row in rows() {
        for len in [0, 8, 15, 17, 23] {
            let judged = (row.unwrap.unwrap().length)(&key(&KEY), &Params::None, len);
            assert_eq!(judged.unwrap_err().rv, ck::CKR_WRAPPED_KEY_LEN_RANGE);
            let run = whole(decryption(row, &KEY, &Params::None), &vec![0; len]);
            assert_eq!(run.unwrap_err().rv, ck::CKR_ENCRYPTED_DATA_LEN_RANGE);
        }
        let empty = whole(encryption(row, &KEY, &Params::None), b"");
        assert_eq!(empty.unwrap_err().rv, ck::CKR_DATA_LEN_RANGE);
    }
}

#[test]
fn a_damaged_blob_does_not_open() {
    for row in rows() {
        let wrapped = whole(encryption(row, &KEY, &Params::None), &[9; 24]).unwrap();
        for bit in 0..wrapped.len() * 8 {
            let mut damaged = wrapped.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(unwrap_by(row, &KEY, &damaged), Err(BadBlob));
            let run = whole(decryption(row, &KEY, &Params::None), &damaged);
            assert_eq!(run.unwrap_err().rv, ck::CKR_ENCRYPTED_DATA_INVALID);
        }
    }
}

#[test]
fn bounds_of_hostile_lengths_do_not_overflow() {
    for row in rows() {
        let encryption = encryption(row, &KEY, &Params::None);
        assert!(encryption.one_shot_bound(usize::MAX) > usize::MAX - 8);
        let decryption = decryption(row, &KEY, &Params::None);
        assert_eq!(decryption.one_shot_bound(usize::MAX), usize::MAX - 8);
        assert_eq!(decryption.one_shot_bound(0), 0);
    }
}

proptest! {
    #[test]
    fn parts_make_the_whole(parts in parts(), pattern in parts(), row in 0..5_usize) {
        let row = rows().nth(row).unwrap();
        let mut plain = [&[1; 16], &parts.concat()[..]].concat();
        if row.id == ck::CKM_AES_KEY_WRAP {
            plain.truncate(plain.len() / 8 * 8);
        }
        let wrapped = whole(encryption(row, &KEY, &Params::None), &plain).unwrap();
        let in_two = in_parts(encryption(row, &KEY, &Params::None), &cut(&plain, &pattern));
        prop_assert_eq!(&in_two.unwrap(), &wrapped);
        let opened = in_parts(decryption(row, &KEY, &Params::None), &cut(&wrapped, &pattern));
        prop_assert_eq!(&opened.unwrap(), &plain);
    }
}
