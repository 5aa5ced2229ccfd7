//! The columns of a profile, and what they answer.

use std::borrow::Cow;
use std::ops::RangeInclusive;

use crate::ck;
use crate::clock::UnixTime;
use crate::keytype::{Curve, Spec};

use super::super::algorithm::{ALGORITHMS, Algorithm, WrappingKey};
use super::super::metadata::Metadata;
use super::name::{AlgorithmName, SpecName};
use super::usage::{Usage, UsageWords};

pub(super) const DAY: UnixTime = 24 * 3600;
/// Seconds by which a scheduled deletion may come before the profile's least days.
const DELETION_LEEWAY: UnixTime = 60;

/// A row.
#[derive(Debug, PartialEq, Eq)]
pub struct Profile {
    /// CKA_TENON_PROFILE.
    pub name: &'static str,
    /// What the service is called.
    pub service: &'static str,
    /// Where the row comes from.
    pub source: Source,
    /// Algorithms by which material may come.
    pub(super) wrapping: Wrapping,
    /// Wrapping keys of import jobs.
    pub(super) keys: Allowed<WrappingKey>,
    /// Combinations that the columns before would allow and the service does not have.
    pub(super) unfit: &'static [Unfit],
    /// What an external key may be, but for HMAC keys.
    pub(super) specs: Allowed<Spec>,
    /// Which generic and HMAC secrets are imported.
    pub(super) hmac: HmacSizes,
    /// AES keys may have the usage SIGN_VERIFY.
    pub(super) aes_signs: bool,
    /// SM2 keys may have the usage ENCRYPT_DECRYPT.
    pub(super) sm2_encrypts: bool,
    /// The service's names for specs.
    pub(super) spec_names: &'static [SpecName],
    /// The service's names for wrapping algorithms, where they are not the general ones.
    pub(super) algorithm_names: &'static [AlgorithmName],
    /// The service's words for usages.
    pub(super) usage_words: UsageWords,
    /// KeyMaterialId has 64 hexadecimal digits, not 32.
    pub long_material_id: bool,
    /// Bits of the AES key inside a composite blob, where the service fixes them.
    pub inner_bits: Option<u64>,
    /// End of the material's life.
    pub(super) expiry: Expiry,
    /// Days from a scheduled deletion to its coming.
    pub deletion_days: RangeInclusive<u64>,
    /// A key whose deletion is cancelled is disabled; else it has the state that follows from its facts.
    pub cancelled_is_disabled: bool,
    /// Import jobs.
    pub job: JobRules,
    /// How keys come to new versions.
    pub rotation: Rotation,
    /// What the service calls the origin of the keys that it generates itself.
    pub own_origin: &'static str,
    /// Rules of alias, description and tags.
    pub metadata: Metadata,
}

/// How a key comes to a new version (rule 10).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// A key has one material for ever.
    No,
    /// AES and SM4 keys: `rotate` opens a version, which the next import of other material fills.
    Manual,
    /// AES and SM4 keys: new material is imported first, and `rotate` makes it current.
    Pending {
        /// The most versions of a key, the current one and the pending one included.
        most: usize,
    },
    /// Every key: an import of other material is a new version, and current at once.
    OnImport,
}

/// Where a row comes from.
#[derive(Debug, PartialEq, Eq)]
pub struct Source {
    /// The service's documents.
    pub documents: &'static [&'static str],
    /// The day on which they were read.
    pub read: &'static str,
    /// What the row does otherwise than the documents, and why.
    pub note: &'static str,
}

/// A column that lists values, or allows whatever the token can.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Allowed<T: 'static> {
    Any,
    These(&'static [T]),
}

impl<T: PartialEq> Allowed<T> {
    fn has(&self, value: &T) -> bool {
        match self {
            Self::Any => true,
            Self::These(values) => values.contains(value),
        }
    }
}

/// CKA_TENON_WRAP_ALGORITHM numbers, by what they bring.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrapping {
    pub(super) secret: Allowed<ck::CK_ULONG>,
    pub(super) rsa: Allowed<ck::CK_ULONG>,
    pub(super) ec: Allowed<ck::CK_ULONG>,
}

/// A combination that a service does not have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unfit {
    pub(super) spec: Spec,
    pub(super) algorithms: &'static [ck::CK_ULONG],
    pub(super) key: WrappingKey,
}

/// Sizes of HMAC keys, in bits.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HmacSizes {
    Any,
    These(&'static [u64]),
    Between(u64, u64),
}

/// No HMAC keys are imported.
pub(super) const NO_HMAC: HmacSizes = HmacSizes::These(&[]);

