//! Random lives of one external key, against a model of the rules that fits on a page.

use proptest::prelude::*;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::token::Handle;

use super::jobs::external;
use super::outside::{
    ID, Import, MATERIAL, OTHER, aes_template, oaep, oaep_blob, request, rsa_aes, rsa_aes_blob,
};
use super::owner::Owner;
use crate::common::{Fixture, TODAY, USER_PIN, attrs, rsa_material, rv, with};

const DAY: u64 = 86_400;

/// How a blob is made.
#[derive(Debug, Clone, Copy)]
enum Way {
    Oaep,
    RsaAes,
    /// Without integrity: a mismatch is as any bad blob.
    Pkcs1,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// The first material or the other one, and a life in seconds, 0 for ever.
    Import(Way, bool, u64),
    DestroyObject,
    /// So many days ahead.
    Schedule(u64),
    Cancel,
    Disable(bool),
    Use,
    /// Seconds that pass.
    Pass(u64),
    /// The clock is set back by so many seconds while the next step is done.
    TurnBack(u64),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let way = prop_oneof![Just(Way::Oaep), Just(Way::RsaAes), Just(Way::Pkcs1)];
    let life = prop_oneof![Just(0), 1..100_u64];
    let step = prop_oneof![
        6 => (way, prop::bool::weighted(0.7), life).prop_map(|(w, a, l)| Step::Import(w, a, l)),
        2 => Just(Step::DestroyObject),
        2 => prop_oneof![Just(6), Just(7), Just(30), Just(31)].prop_map(Step::Schedule),
        2 => Just(Step::Cancel),
        2 => any::<bool>().prop_map(Step::Disable),
        4 => Just(Step::Use),
        3 => prop_oneof![1..60_u64, Just(7 * DAY)].prop_map(Step::Pass),
        1 => (1..1000_u64).prop_map(Step::TurnBack),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..25)
}

/// What the rules say of the key.
#[derive(Debug, Default)]
struct Model {
    now: u64,
    /// The key itself is there.
    exists: bool,
    /// The first material was imported first.
    bound: Option<bool>,
    material: bool,
    expires: u64,
    disabled: bool,
    deletion: u64,
}

impl Model {
    fn gone(&self) -> bool {
        !self.exists || (self.deletion != 0 && self.now >= self.deletion)
    }

    fn live(&self) -> bool {
        self.material && (self.expires == 0 || self.now < self.expires)
    }

    fn state(&self) -> u64 {
        if self.deletion != 0 {
            ck::STATE_PENDING_DELETION
        } else if !self.live() {
            ck::STATE_PENDING_IMPORT
        } else if self.disabled {
            ck::STATE_DISABLED
        } else {
            ck::STATE_ENABLED
        }
    }

    /// What the step returns; and what the model is afterwards.
    fn does(&mut self, step: Step) -> &'static str {
        match step {
            Step::Import(..) if !self.gone() && self.deletion != 0 => {
                "CKR_KEY_FUNCTION_NOT_PERMITTED"
            }
            Step::Import(way, first, life) => {
                if self.gone() {
                    // A new key takes the CKA_ID over.
                    *self = Self {
                        now: self.now,
                        exists: true,
                        ..Self::default()
                    };
                }
                if self.bound.is_some_and(|bound| bound != first) {
                    return match way {
                        Way::Pkcs1 => "CKR_WRAPPED_KEY_INVALID",
                        Way::Oaep | Way::RsaAes => "CKR_TENON_MATERIAL_MISMATCH",
                    };
                }
                self.bound = Some(first);
                self.material = true;
                self.expires = if life == 0 { 0 } else { self.now + life };
                "CKR_OK"
            }
            _ if self.gone() => "gone",
            Step::DestroyObject => {
                self.exists = self.bound.is_some();
                self.material = false;
                "CKR_OK"
            }
            Step::Schedule(_) if self.deletion != 0 => "CKR_KEY_FUNCTION_NOT_PERMITTED",
            Step::Schedule(days) if (7..=30).contains(&days) => {
                self.deletion = self.now + days * DAY;
                "CKR_OK"
            }
            Step::Schedule(_) => "CKR_ATTRIBUTE_VALUE_INVALID",
            Step::Cancel if self.deletion == 0 => "CKR_KEY_FUNCTION_NOT_PERMITTED",
            Step::Cancel => {
                self.deletion = 0;
                "CKR_OK"
            }
            Step::Disable(_) if self.deletion != 0 || !self.live() => {
                "CKR_KEY_FUNCTION_NOT_PERMITTED"
            }
            Step::Disable(off) => {
                self.disabled = off;
                "CKR_OK"
            }
            Step::Use if self.state() == ck::STATE_ENABLED => "CKR_OK",
            Step::Use => "CKR_KEY_FUNCTION_NOT_PERMITTED",
            Step::Pass(_) | Step::TurnBack(_) | Step::Reopen => "CKR_OK",
        }
    }
}

