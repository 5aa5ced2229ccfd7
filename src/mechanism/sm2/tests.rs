use super::*;
use crate::crypto::ec::EcMaterial;
use crate::crypto::ec::sm2::cipher_len;
use crate::crypto::rand::SystemRng;
use crate::crypto::vectors::{bytes, list, load};

fn pair(material: &EcMaterial) -> (Arc<Key>, Arc<Key>) {
    let public = ec::PublicKey::new(material.curve, &material.point).unwrap();
    let private = ec::PrivateKey::new(material).unwrap();
    (Arc::new(Key::new(private)), Arc::new(Key::new(public)))
}

/// The pair for the blobs of `sm2.json`.
fn wrapping_pair() -> (Arc<Key>, Arc<Key>) {
    let der = bytes(&load("ec/sm2.json")["sm4_ecb"], "pkcs8");
    pair(Material::from_pkcs8(&der).unwrap().of().unwrap())
}

fn rv<T>(result: Result<T>) -> ck::CK_RV {
    result.err().map_or(ck::CKR_OK, |error| error.rv)
}

/// Opens as C_UnwrapKey does.
fn unwrap(of: &Unwrap, key: &Key, blob: &[u8]) -> std::result::Result<Secret, ck::CK_RV> {
    (of.length)(key, &Params::None, blob.len()).map_err(|error| error.rv)?;
    (of.open)(key, &Params::None, blob).map_err(|BadBlob| ck::CKR_WRAPPED_KEY_INVALID)
}

#[test]
fn blobs_of_another_implementation_open() {
    let (private, public) = wrapping_pair();
    for case in list(&load("ec/sm2.json")["sm4_ecb"], "blobs") {
        let (clear, blob) = (bytes(case, "clear"), bytes(case, "blob"));
        assert_eq!(
            &*unwrap(&sm4_wrap::UNWRAP, &private, &blob).unwrap(),
            &clear[..]
        );
        let made = sm4_wrap::wrap(&public, &Params::None, &SystemRng, &clear).unwrap();
        assert_eq!(made.len(), 97 + 16 + clear.len());
        assert_eq!(
            &*unwrap(&sm4_wrap::UNWRAP, &private, &made).unwrap(),
            &clear[..]
        );
    }
}

#[test]
fn every_wrong_blob_is_the_same() {
    let (private, public) = wrapping_pair();
    let der = bytes(&list(&load("ec/sm2.json")["sm4_ecb"], "blobs")[0], "blob");
    let raw = sm4_wrap::wrap(&public, &Params::None, &SystemRng, &[7; 32]).unwrap();
    for blob in [raw, der] {
        let head = cipher_len(&blob, 16).unwrap();
        for place in 0..head {
            let mut damaged = blob.clone();
            damaged[place] ^= 1;
            let refused = unwrap(&sm4_wrap::UNWRAP, &private, &damaged).unwrap_err();
            assert_eq!(refused, ck::CKR_WRAPPED_KEY_INVALID, "{place}");
        }
        let more = [&blob[..], &[0; 33]].concat();
        for len in 0..=more.len() {
            let outcome = unwrap(&sm4_wrap::UNWRAP, &private, &more[..len]);
            // Nothing protects the tail: cut or longer by blocks, it opens too.
            let whole = len > head && (len - head).is_multiple_of(16);
            let expected = match len {
                0..76 => Some(ck::CKR_WRAPPED_KEY_LEN_RANGE),
                _ if whole => None,
                _ => Some(ck::CKR_WRAPPED_KEY_INVALID),
            };
            assert_eq!(outcome.err(), expected, "{len}");
        }
    }
    // An inner key of another length.
    let head = self::public(&public).unwrap().encrypt(&[7; 32]).unwrap();
    let blob = [&head[..], &[0; 32]].concat();
    let refused = unwrap(&sm4_wrap::UNWRAP, &private, &blob).unwrap_err();
    assert_eq!(refused, ck::CKR_WRAPPED_KEY_INVALID);
}

#[test]
fn encryption_alone_proves_every_byte() {
    let (private, public) = wrapping_pair();
    let der = bytes(&load("ec/sm2.json")["openssl"][2]["ciphertexts"][1], "der");
    let raw = encryption::wrap(&public, &Params::None, &SystemRng, &[7; 32]).unwrap();
    for blob in [raw, der] {
        let more = [&blob[..], &[0; 33]].concat();
        for len in 0..=more.len() {
            let outcome = unwrap(&encryption::UNWRAP, &private, &more[..len]);
            let expected = match len {
                0..45 => Some(ck::CKR_WRAPPED_KEY_LEN_RANGE),
                len if len == blob.len() => None,
                _ => Some(ck::CKR_WRAPPED_KEY_INVALID),
            };
            assert_eq!(outcome.err(), expected, "{len}");
        }
        for place in 0..blob.len() {
            let mut damaged = blob.clone();
            damaged[place] ^= 1;
            let refused = unwrap(&encryption::UNWRAP, &private, &damaged).unwrap_err();
            assert_eq!(refused, ck::CKR_WRAPPED_KEY_INVALID, "{place}");
        }
    }
}

#[test]
fn keys_of_other_curves_and_lengths_are_refused() {
    let (private, public) = pair(&ec::generate(Curve::P256).unwrap());
    let wrong = ck::CKR_KEY_TYPE_INCONSISTENT;
    for row in ROWS {
        let none = &Params::None;
        let outcomes = [
            row.encrypt.map(|begin| rv(begin(&public, none))),
            row.verify.map(|begin| rv(begin(&public, none))),
            row.decrypt.map(|begin| rv(begin(&private, none))),
            row.sign.map(|begin| rv(begin(&private, none))),
            row.wrap
                .map(|wrap| rv(wrap(&public, none, &SystemRng, &[7; 16]))),
            row.unwrap.map(|of| rv((of.length)(&private, none, 200))),
        ];
        assert!(outcomes.into_iter().flatten().all(|rv| rv == wrong));
        assert!(row.takes(private.bits()));
    }
    let (_, public) = wrapping_pair();
    for len in [0, 8, 15, 24, 33] {
        let refused = sm4_wrap::wrap(&public, &Params::None, &SystemRng, &vec![7; len]);
        assert_eq!(rv(refused), ck::CKR_KEY_SIZE_RANGE, "{len}");
    }
}
