//! External and managed keys as the commands see them: found by a name, described in the services' words.

use serde_json::Value;
use tenon_pkcs11::api::byok::{Rotation, Spec, Usage, parse_tags, profile};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::{Clock, SystemClock, UnixTime};
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::{Handle, Version};

use super::first_end::FirstEnd;
use super::properties::Properties;
use super::{custody, material_id};
use crate::Result;
use crate::object::{find, value};
use crate::output::{hex, key_id, printable, unhex, unique_id};
use crate::template::Template;
use crate::when::{deadline, utc};

/// The time of the host's clock, for commands without a token.
pub(super) fn now() -> UnixTime {
    SystemClock.now()
}

/// A time as a field of an answer; empty for 0, which stands for none.
pub(super) fn field(at: UnixTime) -> String {
    if at == 0 {
        return String::new();
    }
    utc(at)
}

/// KeyState of a CKA_TENON_KEY_STATE.
pub(super) fn state_name(number: Option<ck::CK_ULONG>) -> &'static str {
    match number {
        Some(ck::STATE_PENDING_IMPORT) => "PendingImport",
        Some(ck::STATE_ENABLED) => "Enabled",
        Some(ck::STATE_DISABLED) => "Disabled",
        Some(ck::STATE_PENDING_DELETION) => "PendingDeletion",
        _ => "Unknown",
    }
}

pub(super) struct External {
    pub(super) handle: Handle,
    pub(super) unique_id: String,
    /// CKA_UNIQUE_ID as the services write a KeyId.
    pub(super) key_id: String,
    /// CKA_LABEL.
    pub(super) alias: String,
    pub(super) id: Vec<u8>,
    pub(super) class: ck::CK_OBJECT_CLASS,
    pub(super) key_type: ck::CK_KEY_TYPE,
    pub(super) spec: Option<Spec>,
    spec_name: String,
    pub(super) usage: Usage,
    /// The token generated the material; else it comes from outside.
    pub(super) generated: bool,
    /// CKA_ALLOWED_MECHANISMS is the envelope alone, so that no other key opens what this one encrypts.
    pub(super) independent: bool,
    pub(super) state: Option<ck::CK_ULONG>,
    /// End of the material's life; 0 = never, or no material.
    pub(super) expires_at: UnixTime,
    /// When the key was made; 0 = not known.
    pub(super) created_at: UnixTime,
    /// When material came last; 0 = never, or not known.
    pub(super) imported_at: UnixTime,
    /// When the last material ended; 0 = it lives, or none came.
    pub(super) ended_at: UnixTime,
    /// The operator disabled the key, whatever its state is now.
    pub(super) disabled: bool,
    /// When the scheduled deletion takes effect; 0 = none.
    pub(super) deletion_at: UnixTime,
    /// Empty before the first import.
    pub(super) material_id: String,
    pub(super) profile: String,
    pub(super) require_token: bool,
    /// How many shares make the material, and how many there are; empty where it comes whole.
    pub(super) sharing: Vec<u8>,
    /// The numbers of the shares that wait for others.
    pub(super) waiting: Vec<u8>,
    /// How many custodians must approve a deletion; 0 where nobody must.
    pub(super) quorum: ck::CK_ULONG,
    /// CKA_TENON_CUSTODIANS: the public keys of those who must approve, one behind another.
    pub(super) custodians: Vec<u8>,
    /// CKA_TENON_APPROVAL.
    pub(super) approvals: Value,
    pub(super) description: String,
    pub(super) tags: Vec<(String, String)>,
    /// The older ones, oldest first, the current one, then the next one, if there is one.
    pub(super) versions: Vec<Version>,
}

impl External {
    pub(super) fn all(session: &Session) -> Result<Vec<Self>> {
        Self::matching(session, &Template::default())
    }

    /// The keys whose alias is `alias`.
    pub(super) fn with_alias(session: &Session, alias: &str) -> Result<Vec<Self>> {
        let template = Template::default().bytes(ck::CKA_LABEL, alias.as_bytes());
        Self::matching(session, &template)
    }

    fn matching(session: &Session, template: &Template) -> Result<Vec<Self>> {
        let handles = found(session, template)?;
        let versions = session.versions_of_each(&handles)?;
        let keys = handles.into_iter().zip(versions);
        keys.map(|(handle, versions)| Self::with(session, handle, versions))
            .collect()
    }

