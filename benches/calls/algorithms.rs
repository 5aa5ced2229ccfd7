//! The algorithms under the calls, without PKCS#11.

use tenon_pkcs11::api::crypto::aes::{Cbc, Direction, Key};
use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::crypto::hash::{Hash, Hmac};
use tenon_pkcs11::api::crypto::{rand, rsa};

use super::{Meter, client};

pub(super) fn run(meter: &mut Meter) {
    let mut out = vec![0; (1 << 20) + 16];
    meter.case("random, 32 bytes", || rand::fill(&mut out[..32]));
    meter.case("SHA-256, 64 bytes", || Hash::Sha256.digest(&[&[7; 64]]));
    meter.case("HMAC-SHA256, 64 bytes", || {
        let mut mac = Hmac::new(Hash::Sha256, &[1; 32]);
        mac.update(&[7; 64]);
        mac.finish_into(&mut out)
    });
    let aes = Key::new(&[1; 32]).unwrap();
    for (name, len) in [
        ("AES-256-GCM, 64 bytes", 64),
        ("AES-256-GCM, 16 KiB", 16 << 10),
        ("AES-256-GCM, 1 MiB", 1 << 20),
    ] {
        let data = vec![7; len];
        meter.case(name, || {
            aes.gcm_seal(&[2; 12], &[], 16, &data, &mut out).unwrap()
        });
    }
    for (name, len) in [
        ("AES-256-CBC, 16 bytes", 16),
        ("AES-256-CBC, 16 KiB", 16 << 10),
    ] {
        let data = vec![7; len];
        meter.case(name, || {
            let mut cbc = Cbc::new(&aes, Direction::Encrypt, [2; 16]);
            cbc.update(&data, &mut out[..len]).unwrap();
        });
    }
    let key = rsa::PrivateKey::new(&rsa::generate(2048, &[1, 0, 1]).unwrap()).unwrap();
    meter.case("RSA-2048 sign, SHA-256", || {
        let digest = Hash::Sha256.digest(&[&[7; 64]]);
        key.sign_pkcs1(Some(Hash::Sha256), &digest, &mut out)
            .unwrap()
    });
    for (name, curve, len) in [
        ("ECDSA P-256 sign", client::P256, 32),
        ("ECDSA P-384 sign", client::P384, 48),
        ("ECDSA secp256k1 sign", client::SECP256K1, 32),
    ] {
        let curve = Curve::from_params(curve).unwrap();
        let key = ec::PrivateKey::new(&ec::generate(curve).unwrap()).unwrap();
        meter.case(name, || key.sign(&[7; 48][..len], &mut out).unwrap());
    }
    let p256 = Curve::from_params(client::P256).unwrap();
    meter.case("P-256 key pair, session", || ec::generate(p256).unwrap());
}
