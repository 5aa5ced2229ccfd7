//! A token in which keys live as the model says.

use std::collections::HashMap;

use tenon_pkcs11::api::attr::RawAttribute;
use tenon_pkcs11::api::byok::Deed;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::crypto::shares::{Sharing, check_value};
use tenon_pkcs11::api::error::Result;
use tenon_pkcs11::api::mechanism::Params;
use tenon_pkcs11::api::rng::random;
use tenon_pkcs11::api::secret::Secret;
use tenon_pkcs11::api::token::Handle;

use super::super::approvals::{self, Custodian, custody, three};
use super::super::envelope::{open, seal};
use super::super::jobs::{Job, aes, external, generated_job, job};
use super::super::outside::{Import, oaep, oaep_blob, request};
use super::model::{DAY, Key, Kind, OK, QUORUM, SHARES, Service, Share, Step};
use super::possible;
use crate::common::{Fixture, RW, SLOT, TODAY, USER_PIN, attrs, bytes, rv, session, with};

/// RSAES_OAEP_SHA_256, by which shares come where the service has no job for every key.
const OAEP_SHA_256: u64 = 2;

/// No reading of a clock is in doubt here.
fn configure(config: &mut Config) {
    config.clock_leap = 4000 * DAY;
}

/// One key as the token has it.
pub(super) struct Living {
    pub(super) key: Key,
    uid: Vec<u8>,
    id: [u8; 8],
    /// Envelopes, and which of the key's versions made each.
    sealed: Vec<(usize, Vec<u8>)>,
    /// The last approval that a custodian gave.
    approval: Option<Vec<u8>>,
}

pub(super) struct World {
    token: Import,
    pub(super) now: u64,
    /// Jobs for every key of a profile by its name, and jobs of one key by its uid.
    jobs: HashMap<Vec<u8>, OpenJob>,
    /// The shares of each material, of each time that it was split.
    shares: [[Vec<Secret>; 2]; 2],
    custodians: [Custodian; 3],
}

struct OpenJob {
    job: Job,
    /// CKA_UNIQUE_ID of its private key.
    uid: Vec<u8>,
    /// CKA_TENON_WRAP_ALGORITHM.
    algorithm: u64,
    /// When it ends; 0 = never.
    ends: u64,
}

/// The bytes of a material: never zeros alone, which no shares may make.
fn bytes_of(material: u8) -> [u8; 32] {
    [material + 1; 32]
}

impl World {
    pub(super) fn new() -> Self {
        let [needed, of] = SHARES;
        let sharing = Sharing::new(needed, of).unwrap();
        let split = |material: u8| [(); 2].map(|()| sharing.split(&bytes_of(material), &SystemRng));
        Self {
            token: Import::over(Fixture::configured(configure)),
            now: TODAY,
            jobs: HashMap::new(),
            shares: [0, 1].map(split),
            custodians: three(),
        }
    }

    fn find(&self, living: &Living) -> Option<Handle> {
        let template = attrs![CKA_UNIQUE_ID => &living.uid];
        self.token.find(&template).first().copied()
    }

    pub(super) fn born(&self, service: Service, kind: Kind) -> Living {
        let id: [u8; 8] = random(&SystemRng);
        let mut template =
            attrs![CKA_ID => &id, CKA_LABEL => "", CKA_TENON_PROFILE => service.profile];
        if kind.guarded {
            template.extend(custody(&self.custodians, QUORUM as u64));
        }
        if kind.shared {
            template.extend(attrs![CKA_TENON_SHARES => &SHARES]);
        }
        if kind.shared && kind.checked {
            let check = check_value(&bytes_of(0));
            template.extend(attrs![CKA_TENON_SHARES_CHECK_VALUE => &check]);
        }
        let session = &self.token.fixture.session;
        let handle = match kind.generated {
            false => external(session, template),
            true => {
                let size = attrs![CKA_VALUE_LEN => 32_u64, CKA_TOKEN => true];
                let generation = request(ck::CKM_AES_KEY_GEN, Params::None);
                session.generate_key(generation, &with(template, size))
            }
        };
        Living {
            key: Key::new(service, kind),
            uid: self.token.value(handle.unwrap(), ck::CKA_UNIQUE_ID),
            id,
            sealed: Vec::new(),
            approval: None,
        }
    }

