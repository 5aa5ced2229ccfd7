//! BYOK rule 10: versions of a key, and what each of them opens.

use proptest::prelude::*;
use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::byok::State;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::{Event, Handle};

use super::envelope::{open, seal};
use super::jobs::{aes, external, job};
use super::outside::{ID, Import, MATERIAL, OTHER, find, oaep, oaep_blob, request};
use crate::common::{Calls, Fixture, RW, SLOT, TODAY, USER_PIN, attrs, full, returns, rv, session};

const THIRD: &[u8; 32] = b"the material of the third import";
const ROTATES: &str = "alibaba-software";

fn lives(until: u64) -> Vec<RawAttribute> {
    attrs![CKA_TENON_EXPIRES_AT => &until.to_be_bytes()]
}

/// An external key of a profile that rotates, which encrypts raw and by the envelope.
fn raw(session: &Session) -> Handle {
    let template = attrs![
        CKA_TENON_PROFILE => ROTATES, CKA_ID => ID,
        CKA_ALLOWED_MECHANISMS => [ck::CKM_AES_ECB, ck::CKM_TENON_KMS_ENVELOPE],
    ];
    external(session, template).unwrap()
}

/// A token with such a key, and its first material.
fn rotating() -> (Import, Handle) {
    let token = Import::new();
    let key = raw(&token.fixture.session);
    assert_eq!(token.import(MATERIAL, vec![]).unwrap(), key);
    (token, key)
}

fn material_id(token: &Import, key: Handle) -> Vec<u8> {
    token.value(key, ck::CKA_TENON_MATERIAL_ID)
}

#[test]
fn rule_10_a_new_version_takes_over_and_the_old_one_opens_envelopes() {
    let (token, key) = rotating();
    let session = &token.fixture.session;
    let (first, block) = (material_id(&token, key), token.encrypt(key).unwrap());
    let sealed = seal(session, key, b"first").unwrap();
    returns!(token.import(OTHER, vec![]), CKR_TENON_MATERIAL_MISMATCH);

    session.rotate(key, true).unwrap();
    assert_eq!(token.state(key), ck::STATE_ENABLED, "as it was");
    assert_eq!(token.encrypt(key).unwrap(), block);
    assert_eq!(material_id(&token, key), first);
    returns!(session.rotate(key, true), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let [old, waiting] = session.versions(key).unwrap()[..] else {
        panic!("two versions");
    };
    assert_eq!((old.state, old.current), (State::Enabled, true));
    assert_eq!(old.material_id.unwrap().to_vec(), first);
    assert_eq!(
        (waiting.state, waiting.material_id),
        (State::PendingImport, None)
    );

    assert_eq!(token.import(OTHER, vec![]).unwrap(), key, "the same object");
    assert_ne!(material_id(&token, key), first);
    assert_ne!(
        token.encrypt(key).unwrap(),
        block,
        "all others use the new one"
    );
    assert_eq!(open(session, key, &sealed).unwrap(), b"first");
    let newer = seal(session, key, b"second").unwrap();
    assert_eq!(newer[17..33], material_id(&token, key));
    assert_eq!(open(session, key, &newer).unwrap(), b"second");
    let versions = session.versions(key).unwrap();
    let current: Vec<_> = versions.iter().map(|version| version.current).collect();
    assert_eq!(current, [false, true]);
    returns!(token.import(THIRD, vec![]), CKR_TENON_MATERIAL_MISMATCH);

    session.rotate(key, true).unwrap();
    token.import(THIRD, vec![]).unwrap();
    let token = Import::over(token.fixture.reopened_as_user());
    let session = &token.fixture.session;
    let [key] = token.find(&attrs![CKA_ID => ID])[..] else {
        panic!("one object");
    };
    for (sealed, text) in [(&sealed, &b"first"[..]), (&newer, b"second")] {
        assert_eq!(open(session, key, sealed).unwrap(), text);
    }
    assert_eq!(session.versions(key).unwrap().len(), 3);
}

#[test]
fn older_versions_are_never_seen() {
    let (token, key) = rotating();
    let session = &token.fixture.session;
    let old = material_id(&token, key);
    session.rotate(key, true).unwrap();
    token.import(OTHER, vec![]).unwrap();
    for template in [
        attrs![CKA_ID => ID],
        attrs![CKA_CLASS => ck::CKO_SECRET_KEY],
        attrs![CKA_KEY_TYPE => ck::CKK_AES],
        attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_TENON_PROFILE => ROTATES],
        attrs![CKA_CLASS => ck::CKO_SECRET_KEY, CKA_TENON_EXPIRES_AT => &[0; 8]],
        attrs![CKA_TENON_KEY_STATE => ck::STATE_ENABLED],
    ] {
        assert_eq!(token.find(&template), [key], "{template:?}");
    }
    assert!(
        token
            .find(&attrs![CKA_TENON_MATERIAL_ID => &old])
            .is_empty()
    );
    // The audit record names its uid, and not even that makes it a target.
    let records = token
        .fixture
        .module
        .token(SLOT)
        .unwrap()
        .audit(1, 1000)
        .unwrap();
    let import = records
        .iter()
        .rev()
        .find(|(_, entry)| entry.event == Event::Import)
        .unwrap();
    let touched: Vec<_> = import.1.objects.iter().map(|object| object.uid).collect();
    assert_eq!(touched.len(), 2, "one record of both");
    let hidden = touched
        .iter()
        .map(|uid| {
            uid.iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        })
        .find(|uid| uid.as_bytes() != token.value(key, ck::CKA_UNIQUE_ID))
        .unwrap();
    assert!(
        token
            .find(&attrs![CKA_UNIQUE_ID => hidden.as_str()])
            .is_empty()
    );
    let order = attrs![
        CKA_TENON_IMPORT_TARGET => hidden.as_str(), CKA_TENON_WRAP_ALGORITHM => 2_u64,
    ];
    let outcome = session.generate_key_pair(
        request(ck::CKM_RSA_PKCS_KEY_PAIR_GEN, Params::None),
        &attrs![CKA_MODULUS_BITS => 2048_u64],
        &order,
    );
    returns!(outcome, CKR_TEMPLATE_INCONSISTENT);
    let audited = token.fixture.module.token(SLOT).unwrap();
    audited.verify_audit().unwrap();
}

