//! Random lives of a service's keys, external and managed, in the three ways of rotation and with jobs
//! that serve many keys, against a model of the rules.
//!
//! `TENON_LIVES` says how many lives are led, `TENON_SEED` (64 hexadecimal digits) repeats them.

#[path = "lives/model.rs"]
mod model;

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::rng::random;
use tenon_pkcs11::api::token::Handle;

use self::model::{DAY, Key, OK, SERVICES, Service, Step};
use super::envelope::{open, seal};
use super::jobs::{Job, aes, external, generated_job};
use super::outside::{Import, oaep, oaep_blob, request};
use super::receipt::hex_bytes;
use crate::common::{Fixture, RW, SLOT, TODAY, USER_PIN, attrs, bytes, rv, session, with};

/// How many lives are led where nobody says.
const FEW: u32 = 24;
/// How many lives share a token.
const PER_TOKEN: u64 = 100;

fn step() -> impl Strategy<Value = Step> {
    let life = prop_oneof![Just(0), 1..100_u64];
    let import = (0..4_u8, life, prop::bool::weighted(0.3));
    let days = prop_oneof![Just(0_u64), Just(1), 6..9_u64, 30..32_u64, 90..122_u64];
    let time = prop_oneof![5 => 1..60_u64, 1 => Just(DAY), 1 => Just(8 * DAY)];
    prop_oneof![
        10 => import.prop_map(|(material, life, next)| Step::Import(material, life, next)),
        6 => Just(Step::Rotate),
        3 => (0..4_usize).prop_map(Step::DeleteMaterial),
        1 => Just(Step::Destroy),
        2 => days.prop_map(Step::Schedule),
        3 => Just(Step::Cancel),
        4 => any::<bool>().prop_map(Step::Disable),
        6 => Just(Step::Seal),
        4 => time.prop_map(Step::Pass),
        1 => Just(Step::SweepElsewhere),
    ]
}

/// A service, and steps for one of its three keys.
type Life = (usize, Vec<(usize, Step)>);

fn lives() -> impl Strategy<Value = Life> {
    // Opening the token again costs two derivations of a key from a PIN.
    let step = prop_oneof![60 => step(), 1 => Just(Step::Reopen)];
    let steps = prop::collection::vec((0..3_usize, step), 1..40);
    (0..SERVICES.len(), steps)
}

/// No reading of a clock is in doubt here.
fn configure(config: &mut Config) {
    config.clock_leap = 4000 * DAY;
}

/// One key as the token has it.
struct Living {
    key: Key,
    uid: Vec<u8>,
    id: [u8; 8],
    /// Envelopes, and which of the key's versions made each.
    sealed: Vec<(usize, Vec<u8>)>,
}

struct World {
    token: Import,
    now: u64,
    /// Jobs for every key of a profile, by its name.
    jobs: HashMap<&'static str, SharedJob>,
}

struct SharedJob {
    job: Job,
    /// CKA_UNIQUE_ID of its private key.
    uid: Vec<u8>,
    /// When it ends; 0 = never.
    ends: u64,
}

impl World {
    fn new() -> Self {
        Self {
            token: Import::over(Fixture::configured(configure)),
            now: TODAY,
            jobs: HashMap::new(),
        }
    }

    fn find(&self, living: &Living) -> Option<Handle> {
        let template = attrs![CKA_UNIQUE_ID => &living.uid];
        self.token.find(&template).first().copied()
    }

    fn born(&self, service: Service, generated: bool) -> Living {
        let id: [u8; 8] = random(&SystemRng);
        let template = attrs![CKA_ID => &id, CKA_LABEL => "", CKA_TENON_PROFILE => service.profile];
        let session = &self.token.fixture.session;
        let handle = match generated {
            false => external(session, template),
            true => {
                let size = attrs![CKA_VALUE_LEN => 32_u64, CKA_TOKEN => true];
                let generation = request(ck::CKM_AES_KEY_GEN, Params::None);
                session.generate_key(generation, &with(template, size))
            }
        };
        Living {
            key: Key::new(service, generated),
            uid: self.token.value(handle.unwrap(), ck::CKA_UNIQUE_ID),
            id,
            sealed: Vec::new(),
        }
    }

