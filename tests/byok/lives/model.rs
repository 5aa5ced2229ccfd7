//! The rules of keys with a profile, as a model that fits on three pages: states, the three ways of
//! rotation, and what each call answers.

use tenon_pkcs11::api::ck;

pub(crate) const DAY: u64 = 86_400;

pub(crate) const OK: &str = "CKR_OK";
const NOT_NOW: &str = "CKR_KEY_FUNCTION_NOT_PERMITTED";
const NEVER_SO: &str = "CKR_TEMPLATE_INCONSISTENT";
const PROHIBITED: &str = "CKR_ACTION_PROHIBITED";

/// How a key comes to versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    No,
    Manual,
    Pending,
    OnImport,
}

/// A service in these lives.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Service {
    pub(crate) profile: &'static str,
    pub(crate) way: Way,
    /// Days of the deletion window.
    pub(crate) window: (u64, u64),
    /// Bits of the wrapping key and algorithm of a job for every key; without one, a plain key unwraps.
    pub(crate) shared_job: Option<(u64, u64)>,
}

pub(crate) const SERVICES: [Service; 6] = [
    service("alibaba-software", Way::Manual, (7, 30), None),
    service("aws", Way::Pending, (7, 30), None),
    service("tencent", Way::No, (7, 30), None),
    service("google", Way::OnImport, (1, 120), Some((3072, 5))),
    service("azure", Way::No, (7, 90), Some((2048, 4))),
    service("oci", Way::Manual, (7, 30), Some((4096, 5))),
];

const fn service(
    profile: &'static str,
    way: Way,
    window: (u64, u64),
    shared_job: Option<(u64, u64)>,
) -> Service {
    Service {
        profile,
        way,
        window,
        shared_job,
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// One of four materials, a life in seconds (0 for ever), and whether it is for the next version.
    Import(u8, u64, bool),
    Rotate,
    /// The material of the version at this place.
    DeleteMaterial(usize),
    Destroy,
    /// So many days ahead.
    Schedule(u64),
    Cancel,
    Disable(bool),
    Seal,
    /// Seconds that pass.
    Pass(u64),
    Reopen,
    /// Another process sweeps.
    SweepElsewhere,
}

/// One version of a key.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Version {
    /// `None` for what the token generated.
    pub(crate) material: Option<u8>,
    pub(crate) there: bool,
    pub(crate) expires: u64,
}

impl Version {
    pub(crate) fn live(&self, now: u64) -> bool {
        self.there && (self.expires == 0 || now < self.expires)
    }
}

/// What the rules say of a key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) service: Service,
    pub(crate) generated: bool,
    /// The last one is current.
    pub(crate) versions: Vec<Version>,
    /// `rotate` opened a version, which waits for its material.
    pub(crate) waiting: bool,
    /// Material for the version that `rotate` makes current.
    pub(crate) next: Option<Version>,
    disabled: bool,
    deletion: u64,
}

impl Key {
    pub(crate) fn new(service: Service, generated: bool) -> Self {
        let made = Version {
            material: None,
            there: true,
            expires: 0,
        };
        Self {
            service,
            generated,
            versions: if generated { vec![made] } else { vec![] },
            waiting: false,
            next: None,
            disabled: false,
            deletion: 0,
        }
    }

    pub(crate) fn gone(&self, now: u64) -> bool {
        self.deletion != 0 && now >= self.deletion
    }

    fn live(&self, now: u64) -> bool {
        let needed = match self.service.way {
            Way::Pending => &self.versions[..],
            _ => &self.versions[self.versions.len().saturating_sub(1)..],
        };
        !needed.is_empty() && needed.iter().all(|version| version.live(now))
    }

    pub(crate) fn state(&self, now: u64) -> u64 {
        match (self.deletion, self.live(now), self.disabled) {
            (1.., ..) => ck::STATE_PENDING_DELETION,
            (0, false, _) => ck::STATE_PENDING_IMPORT,
            (0, true, true) => ck::STATE_DISABLED,
            (0, true, false) => ck::STATE_ENABLED,
        }
    }

