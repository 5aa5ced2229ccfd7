//! `policy.separate_roles`.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::token::Handle;

use super::keys::{unwrap, wrap};
use crate::common::{Fixture, attrs, returns, rsa_material, secret};

fn generate(fixture: &Fixture, roles: Vec<RawAttribute>) -> Result<Handle> {
    let mut template = attrs![CKA_VALUE_LEN => 32, CKA_EXTRACTABLE => true];
    template.extend(roles);
    fixture
        .session
        .generate_key(fixture.plain(ck::CKM_AES_KEY_GEN), &template)
}

fn opposites() -> [Vec<RawAttribute>; 2] {
    [
        attrs![CKA_WRAP => true, CKA_DECRYPT => true],
        attrs![CKA_UNWRAP => true, CKA_ENCRYPT => true],
    ]
}

fn separate() -> Fixture {
    Fixture::configured(|config| config.separate_roles = true)
}

#[test]
fn by_default_one_key_has_them_all() {
    let fixture = Fixture::new();
    for roles in opposites() {
        returns!(generate(&fixture, roles), CKR_OK);
    }
}

#[test]
fn no_key_comes_into_being_with_opposite_roles() {
    let fixture = separate();
    let session = &fixture.session;
    for roles in opposites() {
        returns!(generate(&fixture, roles), CKR_TEMPLATE_INCONSISTENT);
    }
    let exported = generate(&fixture, vec![]).unwrap();
    let kek = attrs![CKA_WRAP => true, CKA_UNWRAP => true];
    let kek = generate(&fixture, kek).unwrap();
    let blob = wrap(&fixture, kek, exported).unwrap();
    for roles in opposites() {
        returns!(
            unwrap(&fixture, kek, &blob, roles),
            CKR_TEMPLATE_INCONSISTENT
        );
    }
    for roles in opposites() {
        let mut template = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE => &[7; 32],
        ];
        template.extend(roles);
        returns!(session.create_object(&template), CKR_TEMPLATE_INCONSISTENT);
    }
}

#[test]
fn nor_does_a_pair() {
    let fixture = separate();
    let pair = |public: Vec<RawAttribute>, private: Vec<RawAttribute>| {
        let mut bits = attrs![CKA_MODULUS_BITS => 2048];
        bits.extend(public);
        let mechanism = fixture.plain(ck::CKM_RSA_PKCS_KEY_PAIR_GEN);
        fixture
            .session
            .generate_key_pair(mechanism, &bits, &private)
    };
    let wrap = || attrs![CKA_WRAP => true];
    returns!(
        pair(wrap(), attrs![CKA_DECRYPT => true]),
        CKR_TEMPLATE_INCONSISTENT
    );
    returns!(
        pair(attrs![CKA_ENCRYPT => true], attrs![CKA_UNWRAP => true]),
        CKR_TEMPLATE_INCONSISTENT
    );
    returns!(pair(wrap(), attrs![CKA_UNWRAP => true]), CKR_OK);
}

#[test]
fn nor_later_nor_by_turns_nor_in_a_copy() {
    let fixture = separate();
    let session = &fixture.session;
    let set = |key, template: Vec<_>| session.set_attributes(key, &template);
    for on_token in [false, true] {
        let roles = attrs![CKA_WRAP => true, CKA_TOKEN => on_token];
        let key = generate(&fixture, roles).unwrap();
        let decrypt = || attrs![CKA_DECRYPT => true];
        let swapped = || attrs![CKA_WRAP => false, CKA_DECRYPT => true];
        returns!(set(key, decrypt()), CKR_ATTRIBUTE_READ_ONLY);
        returns!(set(key, swapped()), CKR_ATTRIBUTE_READ_ONLY);
        returns!(
            session.copy_object(key, &decrypt()),
            CKR_ATTRIBUTE_READ_ONLY
        );
        returns!(
            session.copy_object(key, &swapped()),
            CKR_ATTRIBUTE_READ_ONLY
        );
        returns!(set(key, attrs![CKA_WRAP => false]), CKR_OK);
        returns!(set(key, decrypt()), CKR_ATTRIBUTE_READ_ONLY);
        returns!(set(key, attrs![CKA_WRAP => true]), CKR_ATTRIBUTE_READ_ONLY);
        // CKM_AES_MAC would tell the key stream by which the key has wrapped.
        returns!(set(key, attrs![CKA_SIGN => true]), CKR_ATTRIBUTE_READ_ONLY);
        returns!(
            set(key, attrs![CKA_VERIFY => true]),
            CKR_ATTRIBUTE_READ_ONLY
        );
        returns!(
            set(key, attrs![CKA_WRAP => false, CKA_LABEL => "x"]),
            CKR_OK
        );
        returns!(session.copy_object(key, &[]), CKR_OK);
    }
}

#[test]
fn halves_that_clients_make_are_not_touched() {
    let fixture = separate();
    let key = rsa_material();
    let public = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_RSA, CKA_MODULUS => &key.n,
        CKA_PUBLIC_EXPONENT => &key.e, CKA_WRAP => true, CKA_ENCRYPT => true,
    ];
    returns!(fixture.session.create_object(&public), CKR_OK);
    let both = attrs![
        CKA_WRAP => false, CKA_UNWRAP => false, CKA_ENCRYPT => true, CKA_DECRYPT => true,
    ];
    secret(&fixture.session, ck::CKK_AES, both);
}
