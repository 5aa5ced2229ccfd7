//! External and managed keys as the commands see them: found by a name, described in the services' words.

use clap::Args;
use serde_json::{Value, json};
use tenon_pkcs11::api::attr::Revealed;
use tenon_pkcs11::api::byok::{Spec, Usage, parse_tags, profile};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::clock::{Clock, SystemClock, UnixTime};
use tenon_pkcs11::api::keytype::Values;
use tenon_pkcs11::api::session::Session;
use tenon_pkcs11::api::token::{Handle, Version};

use super::material_id;
use crate::Result;
use crate::ask::UserPin;
use crate::object::{find, ulong, value};
use crate::output::{Format, hex, key_id, printable, unhex, unique_id};
use crate::template::Template;
use crate::token::{Choice, OpenSession};
use crate::when::{deadline, utc};

/// The key that a command is about.
#[derive(Args)]
pub(super) struct Target {
    /// The key: its KeyId (CKA_UNIQUE_ID), its alias (CKA_LABEL), or its CKA_ID in hexadecimal digits
    #[arg(value_name = "KEY")]
    pub(super) name: String,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    pub(super) format: Format,
}

impl Target {
    /// The key, in a session that may change it.
    pub(super) fn open(&self) -> Result<(OpenSession, External)> {
        let open = self.choice.user_session(&self.pin)?;
        let key = External::named(&open.session, &self.name)?;
        Ok((open, key))
    }

    /// A session that reads.
    pub(super) fn reading_session(&self) -> Result<OpenSession> {
        self.choice.reading_session(&self.pin)
    }

    /// The key, in a session that reads.
    pub(super) fn open_reading(&self) -> Result<(OpenSession, External)> {
        let open = self.reading_session()?;
        let key = External::named(&open.session, &self.name)?;
        Ok((open, key))
    }

    /// Sets attributes of the key, and prints its new state after the words `done`.
    pub(super) fn change(&self, template: &Template, done: &str) -> Result<()> {
        let (open, key) = self.open()?;
        self.set(&open, &key, template, done)
    }

    /// As `change`, of a key that is known already.
    pub(super) fn set(
        &self,
        open: &OpenSession,
        key: &External,
        template: &Template,
        done: &str,
    ) -> Result<()> {
        open.session
            .set_attributes(key.handle, template.as_slice())?;
        self.report(&External::of(&open.session, key.handle)?, done)
    }

    /// Switches the key off or on, and says where it was so before.
    pub(super) fn switch(&self, off: bool) -> Result<()> {
        let (open, key) = self.open()?;
        let usual = matches!(key.state, Some(ck::STATE_ENABLED | ck::STATE_DISABLED));
        let done = if off { "Disabled" } else { "Enabled" };
        if usual && key.disabled == off {
            return self.report(&key, &format!("{done} already; nothing changed:"));
        }
        let template = Template::default().flag(ck::CKA_TENON_DISABLED, off);
        self.set(&open, &key, &template, done)
    }