    fn import(
        &self,
        living: &Living,
        material: &[u8],
        template: Vec<RawAttribute>,
    ) -> Result<Handle> {
        let session = &self.token.fixture.session;
        let Some(OpenJob { job, algorithm, .. }) = self.job(living) else {
            let named = attrs![CKA_ID => &living.id, CKA_TOKEN => true];
            let template = with(with(aes(), named), template);
            return self.token.unwrap(oaep(), &oaep_blob(material), &template);
        };
        let (mechanism, blob) = job.owner.wrap(*algorithm, material);
        let named = attrs![CKA_TENON_IMPORT_TARGET => &living.uid];
        let template = with(with(aes(), named), template);
        session.unwrap_key(
            request(mechanism, Params::None),
            job.private,
            &blob,
            &template,
        )
    }

    /// What the template of an import says of expiry and version.
    fn how(&self, life: u64, next: bool) -> Vec<RawAttribute> {
        let expires = if life == 0 { 0 } else { self.now + life };
        let mut template = attrs![CKA_TENON_EXPIRES_AT => &expires.to_be_bytes()];
        if next {
            template.extend(attrs![CKA_TENON_NEW_MATERIAL => true]);
        }
        template
    }

    fn share(&self, share: Share) -> &Secret {
        let split = &self.shares[usize::from(share.material)][usize::from(share.split)];
        &split[usize::from(share.number) - 1]
    }

