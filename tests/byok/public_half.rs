//! What becomes of the public key object when its private key ends: it stays while the key may come back,
//! and goes with the key.

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::Clock;
use tenon_pkcs11::api::crypto::ec::{self, Curve, EcMaterial};
use tenon_pkcs11::api::crypto::mldsa;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::token::Handle;

use super::jobs::{Job, job_with_bits};
use super::outside::{ID, Import, find, private_template, request, rsa_aes, rsa_aes_blob};
use crate::common::{
    Calls, Fixture, RW, SLOT, SO_PIN, TODAY, USER_PIN, attrs, bytes, full, returns, session, uid,
    with,
};

const WEEK: u64 = 7 * 86_400;

fn of_private() -> Vec<RawAttribute> {
    attrs![CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC]
}

/// An external P-256 key of a profile, without material, and an import job for it.
fn external(token: &Fixture, profile: &str) -> (Handle, Job) {
    let template = attrs![
        CKA_EC_PARAMS => Curve::P256.params(), CKA_SIGN => true, CKA_ID => ID,
        CKA_TENON_PROFILE => profile, CKA_LABEL => "signer",
    ];
    let generation = request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None);
    let key = token
        .session
        .generate_key(generation, &with(of_private(), template))
        .unwrap();
    let job = job_with_bits(&token.session, key, 5, 3072).unwrap();
    (key, job)
}

fn import(token: &Fixture, job: &Job, material: &EcMaterial, expires_at: u64) {
    import_with(
        token,
        job,
        material,
        attrs![CKA_TENON_EXPIRES_AT => &expires_at.to_be_bytes()],
    );
}

/// By a template that names these attributes too.
fn import_with(token: &Fixture, job: &Job, material: &EcMaterial, template: Vec<RawAttribute>) {
    let private = Material::pair(material.clone());
    let (mechanism, blob) = job.owner.wrap(5, &private.to_pkcs8().unwrap());
    let request = request(mechanism, Params::None);
    token
        .session
        .unwrap_key(request, job.private, &blob, &with(of_private(), template))
        .unwrap();
}

/// A public key object of this material.
fn public(token: &Fixture, material: &EcMaterial, changes: Vec<RawAttribute>) -> Handle {
    let point = [&[0x04, 65][..], &material.point].concat();
    let template = attrs![
        CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_KEY_TYPE => ck::CKK_EC, CKA_TOKEN => true,
        CKA_EC_PARAMS => Curve::P256.params(), CKA_EC_POINT => &point, CKA_ID => ID,
        CKA_VERIFY => true, CKA_LABEL => "signer",
    ];
    token
        .session
        .create_object(&with(template, changes))
        .unwrap()
}

/// A managed P-256 key: its public and its private half.
fn managed(token: &Fixture, public: Vec<RawAttribute>) -> (Handle, Handle) {
    let template = attrs![
        CKA_EC_PARAMS => Curve::P256.params(), CKA_ID => ID, CKA_TOKEN => true,
    ];
    let private = attrs![
        CKA_ID => ID, CKA_TENON_PROFILE => "aws", CKA_SIGN => true, CKA_LABEL => "signer",
    ];
    let request = token.plain(ck::CKM_EC_KEY_PAIR_GEN);
    token
        .session
        .generate_key_pair(request, &with(template, public), &private)
        .unwrap()
}

fn schedule(token: &Fixture, key: Handle) -> u64 {
    let at = token.clock.now() + WEEK;
    let change = attrs![CKA_TENON_DELETION_AT => &at.to_be_bytes()];
    token.session.set_attributes(key, &change).unwrap();
    at
}

fn publics(token: &Fixture) -> usize {
    find(&token.session, &attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY]).len()
}

fn sweep(token: &Fixture) {
    token.module.token(SLOT).unwrap().sweep().unwrap();
}

fn verify_audit(token: &Fixture) {
    let opened = token.module.token(SLOT).unwrap();
    opened.verify_audit().unwrap();
}

fn verifies(token: &Fixture, public: Handle, signature: &[u8]) -> bool {
    let session = &token.session;
    let verify = session.verify_init(token.plain(ck::CKM_ECDSA), public);
    verify.is_ok_and(|()| session.verify(&[7; 32], signature).is_ok())
}

fn sign(token: &Fixture, key: Handle) -> Vec<u8> {
    let session = &token.session;
    session.sign_init(token.plain(ck::CKM_ECDSA), key).unwrap();
    full(|out| session.sign(&[7; 32], out)).unwrap()
}

