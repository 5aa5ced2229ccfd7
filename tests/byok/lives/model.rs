//! The rules of keys with a profile, as a model that fits on a few pages: states, the three ways of
//! rotation, shares, custodians, and what each call answers.

use tenon_pkcs11::api::byok::Deed;
use tenon_pkcs11::api::ck;

pub(crate) const DAY: u64 = 86_400;

pub(crate) const OK: &str = "CKR_OK";
const NOT_NOW: &str = "CKR_KEY_FUNCTION_NOT_PERMITTED";
const NEVER_SO: &str = "CKR_TEMPLATE_INCONSISTENT";
const PROHIBITED: &str = "CKR_ACTION_PROHIBITED";
const OTHER_MATERIAL: &str = "CKR_TENON_MATERIAL_MISMATCH";

/// How many shares make a material, of how many.
pub(crate) const SHARES: [u8; 2] = [2, 3];
/// How many of the three custodians must approve.
pub(crate) const QUORUM: usize = 2;

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

/// What is unlike in the keys of a service.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kind {
    /// The token generates it.
    pub(crate) generated: bool,
    /// Its material comes in shares.
    pub(crate) shared: bool,
    /// It has the check value of material 0 from the beginning (a key in shares).
    pub(crate) checked: bool,
    /// Custodians must approve its end.
    pub(crate) guarded: bool,
}

/// A share of one of the materials: its number, and of which of the two times that the material was split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) number: u8,
    pub(crate) material: u8,
    pub(crate) split: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Material {
    /// One of the materials.
    Whole(u8),
    /// What shares make that do not belong together.
    Mixed([Share; 2]),
}

impl Material {
    fn joined(mut shares: [Share; 2]) -> Self {
        shares.sort_unstable_by_key(|share| share.number);
        let [one, other] = &mut shares;
        if one.material == other.material {
            if one.split == other.split {
                return Self::Whole(one.material);
            }
            // The line through the points x and y of two lines that meet at zero is there
            // the secret + (slope + slope) × xy / (x + y), whichever line each point is of.
            (one.split, other.split) = (0, 1);
        }
        Self::Mixed(shares)
    }
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    /// A share, the material whose check value the import states, a life in seconds, and whether it is for the
    /// next version.
    ImportShare(Share, Option<u8>, u64, bool),
    /// The key's own import job ends, if it has one.
    Revoke,
    /// One of three custodians approves.
    Approve(usize, Deed),
    /// The last approval comes once more.
    ApproveAgain,
    /// All approvals are withdrawn.
    Withdraw,
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
    pub(crate) material: Option<Material>,
    pub(crate) there: bool,
    pub(crate) expires: u64,
}

impl Version {
    pub(crate) fn live(&self, now: u64) -> bool {
        self.there && (self.expires == 0 || now < self.expires)
    }
}

/// A share that waits for others.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    share: Share,
    /// When the job ends that brought it; 0 = never.
    ends: u64,
}