    /// Prints the key after the words `done`.
    pub(super) fn report(&self, key: &External, done: &str) -> Result<()> {
        let answer = json!({ "KeyMetadata": key.json() });
        self.format
            .print(&answer, |out| writeln!(out, "{done} {}", key.words()))
    }
}

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
    created_at: UnixTime,
    /// When material came last; 0 = never, or not known.
    imported_at: UnixTime,
    /// When the last material ended; 0 = it lives, or none came.
    pub(super) ended_at: UnixTime,
    /// The operator disabled the key, whatever its state is now.
    disabled: bool,
    /// When the scheduled deletion takes effect; 0 = none.
    pub(super) deletion_at: UnixTime,
    /// Empty before the first import.
    pub(super) material_id: String,
    pub(super) profile: String,
    pub(super) require_token: bool,
    /// How many shares make the material, and how many there are; empty where it comes whole.
    sharing: Vec<u8>,
    /// The numbers of the shares that wait for others.
    pub(super) waiting: Vec<u8>,
    /// How many custodians must approve a deletion; 0 where nobody must.
    quorum: ck::CK_ULONG,
    /// CKA_TENON_APPROVAL.
    approvals: Value,
    description: String,
    pub(super) tags: Vec<(String, String)>,
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
        let handles = found(session, template)?.into_iter();
        handles.map(|handle| Self::of(session, handle)).collect()
    }

    /// Whether the session sees a key whose KeyId, alias or CKA_ID is `name`.
    pub(super) fn is_named(session: &Session, name: &str) -> Result<bool> {
        Ok(!handles(session, name)?.is_empty())
    }

    /// An error unless exactly one key has `name` as its KeyId, alias or CKA_ID.
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
            approvals: serde_json::from_slice(read.bytes(ck::CKA_TENON_APPROVAL))
                .unwrap_or_default(),
            description: read.text(ck::CKA_TENON_DESCRIPTION),
            tags: tags.into_iter().collect(),
        })
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
    fn independence(&self) -> &'static str {
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

    /// KeyMaterialId of a version; empty before its first import.
    pub(super) fn material_of(&self, version: &Version) -> String {
        let id = version.material_id.as_ref();
        let id = id.map(|id| hex(id)).unwrap_or_default();
        material_id::shown(&self.profile, &self.unique_id, &id)
    }

    /// The version with this KeyMaterialId, or CKA_TENON_MATERIAL_ID in hexadecimal digits.
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

    /// KeyMetadata, in the field names of the services.
    pub(super) fn json(&self) -> Value {
        let tags = self.tags.iter();
        let tags: Vec<_> = tags
            .map(|(key, value)| json!({ "TagKey": key, "TagValue": value }))
            .collect();
        json!({
            "KeyId": self.key_id,
            "AliasName": self.alias,
            "Description": self.description,
            "KeyState": self.state(),
            "Origin": self.origin(),
            "KeySpec": self.spec(),
            "KeyUsage": self.usage(),
            "Encryption": self.independence(),
            "KeyMaterialId": self.material(),
            "KeyMaterialExpireUnix": self.expires_at,
            "MaterialExpireTime": field(self.expires_at),
            "CreationDate": field(self.created_at),
            "ImportTime": field(self.imported_at),
            "MaterialEndTime": field(self.ended_at),
            "Disabled": self.disabled,
            "ProtectionLevel": "SOFTWARE",
            "DeleteDate": field(self.deletion_at),
            "Tags": tags,
            "Profile": self.profile,
            "RequireToken": self.require_token,
            "Shares": self.shares(),
            "Quorum": self.quorum,
            "Approvals": self.approvals,
            "Id": hex(&self.id),
        })
    }

    /// One line for people.
    pub(super) fn words(&self) -> String {
        let Self { key_id, alias, .. } = self;
        let (spec, state) = (self.spec(), self.state());
        format!("{key_id} {alias:?} {spec}: {state}")
    }

    /// Every property that has a value, for people; `current` is the key's current version.
    pub(super) fn rows(&self, current: Option<&Version>, now: UnixTime) -> Vec<[String; 2]> {
        let deletion = match self.deletion_at {
            0 => "none".to_owned(),
            at => deadline(at, now),
        };
        let encryption = match self.independence() {
            "envelope" => "independent: by CKM_TENON_KMS_ENVELOPE alone, which no other key opens",
            "raw" => "raw: a key with equal material opens what this one encrypts by AES or SM4",
            none => none,
        };
        let expiry = match self.state {
            _ if self.generated => String::new(),
            Some(ck::STATE_PENDING_IMPORT) if self.expires_at == 0 => "no material".to_owned(),
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
        let approvals = self.approvals.as_array().map_or(0, Vec::len);
        let custody = match self.quorum {
            0 => String::new(),
            quorum => format!("{quorum} custodians must approve; approvals there: {approvals}"),
        };
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
            ("Ended", ended),
            ("Deletion", deletion),
            ("Custody", custody),
            ("Tags", tags.join(", ")),
            ("Profile", self.profile.clone()),
            ("CKA_ID", hex(&self.id)),
        ]
        .map(|(name, value)| [name.to_owned(), value])
        .into_iter()
        .filter(|[_, value]| !value.is_empty())
        .collect()
    }
}

