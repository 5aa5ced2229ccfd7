//! Mechanisms that are off by default: what they compute once `slots.mechanisms` names them.

use cryptoki_sys::*;

use super::hsm::{CKK_GENERIC_SECRET_BYTES, len, open, pointer, test};
use crate::client::{Mechanism, Way};
use crate::vectors::records;

const MD5: &str = include_str!("../vectors/md5.rsp");
const MD5_HMAC: &str = include_str!("../vectors/md5_hmac.rsp");
const CAMELLIA_ECB: &str = include_str!("../vectors/camellia_ecb.rsp");
const CAMELLIA_CBC: &str = include_str!("../vectors/camellia_cbc.rsp");

test! {
    fn they_are_not_there_by_default(hsm) {
        for kind in [
            CKM_MD5, CKM_MD5_HMAC, CKM_MD5_RSA_PKCS, CKM_MD5_KEY_DERIVATION,
            CKM_CAMELLIA_KEY_GEN, CKM_CAMELLIA_CBC,
        ] {
            assert_eq!(hsm.client.info(kind).err(), Some(CKR_MECHANISM_INVALID));
        }
        let digested = hsm.client.digest(CKM_MD5, b"", &mut [0; 16]);
        assert_eq!(digested, Err(CKR_MECHANISM_INVALID));
    }
}

test! {
    run_offering_all:
    fn md5_known_answers(hsm) {
        for record in records(MD5) {
            let mut out = [0; 16];
            hsm.client.digest(CKM_MD5, &record["message"], &mut out).unwrap();
            assert_eq!(out[..], record["digest"]);
            if record["message"].is_empty() {
                continue;
            }
            let derived = hsm.client.derive(
                Mechanism::Plain(CKM_MD5_KEY_DERIVATION),
                hsm.generic(&record["message"]),
                &open(CKK_GENERIC_SECRET_BYTES),
            );
            assert_eq!(hsm.value(derived.unwrap()), record["digest"]);
        }
    }

    fn camellia_known_answers(hsm) {
        let kind = CKK_CAMELLIA.to_ne_bytes();
        for (vectors, mode) in [(CAMELLIA_ECB, CKM_CAMELLIA_ECB), (CAMELLIA_CBC, CKM_CAMELLIA_CBC)] {
            for record in records(vectors) {
                let mut template = open(&kind);
                template.extend([
                    (CKA_VALUE, &record["key"][..]),
                    (CKA_ENCRYPT, &[CK_TRUE]),
                    (CKA_DECRYPT, &[CK_TRUE]),
                ]);
                let key = hsm.client.create(&template).unwrap();
                let mechanism = match record.get("iv") {
                    Some(iv) => Mechanism::Bytes(mode, iv),
                    None => Mechanism::Plain(mode),
                };
                let (plain, sealed) = (&record["plaintext"], &record["ciphertext"]);
                for way in [Way::Whole, Way::Parts(7)] {
                    let mut out = vec![0; plain.len() + 16];
                    let made = hsm.client.encrypt(mechanism, key, way, plain, &mut out);
                    assert_eq!((made, &out[..plain.len()]), (Ok(plain.len()), &sealed[..]));
                    let made = hsm.client.decrypt(mechanism, key, way, sealed, &mut out);
                    assert_eq!((made, &out[..plain.len()]), (Ok(plain.len()), &plain[..]));
                }
            }
        }
    }

    fn keys_and_vectors_of_pkcs12_passwords(hsm) {
        for record in records(include_str!("../vectors/pkcs12_kdf.rsp")) {
            let (password, salt) = (&record["password"], &record["salt"]);
            let iterations = record["iterations"].iter().fold(0, |sum, byte| sum << 8 | CK_ULONG::from(*byte));
            let odd = |mut key: Vec<u8>| {
                for byte in &mut key {
                    *byte = *byte & 0xFE | u8::from((*byte >> 1).count_ones() % 2 == 0);
                }
                key
            };
            let key = odd(record["key"].clone());
            for (kind, wanted, has_iv) in [
                (CKM_PBE_SHA1_DES3_EDE_CBC, &key[..24], true),
                (CKM_PBE_SHA1_DES2_EDE_CBC, &key[..16], true),
                (CKM_PBA_SHA1_WITH_SHA1_HMAC, &record["mac_key"][..], false),
            ] {
                let mut iv = [0xC5; 8];
                let params = CK_PBE_PARAMS {
                    pInitVector: iv.as_mut_ptr(),
                    pPassword: pointer(password),
                    ulPasswordLen: len(password),
                    pSalt: pointer(salt),
                    ulSaltLen: len(salt),
                    ulIteration: iterations,
                };
                let mechanism = Mechanism::Bytes(kind, Mechanism::structure(&params));
                let template = [(CKA_SENSITIVE, &[CK_FALSE][..]), (CKA_EXTRACTABLE, &[CK_TRUE])];
                let key = hsm.client.generate(mechanism, &template).unwrap();
                assert_eq!(hsm.value(key), wanted);
                let untouched: &[u8] = &[0xC5; 8];
                assert_eq!(&iv[..], if has_iv { &record["iv"][..] } else { untouched });
                let mut local = [1];
                hsm.client.attributes(key, &mut [(CKA_LOCAL, &mut local)]).unwrap();
                assert_eq!(local, [CK_FALSE]);
            }
        }
    }

    fn hmac_md5_known_answers(hsm) {
        for record in records(MD5_HMAC) {
            let (message, mac) = (&record["message"], &record["mac"]);
            let key = hsm.generic(&record["key"]);
            let general = Mechanism::Number(CKM_MD5_HMAC_GENERAL, 10);
            for way in [Way::Whole, Way::Parts(7)] {
                for (mechanism, len) in [(Mechanism::Plain(CKM_MD5_HMAC), 16), (general, 10)] {
                    let mut out = [0; 16];
                    let made = hsm.client.sign(mechanism, key, way, message, &mut out);
                    assert_eq!((made, &out[..len]), (Ok(len), &mac[..len]));
                    hsm.client.verify(mechanism, key, way, message, &out[..len]).unwrap();
                    out[0] ^= 1;
                    let refused = hsm.client.verify(mechanism, key, way, message, &out[..len]);
                    assert_eq!(refused, Err(CKR_SIGNATURE_INVALID));
                }
            }
        }
    }
}
