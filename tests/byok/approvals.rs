//! Keys whose deletion custodians must approve.

use serde_json::Value;
use tenon_pkcs11::api::attr::{RawAttribute, Revealed};
use tenon_pkcs11::api::byok::Deed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::crypto::ec::{self, Curve, EcMaterial};
use tenon_pkcs11::api::crypto::hash::Hash;
use tenon_pkcs11::api::crypto::{okp, rsa};
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::keytype::Material;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::{Handle, approval_statement};

use super::jobs::{aes, external, job};
use super::outside::{MATERIAL, find, request};
use super::receipt::hex;
use crate::common::{
    Fixture, RW, SLOT, TODAY, USER_PIN, attrs, bytes, returns, session, state, uid, with,
};

const DAY: u64 = 86_400;
const SCHEDULE: Deed = Deed::ScheduleDeletion(7);

/// A custodian with a key outside of the token.
pub(crate) struct Custodian(EcMaterial);

impl Custodian {
    fn new() -> Self {
        Self(ec::generate(Curve::P256).unwrap())
    }

    fn spki(&self) -> Vec<u8> {
        Material::pair(self.0.clone()).spki().unwrap()
    }

    /// Signs by ECDSA, r ‖ s.
    pub(crate) fn sign(&self, statement: &str) -> Vec<u8> {
        let mut signature = [0; 64];
        let digest = Hash::Sha256.digest(&[statement.as_bytes()]);
        let key = ec::PrivateKey::new(&self.0).unwrap();
        key.sign(&digest, &mut signature).unwrap();
        [statement.as_bytes(), b"\n", &signature].concat()
    }
}

pub(crate) fn three() -> [Custodian; 3] {
    [(); 3].map(|()| Custodian::new())
}

pub(crate) fn custody(custodians: &[Custodian], needed: u64) -> Vec<RawAttribute> {
    let keys: Vec<_> = custodians.iter().flat_map(Custodian::spki).collect();
    attrs![CKA_TENON_CUSTODIANS => &keys, CKA_TENON_QUORUM => needed]
}

/// A bound key that two of three custodians guard.
struct Guarded {
    token: Fixture,
    key: Handle,
    custodians: [Custodian; 3],
}

impl Guarded {
    fn new(profile: &str) -> Self {
        let token = Fixture::new();
        let custodians = three();
        let template = with(
            custody(&custodians, 2),
            attrs![CKA_TENON_PROFILE => profile],
        );
        let key = external(&token.session, template).unwrap();
        let guarded = Self {
            token,
            key,
            custodians,
        };
        guarded.import();
        guarded
    }

    fn import(&self) {
        let job = job(&self.token.session, self.key, 2).unwrap();
        let (mechanism, blob) = job.owner.wrap(2, MATERIAL);
        let request = request(mechanism, tenon_pkcs11::api::mechanism::Params::None);
        self.token
            .session
            .unwrap_key(request, job.private, &blob, &aes())
            .unwrap();
    }

    fn statement(&self, deed: Deed) -> String {
        statement(&self.token, self.key, deed)
    }

    fn give(&self, approval: &[u8]) -> Result<()> {
        give(&self.token.session, self.key, approval)
    }

    fn approve(&self, custodian: usize, deed: Deed) -> Result<()> {
        self.give(&self.custodians[custodian].sign(&self.statement(deed)))
    }

    fn schedule(&self, days: u64) -> Result<()> {
        schedule(&self.token.session, self.key, TODAY + days * DAY)
    }
}

pub(crate) fn serial(token: &Fixture) -> String {
    token.module.token(SLOT).unwrap().serial().unwrap()
}

fn nonce(session: &Session, key: Handle) -> Vec<u8> {
    bytes(session, key, ck::CKA_TENON_APPROVAL_NONCE)
}

pub(crate) fn statement(token: &Fixture, key: Handle, deed: Deed) -> String {
    let session = &token.session;
    approval_statement(
        &serial(token),
        &uid(session, key),
        &nonce(session, key),
        deed,
    )
}