/// The keys whose KeyId, alias or CKA_ID is `name`.
fn handles(session: &Session, name: &str) -> Result<Vec<Handle>> {
    let unique_id = unique_id(name);
    let id = unhex(name).ok();
    let of = |kind, value: &[u8]| found(session, &Template::default().bytes(kind, value));
    let mut handles = of(ck::CKA_UNIQUE_ID, unique_id.as_bytes())?;
    handles.extend(of(ck::CKA_LABEL, name.as_bytes())?);
    if let Some(id) = id {
        handles.extend(of(ck::CKA_ID, &id)?);
    }
    let mut once = Vec::new();
    for handle in handles {
        if !once.contains(&handle) {
            once.push(handle);
        }
    }
    Ok(once)
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

/// The attributes of a key, which one call reads.
const KINDS: [ck::CK_ATTRIBUTE_TYPE; 30] = [
    ck::CKA_TENON_CREATED_AT,
    ck::CKA_TENON_IMPORTED_AT,
    ck::CKA_TENON_ENDED_AT,
    ck::CKA_TENON_DISABLED,
    ck::CKA_TENON_ORIGIN,
    ck::CKA_ALLOWED_MECHANISMS,
    ck::CKA_CLASS,
    ck::CKA_KEY_TYPE,
    ck::CKA_LABEL,
    ck::CKA_ID,
    ck::CKA_UNIQUE_ID,
    ck::CKA_VALUE_LEN,
    ck::CKA_MODULUS,
    ck::CKA_MODULUS_BITS,
    ck::CKA_EC_PARAMS,
    ck::CKA_DECRYPT,
    ck::CKA_SIGN,
    ck::CKA_TENON_KEY_STATE,
    ck::CKA_TENON_EXPIRES_AT,
    ck::CKA_TENON_DELETION_AT,
    ck::CKA_TENON_MATERIAL_ID,
    ck::CKA_TENON_PROFILE,
    ck::CKA_TENON_KEY_SPEC,
    ck::CKA_TENON_REQUIRE_TOKEN,
    ck::CKA_TENON_QUORUM,
    ck::CKA_TENON_APPROVAL,
    ck::CKA_TENON_SHARES,
    ck::CKA_TENON_SHARE,
    ck::CKA_TENON_DESCRIPTION,
    ck::CKA_TENON_TAGS,
];

/// The values of `KINDS`, in their order; empty where the key does not have the attribute.
struct Properties(Vec<Vec<u8>>);

impl Properties {
    fn read(session: &Session, handle: Handle) -> Result<Self> {
        let values = session.attributes(handle, &KINDS)?.into_iter();
        let bytes = values.map(|value| match value {
            Revealed::Value(bytes) => bytes,
            _ => Vec::new(),
        });
        Ok(Self(bytes.collect()))
    }

    fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> &[u8] {
        let place = KINDS.iter().position(|known| *known == kind);
        place
            .and_then(|place| self.0.get(place))
            .map_or(&[], Vec::as_slice)
    }

    fn text(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> String {
        printable(self.bytes(kind))
    }

    fn number(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        ulong(self.bytes(kind))
    }

    fn is(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
        self.bytes(kind) == [ck::CK_TRUE]
    }

    /// 0 where there is none.
    fn time(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> UnixTime {
        let bytes = self.bytes(kind).try_into();
        bytes.map_or(0, UnixTime::from_be_bytes)
    }
}

impl Values for Properties {
    fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        Some(self.bytes(kind)).filter(|bytes| !bytes.is_empty())
    }

    fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        self.number(kind)
    }
}
