//! Material that comes in shares, each by an import of its own.

use serde_json::{Value, json};
use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::{Curve, generate};
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::crypto::shares::{Sharing, check_value};
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::secret::Secret;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::Handle;

use super::jobs::{Job, aes, external, job, job_with_bits};
use super::outside::{MATERIAL, OTHER, find, request};
use super::receipt::hex;
use crate::common::{
    Calls, Fixture, RW, SLOT, TODAY, USER_PIN, attrs, bytes, returns, session, state, with,
};

const DAY: u64 = 86_400;

/// A key of `needed` of `of` shares of `MATERIAL`, an import job for it, and the shares.
struct Shared {
    token: Fixture,
    key: Handle,
    job: Job,
    shares: Vec<Secret>,
}

fn split(needed: u8, of: u8, material: &[u8]) -> Vec<Secret> {
    let sharing = Sharing::new(needed, of).unwrap();
    sharing.split(material, &SystemRng)
}

fn shared_key(session: &Session, [needed, of]: [u8; 2], more: Vec<RawAttribute>) -> Handle {
    let template = attrs![
        CKA_TENON_SHARES => &[needed, of], CKA_TENON_SHARES_CHECK_VALUE => &check_value(MATERIAL),
    ];
    external(session, with(template, more)).unwrap()
}

impl Shared {
    fn new(needed: u8, of: u8) -> Self {
        Self::with(needed, of, vec![])
    }

    fn with(needed: u8, of: u8, more: Vec<RawAttribute>) -> Self {
        let token = Fixture::new();
        let key = shared_key(&token.session, [needed, of], more);
        let job = job(&token.session, key, 2).unwrap();
        Self {
            token,
            key,
            job,
            shares: split(needed, of, MATERIAL),
        }
    }

    fn send(&self, number: u8, share: &[u8]) -> Result<Handle> {
        send(&self.token.session, &self.job, number, share)
    }

    /// Sends share `number` of the material.
    fn own(&self, number: u8) -> Result<Handle> {
        self.send(number, &self.shares[usize::from(number) - 1])
    }

    fn state(&self) -> u64 {
        state(&self.token.session, self.key)
    }

    fn waiting(&self) -> Vec<u8> {
        waiting(&self.token.session, self.key)
    }

    /// What is in the store beside the key and the job: shares that wait.
    fn stored(&self) -> usize {
        let verified = self.token.module.token(SLOT).unwrap().verify_audit();
        usize::try_from(verified.unwrap().objects).unwrap()
    }
}

fn send(session: &Session, job: &Job, number: u8, share: &[u8]) -> Result<Handle> {
    send_with(session, job, share, attrs![CKA_TENON_SHARE => &[number]])
}

fn send_with(
    session: &Session,
    job: &Job,
    share: &[u8],
    template: Vec<RawAttribute>,
) -> Result<Handle> {
    let (mechanism, blob) = job.owner.wrap(2, share);
    let request = request(mechanism, Params::None);
    session.unwrap_key(request, job.private, &blob, &with(aes(), template))
}

fn waiting(session: &Session, key: Handle) -> Vec<u8> {
    bytes(session, key, ck::CKA_TENON_SHARE)
}

fn receipt(session: &Session, key: Handle) -> Value {
    serde_json::from_slice(&session.receipt(key).unwrap().statement).unwrap()
}

#[test]
fn the_last_share_that_is_needed_makes_the_material() {
    for (needed, of, order) in [
        (2, 3, &[3, 1][..]),
        (3, 3, &[2, 3, 1]),
        (3, 5, &[5, 2, 4]),
        (2, 2, &[1, 2]),
    ] {
        let shared = Shared::new(needed, of);
        let session = &shared.token.session;
        let (last, first) = order.split_last().unwrap();
        for (at, number) in first.iter().enumerate() {
            assert_eq!(shared.own(*number).unwrap(), shared.key);
            assert_eq!(shared.state(), ck::STATE_PENDING_IMPORT);
            let mut expected = order[..=at].to_vec();
            expected.sort_unstable();
            assert_eq!(shared.waiting(), expected);
            let use_it = session.encrypt_init(shared.token.plain(ck::CKM_AES_ECB), shared.key);
            returns!(use_it, CKR_KEY_FUNCTION_NOT_PERMITTED);
            assert_eq!(receipt(session, shared.key)["material_id"], Value::Null);
        }
        assert_eq!(shared.own(*last).unwrap(), shared.key);
        assert_eq!(shared.state(), ck::STATE_ENABLED);
        assert!(shared.waiting().is_empty());
        assert_eq!(shared.stored(), 3, "key and job alone: no share stays");
        session
            .encrypt_init(shared.token.plain(ck::CKM_AES_ECB), shared.key)
            .unwrap();
        let made = crate::common::full(|out| session.encrypt(&[7; 16], out)).unwrap();
        assert_eq!(made, encrypted(MATERIAL, [7; 16]));
    }
}