impl HmacSizes {
    fn has(&self, bits: u64) -> bool {
        match self {
            Self::Any => true,
            Self::These(sizes) => sizes.contains(&bits),
            Self::Between(least, most) => (*least..=*most).contains(&bits),
        }
    }
}

/// Rules of CKA_TENON_EXPIRES_AT.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expiry {
    /// Seconds that material lives when the import names no expiry; `None` = for ever.
    pub(super) default_life: Option<UnixTime>,
    /// The import must name an expiry, or never.
    pub(super) named: bool,
    /// Greatest life in seconds that an import may ask for.
    pub(super) greatest_life: Option<UnixTime>,
    /// Latest expiry.
    pub(super) latest: Option<UnixTime>,
}

/// Never, unless the import says otherwise.
pub(super) const NO_EXPIRY: Expiry = Expiry {
    default_life: None,
    named: false,
    greatest_life: None,
    latest: None,
};

/// Rules of import jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobRules {
    /// Seconds that a job lives unless said; `None` = for ever.
    pub life: Option<UnixTime>,
    /// The least and the most seconds that a job may be asked to live; `None` = the service alone says it.
    pub lives: Option<(UnixTime, UnixTime)>,
    /// A job may serve every key of the profile, and not one alone.
    pub serves_many: bool,
}

