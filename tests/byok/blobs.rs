//! BYOK section 4: lengths before the private-key operation, one failure after it, no object left.

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::{self, Curve};
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::Params;

use super::outside::{
    Import, MATERIAL, aes_template, oaep, oaep_blob, oaep_params, private_template, request,
    rsa_aes, rsa_aes_blob,
};
use crate::common::{attrs, returns, with};

fn nothing_was_made(token: &Import) {
    let found = token.find(&attrs![CKA_CLASS => ck::CKO_SECRET_KEY]);
    assert!(found.is_empty(), "{found:?}");
    assert!(
        token
            .find(&attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL])
            .is_empty()
    );
}

#[test]
fn every_length_is_judged_first() {
    let token = Import::new();
    let blob = rsa_aes_blob(MATERIAL);
    let modulus = 256;
    for len in 0..modulus + 48 {
        let cut = if len <= blob.len() {
            blob[..len].to_vec()
        } else {
            [&blob[..], &vec![0; len - blob.len()]].concat()
        };
        if len != modulus {
            let outcome = token.unwrap(oaep(), &cut, &aes_template());
            returns!(outcome, CKR_WRAPPED_KEY_LEN_RANGE, "OAEP of {len}");
        }
        if len < modulus + 16 || len % 8 != 0 {
            let outcome = token.unwrap(rsa_aes(), &cut, &aes_template());
            returns!(
                outcome,
                CKR_WRAPPED_KEY_LEN_RANGE,
                "RSA_AES_KEY_WRAP of {len}"
            );
        }
    }
    nothing_was_made(&token);
}

#[test]
fn damage_in_every_stage_is_one_failure() {
    let token = Import::new();
    let composite = rsa_aes_blob(MATERIAL);
    let mut blobs = Vec::new();
    for at in (0..composite.len()).step_by(7) {
        let mut damaged = composite.clone();
        damaged[at] ^= 1;
        blobs.push(damaged);
    }
    blobs.push(composite[..composite.len() - 8].to_vec());
    blobs.push([&composite[..], &[0; 8]].concat());
    blobs.push([&[0xFF; 256][..], &composite[256..]].concat());
    for blob in &blobs {
        let outcome = token.unwrap(rsa_aes(), blob, &aes_template());
        returns!(outcome, CKR_WRAPPED_KEY_INVALID);
    }
    for len in [0, 1, 15, 17, 31, 33] {
        let outcome = token.unwrap(oaep(), &oaep_blob(&vec![9; len]), &aes_template());
        returns!(
            outcome,
            CKR_WRAPPED_KEY_INVALID,
            "an AES key of {len} bytes"
        );
    }
    let wrong_hash = request(ck::CKM_RSA_PKCS_OAEP, Params::Oaep(oaep_params(Hash::Sha1)));
    let outcome = token.unwrap(wrong_hash, &oaep_blob(MATERIAL), &aes_template());
    returns!(outcome, CKR_WRAPPED_KEY_INVALID);
    nothing_was_made(&token);
}

#[test]
fn private_keys_are_parsed_strictly() {
    let token = Import::new();
    let key = Material::pair(ec::generate(Curve::P256).unwrap());
    let der = key.to_pkcs8().unwrap();
    let ec = private_template(ck::CKK_EC);
    let rsa = private_template(ck::CKK_RSA);
    let wrong_curve = with(
        private_template(ck::CKK_EC),
        attrs![CKA_EC_PARAMS => Curve::P384.params()],
    );
    let cases = [
        ("trailing byte", [&der[..], &[1]].concat(), &ec),
        ("more zeros than padding", [&der[..], &[0; 8]].concat(), &ec),
        ("truncated", der[..der.len() - 1].to_vec(), &ec),
        ("raw scalar", vec![1; 32], &ec),
        ("other type", der.to_vec(), &rsa),
        ("other curve", der.to_vec(), &wrong_curve),
    ];
    for (name, clear, template) in cases {
        let outcome = token.unwrap(rsa_aes(), &rsa_aes_blob(&clear), template);
        returns!(outcome, CKR_WRAPPED_KEY_INVALID, "{name}");
    }
    nothing_was_made(&token);
    assert!(token.unwrap(rsa_aes(), &rsa_aes_blob(&der), &ec).is_ok());
}

#[test]
fn a_plain_key_needs_its_parameter() {
    let token = Import::new();
    let null = request(ck::CKM_RSA_PKCS_OAEP, Params::None);
    let outcome = token.unwrap(null, &oaep_blob(MATERIAL), &aes_template());
    returns!(outcome, CKR_MECHANISM_PARAM_INVALID);
    let null = request(ck::CKM_RSA_AES_KEY_WRAP, Params::None);
    let outcome = token.unwrap(null, &rsa_aes_blob(MATERIAL), &aes_template());
    returns!(outcome, CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn the_inner_key_has_the_size_that_is_asked_for() {
    let token = Import::new();
    let sized = |bits| {
        request(
            ck::CKM_RSA_AES_KEY_WRAP,
            Params::RsaAesKeyWrap {
                aes_bits: Some(bits),
                oaep: oaep_params(Hash::Sha256),
            },
        )
    };
    let blob = rsa_aes_blob(MATERIAL);
    returns!(
        token.unwrap(sized(128), &blob, &aes_template()),
        CKR_WRAPPED_KEY_INVALID
    );
    returns!(token.unwrap(sized(256), &blob, &aes_template()), CKR_OK);
}

#[test]
fn the_template_is_judged_before_the_blob() {
    let token = Import::new();
    let garbage = vec![0x55; 256];
    let job_only = with(aes_template(), attrs![CKA_TENON_IMPORT_TARGET => b"x"]);
    returns!(
        token.unwrap(oaep(), &garbage, &job_only),
        CKR_TEMPLATE_INCONSISTENT
    );
    let read_only = with(aes_template(), attrs![CKA_LOCAL => true]);
    returns!(
        token.unwrap(oaep(), &garbage, &read_only),
        CKR_ATTRIBUTE_READ_ONLY
    );
    let no_type = attrs![CKA_CLASS => ck::CKO_SECRET_KEY];
    returns!(
        token.unwrap(oaep(), &garbage, &no_type),
        CKR_TEMPLATE_INCOMPLETE
    );
}