/// By another implementation of AES.
fn encrypted(material: &[u8; 32], block: [u8; 16]) -> [u8; 16] {
    use aes::cipher::{BlockCipherEncrypt, KeyInit};
    let mut block = block.into();
    aes::Aes256::new(&(*material).into()).encrypt_block(&mut block);
    block.into()
}

#[test]
fn the_receipt_names_each_share() {
    let shared = Shared::new(2, 3);
    let session = &shared.token.session;
    let template = |number: u8, nonce: &[u8]| attrs![CKA_TENON_SHARE => &[number], CKA_TENON_OWNER_NONCE => nonce];
    for (number, nonce) in [(3, b"three"), (2, b"two..")] {
        let share = &shared.shares[usize::from(number) - 1];
        send_with(session, &shared.job, share, template(number, nonce)).unwrap();
    }
    let said = receipt(session, shared.key);
    let shares = &said["shares"];
    assert_eq!(
        (&shares["needed"], &shares["of"]),
        (&json!(2), &json!(3)),
        "{shares}"
    );
    assert_eq!(shares["check_value"], hex(check_value(MATERIAL)));
    let joined = shares["joined"].as_array().unwrap();
    assert_eq!(joined.len(), 2);
    for (said, number, nonce) in [(&joined[0], 2, b"two.."), (&joined[1], 3, b"three")] {
        let share = &shared.shares[usize::from(number as u8) - 1];
        assert_eq!(said["share"], number);
        assert_eq!(said["check_value"], hex(check_value(share)));
        assert_eq!(said["owner_nonce"], hex(nonce));
        assert_eq!(said["algorithm"], "RSAES_OAEP_SHA_256");
        assert_eq!(said["imported_at"], TODAY);
        for digest in ["blob_sha256", "wrapping_key_sha256", "material_proof"] {
            assert_eq!(said[digest].as_str().unwrap().len(), 64, "{digest}");
        }
    }
    assert_ne!(joined[0]["blob_sha256"], joined[1]["blob_sha256"]);
}

#[test]
fn the_joined_material_is_the_keys_for_ever() {
    let mut shared = Shared::new(2, 3);
    let session = &shared.token.session.clone();
    shared.own(1).unwrap();
    shared.own(2).unwrap();
    let id = bytes(session, shared.key, ck::CKA_TENON_MATERIAL_ID);
    // The same material by other shares, while the key works.
    let again = split(2, 3, MATERIAL);
    let expires = TODAY + 3600;
    shared.send(3, &again[2]).unwrap();
    assert_eq!(shared.state(), ck::STATE_ENABLED);
    let template = attrs![CKA_TENON_SHARE => &[1], CKA_TENON_EXPIRES_AT => &expires.to_be_bytes()];
    send_with(session, &shared.job, &again[0], template).unwrap();
    assert_eq!(bytes(session, shared.key, ck::CKA_TENON_MATERIAL_ID), id);
    assert_eq!(
        bytes(session, shared.key, ck::CKA_TENON_EXPIRES_AT),
        expires.to_be_bytes()
    );
    // Other material by its own shares is refused, also once the first has expired.
    let other = split(2, 3, OTHER);
    for _ in 0..2 {
        shared.send(1, &other[0]).unwrap();
        returns!(shared.send(2, &other[1]), CKR_TENON_MATERIAL_MISMATCH);
        assert_eq!(shared.waiting(), [1]);
        session.destroy_object(shared.key).unwrap();
        let origin = attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL];
        shared.key = find(session, &origin)[0];
        assert!(shared.waiting().is_empty());
        assert_eq!(shared.state(), ck::STATE_PENDING_IMPORT);
    }
    shared.own(3).unwrap();
    shared.own(1).unwrap();
    assert_eq!(shared.state(), ck::STATE_ENABLED);
    assert_eq!(bytes(session, shared.key, ck::CKA_TENON_MATERIAL_ID), id);
}

