//! BYOK section 3: import jobs, their keys and tokens.

use std::sync::OnceLock;

use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::{Oaep, Params, Request};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::outside::{MATERIAL, OTHER, find, oaep, oaep_params, request, rsa_aes};
use super::owner::{self, Owner};
use crate::common::{Calls, Fixture, TODAY, attrs, bytes, number, returns, state, with};

const HOUR: u64 = 3600;

/// An external AES-256 key without material.
pub(crate) fn external(session: &Session, changes: Vec<RawAttribute>) -> Result<Handle> {
    let template = attrs![
        CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES, CKA_VALUE_LEN => 32_u64,
        CKA_ENCRYPT => true, CKA_LABEL => "external",
    ];
    session.generate_key(
        request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None),
        &with(template, changes),
    )
}

/// What the parameters of an import are: the wrapping key, and the import token.
pub(crate) struct Job {
    pub(crate) private: Handle,
    pub(crate) owner: Owner,
    pub(crate) token: Vec<u8>,
}

pub(crate) fn job(session: &Session, target: Handle, algorithm: u64) -> Result<Job> {
    job_with(session, target, algorithm, vec![])
}

/// A job whose wrapping key is an RSA key of so many bits.
pub(crate) fn job_with_bits(
    session: &Session,
    target: Handle,
    algorithm: u64,
    bits: u64,
) -> Result<Job> {
    made_job(session, target, algorithm, bits, vec![])
}

pub(crate) fn job_with(
    session: &Session,
    target: Handle,
    algorithm: u64,
    private: Vec<RawAttribute>,
) -> Result<Job> {
    made_job(session, target, algorithm, 2048, private)
}

fn made_job(
    session: &Session,
    target: Handle,
    algorithm: u64,
    bits: u64,
    private: Vec<RawAttribute>,
) -> Result<Job> {
    let target = bytes(session, target, ck::CKA_UNIQUE_ID);
    let template = attrs![
        CKA_TENON_IMPORT_TARGET => &target, CKA_TENON_WRAP_ALGORITHM => algorithm,
    ];
    generated_job(session, bits, &with(template, private))
}

/// A job with an RSA key of so many bits, and this template of the private half.
pub(crate) fn generated_job(session: &Session, bits: u64, private: &[RawAttribute]) -> Result<Job> {
    let (public, private) = session.generate_key_pair(
        request(ck::CKM_RSA_PKCS_KEY_PAIR_GEN, Params::None),
        &attrs![CKA_MODULUS_BITS => bits, CKA_TOKEN => true],
        private,
    )?;
    Ok(Job {
        owner: Owner::new(
            &bytes(session, public, ck::CKA_MODULUS),
            &bytes(session, public, ck::CKA_PUBLIC_EXPONENT),
        ),
        token: bytes(session, private, ck::CKA_TENON_IMPORT_TOKEN),
        private,
    })
}

/// The least that a client says of the key that comes out.
pub(crate) fn aes() -> Vec<RawAttribute> {
    attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_KEY_TYPE => ck::CKK_AES]
}

fn null(id: ck::CK_MECHANISM_TYPE) -> Request {
    request(id, Params::None)
}

fn encrypts(token: &Fixture, key: Handle) -> Result<Vec<u8>> {
    token
        .session
        .encrypt_init(token.plain(ck::CKM_AES_ECB), key)?;
    crate::common::full(|out| token.session.encrypt(&[7; 16], out))
}

#[test]
fn a_key_waits_for_its_material_and_gets_it() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    assert_eq!(state(session, key), ck::STATE_PENDING_IMPORT);
    returns!(encrypts(&token, key), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert!(find(session, &attrs![CKA_LABEL => "external"]).is_empty());
    let pending = attrs![CKA_TENON_KEY_STATE => ck::STATE_PENDING_IMPORT];
    assert_eq!(find(session, &pending), [key]);
    let uid = bytes(session, key, ck::CKA_UNIQUE_ID);

    for algorithm in [1, 2, 4, 5, 9, 10, 11, 12, 13] {
        let job = job(session, key, algorithm).unwrap();
        let (mechanism, blob) = job.owner.wrap(algorithm, MATERIAL);
        let handle = session
            .unwrap_key(null(mechanism), job.private, &blob, &aes())
            .unwrap();
        assert_eq!(handle, key, "{algorithm}");
        assert_eq!(bytes(session, key, ck::CKA_UNIQUE_ID), uid);
        assert_eq!(state(session, key), ck::STATE_ENABLED);
    }
    assert!(encrypts(&token, key).is_ok());
    assert_eq!(find(session, &attrs![CKA_LABEL => "external"]), [key]);
    assert!(find(session, &pending).is_empty());
    assert_eq!(bytes(session, key, ck::CKA_ENCRYPT), [1]);
    assert_eq!(bytes(session, key, ck::CKA_DECRYPT), [1], "the pair of it");
    assert_eq!(bytes(session, key, ck::CKA_SIGN), [0]);
}