/// An import whose template names CKA_ID makes the public key object under it, once.
#[test]
fn an_import_makes_the_public_half() {
    let token = Fixture::new();
    let session = &token.session;
    let material = ec::generate(Curve::P256).unwrap();
    let (key, job) = external(&token, "aws");
    import(&token, &job, &material, 0);
    let by_id = attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_ID => ID];
    assert!(find(session, &by_id).is_empty(), "the template names none");
    let named = || attrs![CKA_TENON_EXPIRES_AT => &[0; 8], CKA_ID => ID];
    import_with(&token, &job, &material, named());
    let [half] = find(session, &by_id)[..] else {
        panic!("one public half");
    };
    assert!(verifies(&token, half, &sign(&token, key)));
    for (kind, expected) in [
        (ck::CKA_LABEL, &b"signer"[..]),
        (ck::CKA_TOKEN, &[1]),
        (ck::CKA_PRIVATE, &[0]),
        (ck::CKA_VERIFY, &[1]),
        (ck::CKA_ENCRYPT, &[0]),
    ] {
        assert_eq!(bytes(session, half, kind), expected, "{kind:#x}");
    }
    import_with(&token, &job, &material, named());
    assert_eq!(find(session, &by_id), [half], "it is found");
    verify_audit(&token);
    token.clock.set(schedule(&token, key));
    sweep(&token);
    assert_eq!(publics(&token), 0, "it goes with the key");
}

/// The public half of a client's own making is found, and none is made beside it.
#[test]
fn an_import_finds_the_public_half_that_is_there() {
    let token = Fixture::new();
    let material = ec::generate(Curve::P256).unwrap();
    let (_, job) = external(&token, "aws");
    let present = public(&token, &material, vec![]);
    let other = public(&token, &ec::generate(Curve::P256).unwrap(), vec![]);
    import_with(
        &token,
        &job,
        &material,
        attrs![CKA_TENON_EXPIRES_AT => &[0; 8], CKA_ID => ID],
    );
    let by_id = attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_ID => ID];
    assert_eq!(find(&token.session, &by_id), [present, other]);
}

/// A refused import makes nothing.
#[test]
fn a_refused_import_makes_no_public_half() {
    let token = Fixture::new();
    let [first, second] = [(); 2].map(|()| ec::generate(Curve::P256).unwrap());
    let (_, job) = external(&token, "aws");
    import(&token, &job, &first, 0);
    let private = Material::pair(second).to_pkcs8().unwrap();
    let (mechanism, blob) = job.owner.wrap(5, &private);
    let template = attrs![CKA_TENON_EXPIRES_AT => &[0; 8], CKA_ID => ID];
    let refused = token.session.unwrap_key(
        request(mechanism, Params::None),
        job.private,
        &blob,
        &with(of_private(), template),
    );
    returns!(refused, CKR_TENON_MATERIAL_MISMATCH);
    let by_id = attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_ID => ID];
    assert!(find(&token.session, &by_id).is_empty());
}

/// A key that is bound by its CKA_ID.
#[test]
fn an_unwrap_that_binds_makes_the_public_half() {
    let import = Import::new();
    let private = Material::pair(ec::generate(Curve::P256).unwrap());
    let blob = rsa_aes_blob(&private.to_pkcs8().unwrap());
    let by_id = attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_ID => ID];
    for _ in 0..2 {
        import
            .unwrap(rsa_aes(), &blob, &private_template(ck::CKK_EC))
            .unwrap();
        assert_eq!(import.find(&by_id).len(), 1);
    }
    let session = &import.fixture.session;
    let half = import.find(&by_id)[0];
    let info = bytes(session, half, ck::CKA_PUBLIC_KEY_INFO);
    assert_eq!(Some(info), private.spki());
}

/// The index lists neither modulus nor point of it.
#[test]
fn the_public_half_of_a_post_quantum_key_goes_with_the_key() {
    let token = Import::new();
    let material = mldsa::generate(mldsa::ParameterSet::MlDsa44).unwrap();
    let pkcs8 = Material::pair(material).to_pkcs8().unwrap();
    let template = private_template(ck::CKK_ML_DSA);
    let key = token.unwrap(rsa_aes(), &rsa_aes_blob(&pkcs8), &template);
    let key = key.unwrap();
    let halves = attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_ID => ID];
    assert_eq!(token.find(&halves).len(), 1);
    token.fixture.clock.set(schedule(&token.fixture, key));
    sweep(&token.fixture);
    assert!(token.find(&halves).is_empty(), "it goes with the key");
}