    /// Whether the session sees a key that `name` means.
    pub(super) fn is_named(session: &Session, name: &str) -> Result<bool> {
        Ok(!handles(session, name)?.is_empty())
    }

    /// The key whose KeyId is `name`, else the one whose alias or CKA_ID it is; an error where those are several, or
    /// none.
    pub(super) fn named(session: &Session, name: &str) -> Result<Self> {
        let mut found = handles(session, name)?;
        match (found.pop(), found.is_empty()) {
            (Some(handle), true) => Self::of(session, handle),
            (Some(_), false) => Err(format!(
                "more than one key is called {name}: say which by its KeyId, as `tenon byok list` shows them"
            )
            .into()),
            (None, _) => Err(format!(
                "no external or managed key is called {name}: `tenon byok list` lists those there are"
            )
            .into()),
        }
    }

    pub(super) fn of(session: &Session, handle: Handle) -> Result<Self> {
        Self::with(session, handle, session.versions(handle)?)
    }

    fn with(session: &Session, handle: Handle, versions: Vec<Version>) -> Result<Self> {
        let read = Properties::read(session, handle)?;
        let class = read.number(ck::CKA_CLASS).ok_or("the key has no class")?;
        let key_type = read.number(ck::CKA_KEY_TYPE).ok_or("the key has no type")?;
        let spec = Spec::of(key_type, &read);
        let usage = Usage {
            encrypt: read.is(ck::CKA_DECRYPT),
            sign: read.is(ck::CKA_SIGN),
        };
        let tags = parse_tags(read.bytes(ck::CKA_TENON_TAGS)).unwrap_or_default();
        Ok(Self {
            handle,
            key_id: key_id(&read.text(ck::CKA_UNIQUE_ID)),
            unique_id: read.text(ck::CKA_UNIQUE_ID),
            alias: read.text(ck::CKA_LABEL),
            id: read.bytes(ck::CKA_ID).to_vec(),
            class,
            key_type,
            spec,
            spec_name: read.text(ck::CKA_TENON_KEY_SPEC),
            usage,
            generated: read.number(ck::CKA_TENON_ORIGIN) == Some(ck::ORIGIN_GENERATED),
            independent: read.bytes(ck::CKA_ALLOWED_MECHANISMS)
                == ck::CKM_TENON_KMS_ENVELOPE.to_ne_bytes(),
            state: read.number(ck::CKA_TENON_KEY_STATE),
            expires_at: read.time(ck::CKA_TENON_EXPIRES_AT),
            created_at: read.time(ck::CKA_TENON_CREATED_AT),
            imported_at: read.time(ck::CKA_TENON_IMPORTED_AT),
            ended_at: read.time(ck::CKA_TENON_ENDED_AT),
            disabled: read.is(ck::CKA_TENON_DISABLED),
            deletion_at: read.time(ck::CKA_TENON_DELETION_AT),
            material_id: hex(read.bytes(ck::CKA_TENON_MATERIAL_ID)),
            profile: read.text(ck::CKA_TENON_PROFILE),
            require_token: read.is(ck::CKA_TENON_REQUIRE_TOKEN),
            sharing: read.bytes(ck::CKA_TENON_SHARES).to_vec(),
            waiting: read.bytes(ck::CKA_TENON_SHARE).to_vec(),
            quorum: read.number(ck::CKA_TENON_QUORUM).unwrap_or(0),
            custodians: read.bytes(ck::CKA_TENON_CUSTODIANS).to_vec(),
            approvals: serde_json::from_slice(read.bytes(ck::CKA_TENON_APPROVAL))
                .unwrap_or_default(),
            description: read.text(ck::CKA_TENON_DESCRIPTION),
            tags: tags.into_iter().collect(),
            versions,
        })
    }

    /// The version with which the key encrypts or signs.
    pub(super) fn current(&self) -> Option<&Version> {
        self.versions.iter().find(|version| version.current)
    }

    /// The versions for whose material the key waits: each one that was imported into, where the service needs all of
    /// them, else the current one.
    pub(super) fn missing(&self) -> Vec<&Version> {
        let missing = self
            .needed()
            .filter(|version| version.material_id.is_some() && !version.has_material());
        missing.collect()
    }