pub(crate) fn give(session: &Session, key: Handle, approval: &[u8]) -> Result<()> {
    session.set_attributes(key, &attrs![CKA_TENON_APPROVAL => approval])
}

fn schedule(session: &Session, key: Handle, at: u64) -> Result<()> {
    session.set_attributes(key, &attrs![CKA_TENON_DELETION_AT => &at.to_be_bytes()])
}

#[test]
fn two_of_three_custodians_schedule_a_deletion() {
    let key = Guarded::new("open");
    let session = &key.token.session;
    returns!(key.schedule(7), CKR_ACTION_PROHIBITED);
    key.approve(2, SCHEDULE).unwrap();
    returns!(key.schedule(7), CKR_ACTION_PROHIBITED);
    key.approve(0, SCHEDULE).unwrap();
    let noted: Value =
        serde_json::from_slice(&bytes(session, key.key, ck::CKA_TENON_APPROVAL)).unwrap();
    assert_eq!(noted.as_array().unwrap().len(), 2);
    assert_eq!(noted[0]["action"], "schedule-deletion");
    assert_eq!(noted[0]["days"], 7);
    returns!(key.schedule(8), CKR_ACTION_PROHIBITED, "another window");
    returns!(
        session.destroy_object(key.key),
        CKR_ACTION_PROHIBITED,
        "another action"
    );
    let before = nonce(session, key.key);
    key.schedule(7).unwrap();
    assert_eq!(state(session, key.key), ck::STATE_PENDING_DELETION);
    assert_ne!(nonce(session, key.key), before);
    assert_eq!(bytes(session, key.key, ck::CKA_TENON_APPROVAL), b"[]");
    // Cancelling needs nobody; the next deletion needs them anew.
    schedule(session, key.key, 0).unwrap();
    returns!(key.schedule(7), CKR_ACTION_PROHIBITED);
    assert_eq!(state(session, key.key), ck::STATE_ENABLED);
}

#[test]
fn the_days_are_those_that_are_nearest() {
    let key = Guarded::new("open");
    let session = &key.token.session;
    for custodian in [0, 1] {
        key.approve(custodian, SCHEDULE).unwrap();
    }
    let noon = TODAY + 7 * DAY + DAY / 2;
    returns!(schedule(session, key.key, noon), CKR_ACTION_PROHIBITED);
    schedule(session, key.key, noon - 1).unwrap();
}

#[test]
fn deleting_material_needs_them_too_in_every_way() {
    for profile in ["open", "tencent"] {
        let guarded = Guarded::new(profile);
        let session = &guarded.token.session;
        let id = bytes(session, guarded.key, ck::CKA_TENON_MATERIAL_ID);
        let by_id = || session.delete_material(guarded.key, &id.clone().try_into().unwrap());
        returns!(session.destroy_object(guarded.key), CKR_ACTION_PROHIBITED);
        returns!(by_id(), CKR_ACTION_PROHIBITED);
        for custodian in [0, 1] {
            guarded.approve(custodian, Deed::DeleteMaterial).unwrap();
        }
        returns!(guarded.schedule(7), CKR_ACTION_PROHIBITED);
        by_id().unwrap();
        assert_eq!(state(session, guarded.key), ck::STATE_PENDING_IMPORT);
        guarded.import();
        returns!(by_id(), CKR_ACTION_PROHIBITED, "they were used up");
        for custodian in [1, 2] {
            guarded.approve(custodian, Deed::DeleteMaterial).unwrap();
        }
        session.destroy_object(guarded.key).unwrap();
        let origin = attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL];
        let key = find(session, &origin)[0];
        assert_eq!(state(session, key), ck::STATE_PENDING_IMPORT);
    }
}

