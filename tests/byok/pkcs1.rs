//! CKM_RSA_PKCS, whose padding is weak: off for bound keys unless configured, and then failing closed.

use rsa::{BoxedUint, Pkcs1v15Encrypt, RsaPublicKey};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;

use super::outside::{ID, Import, MATERIAL, OTHER, OutsideRng, aes_template, request};
use crate::common::{Fixture, attrs, returns, with};

fn blob(material: &[u8]) -> Vec<u8> {
    let key = crate::common::rsa_material();
    let n = BoxedUint::from_be_slice_vartime(&key.n);
    let e = BoxedUint::from_be_slice_vartime(&key.e);
    RsaPublicKey::new(n, e)
        .unwrap()
        .encrypt(&mut OutsideRng, Pkcs1v15Encrypt, material)
        .unwrap()
}

fn damaged(mut blob: Vec<u8>) -> Vec<u8> {
    *blob.last_mut().unwrap() ^= 1;
    blob
}

fn pkcs1() -> tenon_pkcs11::api::mechanism::Request {
    request(ck::CKM_RSA_PKCS, Params::None)
}

fn allowed() -> Import {
    Import::over(Fixture::configured(|config| config.pkcs1_imports = true))
}

#[test]
fn by_default_nothing_is_bound_by_it() {
    let token = Import::new();
    for blob in [blob(MATERIAL), damaged(blob(MATERIAL)), vec![]] {
        let outcome = token.unwrap(pkcs1(), &blob, &aes_template());
        returns!(outcome, CKR_MECHANISM_INVALID);
    }
    assert!(
        token
            .find(&attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL])
            .is_empty()
    );
    for unbound in [
        attrs![CKA_TOKEN => false],
        attrs![CKA_ID => b""],
        attrs![CKA_EXTRACTABLE => true],
    ] {
        let template = with(aes_template(), unbound);
        let key = token.unwrap(pkcs1(), &blob(MATERIAL), &template).unwrap();
        let origin = ck::ORIGIN_IMPORTED.to_ne_bytes();
        assert_eq!(token.value(key, ck::CKA_TENON_ORIGIN), origin);
        returns!(token.encrypt(key), CKR_OK);
        returns!(
            token.unwrap(pkcs1(), &damaged(blob(MATERIAL)), &template),
            CKR_OK
        );
    }
}

#[test]
fn where_it_is_allowed_a_bad_blob_does_not_bind() {
    let token = allowed();
    let bad = damaged(blob(MATERIAL));
    for template in [
        aes_template(),
        with(aes_template(), attrs![CKA_VALUE_LEN => 32]),
    ] {
        returns!(
            token.unwrap(pkcs1(), &bad, &template),
            CKR_WRAPPED_KEY_INVALID
        );
        let wrong_length = blob(&MATERIAL[..20]);
        returns!(
            token.unwrap(pkcs1(), &wrong_length, &template),
            CKR_WRAPPED_KEY_INVALID
        );
    }
    let any = attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL];
    assert!(token.find(&any).is_empty());
    let key = token
        .unwrap(pkcs1(), &blob(MATERIAL), &aes_template())
        .unwrap();
    assert_eq!(token.find(&attrs![CKA_ID => ID]), [key]);
    returns!(token.encrypt(key), CKR_OK);
}

#[test]
fn where_it_is_allowed_a_mismatch_is_as_any_bad_blob() {
    let token = allowed();
    let key = token.import(MATERIAL, vec![]).unwrap();
    let before = token.encrypt(key).unwrap();
    for blob in [
        blob(OTHER),
        blob(&OTHER[..16]),
        blob(b""),
        damaged(blob(MATERIAL)),
    ] {
        let outcome = token.unwrap(pkcs1(), &blob, &aes_template());
        returns!(outcome, CKR_WRAPPED_KEY_INVALID);
    }
    assert_eq!(
        token
            .unwrap(pkcs1(), &blob(MATERIAL), &aes_template())
            .unwrap(),
        key
    );
    assert_eq!(token.encrypt(key).unwrap(), before);
}

/// Else altered blobs could be tried without binding anything.
#[test]
fn a_wrong_check_value_is_the_same_as_a_bad_blob() {
    let token = allowed();
    let template = with(aes_template(), attrs![CKA_CHECK_VALUE => b"\x01\x02\x03"]);
    for blob in [blob(MATERIAL), damaged(blob(MATERIAL))] {
        let refused = token.unwrap(pkcs1(), &blob, &template);
        returns!(refused, CKR_WRAPPED_KEY_INVALID);
    }
    let any = attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL];
    assert!(token.find(&any).is_empty());
}