    /// Whether the service needs the material of every version, and deletes that of each by itself.
    pub(super) fn deletes_each_version(&self) -> bool {
        let profile = profile::find(self.profile.as_bytes());
        profile.is_some_and(|of| matches!(of.rotation, Rotation::Pending { .. }))
    }

    /// The versions without whose material the key does not work.
    fn needed(&self) -> impl Iterator<Item = &Version> {
        let every = self.deletes_each_version();
        let versions = self.versions.iter();
        versions.filter(move |version| version.current || (every && !version.next))
    }

    /// The older version whose material ends before the current one's, and with it the key's use.
    fn ends_first(&self) -> Option<&Version> {
        let ending = self.needed().filter(|version| version.expires_at != 0);
        let first = ending.min_by_key(|version| version.expires_at);
        first.filter(|version| !version.current && version.has_material())
    }

    /// What the key needs to be used, and to open what older versions encrypted, a sentence each; nothing of a key
    /// that is to be deleted.
    pub(super) fn needs(&self) -> Vec<String> {
        let mut needs = self.needs_for_use();
        if self.state != Some(ck::STATE_PENDING_DELETION) {
            needs.extend(self.needs_of_older());
        }
        needs
    }

    /// What is missing of the older versions without whose material the key works.
    fn needs_of_older(&self) -> impl Iterator<Item = String> {
        let versions = if self.deletes_each_version() {
            &[]
        } else {
            &self.versions[..]
        };
        let older = versions.iter().filter(|version| {
            !version.current
                && !version.next
                && version.material_id.is_some()
                && !version.has_material()
        });
        older.map(|version| {
            format!(
                "The material of version {} ({}) {}: what that version encrypted opens again once the same is imported \
                 (`tenon byok import {}`)",
                version.number,
                self.material_of(version),
                went(version),
                self.name()
            )
        })
    }

    fn needs_for_use(&self) -> Vec<String> {
        let name = self.name();
        let enable = format!("tenon byok enable {name}");
        match self.state {
            Some(ck::STATE_DISABLED) => {
                vec![format!("The key is disabled: `{enable}` switches it on")]
            }
            Some(ck::STATE_PENDING_IMPORT) if !self.waiting.is_empty() => {
                vec![format!("Its shares: {}", self.shares())]
            }
            Some(ck::STATE_PENDING_IMPORT) => {
                let missing = self.missing().into_iter();
                let mut needs: Vec<_> = missing
                    .map(|version| {
                        format!(
                            "The material of version {} ({}) {}: import the same again (`tenon byok import {name}`)",
                            version.number,
                            self.material_of(version),
                            went(version)
                        )
                    })
                    .collect();
                if self.disabled {
                    needs.push(format!(
                        "The key is disabled too: once it has its material, `{enable}` switches it on"
                    ));
                }
                needs
            }
            _ => Vec::new(),
        }
    }

    /// SHA-256 of each custodian's public key, in hexadecimal digits.
    pub(super) fn custodian_digests(&self) -> Vec<String> {
        custody::digests(&self.custodians)
    }