#[test]
fn without_a_check_value_the_binding_still_refuses_other_shares() {
    let token = Fixture::new();
    let session = &token.session;
    let key = external(session, attrs![CKA_TENON_SHARES => &[2, 2]]).unwrap();
    let job = job(session, key, 2).unwrap();
    let both = |material: &[u8]| {
        let shares = split(2, 2, material);
        send(session, &job, 1, &shares[0])?;
        send(session, &job, 2, &shares[1])
    };
    both(MATERIAL).unwrap();
    returns!(both(OTHER), CKR_TENON_MATERIAL_MISMATCH);
    session.destroy_object(key).unwrap();
    both(MATERIAL).unwrap();
}

#[test]
fn a_share_comes_once_and_under_its_own_number() {
    let shared = Shared::new(2, 3);
    let session = &shared.token.session;
    shared.own(1).unwrap();
    shared.own(1).unwrap();
    assert_eq!(shared.waiting(), [1]);
    assert_eq!(shared.stored(), 4, "the share that came twice waits once");
    returns!(shared.send(1, OTHER), CKR_TENON_MATERIAL_MISMATCH);
    assert_eq!(shared.waiting(), [1]);
    for number in [0, 4, 255] {
        returns!(shared.send(number, OTHER), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    // Share 2 under the number 3.
    let wrong = shared.send(3, &shared.shares[1]);
    returns!(wrong, CKR_TENON_MATERIAL_MISMATCH);
    returns!(shared.send(2, &OTHER[1..]), CKR_WRAPPED_KEY_INVALID);
    returns!(shared.send(2, b""), CKR_WRAPPED_KEY_INVALID);
    let whole = send_with(session, &shared.job, MATERIAL, vec![]);
    returns!(whole, CKR_TEMPLATE_INCONSISTENT);
    for (agrees, count) in [(false, [3, 3]), (false, [2, 4]), (true, [2, 3])] {
        let template = attrs![CKA_TENON_SHARE => &[2], CKA_TENON_SHARES => &count];
        let sent = send_with(session, &shared.job, &shared.shares[1], template);
        assert_eq!(sent.is_ok(), agrees, "{count:?}");
        if !agrees {
            returns!(sent, CKR_TEMPLATE_INCONSISTENT);
        }
    }
    assert_eq!(shared.state(), ck::STATE_ENABLED);
}

/// A key of so many shares without a check value, which nothing but the shares themselves guards.
fn unchecked(session: &Session, sharing: [u8; 2]) -> (Handle, Job) {
    let key = external(session, attrs![CKA_TENON_SHARES => &sharing]).unwrap();
    (key, job(session, key, 2).unwrap())
}

#[test]
fn one_value_under_two_numbers_makes_no_key() {
    for sharing in [[2, 2], [3, 3], [2, 3], [3, 5]] {
        let token = Fixture::new();
        let session = &token.session;
        let (key, job) = unchecked(session, sharing);
        let shares = split(sharing[0], sharing[1], MATERIAL);
        send(session, &job, 1, &shares[0]).unwrap();
        let repeated = send(session, &job, 2, &shares[0]);
        let said = repeated.as_ref().unwrap_err().to_string();
        assert!(said.contains("under another number"), "{said}");
        returns!(repeated, CKR_TENON_MATERIAL_MISMATCH);
        assert_eq!(waiting(session, key), [1], "nothing has changed");
        assert_eq!(state(session, key), ck::STATE_PENDING_IMPORT);
        // The custodian's own share goes on.
        for number in 2..=sharing[0] {
            send(session, &job, number, &shares[usize::from(number) - 1]).unwrap();
        }
        assert_eq!(state(session, key), ck::STATE_ENABLED);
    }
}

#[test]
fn shares_that_make_zeros_alone_make_no_key() {
    for sharing in [[3, 3], [2, 3]] {
        let token = Fixture::new();
        let session = &token.session;
        let (key, job) = unchecked(session, sharing);
        let shares = split(sharing[0], sharing[1], &[0; 32]);
        let (last, first) = shares[..usize::from(sharing[0])].split_last().unwrap();
        for (number, share) in (1..).zip(first) {
            send(session, &job, number, share).unwrap();
        }
        let joined = send(session, &job, sharing[0], last);
        let said = joined.as_ref().unwrap_err().to_string();
        assert!(said.contains("zeros alone"), "{said}");
        returns!(joined, CKR_TENON_MATERIAL_MISMATCH);
        assert_eq!(state(session, key), ck::STATE_PENDING_IMPORT);
        assert_eq!(waiting(session, key).len(), first.len());
    }
}

#[test]
fn a_wrong_share_is_told_by_the_check_value_and_leaves_a_way_on() {
    let shared = Shared::with(3, 3, attrs![CKA_TENON_PROFILE => "tencent"]);
    let session = &shared.token.session;
    shared.own(1).unwrap();
    shared.send(2, OTHER).unwrap();
    for _ in 0..2 {
        returns!(shared.own(3), CKR_TENON_MATERIAL_MISMATCH);
    }
    assert_eq!(shared.waiting(), [1, 2], "nothing has changed");
    assert_eq!(shared.state(), ck::STATE_PENDING_IMPORT);
    // A service's key that never had material stays; what waits for it goes.
    session.destroy_object(shared.key).unwrap();
    let key = find(session, &attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL])[0];
    assert!(waiting(session, key).is_empty());
    assert_eq!(shared.stored(), 3);
    returns!(session.destroy_object(key), CKR_ACTION_PROHIBITED);
    for number in 1..=3 {
        shared.own(number).unwrap();
    }
    assert_eq!(state(session, key), ck::STATE_ENABLED);
}

#[test]
fn shares_end_with_the_job_that_brought_them() {
    let shared = Shared::new(2, 3);
    let token = &shared.token;
    shared.own(1).unwrap();
    token.clock.set(TODAY + DAY - 10);
    let second = job(&token.session, shared.key, 2).unwrap();
    send(&token.session, &second, 2, &shared.shares[2]).unwrap_err();
    assert_eq!(shared.waiting(), [1]);
    token.clock.set(TODAY + DAY);
    assert!(shared.waiting().is_empty(), "it ended with its job");
    send(&token.session, &second, 2, &shared.shares[1]).unwrap();
    assert_eq!(shared.waiting(), [2]);
    assert_eq!(shared.state(), ck::STATE_PENDING_IMPORT);
    let swept = token.module.token(SLOT).unwrap().sweep().unwrap();
    assert_eq!((swept.materials, swept.job_keys), (0, 2));
    assert_eq!(shared.stored(), 4, "key, second job, and its share");
    // Revoking a request takes its shares along.
    token.session.destroy_object(second.private).unwrap();
    assert!(shared.waiting().is_empty());
    assert_eq!(shared.stored(), 1);
}

#[test]
fn a_share_that_comes_again_belongs_to_the_later_job() {
    let shared = Shared::new(2, 3);
    let session = &shared.token.session;
    shared.own(1).unwrap();
    let second = job(session, shared.key, 2).unwrap();
    send(session, &second, 1, &shared.shares[0]).unwrap();
    session.destroy_object(shared.job.private).unwrap();
    assert_eq!(shared.waiting(), [1]);
    send(session, &second, 2, &shared.shares[1]).unwrap();
    assert_eq!(shared.state(), ck::STATE_ENABLED);
}

#[test]
fn a_key_takes_its_shares_along() {
    let shared = Shared::new(2, 3);
    let session = &shared.token.session;
    shared.own(1).unwrap();
    session.destroy_object(shared.key).unwrap();
    assert_eq!(shared.stored(), 3, "the key stays, and waits");
    let origin = attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL];
    session.destroy_object(find(session, &origin)[0]).unwrap();
    assert_eq!(shared.stored(), 2, "it never had material, so it goes");
    let shared = Shared::new(2, 3);
    let session = &shared.token.session;
    let deletion = TODAY + 7 * DAY;
    shared.own(1).unwrap();
    session
        .set_attributes(
            shared.key,
            &attrs![CKA_TENON_DELETION_AT => &deletion.to_be_bytes()],
        )
        .unwrap();
    returns!(shared.own(2), CKR_KEY_FUNCTION_NOT_PERMITTED);
    shared.token.clock.set(deletion);
    shared.token.module.token(SLOT).unwrap().sweep().unwrap();
    assert_eq!(shared.stored(), 0);
}