    fn import(&self, living: &Living, material: u8, expires: u64, next: bool) -> Result<Handle> {
        let mut template = attrs![CKA_TENON_EXPIRES_AT => &expires.to_be_bytes()];
        if next {
            template.extend(attrs![CKA_TENON_NEW_MATERIAL => true]);
        }
        let material = [material; 32];
        let session = &self.token.fixture.session;
        let Some(SharedJob { job, .. }) = self.job(living) else {
            let named = attrs![CKA_ID => &living.id, CKA_TOKEN => true];
            let template = with(with(aes(), named), template);
            return self.token.unwrap(oaep(), &oaep_blob(&material), &template);
        };
        let (_, algorithm) = living.key.service.shared_job.unwrap();
        let (mechanism, blob) = job.owner.wrap(algorithm, &material);
        let named = attrs![CKA_TENON_IMPORT_TARGET => &living.uid];
        let template = with(with(aes(), named), template);
        session.unwrap_key(
            request(mechanism, Params::None),
            job.private,
            &blob,
            &template,
        )
    }

    fn does(&self, living: &Living, handle: Handle, step: Step) -> Result<()> {
        let session = &self.token.fixture.session;
        let set = |template: Vec<RawAttribute>| session.set_attributes(handle, &template);
        match step {
            Step::Import(material, life, next) => {
                let expires = if life == 0 { 0 } else { self.now + life };
                let outcome = self.import(living, material, expires, next);
                outcome.map(|imported| assert_eq!(imported, handle, "the same object"))
            }
            Step::Rotate => set(attrs![CKA_TENON_ROTATE => true]),
            Step::DeleteMaterial(at) => {
                let id = session.versions(handle)?[at].material_id.unwrap();
                let now = self.now.to_be_bytes();
                set(attrs![CKA_TENON_MATERIAL_ID => &id, CKA_TENON_ENDED_AT => &now])
            }
            Step::Destroy => session.destroy_object(handle),
            Step::Schedule(days) => {
                let at = (self.now + days * DAY).to_be_bytes();
                // 0 cancels.
                set(attrs![CKA_TENON_DELETION_AT => &at])
            }
            Step::Cancel => set(attrs![CKA_TENON_DELETION_AT => &[0; 8]]),
            Step::Disable(off) => set(attrs![CKA_TENON_DISABLED => off]),
            Step::Seal => seal(session, handle, b"text").map(drop),
            Step::Pass(_) | Step::Reopen | Step::SweepElsewhere => Ok(()),
        }
    }

    fn job(&self, living: &Living) -> Option<&SharedJob> {
        self.jobs.get(living.key.service.profile)
    }

    /// Makes a job for every key of the profile, unless there is one.
    fn order_job(&mut self, service: Service) {
        let now = self.now;
        self.jobs.retain(|_, job| job.ends == 0 || now < job.ends);
        let Some((bits, algorithm)) = service.shared_job else {
            return;
        };
        let session = &self.token.fixture.session;
        self.jobs.entry(service.profile).or_insert_with(|| {
            let private = attrs![
                CKA_TENON_PROFILE => service.profile, CKA_TENON_WRAP_ALGORITHM => algorithm,
            ];
            let job = generated_job(session, bits, &private).unwrap();
            let ends = bytes(session, job.private, ck::CKA_TENON_NOT_AFTER);
            SharedJob {
                uid: bytes(session, job.private, ck::CKA_UNIQUE_ID),
                ends: u64::from_be_bytes(ends.try_into().unwrap()),
                job,
            }
        });
    }

    fn reopen(mut self) -> Self {
        let fixture = self.token.fixture.reopened_with(configure);
        fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
        self.token = Import::over(fixture);
        let token = &self.token;
        // A job that was over may be gone.
        self.jobs.retain(|_, shared| {
            let found = token.find(&attrs![CKA_UNIQUE_ID => &shared.uid]);
            let private = found.first().copied();
            private.is_some_and(|private| {
                shared.job.private = private;
                true
            })
        });
        self
    }

    fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        self.token.fixture.clock.set(self.now);
    }

    fn sweep_elsewhere(&self) {
        let other = self.token.fixture.another_configured(configure);
        let session = session(&other, RW);
        session.login(ck::CKU_USER, USER_PIN).unwrap();
        other.token(SLOT).unwrap().sweep().unwrap();
    }

    /// State, versions and envelopes are those of the model.
    fn agrees(&self, living: &Living) {
        let (key, now) = (&living.key, self.now);
        let session = &self.token.fixture.session;
        let Some(handle) = self.find(living) else {
            assert!(key.gone(now), "{key:?}");
            return;
        };
        assert!(!key.gone(now), "{key:?}");
        let state = self.token.value(handle, ck::CKA_TENON_KEY_STATE);
        assert_eq!(state, key.state(now).to_ne_bytes(), "{key:?}");
        let listed = session.versions(handle).unwrap();
        let models = key.versions.iter().chain(&key.next);
        for (version, model) in listed.iter().zip(models) {
            assert_eq!(
                version.has_material(),
                model.live(now),
                "{key:?}: {listed:?}"
            );
        }
        let count = key.versions.len().max(1) + usize::from(key.waiting) + key.next.iter().count();
        assert_eq!(listed.len(), count, "{key:?}: {listed:?}");
        for (at, sealed) in &living.sealed {
            let enabled = key.state(now) == ck::STATE_ENABLED;
            let opened = open(session, handle, sealed);
            let expected = match enabled && key.versions[*at].live(now) {
                true => OK,
                false => "CKR_KEY_FUNCTION_NOT_PERMITTED",
            };
            assert_eq!(rv(&opened), expected, "{key:?}");
        }
    }

    fn step(&self, living: &mut Living, step: Step) {
        living.key.forget_expired_next(self.now);
        let Some(handle) = self.find(living) else {
            return;
        };
        if !possible(&living.key, step, self.job(living).is_some()) {
            return;
        }
        let ends = self.job(living).map_or(0, |shared| shared.ends);
        let over = ends != 0 && self.now >= ends && matches!(step, Step::Import(..));
        let expected = match over {
            true => "CKR_UNWRAPPING_KEY_HANDLE_INVALID",
            false => living.key.does(step, self.now),
        };
        let outcome = self.does(living, handle, step);
        assert_eq!(
            rv(&outcome),
            expected,
            "{step:?}: {:?}: {outcome:?}",
            living.key
        );
        if let (Step::Seal, OK) = (step, expected) {
            let sealed = seal(&self.token.fixture.session, handle, b"text").unwrap();
            living.sealed.push((living.key.versions.len() - 1, sealed));
        }
    }
}

/// Whether there is what the step names.
fn possible(key: &Key, step: Step, job: bool) -> bool {
    match step {
        Step::DeleteMaterial(at) => match key.next {
            _ if at < key.versions.len() => true,
            Some(_) => at == key.versions.len(),
            None => false,
        },
        // By a plain key and CKA_ID nothing names a managed key.
        Step::Import(..) => job || (!key.generated && key.service.shared_job.is_none()),
        _ => true,
    }
}

fn live(mut world: World, (service, steps): &Life) -> World {
    let service = SERVICES[*service];
    world.order_job(service);
    let mut keys = [false, false, true].map(|generated| world.born(service, generated));
    for (of, step) in steps {
        match *step {
            Step::Pass(seconds) => world.pass(seconds),
            Step::SweepElsewhere => world.sweep_elsewhere(),
            Step::Reopen => world = world.reopen(),
            step => world.step(&mut keys[*of], step),
        }
        for living in &mut keys {
            living.key.forget_expired_next(world.now);
            world.agrees(living);
        }
    }
    world
}

fn seed() -> [u8; 32] {
    match std::env::var("TENON_SEED") {
        Ok(digits) => hex_bytes(digits.as_bytes()).try_into().unwrap(),
        Err(_) => random(&SystemRng),
    }
}

#[test]
fn every_life_of_a_services_key_is_that_of_the_model() {
    let lives_to_lead = std::env::var("TENON_LIVES").map_or(FEW, |text| text.parse().unwrap());
    let seed = seed();
    let config = ProptestConfig {
        cases: lives_to_lead,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let world: RefCell<Option<World>> = RefCell::new(None);
    let (led, steps) = (Cell::new(0_u64), Cell::new(0_usize));
    let outcome = TestRunner::new_with_rng(config, rng).run(&lives(), |life| {
        // A life that failed takes its world with it. A new token begins today again, before the last expiry
        // that any service has.
        let old = world.take().filter(|_| led.get() % PER_TOKEN != 0);
        let led_in = old.unwrap_or_else(World::new);
        let after = live(led_in, &life);
        led.set(led.get() + 1);
        steps.set(steps.get() + life.1.len());
        if led.get() % PER_TOKEN == 0 {
            let opened = after.token.fixture.module.token(SLOT).unwrap();
            opened.verify_audit().unwrap();
        }
        world.replace(Some(after));
        Ok(())
    });
    let seed: String = seed.iter().map(|byte| format!("{byte:02x}")).collect();
    println!(
        "{} lives, {} steps, TENON_SEED={seed}",
        led.get(),
        steps.get()
    );
    assert!(outcome.is_ok(), "TENON_SEED={seed}: {outcome:?}");
}