/// The key, by a template that finds it in every state.
fn key(token: &Import, uid: &[u8]) -> Option<Handle> {
    token
        .find(&attrs![CKA_UNIQUE_ID => &uid.to_vec()])
        .first()
        .copied()
}

fn import(
    token: &Import,
    way: Way,
    first: bool,
    expires: u64,
) -> tenon_pkcs11::api::error::Result<Handle> {
    let material = if first { MATERIAL } else { OTHER };
    let template = with(
        aes_template(),
        attrs![CKA_TENON_EXPIRES_AT => &expires.to_be_bytes(), CKA_VALUE_LEN => 32_u64],
    );
    match way {
        Way::Oaep => token.unwrap(oaep(), &oaep_blob(material), &template),
        Way::RsaAes => token.unwrap(rsa_aes(), &rsa_aes_blob(material), &template),
        Way::Pkcs1 => {
            let key = rsa_material();
            let blob = Owner::new(&key.n, &key.e).wrap(3, material).1;
            token.unwrap(request(ck::CKM_RSA_PKCS, Params::None), &blob, &template)
        }
    }
}

/// No reading is in doubt in a life: one that is lets no key's name go, which the model does not know.
fn configure(config: &mut Config) {
    config.pkcs1_imports = true;
    config.clock_leap = 400 * DAY;
}

fn live(steps: &[Step]) {
    let mut token = Import::over(Fixture::configured(configure));
    let pending = external(&token.fixture.session, attrs![CKA_ID => ID]).unwrap();
    let mut uid = token.value(pending, ck::CKA_UNIQUE_ID);
    let mut model = Model {
        now: TODAY,
        exists: true,
        ..Model::default()
    };
    let mut done = Vec::new();
    for step in steps {
        done.push(*step);
        match *step {
            Step::Pass(seconds) => {
                model.now += seconds;
                token.fixture.clock.set(model.now);
                // The time that counts is what the token has seen of the clock.
                token.find(&attrs![CKA_ID => ID]);
                continue;
            }
            Step::TurnBack(seconds) => {
                token.fixture.clock.set(model.now - seconds);
                continue;
            }
            Step::Reopen => {
                token.fixture.clock.set(model.now);
                let fixture = token.fixture.reopened_with(configure);
                fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
                token = Import::over(fixture);
                continue;
            }
            _ => {}
        }
        let expected = model.does(*step);
        let found = key(&token, &uid);
        let outcome = match (*step, found) {
            (Step::Import(way, first, life), _) => {
                let expires = if life == 0 { 0 } else { model.now + life };
                let outcome = import(&token, way, first, expires);
                if let Ok(key) = &outcome {
                    let now = token.value(*key, ck::CKA_UNIQUE_ID);
                    assert!(found.is_none() || now == uid, "the same object: {done:?}");
                    uid = now;
                }
                rv(&outcome)
            }
            (_, None) => "gone",
            (Step::DestroyObject, Some(key)) => rv(&token.fixture.session.destroy_object(key)),
            (Step::Schedule(days), Some(key)) => {
                let at = (model.now + days * DAY).to_be_bytes();
                rv(&set(&token, key, &at))
            }
            (Step::Cancel, Some(key)) => rv(&set(&token, key, &[0; 8])),
            (Step::Disable(off), Some(key)) => {
                let change = attrs![CKA_TENON_DISABLED => off];
                rv(&token.fixture.session.set_attributes(key, &change))
            }
            (Step::Use, Some(key)) => rv(&token.encrypt(key)),
            (Step::Pass(_) | Step::TurnBack(_) | Step::Reopen, Some(_)) => "CKR_OK",
        };
        assert_eq!(outcome, expected, "{done:?}: {model:?}");
        let seen = key(&token, &uid).map(|key| token.value(key, ck::CKA_TENON_KEY_STATE));
        let state = (!model.gone()).then(|| model.state().to_ne_bytes().to_vec());
        assert_eq!(seen, state, "{done:?}: {model:?}");
        let shown = !token.find(&attrs![CKA_ID => ID]).is_empty();
        assert_eq!(shown, !model.gone() && model.live(), "{done:?}: {model:?}");
        token.fixture.clock.set(model.now);
    }
}

fn set(token: &Import, key: Handle, at: &[u8; 8]) -> tenon_pkcs11::api::error::Result<()> {
    token
        .fixture
        .session
        .set_attributes(key, &attrs![CKA_TENON_DELETION_AT => at])
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 32,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn every_life_is_that_of_the_model(steps in steps()) {
        live(&steps);
    }
}
