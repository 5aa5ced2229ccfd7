//! CKA_TENON_KEY_SPEC: what its service calls a key's spec (BYOK section 5).

use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::mechanism::Params;

use super::jobs::{aes, external, job};
use super::outside::request;
use crate::common::{Fixture, attrs, bytes, returns, rv};

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

/// Where the wrap proves integrity, a refusal says the length that came and the one that was wanted.
#[test]
fn a_wrong_length_is_named() {
    let token = Fixture::new();
    let session = &token.session;
    for (key_type, len, name) in [
        (ck::CKK_AES, 16, "AES-128"),
        (ck::CKK_AES, 24, "AES-192"),
        (ck::CKK_AES, 32, "AES-256"),
        (ck::CKK_TENON_SM4, 16, "SM4"),
        (ck::CKK_GENERIC_SECRET, 32, "HMAC-256"),
        (ck::CKK_GENERIC_SECRET, 48, "HMAC-384"),
    ] {
        let template = attrs![
            CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => key_type, CKA_VALUE_LEN => len,
        ];
        let generation = request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None);
        let key = session.generate_key(generation, &template).unwrap();
        let job = job(session, key, 2).unwrap();
        let import = |algorithm, got: u64| {
            let (mechanism, blob) = job
                .owner
                .wrap(algorithm, &vec![7; usize::try_from(got).unwrap()]);
            let template = attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => key_type];
            let request = request(mechanism, Params::None);
            session.unwrap_key(request, job.private, &blob, &template)
        };
        let lengths = [len - 1, len + 1, len + 8];
        for (bound, expected) in [
            (false, "CKR_WRAPPED_KEY_INVALID"),
            (true, "CKR_TENON_MATERIAL_MISMATCH"),
        ] {
            if bound {
                import(2, len).unwrap();
            }
            for got in lengths {
                let refused = import(2, got);
                assert_eq!(rv(&refused), expected);
                let said = refused.unwrap_err().to_string();
                let wanted = format!("the blob holds {got} bytes, and {name} wants {len}");
                assert!(said.contains(&wanted), "{said}");
            }
        }
    }
}

/// A blob whose wrap proves nothing tells no length.
#[test]
fn no_length_is_told_of_a_blob_that_proves_nothing() {
    let token = Fixture::configured(|config| config.pkcs1_imports = true);
    let session = &token.session;
    let key = external(session, attrs![CKA_TENON_PROFILE => "tencent"]).unwrap();
    let job = job(session, key, 3).unwrap();
    let import = |len: usize| {
        let (mechanism, blob) = job.owner.wrap(3, &vec![7; len]);
        session.unwrap_key(request(mechanism, Params::None), job.private, &blob, &aes())
    };
    for bound in [false, true] {
        if bound {
            import(32).unwrap();
        }
        let refused = import(24);
        let said = refused.as_ref().unwrap_err().to_string();
        returns!(refused, CKR_WRAPPED_KEY_INVALID);
        assert!(!said.contains("24"), "{said}");
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