/// What the rules say of a key.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) service: Service,
    pub(crate) kind: Kind,
    waiting_shares: Vec<Waiting>,
    /// What custodians approved.
    pub(crate) approvals: Vec<(usize, Deed)>,
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
    pub(crate) fn new(service: Service, kind: Kind) -> Self {
        let made = Version {
            material: None,
            there: true,
            expires: 0,
        };
        Self {
            service,
            kind,
            waiting_shares: vec![],
            approvals: vec![],
            versions: if kind.generated { vec![made] } else { vec![] },
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

    /// The numbers of the shares that wait.
    pub(crate) fn waiting_numbers(&self, now: u64) -> Vec<u8> {
        let live = self.waiting_shares.iter();
        let live = live.filter(|waiting| waiting.ends == 0 || now < waiting.ends);
        let mut numbers: Vec<_> = live.map(|waiting| waiting.share.number).collect();
        numbers.sort_unstable();
        numbers
    }

    /// Whether custodians allow it; their approvals are then used up.
    fn approved(&mut self, deed: Deed) -> bool {
        if !self.kind.guarded {
            return true;
        }
        let theirs = self.approvals.iter().filter(|(_, of)| *of == deed);
        let enough = theirs.count() >= QUORUM;
        if enough {
            self.approvals.clear();
        }
        enough
    }

    /// What the call answers, and what the key is afterwards. `job_ends`: when the import job ends that brings
    /// material; 0 = never.
    pub(crate) fn does(&mut self, step: Step, now: u64, job_ends: u64) -> &'static str {
        let state = self.state(now);
        match step {
            Step::Import(material, life, next) => {
                self.import_whole(Material::Whole(material), (life, next), now)
            }
            Step::ImportShare(share, stated, life, next) => {
                self.waiting_shares
                    .retain(|waiting| waiting.ends == 0 || now < waiting.ends);
                let came = Waiting {
                    share,
                    ends: job_ends,
                };
                self.import_share(came, stated, (life, next), now)
            }
            Step::Revoke => {
                self.waiting_shares.clear();
                OK
            }
            Step::Approve(custodian, deed) => {
                let approval = (custodian, deed);
                if !self.approvals.contains(&approval) {
                    self.approvals.push(approval);
                }
                OK
            }
            // The last approval that was given is there until all are used up or withdrawn.
            Step::ApproveAgain if self.approvals.is_empty() => NEVER_SO,
            Step::ApproveAgain => OK,
            Step::Withdraw => {
                self.approvals.clear();
                OK
            }
            Step::Rotate => self.rotate(now),
            Step::DeleteMaterial(_) | Step::Destroy if self.kind.generated => PROHIBITED,
            Step::DeleteMaterial(at) => self.delete(at, now),
            Step::Destroy => self.destroy(now),
            Step::Schedule(_) if state == ck::STATE_PENDING_DELETION => NOT_NOW,
            Step::Schedule(days) => {
                let (least, most) = self.service.window;
                if !(least..=most).contains(&days) {
                    return "CKR_ATTRIBUTE_VALUE_INVALID";
                }
                if !self.approved(Deed::ScheduleDeletion(days as u16)) {
                    return PROHIBITED;
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

    fn destroy(&mut self, now: u64) -> &'static str {
        if self.versions.is_empty() && self.waiting_numbers(now).is_empty() {
            return PROHIBITED;
        }
        let from = match self.service.way {
            Way::Pending => self.versions.len().saturating_sub(1),
            _ => 0,
        };
        let loses = self.versions[from..]
            .iter()
            .any(|version| version.live(now));
        if loses && !self.approved(Deed::DeleteMaterial) {
            return PROHIBITED;
        }
        self.waiting_shares.clear();
        for version in &mut self.versions[from..] {
            version.there = false;
        }
        OK
    }

    /// Why the key takes no import, if it takes none.
    fn takes_none(&self, next: bool, share: bool) -> Option<&'static str> {
        if self.kind.generated {
            return Some(NEVER_SO);
        }
        if self.deletion != 0 {
            return Some(NOT_NOW);
        }
        let for_next = next && self.service.way != Way::Pending;
        (for_next || share != self.kind.shared).then_some(NEVER_SO)
    }

    fn import_whole(&mut self, came: Material, how: (u64, bool), now: u64) -> &'static str {
        match self.takes_none(how.1, false) {
            Some(why) => why,
            None => self.import(came, how, now),
        }
    }

    fn import_share(
        &mut self,
        came: Waiting,
        stated: Option<u8>,
        how: (u64, bool),
        now: u64,
    ) -> &'static str {
        if let Some(why) = self.takes_none(how.1, true) {
            return why;
        }
        let share = came.share;
        let number = |waiting: &Waiting| waiting.share.number == share.number;
        if let Some(at) = self.waiting_shares.iter().position(number) {
            if self.waiting_shares[at].share != share {
                return OTHER_MATERIAL;
            }
            self.waiting_shares[at] = came;
            return OK;
        }
        let Some(other) = self.waiting_shares.first() else {
            self.waiting_shares.push(came);
            return OK;
        };
        let whole = Material::joined([share, other.share]);
        let first = self.versions.is_empty();
        let of_key = Some(0).filter(|_| self.kind.checked && first);
        let mut expected = of_key.into_iter().chain(stated);
        if expected.any(|expected| whole != Material::Whole(expected)) {
            return OTHER_MATERIAL;
        }
        let known = self.versions.iter().chain(&self.next);
        let known = known.filter(|version| version.material == Some(whole));
        if !first && stated.is_none() && known.count() == 0 {
            return OTHER_MATERIAL;
        }
        let outcome = self.import(whole, how, now);
        if outcome == OK {
            self.waiting_shares.clear();
        }
        outcome
    }

    /// What the import of a whole material comes to.
    fn import(&mut self, material: Material, (life, next): (u64, bool), now: u64) -> &'static str {
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
                return OTHER_MATERIAL;
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
            let replaces = self.next.as_ref().is_some_and(|next| next.live(now));
            if replaces && self.kind.guarded {
                return PROHIBITED;
            }
            self.next = Some(fresh);
            return OK;
        }
        OTHER_MATERIAL
    }

    fn rotate(&mut self, now: u64) -> &'static str {
        match self.service.way {
            Way::No | Way::OnImport => return NEVER_SO,
            Way::Manual | Way::Pending if self.kind.generated => return NEVER_SO,
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
    fn delete(&mut self, at: usize, now: u64) -> &'static str {
        let named = self.versions.get(at).or(self.next.as_ref());
        if !named.is_some_and(|version| version.live(now)) {
            return "CKR_ATTRIBUTE_VALUE_INVALID";
        }
        if !self.approved(Deed::DeleteMaterial) {
            return PROHIBITED;
        }
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