#[test]
fn material_that_waits_for_a_rotation_is_replaced_by_approval_alone() {
    let token = Fixture::new();
    let session = &token.session;
    let custodians = three();
    let template = with(custody(&custodians, 1), attrs![CKA_TENON_PROFILE => "aws"]);
    let key = external(session, template).unwrap();
    let job = job(session, key, 2).unwrap();
    let import = |material: &[u8], ends: u64, next: bool| {
        let (mechanism, blob) = job.owner.wrap(2, material);
        let request = request(mechanism, tenon_pkcs11::api::mechanism::Params::None);
        let mut template = attrs![CKA_TENON_EXPIRES_AT => &ends.to_be_bytes()];
        if next {
            template.extend(attrs![CKA_TENON_NEW_MATERIAL => true]);
        }
        session.unwrap_key(request, job.private, &blob, &with(aes(), template))
    };
    let [second, third, fourth] = [[2_u8; 32], [3; 32], [4; 32]];
    import(MATERIAL, 0, false).unwrap();
    import(&second, 0, true).unwrap();
    let waits = session.versions(key).unwrap()[1].material_id;
    let replaced = import(&third, 0, true);
    let said = replaced.as_ref().unwrap_err().to_string();
    assert!(said.contains("custodians must approve"), "{said}");
    returns!(replaced, CKR_ACTION_PROHIBITED);
    assert_eq!(session.versions(key).unwrap()[1].material_id, waits);
    // The same material again erases nothing.
    import(&second, 0, true).unwrap();
    let agreed = statement(&token, key, Deed::DeleteMaterial);
    give(session, key, &custodians[1].sign(&agreed)).unwrap();
    session.delete_material(key, &waits.unwrap()).unwrap();
    import(&third, TODAY + 60, true).unwrap();
    assert_ne!(session.versions(key).unwrap()[1].material_id, waits);
    // What has expired is erased anyway.
    token.clock.set(TODAY + 60);
    import(&fourth, 0, true).unwrap();
}

#[test]
fn a_key_that_was_never_bound_is_guarded_too() {
    let token = Fixture::new();
    let custodians = three();
    let key = external(&token.session, custody(&custodians, 1)).unwrap();
    let destroy = || token.session.destroy_object(key);
    returns!(destroy(), CKR_ACTION_PROHIBITED);
    let agreed = statement(&token, key, Deed::DeleteMaterial);
    give(&token.session, key, &custodians[1].sign(&agreed)).unwrap();
    destroy().unwrap();
}

#[test]
fn generated_keys_are_guarded_too() {
    let token = Fixture::new();
    let session = &token.session;
    let custodians = three();
    let template = with(
        custody(&custodians, 3),
        attrs![CKA_VALUE_LEN => 32_u64, CKA_TENON_PROFILE => "aws"],
    );
    let key = session
        .generate_key(token.plain(ck::CKM_AES_KEY_GEN), &template)
        .unwrap();
    for custodian in &custodians {
        returns!(
            schedule(session, key, TODAY + 7 * DAY),
            CKR_ACTION_PROHIBITED
        );
        let agreed = statement(&token, key, SCHEDULE);
        give(session, key, &custodian.sign(&agreed)).unwrap();
    }
    schedule(session, key, TODAY + 7 * DAY).unwrap();
}