#[test]
fn shares_wait_through_restarts_and_come_from_other_processes() {
    let mut shared = Shared::new(3, 3);
    shared.own(1).unwrap();
    shared.token = shared.token.reopened_as_user();
    let other = shared.token.another();
    let other = session(&other, RW);
    other.login(ck::CKU_USER, USER_PIN).unwrap();
    let found =
        |session: &Session, origin: u64| find(session, &attrs![CKA_TENON_ORIGIN => origin])[0];
    for (session, number) in [(&*other, 2), (&*shared.token.session, 3)] {
        let job = Job {
            private: found(session, ck::ORIGIN_IMPORT_JOB),
            ..shared.job
        };
        send(
            session,
            &job,
            number,
            &shared.shares[usize::from(number) - 1],
        )
        .unwrap();
        shared.job = job;
    }
    let key = found(&other, ck::ORIGIN_EXTERNAL);
    assert_eq!(state(&other, key), ck::STATE_ENABLED);
}

#[test]
fn many_processes_send_at_once_and_one_makes_the_material() {
    let shared = Shared::new(5, 5);
    std::thread::scope(|scope| {
        for number in 1..=5 {
            let (shared, session) = (&shared, shared.token.open(RW));
            scope.spawn(move || {
                let share = &shared.shares[usize::from(number) - 1];
                send(&session, &shared.job, number, share).unwrap();
            });
        }
    });
    assert_eq!(shared.state(), ck::STATE_ENABLED);
    assert_eq!(shared.stored(), 3);
}

