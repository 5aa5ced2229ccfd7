//! Import jobs that serve many keys of one profile (BYOK section 5).

use serde_json::Value;
use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::byok::Job as Claimed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::jobs::{Job, aes, external, generated_job};
use super::outside::{MATERIAL, OTHER, request};
use crate::common::{Fixture, TODAY, attrs, bytes, returns, with};

/// A job for every key of `profile`.
fn job(session: &Session, profile: &str, bits: u64, algorithm: u64) -> Result<Job> {
    let private = attrs![CKA_TENON_PROFILE => profile, CKA_TENON_WRAP_ALGORITHM => algorithm];
    generated_job(session, bits, &private)
}

fn import(
    session: &Session,
    job: &Job,
    material: &[u8],
    template: Vec<RawAttribute>,
) -> Result<Handle> {
    let (mechanism, blob) = job.owner.wrap(5, material);
    let request = request(mechanism, Params::None);
    session.unwrap_key(request, job.private, &blob, &with(aes(), template))
}

fn uid(session: &Session, key: Handle) -> Vec<u8> {
    bytes(session, key, ck::CKA_UNIQUE_ID)
}

/// IBM lets the caller say how long a request lives, 5 minutes to 24 hours.
#[test]
fn the_caller_says_how_long_a_request_of_ibm_lives() {
    let token = Fixture::new();
    let session = &token.session;
    let ask = |profile: &str, life: u64| {
        let ends = (TODAY + life).to_be_bytes();
        let private = attrs![
            CKA_TENON_PROFILE => profile, CKA_TENON_WRAP_ALGORITHM => 5_u64,
            CKA_TENON_NOT_AFTER => &ends,
        ];
        generated_job(session, 4096, &private)
    };
    for life in [299, 86_401] {
        let refused = ask("ibm", life).map(drop);
        let said = refused.as_ref().unwrap_err().to_string();
        assert!(said.contains("300 to 86400 seconds"), "{said}");
        returns!(refused, CKR_ATTRIBUTE_VALUE_INVALID);
    }
    returns!(ask("google", 600).map(drop), CKR_TEMPLATE_INCONSISTENT);
    let key = external(session, attrs![CKA_TENON_PROFILE => "ibm"]).unwrap();
    let job = ask("ibm", 300).unwrap();
    let ends = bytes(session, job.private, ck::CKA_TENON_NOT_AFTER);
    assert_eq!(ends, (TODAY + 300).to_be_bytes());
    let to = || attrs![CKA_TENON_IMPORT_TARGET => &uid(session, key)];
    token.clock.set(TODAY + 299);
    import(session, &job, MATERIAL, to()).unwrap();
    token.clock.set(TODAY + 300);
    let over = import(session, &job, MATERIAL, to());
    returns!(over, CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    // It belongs to import jobs.
    let stray = attrs![CKA_TENON_NOT_AFTER => &ends];
    returns!(external(session, stray), CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn a_job_of_an_unknown_profile_is_told_which_there_are() {
    let token = Fixture::new();
    for unknown in ["nobody", ""] {
        let asked = job(&token.session, unknown, 3072, 5).map(drop);
        let said = asked.as_ref().unwrap_err().to_string();
        assert!(
            said.contains("google, ") || said.contains(", google"),
            "{said}"
        );
        returns!(asked, CKR_ATTRIBUTE_VALUE_INVALID, "{unknown}");
    }
}

#[test]
fn one_job_brings_material_to_every_key_of_its_profile() {
    let token = Fixture::new();
    let session = &token.session;
    let key = |profile: &str, label: &str| {
        external(
            session,
            attrs![CKA_TENON_PROFILE => profile, CKA_LABEL => label],
        )
        .unwrap()
    };
    let (one, two) = (key("google", "one"), key("google", "two"));
    let other = key("azure", "other");
    let job = job(session, "google", 3072, 5).unwrap();
    assert_eq!(Claimed::claimed(&job.token).unwrap().target, None);
    let ends = bytes(session, job.private, ck::CKA_TENON_NOT_AFTER);
    assert_eq!(
        ends,
        (TODAY + 3 * 86_400).to_be_bytes(),
        "the service's three days"
    );
    let to = |key| attrs![CKA_TENON_IMPORT_TARGET => &uid(session, key)];
    for (key, material) in [(one, MATERIAL), (two, OTHER), (one, MATERIAL)] {
        assert_eq!(import(session, &job, material, to(key)).unwrap(), key);
    }
    let given = with(to(two), attrs![CKA_TENON_IMPORT_TOKEN => &job.token]);
    import(session, &job, OTHER, given).unwrap();
    // It brings nothing without a target, to a key of another profile, or to no key.
    returns!(
        import(session, &job, MATERIAL, vec![]),
        CKR_TEMPLATE_INCOMPLETE
    );
    returns!(
        import(session, &job, MATERIAL, to(other)),
        CKR_TEMPLATE_INCONSISTENT
    );
    let nobody = attrs![CKA_TENON_IMPORT_TARGET => &[b'0'; 32]];
    returns!(
        import(session, &job, MATERIAL, nobody),
        CKR_TEMPLATE_INCONSISTENT
    );
    let job_itself = attrs![CKA_TENON_IMPORT_TARGET => &uid(session, job.private)];
    returns!(
        import(session, &job, MATERIAL, job_itself),
        CKR_TEMPLATE_INCONSISTENT
    );
    // Google's keys rotate by import: other material is the key's next version.
    let first = bytes(session, one, ck::CKA_TENON_MATERIAL_ID);
    assert_eq!(import(session, &job, OTHER, to(one)).unwrap(), one);
    assert_ne!(bytes(session, one, ck::CKA_TENON_MATERIAL_ID), first);
    let statement = bytes(session, job.private, ck::CKA_TENON_WRAPPING_STATEMENT);
    let said: Value = serde_json::from_slice(&statement).unwrap();
    assert_eq!(
        (&said["uid"], &said["profile"]),
        (&Value::Null, &Value::from("google"))
    );
    token.clock.set(TODAY + 3 * 86_400);
    returns!(
        import(session, &job, MATERIAL, to(one)),
        CKR_UNWRAPPING_KEY_HANDLE_INVALID
    );
}

#[test]
fn a_job_for_many_keeps_the_rules_of_each_key() {
    let token = Fixture::new();
    let session = &token.session;
    // OAEP alone is for secret keys, and an RSA key comes by no such job.
    let oaep = job(session, "google", 3072, 2).unwrap();
    let rsa = session.generate_key(
        request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None),
        &attrs![
            CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA,
            CKA_MODULUS_BITS => 2048_u64, CKA_SIGN => true, CKA_TENON_PROFILE => "google",
        ],
    );
    let rsa = uid(session, rsa.unwrap());
    let template = attrs![
        CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA,
        CKA_TENON_IMPORT_TARGET => &rsa,
    ];
    let (mechanism, blob) = oaep.owner.wrap(2, MATERIAL);
    returns!(
        session.unwrap_key(
            request(mechanism, Params::None),
            oaep.private,
            &blob,
            &template
        ),
        CKR_TEMPLATE_INCONSISTENT
    );
    let key = external(
        session,
        attrs![CKA_TENON_PROFILE => "vault", CKA_TENON_REQUIRE_TOKEN => true],
    );
    let key = uid(session, key.unwrap());
    let vault = job(session, "vault", 4096, 5).unwrap();
    let to = || attrs![CKA_TENON_IMPORT_TARGET => &key];
    returns!(
        import(session, &vault, MATERIAL, to()),
        CKR_TEMPLATE_INCONSISTENT
    );
    let second = job(session, "vault", 4096, 5).unwrap();
    let with_token = |token: &[u8]| with(to(), attrs![CKA_TENON_IMPORT_TOKEN => token]);
    returns!(
        import(session, &vault, MATERIAL, with_token(&second.token)),
        CKR_TEMPLATE_INCONSISTENT
    );
    import(session, &vault, MATERIAL, with_token(&vault.token)).unwrap();
}

#[test]
fn services_whose_requests_are_for_one_key_have_no_such_job() {
    let token = Fixture::new();
    let session = &token.session;
    for profile in ["aws", "alibaba-default", "huawei", "tencent", "open"] {
        returns!(
            job(session, profile, 2048, 2).map(drop),
            CKR_TEMPLATE_INCONSISTENT
        );
    }
    for (profile, bits, algorithm) in [
        ("google", 2048, 5),
        ("google", 3072, 3),
        ("azure", 2048, 5),
        ("vault", 3072, 5),
    ] {
        returns!(
            job(session, profile, bits, algorithm).map(drop),
            CKR_TEMPLATE_INCONSISTENT
        );
    }
    for (profile, bits, algorithm) in [("azure", 2048, 4), ("oci", 4096, 5), ("ibm", 4096, 2)] {
        job(session, profile, bits, algorithm).unwrap();
    }
    // Neither a target nor a profile.
    let template = attrs![CKA_TENON_WRAP_ALGORITHM => 5_u64];
    let bare = session.generate_key_pair(
        request(ck::CKM_RSA_PKCS_KEY_PAIR_GEN, Params::None),
        &attrs![CKA_MODULUS_BITS => 3072_u64],
        &template,
    );
    returns!(bare.map(drop), CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn a_managed_key_says_that_nothing_is_imported_into_it() {
    let token = Fixture::new();
    let session = &token.session;
    let template = attrs![CKA_VALUE_LEN => 32_u64, CKA_TOKEN => true, CKA_TENON_PROFILE => "azure"];
    let generation = request(ck::CKM_AES_KEY_GEN, Params::None);
    let managed = session.generate_key(generation, &template).unwrap();
    let job = job(session, "azure", 2048, 4).unwrap();
    let (mechanism, blob) = job.owner.wrap(4, MATERIAL);
    let named = attrs![CKA_TENON_IMPORT_TARGET => &uid(session, managed)];
    let request = request(mechanism, Params::None);
    let by_job = session.unwrap_key(request, job.private, &blob, &with(aes(), named));
    let of_its_own = super::jobs::job(session, managed, 4).map(drop);
    for refused in [by_job.map(drop), of_its_own] {
        let said = refused.as_ref().unwrap_err().to_string();
        assert!(said.contains("the token generated this key"), "{said}");
        returns!(refused, CKR_TEMPLATE_INCONSISTENT);
    }
}