    fn does(&self, living: &Living, handle: Handle, step: Step) -> Result<()> {
        let session = &self.token.fixture.session;
        let set = |template: Vec<RawAttribute>| session.set_attributes(handle, &template);
        let same = |imported| assert_eq!(imported, handle, "the same object");
        match step {
            Step::Import(material, life, next) => {
                let outcome = self.import(living, &bytes_of(material), self.how(life, next));
                outcome.map(same)
            }
            Step::ImportShare(share, stated, life, next) => {
                let mut template = self.how(life, next);
                template.extend(attrs![CKA_TENON_SHARE => &[share.number]]);
                if let Some(material) = stated {
                    let check = check_value(&bytes_of(material));
                    template.extend(attrs![CKA_TENON_SHARES_CHECK_VALUE => &check]);
                }
                self.import(living, self.share(share), template).map(same)
            }
            Step::Revoke => session.destroy_object(self.job(living).unwrap().job.private),
            Step::Approve(..) | Step::ApproveAgain => {
                let approval = living.approval.as_deref().unwrap();
                set(attrs![CKA_TENON_APPROVAL => approval])
            }
            Step::Withdraw => set(attrs![CKA_TENON_APPROVAL => b""]),
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

    fn approval(&self, handle: Handle, custodian: usize, deed: Deed) -> Vec<u8> {
        let statement = approvals::statement(&self.token.fixture, handle, deed);
        self.custodians[custodian].sign(&statement)
    }

    fn job(&self, living: &Living) -> Option<&OpenJob> {
        let name = living.key.service.profile.as_bytes();
        self.jobs.get(name).or_else(|| self.jobs.get(&living.uid))
    }

    fn note_job(&mut self, of: &[u8], job: Job, algorithm: u64) {
        let session = &self.token.fixture.session;
        let ends = bytes(session, job.private, ck::CKA_TENON_NOT_AFTER);
        let noted = OpenJob {
            uid: bytes(session, job.private, ck::CKA_UNIQUE_ID),
            ends: u64::from_be_bytes(ends.try_into().unwrap()),
            job,
            algorithm,
        };
        self.jobs.insert(of.to_vec(), noted);
    }

    /// Makes a job for every key of the profile, where it has such, unless there is one. The jobs of keys of
    /// other lives are forgotten.
    pub(super) fn begin_life(&mut self, service: Service) {
        let now = self.now;
        let profiles = super::SERVICES.map(|service| service.profile.as_bytes());
        self.jobs.retain(|of, job| {
            let over = job.ends != 0 && now >= job.ends;
            profiles.contains(&of.as_slice()) && !over
        });
        let of = service.profile.as_bytes();
        let Some((bits, algorithm)) = service.shared_job.filter(|_| !self.jobs.contains_key(of))
        else {
            return;
        };
        let session = &self.token.fixture.session;
        let private = attrs![
            CKA_TENON_PROFILE => service.profile, CKA_TENON_WRAP_ALGORITHM => algorithm,
        ];
        let job = generated_job(session, bits, &private).unwrap();
        self.note_job(of, job, algorithm);
    }

    /// Makes a job for a key in shares, which come by no other way, unless its service has jobs for every key, or
    /// there is one, or the key's deletion is scheduled.
    fn order_job(&mut self, living: &Living, handle: Handle) {
        let pending = living.key.state(self.now) == ck::STATE_PENDING_DELETION;
        let Key { service, kind, .. } = &living.key;
        let of_one_key = kind.shared && service.shared_job.is_none();
        if self.job(living).is_some() || pending || !of_one_key {
            return;
        }
        let job = job(&self.token.fixture.session, handle, OAEP_SHA_256).unwrap();
        self.note_job(&living.uid, job, OAEP_SHA_256);
    }

    pub(super) fn reopen(mut self) -> Self {
        let fixture = self.token.fixture.reopened_with(configure);
        fixture.session.login(ck::CKU_USER, USER_PIN).unwrap();
        self.token = Import::over(fixture);
        let token = &self.token;
        // A job that was over may be gone.
        self.jobs.retain(|_, open| {
            let found = token.find(&attrs![CKA_UNIQUE_ID => &open.uid]);
            let private = found.first().copied();
            private.is_some_and(|private| {
                open.job.private = private;
                true
            })
        });
        self
    }

    pub(super) fn pass(&mut self, seconds: u64) {
        self.now += seconds;
        self.token.fixture.clock.set(self.now);
    }

    pub(super) fn sweep_elsewhere(&self) {
        let other = self.token.fixture.another_configured(configure);
        let session = session(&other, RW);
        session.login(ck::CKU_USER, USER_PIN).unwrap();
        other.token(SLOT).unwrap().sweep().unwrap();
    }

    pub(super) fn verify_audit(&self) {
        let token = self.token.fixture.module.token(SLOT).unwrap();
        token.verify_audit().unwrap();
    }

    /// State, versions, shares, approvals and envelopes are those of the model.
    pub(super) fn agrees(&self, living: &Living) {
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
        if key.kind.shared {
            let waiting = self.token.value(handle, ck::CKA_TENON_SHARE);
            assert_eq!(waiting, key.waiting_numbers(now), "{key:?}");
        }
        if key.kind.guarded {
            let noted = self.token.value(handle, ck::CKA_TENON_APPROVAL);
            let noted: Vec<serde_json::Value> = serde_json::from_slice(&noted).unwrap();
            assert_eq!(noted.len(), key.approvals.len(), "{key:?}");
        }
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

    pub(super) fn step(&mut self, living: &mut Living, step: Step) {
        living.key.forget_expired_next(self.now);
        let Some(handle) = self.find(living) else {
            return;
        };
        if let Step::ImportShare(..) = step {
            self.order_job(living, handle);
        }
        if !possible(&living.key, step, self.job(living).is_some()) {
            return;
        }
        match step {
            Step::Approve(custodian, deed) => {
                living.approval = Some(self.approval(handle, custodian, deed));
            }
            Step::ApproveAgain if living.approval.is_none() => return,
            _ => {}
        }
        let ends = self.job(living).map_or(0, |open| open.ends);
        let over = ends != 0 && self.now >= ends;
        let expected = match step {
            Step::Import(..) | Step::ImportShare(..) if over => "CKR_UNWRAPPING_KEY_HANDLE_INVALID",
            Step::Revoke if over => "CKR_OBJECT_HANDLE_INVALID",
            step => living.key.does(step, self.now, ends),
        };
        let outcome = self.does(living, handle, step);
        assert_eq!(
            rv(&outcome),
            expected,
            "{step:?}: {:?}: {outcome:?}",
            living.key
        );
        match step {
            Step::ImportShare(..) | Step::Revoke if over => drop(self.jobs.remove(&living.uid)),
            Step::Revoke => drop(self.jobs.remove(&living.uid)),
            Step::Seal if expected == OK => {
                let sealed = seal(&self.token.fixture.session, handle, b"text").unwrap();
                living.sealed.push((living.key.versions.len() - 1, sealed));
            }
            _ => {}
        }
    }
}