/// Whoever comes first after the window removes both halves.
#[test]
fn the_public_half_goes_with_the_key() {
    type Touch = fn(&Fixture, &[u8; 16]);
    let touches: [(&str, Touch); 5] = [
        ("sweep", |token, _| sweep(token)),
        ("login of the user", |token, _| {
            token.session.logout().unwrap();
            token.session.login(ck::CKU_USER, USER_PIN).unwrap();
        }),
        ("login of the security officer", |token, _| {
            token.session.logout().unwrap();
            token.session.login(ck::CKU_SO, SO_PIN).unwrap();
            token.session.logout().unwrap();
            token.session.login(ck::CKU_USER, USER_PIN).unwrap();
        }),
        ("sweep of another process", |token, _| {
            let other = token.another();
            let session = session(&other, RW);
            session.login(ck::CKU_USER, USER_PIN).unwrap();
            other.token(SLOT).unwrap().sweep().unwrap();
        }),
        ("statement of the key's end", |token, uid| {
            token.session.end_of_key(uid, &[]).unwrap();
        }),
    ];
    for (by, touch) in touches {
        for private in [false, true] {
            let token = Fixture::new();
            let (public, key) = managed(&token, attrs![CKA_PRIVATE => private]);
            let uid = uid(&token.session, key);
            let due = schedule(&token, key);
            sweep(&token);
            assert_eq!(publics(&token), 1, "{by}: before its window is over");
            let signature = [1; 64];
            assert!(!verifies(&token, public, &signature));
            token.clock.set(due);
            touch(&token, &uid);
            assert_eq!(publics(&token), 0, "{by}");
            let gone = token
                .session
                .verify_init(token.plain(ck::CKM_ECDSA), public);
            returns!(gone, CKR_KEY_HANDLE_INVALID, "{by}");
            verify_audit(&token);
        }
    }
}

/// A key that only lost its material may have it again: what it signed is verified meanwhile.
#[test]
fn the_public_half_stays_while_the_key_does() {
    let token = Fixture::new();
    let material = ec::generate(Curve::P256).unwrap();
    let (key, job) = external(&token, "aws");
    let public = public(&token, &material, vec![]);
    let end = TODAY + 100;
    import(&token, &job, &material, end);
    let signature = sign(&token, key);
    token.clock.set(end);
    sweep(&token);
    assert!(verifies(&token, public, &signature), "expired");
    import(&token, &job, &material, 0);
    token.session.destroy_object(key).unwrap();
    assert!(verifies(&token, public, &signature), "deleted");
    import(&token, &job, &material, 0);
    let key = find(&token.session, &of_private())[0];
    let disable = attrs![CKA_TENON_DISABLED => true];
    token.session.set_attributes(key, &disable).unwrap();
    assert!(verifies(&token, public, &signature), "disabled");
    schedule(&token, key);
    assert!(verifies(&token, public, &signature), "to be deleted");
}

/// A public key object of another CKA_ID, and the public half of another private key, are others' objects.
#[test]
fn what_is_not_the_public_half_stays() {
    let token = Fixture::new();
    let material = ec::generate(Curve::P256).unwrap();
    let (key, job) = external(&token, "aws");
    let own = public(&token, &material, vec![]);
    let others = public(&token, &material, attrs![CKA_ID => b"\x0c"]);
    let other_key = ec::generate(Curve::P256).unwrap();
    let same_id = public(&token, &other_key, vec![]);
    import(&token, &job, &material, 0);
    token.clock.set(schedule(&token, key));
    sweep(&token);
    let left = find(&token.session, &attrs![CKA_LABEL => "signer"]);
    assert!(!left.contains(&own));
    assert_eq!(left, [others, same_id]);
}

/// The ordinary private key of the same CKA_ID still has its public half.
#[test]
fn a_public_half_that_another_key_has_too_stays() {
    let token = Fixture::new();
    let material = ec::generate(Curve::P256).unwrap();
    let twin = attrs![
        CKA_TOKEN => true, CKA_ID => ID, CKA_EC_PARAMS => Curve::P256.params(),
        CKA_VALUE => &*material.scalar, CKA_SIGN => true,
    ];
    let twin = token
        .session
        .create_object(&with(of_private(), twin))
        .unwrap();
    let (key, job) = external(&token, "aws");
    public(&token, &material, vec![]);
    import(&token, &job, &material, 0);
    token.clock.set(schedule(&token, key));
    sweep(&token);
    assert_eq!(publics(&token), 1);
    token.session.destroy_object(twin).unwrap();
}