#[test]
fn each_version_has_its_own_expiry() {
    let (token, key) = rotating();
    let session = &token.fixture.session;
    token.import(MATERIAL, lives(TODAY + 100)).unwrap();
    let sealed = seal(session, key, b"first").unwrap();
    session.rotate(key, true).unwrap();
    token.import(OTHER, lives(TODAY + 1000)).unwrap();
    assert_eq!(
        token.value(key, ck::CKA_TENON_EXPIRES_AT),
        (TODAY + 1000).to_be_bytes()
    );
    token.fixture.clock.set(TODAY + 99);
    assert!(open(session, key, &sealed).is_ok());
    session
        .decrypt_init(super::envelope::envelope(b"data"), key)
        .unwrap();
    token.fixture.clock.set(TODAY + 100);
    let running = full(|out| session.decrypt(&sealed, out));
    returns!(running, CKR_KEY_FUNCTION_NOT_PERMITTED, "at once");
    let ended = open(session, key, &sealed);
    returns!(ended, CKR_KEY_FUNCTION_NOT_PERMITTED, "erased meanwhile");
    let wrapped = session.unwrap_key(super::envelope::envelope(b"data"), key, &sealed, &aes());
    returns!(wrapped, CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert!(token.encrypt(key).is_ok(), "the current one lives");
    assert_eq!(
        session.versions(key).unwrap()[0].state,
        State::PendingImport
    );

    // The same material comes back to its own version, and to no other.
    let current = material_id(&token, key);
    assert_eq!(token.import(MATERIAL, lives(TODAY + 500)).unwrap(), key);
    assert_eq!(material_id(&token, key), current);
    assert_eq!(open(session, key, &sealed).unwrap(), b"first");
    assert_eq!(
        token.value(key, ck::CKA_TENON_EXPIRES_AT),
        (TODAY + 1000).to_be_bytes()
    );
    assert_eq!(session.versions(key).unwrap()[0].expires_at, TODAY + 500);

    token.fixture.clock.set(TODAY + 1000);
    returns!(open(session, key, &sealed), CKR_KEY_FUNCTION_NOT_PERMITTED);
    let swept = Import::over(token.fixture.reopened_as_user());
    assert_eq!(materials(&swept), 0, "a login erases both");
}

/// Materials in the token's file.
fn materials(token: &Import) -> i64 {
    let file = token.fixture.folder.path().join("tokens/slot-0000.tenon");
    let copy = tempfile::tempdir().unwrap();
    for suffix in ["", "-wal"] {
        let from = format!("{}{suffix}", file.display());
        if std::fs::exists(&from).unwrap() {
            std::fs::copy(&from, copy.path().join(format!("copy{suffix}"))).unwrap();
        }
    }
    let database = rusqlite::Connection::open(copy.path().join("copy")).unwrap();
    database
        .query_row("SELECT count(*) FROM material", [], |row| row.get(0))
        .unwrap()
}

#[test]
fn deleting_material_and_the_key_takes_every_version() {
    let (token, key) = rotating();
    let session = &token.fixture.session;
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    let sealed = seal(session, key, b"first").unwrap();
    session.rotate(key, true).unwrap();
    token.import(OTHER, lives(TODAY + 10)).unwrap();
    assert_eq!(materials(&token), 2);
    session.destroy_object(key).unwrap();
    assert_eq!(materials(&token), 0);
    let [key] = token.find(&attrs![CKA_UNIQUE_ID => &uid])[..] else {
        panic!("the key itself stays");
    };
    assert_eq!(token.import(MATERIAL, vec![]).unwrap(), key);
    assert_eq!(
        token.state(key),
        ck::STATE_PENDING_IMPORT,
        "its current one is gone"
    );
    returns!(open(session, key, &sealed), CKR_KEY_FUNCTION_NOT_PERMITTED);
    assert_eq!(materials(&token), 1);
    session.destroy_object(key).unwrap();
    assert_eq!(
        materials(&token),
        0,
        "also where only an older one has material"
    );

    token.import(MATERIAL, vec![]).unwrap();
    token.import(OTHER, vec![]).unwrap();
    let [key] = token.find(&attrs![CKA_UNIQUE_ID => &uid])[..] else {
        panic!("the key itself stays");
    };
    assert_eq!(open(session, key, &sealed).unwrap(), b"first");
    let due = TODAY + 7 * 86_400;
    let schedule = attrs![CKA_TENON_DELETION_AT => &due.to_be_bytes()];
    session.set_attributes(key, &schedule).unwrap();
    returns!(session.rotate(key, true), CKR_KEY_FUNCTION_NOT_PERMITTED);
    token.fixture.clock.set(due);
    let token = Import::over(token.fixture.reopened_as_user());
    assert_eq!(materials(&token), 0);
    let audited = token.fixture.module.token(SLOT).unwrap();
    audited.verify_audit().unwrap();
}

#[test]
fn only_symmetric_keys_of_some_profiles_rotate() {
    let token = Import::new();
    let session = &token.fixture.session;
    let key = token.import(MATERIAL, vec![]).unwrap();
    returns!(session.rotate(key, true), CKR_TEMPLATE_INCONSISTENT);
    returns!(
        session.rotate(token.wrapping, true),
        CKR_TEMPLATE_INCONSISTENT
    );
    let template = attrs![CKA_TENON_PROFILE => ROTATES, CKA_ID => b"unbound"];
    let unbound = external(session, template).unwrap();
    returns!(
        session.rotate(unbound, true),
        CKR_KEY_FUNCTION_NOT_PERMITTED
    );
    assert_eq!(session.versions(unbound).unwrap().len(), 1);
    let (token, key) = rotating();
    let reading = token.fixture.open(crate::common::RO);
    returns!(reading.rotate(key, true), CKR_SESSION_READ_ONLY);
    token.fixture.session.logout().unwrap();
    assert!(token.fixture.session.rotate(key, true).is_err());
}

#[test]
fn a_new_version_has_the_size_of_the_key() {
    let (token, key) = rotating();
    let session = &token.fixture.session;
    session.rotate(key, true).unwrap();
    let job = job(session, key, 2).unwrap();
    let import = |material: &[u8]| {
        let (mechanism, blob) = job.owner.wrap(2, material);
        let plain = request(mechanism, Params::None);
        session.unwrap_key(plain, job.private, &blob, &aes())
    };
    returns!(import(&OTHER[..16]), CKR_WRAPPED_KEY_INVALID);
    assert_eq!(session.versions(key).unwrap().len(), 2, "it waits still");
    assert_eq!(import(OTHER).unwrap(), key);
}

/// Garbage of the right length must not bind a version for ever.
#[test]
fn a_bad_pkcs1_blob_binds_no_version() {
    let token = Import::over(Fixture::configured(|config| config.pkcs1_imports = true));
    let session = &token.fixture.session;
    let key = raw(session);
    token.import(MATERIAL, vec![]).unwrap();
    session.rotate(key, true).unwrap();
    let job = job(session, key, 3).unwrap();
    let (mechanism, mut blob) = job.owner.wrap(3, OTHER);
    blob[100] ^= 1;
    let plain = request(mechanism, Params::None);
    let outcome = session.unwrap_key(plain, job.private, &blob, &aes());
    returns!(outcome, CKR_WRAPPED_KEY_INVALID);
    assert_eq!(session.versions(key).unwrap().len(), 2);
    assert!(token.encrypt(key).is_ok());
}

#[test]
fn two_modules_that_race_bind_one_version() {
    let (token, key) = rotating();
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    let modules = [token.fixture.another(), token.fixture.another()];
    let sessions = modules.each_ref().map(|module| {
        let session = session(module, RW);
        session.login(ck::CKU_USER, USER_PIN).unwrap();
        let wrapping = super::outside::wrapping_key(&session);
        let key = find(&session, &attrs![CKA_UNIQUE_ID => &uid])[0];
        (session, wrapping, key)
    });
    for round in 0..6_u8 {
        let blobs = [round * 2, round * 2 + 1].map(|fill| oaep_blob(&[fill; 32]));
        let race = |run: &(dyn Fn(usize) -> Result<Handle> + Sync)| {
            std::thread::scope(|scope| {
                let racers = [0, 1].map(|at| scope.spawn(move || run(at)));
                racers.map(|racer| racer.join().unwrap())
            })
        };
        let rotated = race(&|at| {
            let (session, _, key) = &sessions[at];
            session.rotate(*key, true).map(|()| *key)
        });
        let won = rotated.iter().filter(|outcome| outcome.is_ok()).count();
        assert_eq!(won, 1, "{rotated:?}");
        let imported = race(&|at| {
            let (session, wrapping, _) = &sessions[at];
            let template = super::outside::aes_template();
            session.unwrap_key(oaep(), *wrapping, &blobs[at], &template)
        });
        let mut codes = imported.each_ref().map(rv);
        codes.sort_unstable();
        assert_eq!(codes, ["CKR_OK", "CKR_TENON_MATERIAL_MISMATCH"]);
    }
    let versions = token.fixture.session.versions(key).unwrap();
    assert_eq!(versions.len(), 7);
    assert!(token.encrypt(key).is_ok());
}

/// What can happen to a key with versions.
#[derive(Debug, Clone, Copy)]
enum Step {
    Rotate,
    /// One of four materials, and a life in seconds, 0 for ever.
    Import(u8, u64),
    DestroyObject,
    Disable(bool),
    Seal,
    /// Seconds that pass.
    Pass(u64),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let life = prop_oneof![Just(0), 1..100_u64];
    let step = prop_oneof![
        4 => Just(Step::Rotate),
        8 => (0..4_u8, life).prop_map(|(material, life)| Step::Import(material, life)),
        1 => Just(Step::DestroyObject),
        1 => any::<bool>().prop_map(Step::Disable),
        4 => Just(Step::Seal),
        3 => (1..60_u64).prop_map(Step::Pass),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..30)
}

#[derive(Debug, Clone, Copy)]
struct Made {
    material: u8,
    there: bool,
    expires: u64,
}

/// What the rules say of the key; the last version is the current one.
#[derive(Debug, Default)]
struct Model {
    now: u64,
    versions: Vec<Made>,
    waiting: bool,
    disabled: bool,
}

impl Model {
    fn live(&self, version: usize) -> bool {
        let made = self.versions[version];
        made.there && (made.expires == 0 || self.now < made.expires)
    }

    fn current(&self) -> Option<usize> {
        self.versions.len().checked_sub(1)
    }

    fn alive(&self) -> bool {
        self.current().is_some_and(|current| self.live(current))
    }

    fn enabled(&self) -> bool {
        self.alive() && !self.disabled
    }

    fn import(&mut self, material: u8, life: u64) -> &'static str {
        let fresh = Made {
            material,
            there: true,
            expires: if life == 0 { 0 } else { self.now + life },
        };
        let first = self.versions.is_empty();
        let known = self
            .versions
            .iter_mut()
            .find(|made| made.material == material);
        match known {
            Some(made) => *made = fresh,
            None if first || self.waiting => {
                self.waiting = false;
                self.versions.push(fresh);
            }
            None => return "CKR_TENON_MATERIAL_MISMATCH",
        }
        "CKR_OK"
    }
}