/// A rule that a profile breaks an intention by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    /// Keys of this spec.
    Spec(Spec),
    /// The usage asked for.
    Usage(Spec),
    /// This algorithm for material of this spec.
    Wrapping(&'static str, Spec),
    /// This wrapping key, for material of this spec by this algorithm.
    WrappingKey(&'static Algorithm, WrappingKey, Spec),
    /// An import by another way than one of the service's algorithms.
    Way,
    /// An import job that serves many keys.
    ManyKeys,
    /// Rotation of this key.
    Rotation,
    /// `rotate`, where each import of other material is a new version.
    RotationByImport,
    /// Material for a next version, before a rotation.
    NextMaterial,
    /// More versions than this number.
    Versions(usize),
    /// A life of an import job, where the service alone says it.
    JobLifeFixed,
    /// A life of an import job that is too short or too long.
    JobLife,
    /// An import without an expiry.
    ExpiryUnnamed,
    /// An expiry that far away.
    ExpiryMaximum,
    /// A scheduled deletion so soon or so late.
    Deletion,
    /// The alias, description or tags.
    Metadata(&'static str),
}

impl Profile {
    /// Whether the service has keys like this one.
    ///
    /// # Errors
    /// `Spec`, `Usage`.
    pub fn may_create(&self, spec: Spec, usage: Usage) -> Result<(), Rule> {
        if !self.has(spec) {
            return Err(Rule::Spec(spec));
        }
        if self.takes_every_way() {
            return Ok(());
        }
        let fits = match (usage.encrypt, usage.sign) {
            (true, true) => false,
            (true, false) => match spec {
                Spec::Aes(_) | Spec::Sm4 | Spec::Rsa(_) => true,
                Spec::Ec(Curve::Sm2) => self.sm2_encrypts,
                Spec::Hmac(_) | Spec::Ec(_) | Spec::MlDsa(_) => false,
            },
            (false, true) => match spec {
                Spec::Aes(_) => self.aes_signs,
                Spec::Sm4 => false,
                Spec::Hmac(_) | Spec::Rsa(_) | Spec::Ec(_) | Spec::MlDsa(_) => true,
            },
            (false, false) => true,
        };
        if !fits {
            return Err(Rule::Usage(spec));
        }
        Ok(())
    }

    fn has(&self, spec: Spec) -> bool {
        match spec {
            Spec::Hmac(bits) => self.hmac.has(bits),
            _ => self.specs.has(&spec),
        }
    }

    /// The specs of external keys, with some sizes of HMAC keys where the service takes any or many.
    #[must_use]
    pub fn specs(&self) -> Vec<Spec> {
        const USUAL_HMAC: [u64; 5] = [160, 224, 256, 384, 512];
        let hmac = match self.hmac {
            HmacSizes::These(sizes) => sizes,
            HmacSizes::Any | HmacSizes::Between(..) => &USUAL_HMAC[..],
        };
        let hmac = hmac.iter().copied().map(Spec::Hmac);
        let named: Vec<_> = Spec::names().filter_map(Spec::named).collect();
        let mut specs: Vec<_> = match self.specs {
            Allowed::Any => named,
            Allowed::These(specs) => specs.to_vec(),
        };
        specs.extend(hmac.filter(|spec| self.has(*spec)));
        specs
    }

    /// The least and the greatest size of HMAC keys, in bits, where the service takes every size between;
    /// 0 = no limit.
    #[must_use]
    pub fn hmac_range(&self) -> Option<(u64, u64)> {
        match self.hmac {
            HmacSizes::Any => Some((0, 0)),
            HmacSizes::Between(least, most) => Some((least, most)),
            HmacSizes::These(_) => None,
        }
    }

    /// The usages that a key of this spec may have, one of them.
    #[must_use]
    pub fn usages(&self, spec: Spec) -> Vec<Usage> {
        let fits = |usage: &Usage| {
            let encrypts = spec.uses().contains(&ck::CKA_DECRYPT) || spec == Spec::Ec(Curve::Sm2);
            self.may_create(spec, *usage).is_ok() && (usage.sign || encrypts)
        };
        [Usage::ENCRYPT, Usage::SIGN]
            .into_iter()
            .filter(fits)
            .collect()
    }

    /// Whether material of this spec comes by this algorithm, under this wrapping key.
    ///
    /// # Errors
    /// `Wrapping`, `WrappingKey`.
    pub fn may_wrap(
        &self,
        algorithm: &'static Algorithm,
        key: WrappingKey,
        spec: Spec,
    ) -> Result<(), Rule> {
        let listed = match spec {
            Spec::Aes(_) | Spec::Sm4 | Spec::Hmac(_) => &self.wrapping.secret,
            Spec::Rsa(_) => &self.wrapping.rsa,
            Spec::Ec(_) | Spec::MlDsa(_) => &self.wrapping.ec,
        };
        if !listed.has(&algorithm.number) || !algorithm.carries(spec) {
            return Err(Rule::Wrapping(algorithm.name, spec));
        }
        let unfit = |unfit: &Unfit| {
            (unfit.spec, unfit.key) == (spec, key) && unfit.algorithms.contains(&algorithm.number)
        };
        if !self.keys.has(&key) || !algorithm.by(key) || self.unfit.iter().any(unfit) {
            return Err(Rule::WrappingKey(algorithm, key, spec));
        }
        Ok(())
    }

    /// The algorithms by which material of this spec comes, and for each the wrapping keys.
    #[must_use]
    pub fn ways(&self, spec: Spec) -> Vec<(&'static Algorithm, Vec<WrappingKey>)> {
        let keys = |algorithm| {
            let fits = |key: &WrappingKey| self.may_wrap(algorithm, *key, spec).is_ok();
            WrappingKey::ALL.into_iter().filter(fits).collect()
        };
        ALGORITHMS
            .iter()
            .map(|algorithm| (algorithm, keys(algorithm)))
            .filter(|(_, keys): &(_, Vec<_>)| !keys.is_empty())
            .collect()
    }

    /// What the service calls keys of this spec and usage.
    #[must_use]
    pub fn spec_name(&self, spec: Spec, usage: Usage) -> Cow<'static, str> {
        let mut own = self.spec_names.iter();
        match own.find(|known| known.fits(spec, usage)) {
            Some(known) => known.name.clone(),
            None => spec.name().into(),
        }
    }

    /// What the service calls the usage of a key; see `Usage::name`.
    #[must_use]
    pub fn usage_name(&self, spec: Option<Spec>, usage: Usage) -> String {
        self.usage_words.name(usage, spec)
    }

    /// Every name for keys of this spec and usage, the one that is shown first.
    #[must_use]
    pub fn spec_names_of(&self, spec: Spec, usage: Usage) -> Vec<Cow<'static, str>> {
        let own = self
            .spec_names
            .iter()
            .filter(|known| known.fits(spec, usage));
        let mut names: Vec<_> = own.map(|known| known.name.clone()).collect();
        let general = spec.name();
        if !names.iter().any(|name| *name == general) {
            names.push(general.into());
        }
        names
    }

    /// What the service calls a wrapping algorithm with this wrapping key.
    #[must_use]
    pub fn algorithm_name(&self, algorithm: &Algorithm, key: WrappingKey) -> &'static str {
        let fits = |known: &&AlgorithmName| {
            let bits = |bits| key == WrappingKey::Rsa(bits);
            known.number == algorithm.number && known.bits.is_none_or(bits)
        };
        let known = self.algorithm_names.iter().find(fits);
        known.map_or(algorithm.name, |known| known.name)
    }

    /// What the service calls a wrapping key.
    #[must_use]
    pub fn wrapping_key_name(&self, key: WrappingKey) -> Cow<'static, str> {
        match key {
            WrappingKey::Rsa(bits) => format!("RSA_{bits}").into(),
            WrappingKey::Sm2 => self.spec_name(Spec::Ec(Curve::Sm2), Usage::ENCRYPT),
            WrappingKey::XWing => "XWING".into(),
            WrappingKey::MlKem(set) => set.to_string().replace('-', "_").into(),
        }
    }

    /// The service's own names for wrapping algorithms.
    #[must_use]
    pub fn algorithm_names(&self) -> &'static [AlgorithmName] {
        self.algorithm_names
    }

    /// Any mechanism that unwraps may bring material, not the listed algorithms alone.
    #[must_use]
    pub fn takes_every_way(&self) -> bool {
        self.keys == Allowed::Any
    }

    /// The expiry that an import sets: the one asked for, else the default; 0 = never.
    ///
    /// # Errors
    /// `ExpiryUnnamed`, `ExpiryMaximum`.
    pub fn expiry(&self, asked: Option<UnixTime>, now: UnixTime) -> Result<UnixTime, Rule> {
        let rules = &self.expiry;
        let at = match (asked, rules.default_life) {
            (Some(at), _) => at,
            (None, _) if rules.named => return Err(Rule::ExpiryUnnamed),
            (None, Some(life)) => now.saturating_add(life),
            (None, None) => 0,
        };
        let too_far = rules
            .greatest_life
            .is_some_and(|life| at > now.saturating_add(life))
            || rules.latest.is_some_and(|latest| at > latest);
        if too_far {
            return Err(Rule::ExpiryMaximum);
        }
        Ok(at)
    }

    /// Whether a deletion may be scheduled to come at `at`. The token accepts `DELETION_LEEWAY` seconds less than the
    /// least days, since a caller adds the days to a time that has passed when the token reads its clock.
    ///
    /// # Errors
    /// `Deletion`.
    pub fn may_delete_at(&self, at: UnixTime, now: UnixTime) -> Result<(), Rule> {
        let days = |days: u64| now.saturating_add(days * DAY);
        let least = days(*self.deletion_days.start()).saturating_sub(DELETION_LEEWAY);
        let window = least..=days(*self.deletion_days.end());
        if window.contains(&at) {
            return Ok(());
        }
        Err(Rule::Deletion)
    }

    /// Whether a job that serves many keys may have this algorithm and wrapping key: some key comes so.
    ///
    /// # Errors
    /// `ManyKeys`, and what `may_wrap` says of the first spec.
    pub fn may_serve_many(
        &self,
        algorithm: &'static Algorithm,
        key: WrappingKey,
    ) -> Result<(), Rule> {
        if !self.job.serves_many {
            return Err(Rule::ManyKeys);
        }
        let specs = self.specs().into_iter();
        let mut tries = specs.map(|spec| self.may_wrap(algorithm, key, spec));
        let first = tries.next().unwrap_or(Ok(()));
        if first.is_ok() || tries.any(|tried| tried.is_ok()) {
            return Ok(());
        }
        first
    }

    /// When an import job made now ends: when it is asked to, else as the service has it; 0 = never.
    ///
    /// # Errors
    /// `JobLifeFixed`, `JobLife`.
    pub fn job_ends(&self, asked: Option<UnixTime>, now: UnixTime) -> Result<UnixTime, Rule> {
        let Some(asked) = asked else {
            return Ok(self.job.life.map_or(0, |life| now.saturating_add(life)));
        };
        let Some((least, most)) = self.job.lives else {
            return Err(Rule::JobLifeFixed);
        };
        let fits = now.saturating_add(least)..=now.saturating_add(most);
        fits.contains(&asked).then_some(asked).ok_or(Rule::JobLife)
    }

    /// Whether `rotate` gives a key of this spec a new version.
    ///
    /// # Errors
    /// `Rotation`, `RotationByImport`.
    pub fn may_rotate(&self, spec: Spec) -> Result<(), Rule> {
        let ciphers = matches!(spec, Spec::Aes(_) | Spec::Sm4);
        match self.rotation {
            Rotation::Manual | Rotation::Pending { .. } if ciphers => Ok(()),
            Rotation::OnImport => Err(Rule::RotationByImport),
            Rotation::No | Rotation::Manual | Rotation::Pending { .. } => Err(Rule::Rotation),
        }
    }

    /// Seconds that material lives when an import names no expiry; `None` = for ever, or an expiry must be
    /// named.
    #[must_use]
    pub fn default_life(&self) -> Option<UnixTime> {
        self.expiry.default_life
    }

    /// Whether each import must name an expiry, or never.
    #[must_use]
    pub fn names_expiry(&self) -> bool {
        self.expiry.named
    }

    /// The greatest life of material in seconds, and the latest expiry; `None` = no limit.
    #[must_use]
    pub fn expiry_limits(&self) -> (Option<UnixTime>, Option<UnixTime>) {
        (self.expiry.greatest_life, self.expiry.latest)
    }
}