/// Rotation by import (google): whoever looks for the public half by CKA_ID finds that of the new version;
/// that of an older one stays for its signatures, under a label of its own, and goes with the key.
#[test]
fn an_asymmetric_key_rotates_by_import() {
    let token = Fixture::new();
    let [first, second] = [(); 2].map(|()| ec::generate(Curve::P256).unwrap());
    let (key, job) = external(&token, "google");
    import(&token, &job, &first, 0);
    let older = public(&token, &first, vec![]);
    let by_first = sign(&token, key);
    import(&token, &job, &second, 0);
    let named = attrs![CKA_TENON_EXPIRES_AT => &[0; 8], CKA_ID => ID];
    import_with(&token, &job, &second, named);
    let by_id = attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_ID => ID];
    let current = find(&token.session, &by_id)[0];
    let by_second = sign(&token, key);
    assert_eq!(find(&token.session, &by_id), [current]);
    let by_label = attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_LABEL => "signer (version 1)"];
    assert_eq!(find(&token.session, &by_label), [older]);
    assert!(verifies(&token, older, &by_first) && verifies(&token, current, &by_second));
    assert!(!verifies(&token, current, &by_first));
    import(&token, &job, &first, 0);
    assert!(
        verifies(&token, current, &sign(&token, key)),
        "the material of an older version goes there, and the newer one stays current"
    );
    let info = bytes(&token.session, key, ck::CKA_PUBLIC_KEY_INFO);
    assert_eq!(
        info,
        bytes(&token.session, current, ck::CKA_PUBLIC_KEY_INFO)
    );
    assert_eq!(token.session.versions(key).unwrap().len(), 2);
    token.clock.set(schedule(&token, key));
    sweep(&token);
    assert_eq!(publics(&token), 0, "of both versions");
    verify_audit(&token);
}

/// Without a label of its own the public half of an older version is still told from others.
#[test]
fn the_public_half_of_an_older_version_has_a_label_always() {
    let token = Fixture::new();
    let (key, job) = external(&token, "google");
    let [first, second] = [0, 1].map(|_| ec::generate(Curve::P256).unwrap());
    public(&token, &first, attrs![CKA_LABEL => ""]);
    import(&token, &job, &first, 0);
    import(&token, &job, &second, 0);
    let mut label = bytes(&token.session, key, ck::CKA_UNIQUE_ID);
    label.extend(b" (version 1)");
    let by_label = attrs![CKA_CLASS => ck::CKO_PUBLIC_KEY, CKA_LABEL => &label];
    assert_eq!(find(&token.session, &by_label).len(), 1);
}

/// All services but google and vault keep one material for an asymmetric key, and say what to do.
#[test]
fn other_services_rotate_no_asymmetric_key() {
    for profile in ["aws", "oci", "alibaba-software", "huawei"] {
        let token = Fixture::new();
        let template = attrs![
            CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_RSA,
            CKA_MODULUS_BITS => 2048_u64, CKA_SIGN => true, CKA_TENON_PROFILE => profile,
        ];
        let generation = request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None);
        let key = token.session.generate_key(generation, &template).unwrap();
        let refused = token.session.rotate(key, true);
        let said = refused.as_ref().unwrap_err().to_string();
        returns!(refused, CKR_TEMPLATE_INCONSISTENT, "{profile}");
        assert!(said.contains("make a new external key"), "{said}");
    }
    let token = Fixture::new();
    let [first, second] = [(); 2].map(|()| ec::generate(Curve::P256).unwrap());
    let (key, job) = external(&token, "aws");
    import(&token, &job, &first, 0);
    for (next, outcome) in [
        (false, "CKR_TENON_MATERIAL_MISMATCH"),
        (true, "CKR_TEMPLATE_INCONSISTENT"),
    ] {
        let private = Material::pair(second.clone());
        let (mechanism, blob) = job.owner.wrap(5, &private.to_pkcs8().unwrap());
        let template = attrs![CKA_TENON_EXPIRES_AT => &[0; 8], CKA_TENON_NEW_MATERIAL => next];
        let request = request(mechanism, Params::None);
        let template = with(of_private(), template);
        let refused = token
            .session
            .unwrap_key(request, job.private, &blob, &template);
        assert_eq!(crate::common::rv(&refused), outcome);
    }
    assert_eq!(token.session.versions(key).unwrap().len(), 1);
}