#[test]
fn no_client_sees_a_share() {
    let shared = Shared::new(2, 3);
    shared.own(1).unwrap();
    let session = &shared.token.session;
    let secret = attrs![CKA_CLASS => ck::CKO_SECRET_KEY];
    assert!(find(session, &secret).is_empty());
    let vendor = with(
        secret,
        attrs![CKA_TENON_KEY_STATE => ck::STATE_PENDING_IMPORT],
    );
    assert_eq!(find(session, &vendor), [shared.key]);
    for template in [
        attrs![CKA_TENON_SHARE => &[1]],
        attrs![CKA_TENON_SHARES_CHECK_VALUE => &check_value(&shared.shares[0])],
        attrs![CKA_UNIQUE_ID => ""],
        attrs![CKA_LABEL => "", CKA_CLASS => ck::CKO_SECRET_KEY],
    ] {
        assert!(find(session, &template).is_empty(), "{template:?}");
    }
    let monitored = shared.token.module.token(SLOT).unwrap().sealed_keys();
    assert_eq!(monitored.unwrap().len(), 1);
}

#[test]
fn private_keys_come_in_shares_too() {
    let token = Fixture::new();
    let session = &token.session;
    let material = Material::pair(generate(Curve::P256).unwrap());
    let pkcs8 = material.to_pkcs8().unwrap();
    let key = session
        .generate_key(
            request(ck::CKM_TENON_EXTERNAL_KEY_GEN, Params::None),
            &attrs![
                CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC,
                CKA_EC_PARAMS => &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
                CKA_TENON_SHARES => &[2, 3],
                CKA_TENON_SHARES_CHECK_VALUE => &check_value(&pkcs8),
            ],
        )
        .unwrap();
    let job = job(session, key, 5).unwrap();
    let shares = split(2, 3, &pkcs8);
    let send = |number: u8, share: &[u8]| {
        let (mechanism, blob) = job.owner.wrap(5, share);
        let template = attrs![
            CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC,
            CKA_TENON_SHARE => &[number],
        ];
        session.unwrap_key(
            request(mechanism, Params::None),
            job.private,
            &blob,
            &template,
        )
    };
    send(2, &shares[1]).unwrap();
    returns!(send(3, &shares[1]), CKR_TENON_MATERIAL_MISMATCH);
    returns!(send(1, &shares[0][1..]), CKR_TENON_MATERIAL_MISMATCH);
    send(1, &shares[0]).unwrap();
    assert_eq!(state(session, key), ck::STATE_ENABLED);
    let spki = bytes(session, key, ck::CKA_PUBLIC_KEY_INFO);
    assert_eq!(Some(spki), material.spki());
}