#[test]
fn a_job_key_is_what_the_rules_say() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    let job = job_with(
        session,
        key,
        5,
        attrs![CKA_DECRYPT => true, CKA_EXTRACTABLE => true, CKA_ID => b"\x07"],
    )
    .unwrap();
    for (kind, expected) in [
        (ck::CKA_TOKEN, 1),
        (ck::CKA_UNWRAP, 1),
        (ck::CKA_DECRYPT, 0),
        (ck::CKA_SIGN, 0),
        (ck::CKA_DERIVE, 0),
        (ck::CKA_EXTRACTABLE, 0),
        (ck::CKA_SENSITIVE, 1),
        (ck::CKA_COPYABLE, 0),
    ] {
        assert_eq!(bytes(session, job.private, kind), [expected], "{kind:#x}");
    }
    let number = |kind| number(session, job.private, kind);
    assert_eq!(number(ck::CKA_TENON_ORIGIN), ck::ORIGIN_IMPORT_JOB);
    assert_eq!(number(ck::CKA_TENON_WRAP_ALGORITHM), 5);
    let not_after = bytes(session, job.private, ck::CKA_TENON_NOT_AFTER);
    assert_eq!(not_after, (TODAY + 24 * HOUR).to_be_bytes());
    let allowed = bytes(session, job.private, ck::CKA_ALLOWED_MECHANISMS);
    assert_eq!(
        allowed,
        [ck::CKM_RSA_AES_KEY_WRAP, ck::CKM_RSA_PKCS_OAEP]
            .map(u64::to_ne_bytes)
            .concat()
    );
    for kind in [
        ck::CKA_TENON_ORIGIN,
        ck::CKA_TENON_IMPORT_TARGET,
        ck::CKA_TENON_IMPORT_TOKEN,
        ck::CKA_TENON_NOT_AFTER,
    ] {
        let public = find(
            session,
            &attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_LABEL => ""],
        );
        let read = session.attributes(public[0], &[kind]).unwrap().remove(0);
        assert!(matches!(read, Revealed::Invalid), "{kind:#x}");
    }
    let copy = session.copy_object(job.private, &[]);
    returns!(copy, CKR_ACTION_PROHIBITED);
    let change = session.set_attributes(job.private, &attrs![CKA_DECRYPT => true]);
    returns!(change, CKR_ATTRIBUTE_READ_ONLY);
}

#[test]
fn rule_11_job_keys_are_found_by_name_alone() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, attrs![CKA_ID => b"\x05"]).unwrap();
    let job = job_with(
        session,
        key,
        2,
        attrs![CKA_ID => b"\x07", CKA_LABEL => "job"],
    )
    .unwrap();
    assert!(find(session, &attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY]).is_empty());
    assert!(find(session, &attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY]).is_empty());
    assert!(find(session, &[]).is_empty());
    for template in [
        attrs![CKA_ID => b"\x07"],
        attrs![CKA_LABEL => "job"],
        attrs![CKA_TENON_ORIGIN => ck::ORIGIN_IMPORT_JOB],
        attrs![CKA_UNIQUE_ID => &bytes(session, job.private, ck::CKA_UNIQUE_ID)],
    ] {
        assert_eq!(find(session, &template), [job.private], "{template:?}");
    }
    // A public half that was left in the session is hidden as well.
    let target = bytes(session, key, ck::CKA_UNIQUE_ID);
    let (public, _) = session
        .generate_key_pair(
            request(ck::CKM_RSA_PKCS_KEY_PAIR_GEN, Params::None),
            &attrs![CKA_MODULUS_BITS => 2048_u64, CKA_LABEL => "loose"],
            &attrs![CKA_TENON_IMPORT_TARGET => &target, CKA_TENON_WRAP_ALGORITHM => 2_u64],
        )
        .unwrap();
    assert!(find(session, &attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY]).is_empty());
    assert_eq!(find(session, &attrs![CKA_LABEL => "loose"]), [public]);
    let pending = find(session, &attrs![CKA_ID => b"\x05"]);
    assert!(pending.is_empty(), "an external key is not found so");
}

