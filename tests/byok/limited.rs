//! RSA keys that their PKCS #8 keeps for RSASSA-PSS or RSAES-OAEP (RFC 4055).

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype::Material;

use super::outside::{Import, private_template, rsa_aes, rsa_aes_blob};
use crate::common::{attrs, returns, rsa_material, with};

/// AlgorithmIdentifier of rsaEncryption.
const RSA: &[u8] = b"\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x01\x05\x00";
const PSS: &[u8] = b"\x30\x0B\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0A";
const OAEP: &[u8] = b"\x30\x0B\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x07";
/// With the default parameters, which are written as an empty SEQUENCE.
const PSS_SHA1: &[u8] = b"\x30\x0D\x06\x09\x2A\x86\x48\x86\xF7\x0D\x01\x01\x0A\x30\x00";

/// PKCS #8 of one key, with another algorithm.
fn pkcs8(algorithm: &[u8]) -> Vec<u8> {
    let der = Material::pair(rsa_material().clone()).to_pkcs8().unwrap();
    let place = 7..7 + RSA.len();
    assert_eq!(&der[place.clone()], RSA);
    let mut der = der.to_vec();
    der.splice(place, algorithm.iter().copied());
    let len = u16::try_from(der.len() - 4).unwrap();
    der[2..4].copy_from_slice(&len.to_be_bytes());
    der
}

#[test]
fn a_key_for_one_scheme_comes_where_it_stays_with_it() {
    const ONLY_PSS: [u64; 2] = [ck::CKM_RSA_PKCS_PSS, ck::CKM_SHA256_RSA_PKCS_PSS];
    const ONLY_OAEP: [u64; 2] = [ck::CKM_RSA_PKCS_OAEP, ck::CKM_RSA_AES_KEY_WRAP];
    const MORE: [u64; 2] = [ck::CKM_SHA256_RSA_PKCS_PSS, ck::CKM_SHA256_RSA_PKCS];
    for (algorithm, allowed, comes) in [
        (RSA, Some(ONLY_PSS), true),
        (RSA, None, true),
        (PSS, Some(ONLY_PSS), true),
        (PSS, None, false),
        (PSS, Some(MORE), false),
        (PSS, Some(ONLY_OAEP), false),
        (PSS_SHA1, Some(ONLY_PSS), false),
        (OAEP, Some(ONLY_OAEP), true),
        (OAEP, Some(ONLY_PSS), false),
        (OAEP, None, false),
    ] {
        // The first binds, so each case has a token of its own.
        let token = Import::new();
        let mut template = private_template(ck::CKK_RSA);
        if let Some(allowed) = allowed {
            template = with(template, attrs![CKA_ALLOWED_MECHANISMS => allowed]);
        }
        let came = token.unwrap(rsa_aes(), &rsa_aes_blob(&pkcs8(algorithm)), &template);
        match comes {
            true => assert!(came.is_ok(), "{algorithm:x?} {allowed:?}"),
            false => returns!(came, CKR_WRAPPED_KEY_INVALID, "{algorithm:x?} {allowed:?}"),
        }
    }
}