    /// KeyState.
    pub(super) fn state(&self) -> &'static str {
        state_name(self.state)
    }

    /// KeySpec, by the name that the key was made with.
    pub(super) fn spec(&self) -> String {
        match (&self.spec_name, self.spec) {
            (name, _) if !name.is_empty() => name.clone(),
            (_, Some(spec)) => spec.name(),
            (_, None) => "?".to_owned(),
        }
    }

    /// KeyMaterialId.
    pub(super) fn material(&self) -> String {
        material_id::shown(&self.profile, &self.unique_id, &self.material_id)
    }

    /// KeyUsage, in the service's words.
    pub(super) fn usage(&self) -> String {
        match profile::find(self.profile.as_bytes()) {
            Some(profile) => profile.usage_name(self.spec, self.usage),
            None => self.usage.name(self.spec),
        }
    }

    /// Origin: EXTERNAL, or the service's word for a key that it generated.
    pub(super) fn origin(&self) -> &'static str {
        let service = profile::find(self.profile.as_bytes()).filter(|_| self.generated);
        service.map_or("EXTERNAL", |service| service.own_origin)
    }

    /// By what the key encrypts: independent of all others, or also raw; nothing for other keys.
    pub(super) fn independence(&self) -> &'static str {
        let encrypts = self.class == ck::CKO_SECRET_KEY && self.usage != Usage::SIGN;
        match (encrypts, self.independent) {
            (false, _) => "",
            (true, true) => "envelope",
            (true, false) => "raw",
        }
    }

    /// An error unless material comes into the key from outside; `doing` is what that is needed for.
    pub(super) fn must_be_external(&self, doing: &str) -> Result<()> {
        if self.generated {
            return Err(format!(
                "{} was generated in the token, so there is {doing}: `tenon byok create` makes an external key",
                self.name()
            )
            .into());
        }
        Ok(())
    }

    /// An error unless the material can be deleted without the key.
    pub(super) fn must_have_deletable_material(&self) -> Result<()> {
        self.must_be_external(
            "no material to delete without the key, which `schedule-deletion` deletes",
        )
    }

    /// An error unless the key's profile deletes keys so many days after the request.
    pub(super) fn must_be_deleted_after(&self, days: u64) -> Result<()> {
        let profile = profile::find(self.profile.as_bytes());
        let profile = profile.ok_or("the key's profile is unknown")?;
        if !profile.deletion_days.contains(&days) {
            let (least, most) = (profile.deletion_days.start(), profile.deletion_days.end());
            let service = profile.service;
            return Err(format!(
                "{service} deletes a key {least} to {most} days after the request, not {days}"
            )
            .into());
        }
        Ok(())
    }

    /// How many custodians' approvals the key has.
    pub(super) fn approvals(&self) -> usize {
        self.approvals.as_array().map_or(0, Vec::len)
    }

    /// KeyMaterialId of a version; empty before its first import.
    pub(super) fn material_of(&self, version: &Version) -> String {
        let id = version.material_id.as_ref();
        let id = id.map(|id| hex(id)).unwrap_or_default();
        material_id::shown(&self.profile, &self.unique_id, &id)
    }

    /// The version among `versions` with this KeyMaterialId, or CKA_TENON_MATERIAL_ID in hexadecimal digits.
    pub(super) fn version<'a>(&self, versions: &'a [Version], id: &str) -> Result<&'a Version> {
        let named = |version: &&Version| {
            let raw = version
                .material_id
                .is_some_and(|known| hex(&known).eq_ignore_ascii_case(id));
            raw || (!id.is_empty() && self.material_of(version).eq_ignore_ascii_case(id))
        };
        versions.iter().find(named).ok_or_else(|| {
            let name = self.name();
            format!("{name} has no version with the KeyMaterialId {id}: `tenon byok versions {name}` lists them").into()
        })
    }

    /// How many shares make the material, and which wait; empty where it comes whole.
    pub(super) fn shares(&self) -> String {
        let [needed, of] = self.sharing.as_slice() else {
            return String::new();
        };
        let waiting: Vec<_> = self.waiting.iter().map(u8::to_string).collect();
        let waiting = match waiting.is_empty() {
            true => "none".to_owned(),
            false => waiting.join(", "),
        };
        format!("{needed} of {of} make the material; waiting: {waiting}")
    }

    /// A short name for messages: the alias, or the KeyId of a key without one.
    pub(super) fn name(&self) -> &str {
        if self.alias.is_empty() {
            return &self.key_id;
        }
        &self.alias
    }

    /// One line for people.
    pub(super) fn words(&self) -> String {
        let Self { key_id, alias, .. } = self;
        let (spec, state) = (self.spec(), self.state());
        format!("{key_id} {alias:?} {spec}: {state}")
    }

    /// Every property that has a value, for people.
    pub(super) fn rows(&self, now: UnixTime) -> Vec<[String; 2]> {
        let deletion = match self.deletion_at {
            0 => "none".to_owned(),
            at => deadline(at, now),
        };
        let encryption = match self.independence() {
            "envelope" => "independent: by CKM_TENON_KMS_ENVELOPE alone, which no other key opens",
            "raw" => "raw: a key with equal material opens what this one encrypts by AES or SM4",
            none => none,
        };
        let current = self.current();
        let lives = current.is_some_and(Version::has_material);
        let works = self.state != Some(ck::STATE_PENDING_IMPORT);
        let ends_first = self.ends_first().filter(|_| works);
        let works_until = ends_first.map_or_else(String::new, |version| {
            let end = deadline(version.expires_at, now);
            format!(
                "{end}, when the material of version {} expires",
                version.number
            )
        });
        let first_end =
            FirstEnd::of(&self.versions).filter(|end| !end.current && works_until.is_empty());
        let expiry = match self.state {
            _ if self.generated => String::new(),
            Some(ck::STATE_PENDING_IMPORT) if !lives && self.expires_at == 0 => {
                "no material".to_owned()
            }
            _ => deadline(self.expires_at, now),
        };
        let ended = match (self.ended_at, current) {
            (0, _) | (_, None) => field(self.ended_at),
            (at, Some(current)) => format!("{} ({})", utc(at), current.ended_by),
        };
        let disabled = self.disabled && self.state != Some(ck::STATE_DISABLED);
        let disabled = if disabled {
            "yes, once it has its material"
        } else {
            ""
        };
        let approvals = self.approvals();
        let custody = match self.quorum {
            0 => String::new(),
            quorum => format!(
                "{quorum} of {} custodians must approve a deletion; approvals there: {approvals}",
                self.custodian_digests().len()
            ),
        };
        let version = current.map_or_else(String::new, |current| {
            format!("{} of {}", current.number, self.versions.len())
        });
        let tags: Vec<_> = self
            .tags
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        [
            ("KeyId", self.key_id.clone()),
            ("Alias", self.alias.clone()),
            ("Description", self.description.clone()),
            ("KeyState", self.state().to_owned()),
            ("Disabled", disabled.to_owned()),
            ("Created", field(self.created_at)),
            ("Origin", self.origin().to_owned()),
            ("KeySpec", self.spec()),
            ("KeyUsage", self.usage()),
            ("Encryption", encryption.to_owned()),
            ("Material", self.material()),
            ("Shares", self.shares()),
            ("Imported", field(self.imported_at)),
            ("Expires", expiry),
            ("Works until", works_until),
            (
                "First end",
                first_end.map_or_else(String::new, |end| end.words(now)),
            ),
            ("Ended", ended),
            ("Deletion", deletion),
            ("Custody", custody),
            ("Custodians", self.custodian_digests().join(", ")),
            ("Tags", printable(tags.join(", ").as_bytes())),
            ("Profile", self.profile.clone()),
            ("CKA_ID", hex(&self.id)),
            ("Version", version),
        ]
        .map(|(name, value)| [name.to_owned(), value])
        .into_iter()
        .filter(|[_, value]| !value.is_empty())
        .collect()
    }
}