#[test]
fn an_approval_counts_for_its_own_key_action_and_time_alone() {
    let key = Guarded::new("open");
    let session = &key.token.session;
    let [one, two, _] = &key.custodians;
    let (serial, uid) = (serial(&key.token), uid(session, key.key));
    let present = nonce(session, key.key);
    let other_token = approval_statement("0123456789abcdef", &uid, &present, SCHEDULE);
    returns!(key.give(&one.sign(&other_token)), CKR_TEMPLATE_INCONSISTENT);
    let other_key = approval_statement(&serial, &[7; 16], &present, SCHEDULE);
    returns!(key.give(&one.sign(&other_key)), CKR_TEMPLATE_INCONSISTENT);
    let other_nonce = approval_statement(&serial, &uid, &[7; 16], SCHEDULE);
    returns!(key.give(&one.sign(&other_nonce)), CKR_TEMPLATE_INCONSISTENT);
    // The signature of another statement, and that of a stranger.
    let good = key.statement(SCHEDULE);
    let mut swapped = one.sign(&key.statement(Deed::DeleteMaterial));
    let end = swapped.len() - 64;
    swapped = [good.as_bytes(), b"\n", &swapped[end..]].concat();
    returns!(key.give(&swapped), CKR_SIGNATURE_INVALID);
    returns!(
        key.give(&Custodian::new().sign(&good)),
        CKR_SIGNATURE_INVALID
    );
    for malformed in [
        &b"\n"[..],
        b"{}",
        b"{}\n",
        b"no JSON\nsignature",
        good.as_bytes(),
    ] {
        returns!(key.give(malformed), CKR_ATTRIBUTE_VALUE_INVALID);
    }
    for text in [
        good.replace("\"days\":7", "\"days\":0"),
        good.replace("\"days\":7", "\"days\":null"),
        good.replace("\"days\":7", "\"days\":7,\"more\":1"),
        good.replace("\"days\":7", "\"days\":65536"),
        good.replace("schedule-deletion", "rotate"),
        good.replace("approval 1", "approval 2"),
        format!("{good} "),
    ] {
        returns!(
            key.give(&one.sign(&text)),
            CKR_ATTRIBUTE_VALUE_INVALID,
            "{text}"
        );
    }
    // The same custodian twice, also by another signature of the same statement, counts once.
    for _ in 0..3 {
        key.give(&one.sign(&good)).unwrap();
        let noted = bytes(session, key.key, ck::CKA_TENON_APPROVAL);
        let noted: Value = serde_json::from_slice(&noted).unwrap();
        assert_eq!(noted.as_array().unwrap().len(), 1, "{noted}");
        returns!(key.schedule(7), CKR_ACTION_PROHIBITED);
    }
    // Withdrawn approvals are used up.
    let theirs = two.sign(&good);
    key.give(b"").unwrap();
    returns!(key.give(&theirs), CKR_TEMPLATE_INCONSISTENT);
    key.approve(0, SCHEDULE).unwrap();
    returns!(key.schedule(7), CKR_ACTION_PROHIBITED);
    key.approve(1, SCHEDULE).unwrap();
    // A used one does not come again.
    let last = two.sign(&key.statement(SCHEDULE));
    key.schedule(7).unwrap();
    schedule(session, key.key, 0).unwrap();
    returns!(key.give(&last), CKR_TEMPLATE_INCONSISTENT);
    let both = attrs![CKA_TENON_APPROVAL => b"", CKA_LABEL => "x"];
    returns!(
        session.set_attributes(key.key, &both),
        CKR_TEMPLATE_INCONSISTENT
    );
}

/// The owner learns before wrapping and after the import who guards the key.
#[test]
fn statements_name_the_custodians() {
    let key = Guarded::new("open");
    let session = &key.token.session;
    let custodians = key.custodians.iter();
    let digests = custodians.map(|custodian| hex(Hash::Sha256.digest(&[&custodian.spki()])));
    let digests: Vec<_> = digests.collect();
    let expected = serde_json::json!({ "quorum": 2, "custodians": digests });
    let job = job(session, key.key, 2).unwrap();
    for (object, kind) in [
        (job.private, ck::CKA_TENON_WRAPPING_STATEMENT),
        (key.key, ck::CKA_TENON_RECEIPT),
    ] {
        let said: Value = serde_json::from_slice(&bytes(session, object, kind)).unwrap();
        assert_eq!(said["custody"], expected, "{kind:#x}");
    }
}

#[test]
fn the_tokens_own_key_is_no_custodian() {
    let token = Fixture::new();
    let session = &token.session;
    let import = |custodian: &Custodian, stays: bool| {
        session.create_object(&attrs![
            CKA_CLASS => ck::CKO_PRIVATE_KEY, CKA_KEY_TYPE => ck::CKK_EC, CKA_TOKEN => stays,
            CKA_EC_PARAMS => &[6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7],
            CKA_VALUE => &*custodian.0.scalar,
        ])
    };
    let custodians = three();
    let guarded = external(session, custody(&custodians, 2)).unwrap();
    import(&custodians[1], true).unwrap();
    returns!(
        external(session, custody(&custodians, 2)),
        CKR_TEMPLATE_INCONSISTENT
    );
    // A key that came in later approves nothing either.
    let agreed = statement(&token, guarded, SCHEDULE);
    returns!(
        give(session, guarded, &custodians[1].sign(&agreed)),
        CKR_TEMPLATE_INCONSISTENT
    );
}

