//! The algorithms under the calls, without PKCS#11.

use std::hint::black_box;

use tenon_pkcs11::api::crypto::aes::{Cbc, Direction, Key};
use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::crypto::hash::{Hash, Hmac};
use tenon_pkcs11::api::crypto::{rand, rsa};

use super::client;
use super::measure::Work;

/// A call that is never refused.
fn work<T>(mut work: impl FnMut() -> T + 'static) -> Work {
    Box::new(move || {
        black_box(work());
        Ok(())
    })
}

pub(super) fn random() -> Work {
    let mut out = [0; 32];
    work(move || rand::fill(&mut out))
}

pub(super) fn digest(len: usize) -> Work {
    let data = vec![7; len];
    work(move || Hash::Sha256.digest(&[&data]))
}

pub(super) fn hmac() -> Work {
    let keyed = Hmac::new(Hash::Sha256, &[1; 32]);
    let mut out = [0; 32];
    work(move || {
        let mut mac = keyed.clone();
        mac.update(&[7; 64]);
        mac.finish_into(&mut out)
    })
}

pub(super) fn cbc(len: usize) -> Work {
    let key = Key::new(&[1; 32]).unwrap();
    let (data, mut out) = (vec![7; len], vec![0; len]);
    work(move || {
        let mut cbc = Cbc::new(&key, Direction::Encrypt, [2; 16]);
        cbc.update(&data, &mut out).unwrap();
    })
}

pub(super) fn gcm(len: usize) -> Work {
    let key = Key::new(&[1; 32]).unwrap();
    let (data, mut out) = (vec![7; len], vec![0; len + 16]);
    work(move || key.gcm_seal(&[2; 12], &[], 16, &data, &mut out).unwrap())
}

pub(super) fn rsa_sign(bits: u32) -> Work {
    let key = rsa::PrivateKey::new(&rsa::generate(bits.into(), &[1, 0, 1]).unwrap()).unwrap();
    let mut out = [0; 512];
    work(move || {
        let digest = Hash::Sha256.digest(&[&[7; 64]]);
        key.sign_pkcs1(Some(Hash::Sha256), &digest, &mut out)
            .unwrap()
    })
}

pub(super) fn ec_sign(curve: &[u8], len: usize) -> Work {
    let curve = Curve::from_params(curve).unwrap();
    let key = ec::PrivateKey::new(&ec::generate(curve).unwrap()).unwrap();
    let (digest, mut out) = (vec![7; len], [0; 256]);
    work(move || key.sign(&digest, &mut out).unwrap())
}

pub(super) fn ec_pairs() -> Work {
    let p256 = Curve::from_params(client::P256).unwrap();
    work(move || ec::generate(p256).unwrap())
}