    /// What the call answers, and what the key is afterwards.
    pub(crate) fn does(&mut self, step: Step, now: u64) -> &'static str {
        let state = self.state(now);
        match step {
            Step::Import(material, life, next) => self.import(material, (life, next), now),
            Step::Rotate => self.rotate(now),
            Step::DeleteMaterial(_) | Step::Destroy if self.generated => PROHIBITED,
            Step::DeleteMaterial(at) => self.delete(at),
            Step::Destroy if self.versions.is_empty() => PROHIBITED,
            Step::Destroy => {
                let current = self.versions.len() - 1;
                let from = match self.service.way {
                    Way::Pending => current,
                    _ => 0,
                };
                for version in &mut self.versions[from..] {
                    version.there = false;
                }
                OK
            }
            Step::Schedule(_) if state == ck::STATE_PENDING_DELETION => NOT_NOW,
            Step::Schedule(days) => {
                let (least, most) = self.service.window;
                if !(least..=most).contains(&days) {
                    return "CKR_ATTRIBUTE_VALUE_INVALID";
                }
                self.deletion = now + days * DAY;
                OK
            }
            Step::Cancel if self.deletion == 0 => NOT_NOW,
            Step::Cancel => {
                self.deletion = 0;
                self.disabled |= self.service.profile == "aws";
                OK
            }
            Step::Disable(off) => match state {
                ck::STATE_ENABLED | ck::STATE_DISABLED => {
                    self.disabled = off;
                    OK
                }
                _ => NOT_NOW,
            },
            Step::Seal if state == ck::STATE_ENABLED => OK,
            Step::Seal => NOT_NOW,
            Step::Pass(_) | Step::Reopen | Step::SweepElsewhere => OK,
        }
    }

    fn import(&mut self, material: u8, (life, next): (u64, bool), now: u64) -> &'static str {
        if self.generated {
            return NEVER_SO;
        }
        if self.deletion != 0 {
            return NOT_NOW;
        }
        let pending = self.service.way == Way::Pending;
        if next && !pending {
            return NEVER_SO;
        }
        let fresh = Version {
            material: Some(material),
            there: true,
            expires: if life == 0 { 0 } else { now + life },
        };
        let same = |version: &&mut Version| version.material == Some(material);
        if let Some(waiting) = self.next.as_mut().filter(|version| same(version)) {
            *waiting = fresh;
            return OK;
        }
        if let Some(known) = self.versions.iter_mut().find(same) {
            if next {
                return NEVER_SO;
            }
            *known = fresh;
            return OK;
        }
        let first = self.versions.is_empty();
        if first || self.waiting || self.service.way == Way::OnImport {
            self.waiting = false;
            self.versions.push(fresh);
            return OK;
        }
        if next {
            self.next = Some(fresh);
            return OK;
        }
        "CKR_TENON_MATERIAL_MISMATCH"
    }

    fn rotate(&mut self, now: u64) -> &'static str {
        match self.service.way {
            Way::No | Way::OnImport => return NEVER_SO,
            Way::Manual | Way::Pending if self.generated => return NEVER_SO,
            Way::Manual | Way::Pending => {}
        }
        let state = self.state(now);
        if ![ck::STATE_ENABLED, ck::STATE_DISABLED].contains(&state) {
            return NOT_NOW;
        }
        if self.service.way == Way::Manual {
            let opened = !self.waiting;
            self.waiting = true;
            return if opened { OK } else { NOT_NOW };
        }
        match self.next.filter(|next| next.live(now)) {
            Some(next) => {
                self.next = None;
                self.versions.push(next);
                OK
            }
            None => NOT_NOW,
        }
    }

    /// Versions are the places before the next one's.
    fn delete(&mut self, at: usize) -> &'static str {
        match self.versions.get_mut(at) {
            Some(version) => version.there = false,
            None => self.next = None,
        }
        OK
    }

    /// Material for the next version that has expired is forgotten.
    pub(crate) fn forget_expired_next(&mut self, now: u64) {
        self.next = self.next.filter(|next| next.live(now));
    }
}
