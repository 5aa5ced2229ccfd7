//! CKA_TENON_KEY_SPEC: what its service calls a key's spec (BYOK section 5).

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;

use super::jobs::{bytes, external};
use super::outside::request;
use crate::common::{Fixture, attrs, returns};

#[test]
fn a_key_has_the_name_it_was_made_with_else_the_services_first() {
    let token = Fixture::new();
    let session = &token.session;
    for (profile, stated, expected) in [
        ("aws", None, "SYMMETRIC_DEFAULT"),
        ("vault", None, "aes256-gcm96"),
        ("alibaba-default", None, "Aliyun_AES_256"),
        ("open", None, "AES_256"),
        ("google", Some("aes-256-ctr"), "AES_256_CTR"),
        ("open", Some("SYMMETRIC_DEFAULT"), "SYMMETRIC_DEFAULT"),
        ("aws", Some("AES_256"), "AES_256"),
    ] {
        let mut template = attrs![CKA_TENON_PROFILE => profile, CKA_LABEL => ""];
        template.extend(
            stated
                .into_iter()
                .flat_map(|name| attrs![CKA_TENON_KEY_SPEC => name]),
        );
        let key = external(session, template).unwrap();
        let name = bytes(session, key, ck::CKA_TENON_KEY_SPEC);
        assert_eq!(String::from_utf8(name).unwrap(), expected, "{profile}");
        returns!(
            session.set_attributes(key, &attrs![CKA_TENON_KEY_SPEC => "AES_256"]),
            CKR_ATTRIBUTE_READ_ONLY
        );
    }
}

#[test]
fn a_name_of_another_spec_or_usage_is_refused() {
    let token = Fixture::new();
    let session = &token.session;
    let make = |name: &str| external(session, attrs![CKA_TENON_KEY_SPEC => name]);
    returns!(make("AES_128"), CKR_TEMPLATE_INCONSISTENT);
    returns!(make("ecdsa-p256"), CKR_TEMPLATE_INCONSISTENT);
    returns!(make("AES_257"), CKR_ATTRIBUTE_VALUE_INVALID);
    // The name says what the key is for, where the template does not.
    let rsa = |name: &str, more| {
        let template = attrs![
            CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA,
            CKA_MODULUS_BITS => 2048_u64, CKA_TENON_PROFILE => "google",
            CKA_TENON_KEY_SPEC => name,
        ];
        let template = [template, more].concat();
        session.generate_key(
            request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None),
            &template,
        )
    };
    let decrypts = |key| bytes(session, key, ck::CKA_DECRYPT) == [ck::CK_TRUE];
    assert!(decrypts(
        rsa("RSA_DECRYPT_OAEP_2048_SHA256", vec![]).unwrap()
    ));
    assert!(!decrypts(rsa("RSA_SIGN_PSS_2048_SHA256", vec![]).unwrap()));
    returns!(
        rsa("RSA_DECRYPT_OAEP_2048_SHA256", attrs![CKA_SIGN => true]),
        CKR_TEMPLATE_INCONSISTENT
    );
    // An ordinary key has no such name.
    returns!(
        session.generate_key(
            request(ck::CKM_AES_KEY_GEN, Params::None),
            &attrs![CKA_VALUE_LEN => 32_u64, CKA_TENON_KEY_SPEC => "AES_256"]
        ),
        CKR_TEMPLATE_INCONSISTENT
    );
}
