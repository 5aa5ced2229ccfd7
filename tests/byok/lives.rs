//! Random lives of a service's keys, external and managed, whole and in shares, with custodians and without, in the
//! three ways of rotation and with jobs that serve many keys, against a model of the rules.
//!
//! `TENON_LIVES` says how many lives are led, `TENON_SEED` (64 hexadecimal digits) repeats them.

#[path = "lives/model.rs"]
mod model;
#[path = "lives/world.rs"]
mod world;

use std::cell::{Cell, RefCell};

use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use tenon_pkcs11::api::byok::Deed;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::rng::random;

use self::model::{DAY, Key, Kind, SERVICES, SHARES, Share, Step};
use self::world::World;
use super::receipt::hex_bytes;
/// How many lives are led where nobody says.
const FEW: u32 = 24;
/// How many lives share a token.
const PER_TOKEN: u64 = 100;

fn share() -> impl Strategy<Value = Share> {
    // Mostly such that belong together.
    let material = prop_oneof![4 => Just(0_u8), 1 => Just(1)];
    let split = prop_oneof![5 => Just(0_u8), 1 => Just(1)];
    (1..=SHARES[1], material, split).prop_map(|(number, material, split)| Share {
        number,
        material,
        split,
    })
}

fn deed() -> impl Strategy<Value = Deed> {
    let schedule = (7..9_u16).prop_map(Deed::ScheduleDeletion);
    prop_oneof![1 => Just(Deed::DeleteMaterial), 1 => schedule]
}

fn step() -> impl Strategy<Value = Step> {
    let life = || prop_oneof![Just(0), 1..100_u64];
    let next = || prop::bool::weighted(0.3);
    let import = (0..4_u8, life(), next());
    let stated = prop_oneof![2 => Just(None), 2 => Just(Some(0)), 1 => Just(Some(1))];
    let import_share = (share(), stated, life(), next());
    let days = prop_oneof![
        Just(0_u64),
        Just(1),
        6..9_u64,
        7..9_u64,
        30..32_u64,
        90..122_u64
    ];
    let time = prop_oneof![5 => 1..60_u64, 1 => Just(DAY), 1 => Just(8 * DAY)];
    prop_oneof![
        10 => import.prop_map(|(material, life, next)| Step::Import(material, life, next)),
        14 => import_share
            .prop_map(|(share, stated, life, next)| Step::ImportShare(share, stated, life, next)),
        1 => Just(Step::Revoke),
        8 => (0..3_usize, deed()).prop_map(|(custodian, deed)| Step::Approve(custodian, deed)),
        1 => Just(Step::ApproveAgain),
        1 => Just(Step::Withdraw),
        6 => Just(Step::Rotate),
        3 => (0..4_usize).prop_map(Step::DeleteMaterial),
        2 => Just(Step::Destroy),
        3 => days.prop_map(Step::Schedule),
        3 => Just(Step::Cancel),
        4 => any::<bool>().prop_map(Step::Disable),
        6 => Just(Step::Seal),
        4 => time.prop_map(Step::Pass),
        1 => Just(Step::SweepElsewhere),
    ]
}

fn kind() -> impl Strategy<Value = Kind> {
    let generated = prop::bool::weighted(0.2);
    let parts = (generated, any::<bool>(), any::<bool>(), any::<bool>());
    parts.prop_map(|(generated, shared, checked, guarded)| Kind {
        generated,
        shared: shared && !generated,
        checked,
        guarded,
    })
}

/// A service, three kinds of keys, and steps for these.
type Life = (usize, [Kind; 3], Vec<(usize, Step)>);

fn lives() -> impl Strategy<Value = Life> {
    // Opening the token again costs two derivations of a key from a PIN.
    let step = prop_oneof![90 => step(), 1 => Just(Step::Reopen)];
    let steps = prop::collection::vec((0..3_usize, step), 1..60);
    (0..SERVICES.len(), [kind(), kind(), kind()], steps)
}

/// Whether there is what the step names.
fn possible(key: &Key, step: Step, job: bool) -> bool {
    let kind = key.kind;
    match step {
        Step::DeleteMaterial(at) => match key.next {
            _ if at < key.versions.len() => true,
            Some(_) => at == key.versions.len(),
            None => false,
        },
        // By a plain key and CKA_ID nothing names a managed key.
        Step::Import(..) => {
            job || !(kind.generated || kind.shared || key.service.shared_job.is_some())
        }
        Step::ImportShare(..) => job,
        Step::Revoke => job && key.service.shared_job.is_none(),
        Step::Approve(..) | Step::ApproveAgain | Step::Withdraw => kind.guarded,
        _ => true,
    }
}

fn live(mut world: World, (service, kinds, steps): &Life) -> World {
    let service = SERVICES[*service];
    world.begin_life(service);
    let mut keys = kinds.map(|kind| world.born(service, kind));
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
        steps.set(steps.get() + life.2.len());
        if led.get() % PER_TOKEN == 0 {
            after.verify_audit();
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