#[test]
fn a_job_ends_and_is_erased() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    let job = job(session, key, 2).unwrap();
    let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
    let origin = attrs![CKA_TENON_ORIGIN => ck::ORIGIN_IMPORT_JOB];
    token.clock.set(TODAY + 24 * HOUR - 1);
    assert!(
        session
            .unwrap_key(null(mechanism), job.private, &blob, &aes())
            .is_ok()
    );
    assert_eq!(find(session, &origin).len(), 1);
    token.clock.set(TODAY + 24 * HOUR);
    assert!(find(session, &origin).is_empty());
    for _ in 0..2 {
        let outcome = session.unwrap_key(null(mechanism), job.private, &blob, &aes());
        returns!(outcome, CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    }
    let token = token.reopened_as_user();
    let all = find(
        &token.session,
        &attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_LABEL => ""],
    );
    assert!(all.is_empty(), "the public half goes too");
}

#[test]
fn every_bit_of_an_import_token_counts() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, attrs![CKA_TENON_REQUIRE_TOKEN => true]).unwrap();
    let mine = job(session, key, 2).unwrap();
    let (mechanism, blob) = mine.owner.wrap(2, MATERIAL);
    let with_token = |import_token: &[u8]| {
        let template = with(aes(), attrs![CKA_TENON_IMPORT_TOKEN => import_token]);
        session.unwrap_key(null(mechanism), mine.private, &blob, &template)
    };
    let none = session.unwrap_key(null(mechanism), mine.private, &blob, &aes());
    returns!(none, CKR_TEMPLATE_INCONSISTENT);
    for bit in 0..mine.token.len() * 8 {
        let mut damaged = mine.token.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        returns!(with_token(&damaged), CKR_TEMPLATE_INCONSISTENT, "bit {bit}");
    }
    for len in [0, 1, mine.token.len() - 1] {
        returns!(with_token(&mine.token[..len]), CKR_TEMPLATE_INCONSISTENT);
    }
    let again = job(session, key, 2).unwrap();
    returns!(with_token(&again.token), CKR_TEMPLATE_INCONSISTENT);
    let elsewhere = external(session, vec![]).unwrap();
    let elsewhere = job(session, elsewhere, 2).unwrap();
    returns!(with_token(&elsewhere.token), CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(state(session, key), ck::STATE_PENDING_IMPORT);
    assert_eq!(with_token(&mine.token).unwrap(), key);
}

#[test]
fn a_job_serves_its_target_and_algorithm_alone() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, attrs![CKA_ID => b"\x01"]).unwrap();
    let other = external(session, attrs![CKA_ID => b"\x02"]).unwrap();
    let job = job(session, key, 2).unwrap();
    let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
    let unwrap =
        |request, changes| session.unwrap_key(request, job.private, &blob, &with(aes(), changes));
    let other = bytes(session, other, ck::CKA_UNIQUE_ID);
    let own = bytes(session, key, ck::CKA_UNIQUE_ID);
    for wrong in [
        attrs![CKA_TENON_IMPORT_TARGET => &other],
        attrs![CKA_ID => b"\x02"],
        attrs![CKA_TOKEN => false],
        attrs![CKA_VALUE_LEN => 16_u64],
        attrs![CKA_KEY_TYPE => ck::CKK_GENERIC_SECRET],
        attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA],
    ] {
        let shown = format!("{wrong:?}");
        returns!(
            unwrap(null(mechanism), wrong),
            CKR_TEMPLATE_INCONSISTENT,
            "{shown}"
        );
    }
    returns!(unwrap(rsa_aes(), vec![]), CKR_MECHANISM_INVALID);
    returns!(
        unwrap(null(ck::CKM_RSA_PKCS), vec![]),
        CKR_MECHANISM_INVALID
    );
    let sha1 = request(ck::CKM_RSA_PKCS_OAEP, Params::Oaep(oaep_params(Hash::Sha1)));
    returns!(unwrap(sha1, vec![]), CKR_TEMPLATE_INCONSISTENT);
    let labelled = Params::Oaep(Oaep {
        label: b"x".to_vec(),
        ..oaep_params(Hash::Sha256)
    });
    let labelled = request(ck::CKM_RSA_PKCS_OAEP, labelled);
    returns!(unwrap(labelled, vec![]), CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(state(session, key), ck::STATE_PENDING_IMPORT);
    // What plain clients always send is ignored.
    let usual = attrs![
        CKA_TENON_IMPORT_TARGET => &own, CKA_ID => b"\x01", CKA_TOKEN => true,
        CKA_SENSITIVE => false, CKA_EXTRACTABLE => true, CKA_PRIVATE => false,
        CKA_SIGN => true, CKA_WRAP => true, CKA_LABEL => "new name",
    ];
    assert_eq!(unwrap(oaep(), usual).unwrap(), key);
    assert_eq!(bytes(session, key, ck::CKA_SENSITIVE), [1]);
    assert_eq!(bytes(session, key, ck::CKA_EXTRACTABLE), [0]);
    assert_eq!(bytes(session, key, ck::CKA_PRIVATE), [1]);
    assert_eq!(bytes(session, key, ck::CKA_SIGN), [0]);
    assert_eq!(bytes(session, key, ck::CKA_LABEL), b"new name");
}