#[test]
fn a_new_version_comes_in_shares_too() {
    let token = Fixture::new();
    let session = &token.session;
    let key = shared_key(session, [2, 3], attrs![CKA_TENON_PROFILE => "google"]);
    let job = job_with_bits(session, key, 5, 3072).unwrap();
    let send = |material: &[u8], check: &[u8]| {
        let shares = split(2, 3, material);
        let mut outcome = Ok(key);
        for number in [1, 3_u8] {
            let (mechanism, blob) = job.owner.wrap(5, &shares[usize::from(number) - 1]);
            let request = request(mechanism, Params::None);
            let template = attrs![
                CKA_TENON_SHARE => &[number], CKA_TENON_SHARES_CHECK_VALUE => check,
            ];
            outcome = session.unwrap_key(request, job.private, &blob, &with(aes(), template));
        }
        outcome
    };
    returns!(
        send(OTHER, &check_value(OTHER)),
        CKR_TENON_MATERIAL_MISMATCH,
        "the key's own check value holds for the first material"
    );
    session.destroy_object(key).unwrap();
    let origin = attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL];
    let key = find(session, &origin)[0];
    send(MATERIAL, &check_value(MATERIAL)).unwrap();
    returns!(
        send(OTHER, &check_value(MATERIAL)),
        CKR_TENON_MATERIAL_MISMATCH
    );
    session.destroy_object(job.private).unwrap();
    assert!(waiting(session, key).is_empty(), "the job took it along");
    let job = job_with_bits(session, key, 5, 3072).unwrap();
    let shares = split(2, 3, OTHER);
    for number in [2_u8, 1] {
        let (mechanism, blob) = job.owner.wrap(5, &shares[usize::from(number) - 1]);
        let request = request(mechanism, Params::None);
        let template = attrs![
            CKA_TENON_SHARE => &[number], CKA_TENON_SHARES_CHECK_VALUE => &check_value(OTHER),
        ];
        session
            .unwrap_key(request, job.private, &blob, &with(aes(), template))
            .unwrap();
    }
    let versions = session.versions(key).unwrap();
    assert_eq!(versions.len(), 2);
    assert!(versions[1].current && versions[0].has_material());
    assert_eq!(
        receipt(session, key)["shares"]["check_value"],
        hex(check_value(OTHER))
    );
}

/// Where an import of other material makes a version, a wrong share does not: nobody has the original of what it
/// makes.
#[test]
fn a_wrong_share_makes_no_new_version() {
    let token = Fixture::new();
    let session = &token.session;
    let key = shared_key(session, [2, 3], attrs![CKA_TENON_PROFILE => "vault"]);
    let job = job_with_bits(session, key, 5, 4096).unwrap();
    let shares = split(2, 3, MATERIAL);
    let send = |number: u8, share: usize| {
        let (mechanism, blob) = job.owner.wrap(5, &shares[share - 1]);
        let request = request(mechanism, Params::None);
        let template = with(aes(), attrs![CKA_TENON_SHARE => &[number]]);
        session.unwrap_key(request, job.private, &blob, &template)
    };
    for number in [1, 2, 3] {
        send(number, usize::from(number)).unwrap();
    }
    returns!(send(2, 1), CKR_TENON_MATERIAL_MISMATCH, "a wrong number");
    assert_eq!(waiting(session, key), [3]);
    assert_eq!(session.versions(key).unwrap().len(), 1);
    send(2, 2).unwrap();
    assert!(waiting(session, key).is_empty());
    assert_eq!(session.versions(key).unwrap().len(), 1);
}

#[test]
fn what_cannot_be_shared_is_refused() {
    let token = Fixture::new();
    let session = &token.session;
    for shares in [[1, 1], [1, 2], [0, 2], [3, 2], [0, 0]] {
        let made = external(session, attrs![CKA_TENON_SHARES => &shares]);
        returns!(made, CKR_ATTRIBUTE_VALUE_INVALID, "{shares:?}");
    }
    let alone = external(session, attrs![CKA_TENON_SHARES_CHECK_VALUE => &[0; 8]]);
    returns!(alone, CKR_TEMPLATE_INCONSISTENT);
    // Algorithms by which a damaged share would be taken for a good one.
    let key = shared_key(session, [2, 2], vec![]);
    returns!(job(session, key, 6), CKR_TEMPLATE_INCONSISTENT);
    // A key that takes its material whole has no shares.
    let whole = external(session, vec![]).unwrap();
    let of_whole = job(session, whole, 2).unwrap();
    let sent = send(session, &of_whole, 1, MATERIAL);
    returns!(sent, CKR_TEMPLATE_INCONSISTENT);
    assert_eq!(state(session, whole), ck::STATE_PENDING_IMPORT);
    // Nor has one that the token generates.
    let template = attrs![
        CKA_VALUE_LEN => 32_u64, CKA_TENON_PROFILE => "aws", CKA_TENON_SHARES => &[2, 2],
    ];
    let generated = session.generate_key(token.plain(ck::CKM_AES_KEY_GEN), &template);
    returns!(generated, CKR_TEMPLATE_INCONSISTENT);
}