/// How the material of a version ended.
fn went(version: &Version) -> &'static str {
    match version.ended_by {
        "expired" => "has expired",
        _ => "was deleted",
    }
}

/// The key whose KeyId is `name`; where there is none, the keys whose alias or CKA_ID it is.
fn handles(session: &Session, name: &str) -> Result<Vec<Handle>> {
    let of = |kind, value: &[u8]| found(session, &Template::default().bytes(kind, value));
    let mut handles = of(ck::CKA_UNIQUE_ID, unique_id(name).as_bytes())?;
    if !handles.is_empty() {
        return Ok(handles);
    }
    handles = of(ck::CKA_LABEL, name.as_bytes())?;
    if let Ok(id) = unhex(name) {
        let by_id = of(ck::CKA_ID, &id)?.into_iter();
        let others: Vec<_> = by_id.filter(|handle| !handles.contains(handle)).collect();
        handles.extend(others);
    }
    Ok(handles)
}

/// The external keys, with or without live material, and the managed ones that match the template.
fn found(session: &Session, template: &Template) -> Result<Vec<Handle>> {
    let with = |origin| {
        let template = template.clone().number(ck::CKA_TENON_ORIGIN, origin);
        find(session, &template)
    };
    let mut handles = with(ck::ORIGIN_EXTERNAL)?;
    for handle in with(ck::ORIGIN_GENERATED)? {
        if value(session, handle, ck::CKA_TENON_PROFILE)?.is_some() {
            handles.push(handle);
        }
    }
    Ok(handles)
}