#[test]
fn a_list_that_guards_nothing_is_refused() {
    let token = Fixture::new();
    let session = &token.session;
    let custodians = three();
    let refused = |template, why: &str| {
        let made = external(session, template);
        returns!(made, CKR_ATTRIBUTE_VALUE_INVALID, "{why}");
        let said = made.unwrap_err().to_string();
        assert!(said.contains(why), "{said}");
    };
    for needed in [0, 4] {
        let why = format!("{needed} custodians must approve (`--quorum`, CKA_TENON_QUORUM)");
        refused(custody(&custodians, needed), &why);
    }
    let spki = custodians[0].spki();
    for (keys, why) in [
        (spki.repeat(2), "custodian 2 (`--custodian`"),
        (spki.repeat(17), "not 17"),
        (Vec::new(), "not 0"),
        (spki[1..].to_vec(), "custodian 1 (`--custodian`"),
        ([&spki[..], b"more"].concat(), "custodian 2 (`--custodian`"),
    ] {
        let keys = attrs![CKA_TENON_CUSTODIANS => &keys, CKA_TENON_QUORUM => 1_u64];
        refused(keys, why);
    }
    refused(
        attrs![CKA_TENON_CUSTODIANS => &spki],
        "how many of the 1 custodians",
    );
    refused(attrs![CKA_TENON_QUORUM => 1_u64], "not 0");
    let free = external(session, vec![]).unwrap();
    returns!(give(session, free, b"x"), CKR_TEMPLATE_INCONSISTENT);
    let read = session.attributes(free, &[ck::CKA_TENON_APPROVAL]).unwrap();
    assert!(matches!(read[0], Revealed::Invalid));
    let guarded = external(session, custody(&custodians, 2)).unwrap();
    let change = attrs![CKA_TENON_QUORUM => 1_u64];
    returns!(
        session.set_attributes(guarded, &change),
        CKR_ATTRIBUTE_READ_ONLY
    );
}

/// An RSA public key for every scheme, or by the last byte of its algorithm for one.
fn rsa_key(scheme: u8) -> Vec<u8> {
    let mut spki = rsa::spki(&[0xFF; 256], &[1, 0, 1]).unwrap();
    let every = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 1];
    let at = spki.windows(every.len()).position(|part| part == every);
    spki[at.unwrap() + every.len() - 1] = scheme;
    spki
}

/// Whoever cannot sign could never approve, and the key could never end.
#[test]
fn a_key_that_cannot_sign_is_no_custodian() {
    let token = Fixture::new();
    let made = |spki: &[u8]| {
        let list = attrs![CKA_TENON_CUSTODIANS => spki, CKA_TENON_QUORUM => 1_u64];
        external(&token.session, list)
    };
    let of = |curve| Material::pair(okp::generate(curve).unwrap()).spki();
    let ed25519 = of(okp::Curve::Ed25519).unwrap();
    let x25519 = of(okp::Curve::X25519).unwrap();
    for spki in [ed25519, rsa_key(1)] {
        made(&spki).unwrap();
    }
    for spki in [x25519, rsa_key(7), rsa_key(10)] {
        returns!(made(&spki), CKR_ATTRIBUTE_VALUE_INVALID);
    }
}

#[test]
fn approvals_are_kept_and_shared_and_used_once() {
    let mut key = Guarded::new("open");
    key.approve(0, SCHEDULE).unwrap();
    key.token = key.token.reopened_as_user();
    let name = attrs![CKA_TENON_ORIGIN => ck::ORIGIN_EXTERNAL];
    key.key = find(&key.token.session, &name)[0];
    key.approve(1, SCHEDULE).unwrap();
    let other = key.token.another();
    let other = session(&other, RW);
    other.login(ck::CKU_USER, USER_PIN).unwrap();
    let there = find(&other, &name)[0];
    let at = TODAY + 7 * DAY;
    schedule(&other, there, at).unwrap();
    schedule(&key.token.session, key.key, 0).unwrap();
    returns!(
        schedule(&key.token.session, key.key, at),
        CKR_ACTION_PROHIBITED
    );
}
