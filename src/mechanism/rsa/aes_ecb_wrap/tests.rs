use super::super::tests::{Counting, named, oaep as with, rv, wrapping_pair};
use super::*;
use crate::crypto::vectors::{bytes, list, load};

#[test]
fn opens_blobs_of_another_implementation() {
    let (private, public) = wrapping_pair();
    for case in list(&load("rsa/aes_ecb_pkcs7.json"), "blobs") {
        let oaep = named(case);
        let usual = [oaep.hash, oaep.mgf] == [Hash::Sha256; 2];
        let params = Params::Oaep(oaep);
        let (clear, blob) = (bytes(case, "clear"), bytes(case, "blob"));
        let open = |params: &Params, blob: &[u8]| {
            (UNWRAP.length)(&private, params, blob.len()).unwrap();
            (UNWRAP.open)(&private, params, blob)
        };
        assert_eq!(&*open(&params, &blob).unwrap(), &clear[..]);
        assert_eq!(open(&Params::None, &blob).is_ok(), usual);
        // The first half is wrong, the padding, both.
        let last = blob.len() - 1;
        for places in [&[3][..], &[last], &[3, last]] {
            let mut damaged = blob.clone();
            for place in places {
                damaged[*place] ^= 1;
            }
            let opened = open(&params, &damaged);
            // One in 256 blocks is padded rightly by chance, none of these.
            assert_eq!(opened.unwrap_err(), BadBlob);
        }
        let rng = Counting(0.into());
        let wrapped = wrap(&public, &params, &rng, &clear).unwrap();
        assert_eq!(wrapped.len(), blob.len());
        assert_eq!(&*open(&params, &wrapped).unwrap(), &clear[..]);
    }
    let other = Params::Iv(vec![0; 16].into());
    let refused = (UNWRAP.length)(&private, &other, 272);
    assert_eq!(rv(refused), ck::CKR_MECHANISM_PARAM_INVALID);
}

/// A key for AES-128 inside is as wrong as none.
#[test]
fn takes_inner_keys_of_32_bytes_alone() {
    let (private, public) = wrapping_pair();
    let key = public.of().unwrap();
    for len in [0, 16, 24, 31, 32, 33, 64] {
        let inner = vec![7; len];
        let mut blob = vec![0; 256];
        oaep::seal(key, &with(Hash::Sha256), &inner, &mut blob).unwrap();
        // A block of padding, as AES-256 makes it of the usual key.
        let aes = aes::Key::new(&[7; 32]).unwrap();
        let mut tail = [0; 32];
        let plain = padding::padded(&[5; 16]);
        aes.ecb(Direction::Encrypt, &plain, &mut tail).unwrap();
        blob.extend(tail);
        let opened = (UNWRAP.open)(&private, &Params::None, &blob);
        assert_eq!(opened.is_ok(), len == 32, "{len}");
    }
}

#[test]
fn blobs_of_every_length() {
    let (private, public) = wrapping_pair();
    let blob = wrap(&public, &Params::None, &Counting(0.into()), &[0xA5; 40]).unwrap();
    let more = [&blob[..], &[0; 33]].concat();
    for len in 0..=more.len() {
        let fits = len >= 256 + 16 && len % 16 == 0;
        let expected = if fits {
            ck::CKR_OK
        } else {
            ck::CKR_WRAPPED_KEY_LEN_RANGE
        };
        let judged = (UNWRAP.length)(&private, &Params::None, len);
        assert_eq!(rv(judged), expected, "{len}");
        let opened = (UNWRAP.open)(&private, &Params::None, &more[..len]);
        assert_eq!(opened.is_ok(), len == blob.len(), "{len}");
    }
}