fn live_through(steps: &[Step]) {
    let mut token = Import::new();
    let key = raw(&token.fixture.session);
    let uid = token.value(key, ck::CKA_UNIQUE_ID);
    let mut model = Model {
        now: TODAY,
        ..Model::default()
    };
    let mut envelopes: Vec<(usize, Vec<u8>)> = Vec::new();
    for (at, step) in steps.iter().enumerate() {
        let done = &steps[..=at];
        let key = token.find(&attrs![CKA_UNIQUE_ID => &uid])[0];
        let session = &token.fixture.session;
        match *step {
            Step::Rotate => {
                let may = model.alive() && !model.waiting;
                let outcome = session.rotate(key, true);
                assert_eq!(outcome.is_ok(), may, "{done:?}: {model:?}");
                model.waiting |= may;
            }
            Step::Import(material, life) => {
                let expires = if life == 0 { 0 } else { model.now + life };
                let outcome = token.import(&[material; 32], lives(expires));
                let expected = model.import(material, life);
                assert_eq!(rv(&outcome), expected, "{done:?}: {model:?}");
            }
            Step::DestroyObject if model.versions.is_empty() => {}
            Step::DestroyObject => {
                session.destroy_object(key).unwrap();
                model
                    .versions
                    .iter_mut()
                    .for_each(|made| made.there = false);
            }
            Step::Disable(off) => {
                let change = attrs![CKA_TENON_DISABLED => off];
                let outcome = session.set_attributes(key, &change);
                assert_eq!(outcome.is_ok(), model.alive(), "{done:?}: {model:?}");
                if model.alive() {
                    model.disabled = off;
                }
            }
            Step::Seal => match (seal(session, key, b"text"), model.current()) {
                (Ok(sealed), Some(current)) if model.enabled() => envelopes.push((current, sealed)),
                (outcome, _) => {
                    assert!(!model.enabled(), "{done:?}: {model:?}");
                    returns!(outcome, CKR_KEY_FUNCTION_NOT_PERMITTED);
                }
            },
            Step::Pass(seconds) => {
                model.now += seconds;
                token.fixture.clock.set(model.now);
            }
            Step::Reopen => token = Import::over(token.fixture.reopened_as_user()),
        }
        let session = &token.fixture.session;
        let key = token.find(&attrs![CKA_UNIQUE_ID => &uid])[0];
        for (version, sealed) in &envelopes {
            let opens = model.enabled() && model.live(*version);
            let outcome = open(session, key, sealed);
            assert_eq!(outcome.is_ok(), opens, "{done:?}: {model:?}: {outcome:?}");
        }
        let listed = session.versions(key).unwrap();
        let count = model.versions.len().max(1) + usize::from(model.waiting);
        assert_eq!(listed.len(), count, "{done:?}: {model:?}");
        for (at, made) in listed.iter().take(model.versions.len()).enumerate() {
            let live = matches!(made.state, State::Enabled | State::Disabled);
            assert_eq!(live, model.live(at), "{done:?}: {model:?}");
            assert_eq!(made.current, Some(at) == model.current());
        }
    }
    let audited = token.fixture.module.token(SLOT).unwrap();
    audited.verify_audit().unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 24,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn an_envelope_opens_exactly_while_its_version_lives_in_an_enabled_key(steps in steps()) {
        live_through(&steps);
    }
}