#[test]
fn java_uses_sha1_for_the_mask() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    for algorithm in [2, 5] {
        let job = job(session, key, algorithm).unwrap();
        let (mechanism, blob) = job.owner.wrap_as_java(algorithm, MATERIAL);
        let outcome = session.unwrap_key(null(mechanism), job.private, &blob, &aes());
        assert_eq!(outcome.unwrap(), key);
    }
}

/// pkcs11-tool and python-pkcs11 can name OAEP, and not the composite mechanism.
#[test]
fn a_composite_blob_opens_as_oaep_too() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    let job = job(session, key, 5).unwrap();
    let (_, blob) = job.owner.wrap(5, MATERIAL);
    for request in [oaep(), null(ck::CKM_RSA_PKCS_OAEP), rsa_aes()] {
        let outcome = session.unwrap_key(request, job.private, &blob, &aes());
        assert_eq!(outcome.unwrap(), key);
    }
}

/// The inner key of a composite blob cannot be had: not as the target, not as a session key.
#[test]
fn the_inner_key_stays_inside() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    let job = job(session, key, 5).unwrap();
    let (_, blob) = job.owner.wrap(5, MATERIAL);
    for request in [
        oaep(),
        null(ck::CKM_RSA_PKCS_OAEP),
        null(ck::CKM_RSA_AES_KEY_WRAP),
    ] {
        let head = session.unwrap_key(request, job.private, &blob[..256], &aes());
        returns!(head, CKR_WRAPPED_KEY_LEN_RANGE);
    }
    let session_key = with(aes(), attrs![CKA_TOKEN => false, CKA_EXTRACTABLE => true]);
    let outcome = session.unwrap_key(oaep(), job.private, &blob[..256], &session_key);
    returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
    returns!(
        session.decrypt_init(oaep(), job.private),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    assert_eq!(state(session, key), ck::STATE_PENDING_IMPORT);
}

#[test]
fn other_material_is_refused_by_name() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    let first = job(session, key, 2).unwrap();
    let [none, short, odd, long] =
        [&OTHER[..0], &OTHER[..16], &OTHER[..31], &[7; 33]].map(|other| first.owner.wrap(2, other));
    let unwrap = |job: &Job, (mechanism, blob): (u64, Vec<u8>)| {
        session.unwrap_key(null(mechanism), job.private, &blob, &aes())
    };
    for blob in [&none, &short, &odd, &long] {
        let outcome = unwrap(&first, blob.clone());
        returns!(outcome, CKR_WRAPPED_KEY_INVALID, "no AES-256 key");
    }
    unwrap(&first, first.owner.wrap(2, MATERIAL)).unwrap();
    let before = encrypts(&token, key).unwrap();
    let other = unwrap(&first, first.owner.wrap(2, OTHER));
    returns!(other, CKR_TENON_MATERIAL_MISMATCH);
    for blob in [none, short, odd, long] {
        let outcome = unwrap(&first, blob);
        returns!(outcome, CKR_TENON_MATERIAL_MISMATCH, "of whatever size");
    }
    assert_eq!(encrypts(&token, key).unwrap(), before);
}

#[test]
fn a_pkcs1_job_needs_the_configuration() {
    let token = Fixture::new();
    let key = external(&token.session, vec![]).unwrap();
    returns!(
        job(&token.session, key, 3).map(|_| ()),
        CKR_TEMPLATE_INCONSISTENT
    );
    let token = Fixture::configured(|config| config.pkcs1_imports = true);
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    let job = job(session, key, 3).unwrap();
    let unwrap =
        |blob: &[u8]| session.unwrap_key(null(ck::CKM_RSA_PKCS), job.private, blob, &aes());
    let blob = job.owner.wrap(3, MATERIAL).1;
    let mut damaged = blob.clone();
    damaged[100] ^= 1;
    returns!(unwrap(&damaged), CKR_WRAPPED_KEY_INVALID);
    assert_eq!(state(session, key), ck::STATE_PENDING_IMPORT);
    assert_eq!(unwrap(&blob).unwrap(), key);
    returns!(unwrap(&job.owner.wrap(3, OTHER).1), CKR_WRAPPED_KEY_INVALID);
}

#[test]
fn what_cannot_be_a_job_is_refused() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, vec![]).unwrap();
    returns!(
        job(session, key, 99).map(|_| ()),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    returns!(job(session, key, 6).map(|_| ()), CKR_TEMPLATE_INCONSISTENT);
    let ordinary = session
        .generate_key(
            token.plain(ck::CKM_AES_KEY_GEN),
            &attrs![CKA_VALUE_LEN => 32_u64, CKA_TOKEN => true],
        )
        .unwrap();
    returns!(
        job(session, ordinary, 2).map(|_| ()),
        CKR_TEMPLATE_INCONSISTENT
    );
    let described = job_with(session, key, 2, attrs![CKA_TENON_PROFILE => "aws"]);
    returns!(described.map(|_| ()), CKR_TEMPLATE_INCONSISTENT);
    let loose = job_with(session, key, 2, attrs![CKA_TOKEN => false]);
    returns!(loose.map(|_| ()), CKR_TEMPLATE_INCONSISTENT);
    let week = TODAY + 7 * 24 * HOUR;
    session
        .set_attributes(key, &attrs![CKA_TENON_DELETION_AT => &week.to_be_bytes()])
        .unwrap();
    returns!(
        job(session, key, 2).map(|_| ()),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
}

#[test]
fn external_keys_say_what_fits_them() {
    let token = Fixture::new();
    let session = &token.session;
    let refused = |changes| external(session, changes).map(|_| ());
    returns!(
        refused(attrs![CKA_VALUE_LEN => 20_u64]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    let session_object = refused(attrs![CKA_TOKEN => false]);
    returns!(session_object, CKR_TEMPLATE_INCONSISTENT);
    let said = session_object.unwrap_err().to_string();
    assert!(said.contains("token object: leave CKA_TOKEN out"), "{said}");
    returns!(
        refused(attrs![CKA_TENON_PROFILE => "nobody"]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    let aws_aes_128 = attrs![CKA_TENON_PROFILE => "aws", CKA_VALUE_LEN => 16_u64];
    returns!(refused(aws_aes_128), CKR_TEMPLATE_INCONSISTENT);
    let bad_tags = attrs![CKA_TENON_TAGS => "[1]"];
    returns!(refused(bad_tags), CKR_ATTRIBUTE_VALUE_INVALID);
    let private = |changes| {
        let template = attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA];
        session
            .generate_key(
                request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None),
                &with(template, changes),
            )
            .map(|_| ())
    };
    returns!(private(vec![]), CKR_TEMPLATE_INCOMPLETE);
    returns!(
        private(attrs![CKA_MODULUS_BITS => 1024_u64]),
        CKR_ATTRIBUTE_VALUE_INVALID
    );
    let verify = attrs![CKA_MODULUS_BITS => 2048_u64, CKA_VERIFY => true];
    returns!(private(verify), CKR_OK);
    let ordinary = session.generate_key(
        token.plain(ck::CKM_AES_KEY_GEN),
        &attrs![CKA_VALUE_LEN => 32_u64, CKA_TENON_REQUIRE_TOKEN => true],
    );
    returns!(ordinary, CKR_TEMPLATE_INCONSISTENT);
    let twice = |()| external(session, attrs![CKA_ID => b"\x01"]);
    returns!(twice(()), CKR_OK);
    returns!(twice(()), CKR_TEMPLATE_INCONSISTENT);
}

/// Keys of a service's profile take material by that service's ways alone, plain keys included.
#[test]
fn a_profile_rules_every_import() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(
        session,
        attrs![CKA_TENON_PROFILE => "alibaba-hardware", CKA_ID => b"\x01"],
    )
    .unwrap();
    returns!(job(session, key, 1).map(|_| ()), CKR_TEMPLATE_INCONSISTENT);
    let wrapping = super::outside::wrapping_key(session);
    let template = with(aes(), attrs![CKA_TOKEN => true, CKA_ID => b"\x01"]);
    let sha1 = request(ck::CKM_RSA_PKCS_OAEP, Params::Oaep(oaep_params(Hash::Sha1)));
    let owner = plain_owner();
    let outcome = session.unwrap_key(sha1, wrapping, &owner.wrap(1, MATERIAL).1, &template);
    returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
    let outcome = session.unwrap_key(oaep(), wrapping, &owner.wrap(2, MATERIAL).1, &template);
    assert_eq!(outcome.unwrap(), key);
}

fn plain_owner() -> &'static Owner {
    static OWNER: OnceLock<Owner> = OnceLock::new();
    OWNER.get_or_init(|| {
        let key = crate::common::rsa_material();
        owner::Owner::new(&key.n, &key.e)
    })
}
