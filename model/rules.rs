//! The rules of `policy`, `attr` and `byok` as calls on pure values: what the model drives. Compiled into the library
//! with the feature `model` alone, so that it sees what no client sees.
//!
//! Each function asks the rules in the order of the file in `src/token/` that it names; nothing is decided here.

#![allow(
    missing_docs,
    clippy::missing_errors_doc,
    reason = "only the model calls these"
)]

use std::cell::Cell;

use crate::attr::{
    self, Attributes, CreatedBy, RawAttribute, RawValue, Reader, Requester, Reveal, Value,
};
use crate::byok::{self, Destination, Equal, ExternalFacts, KeyKind, Profile, profile};
use crate::ck;
use crate::clock::UnixTime;
use crate::error::Result;
use crate::policy::{
    self, Action, Blob, Derivation, Effect, Facts, KeyFacts, Part, Pieces, TokenAction,
};
use crate::secret::Secret;
use crate::token::{facts, implied_by_unwrapping_key, set_pieces};

pub use crate::policy::{Login as Who, Use};

thread_local! {
    static OFF: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Switches the rule of this number off in this thread; `None`: all are on.
pub fn switch_off(number: Option<usize>) {
    OFF.set(number.unwrap_or(usize::MAX));
}

/// The rules that can be switched off: file and function, and the text.
#[must_use]
pub fn switches() -> &'static [(&'static str, &'static str)] {
    crate::RULES
}

/// Whether the rule of this number is in force.
pub(crate) fn on(number: usize) -> bool {
    OFF.get() != number
}

/// What a rule answers that is switched off.
pub(crate) fn permitted<T: Permitted>() -> T {
    T::permitted()
}

pub(crate) trait Permitted {
    fn permitted() -> Self;
}

impl Permitted for () {
    fn permitted() {}
}

impl Permitted for Effect {
    fn permitted() -> Self {
        Self::Done
    }
}

impl<T: Permitted, E> Permitted for std::result::Result<T, E> {
    fn permitted() -> Self {
        Ok(T::permitted())
    }
}

#[derive(Debug, Clone, Copy)]
pub struct Caller {
    pub who: Who,
    pub read_write: bool,
    pub now: UnixTime,
}

impl Caller {
    fn policy(&self) -> policy::Caller {
        policy::Caller {
            login: self.who,
            read_write: self.read_write,
        }
    }

    fn requester(&self) -> Requester {
        Requester {
            is_so: self.who == Who::So,
            // What a template without uses would get, templates with uses ask for.
            every_use: false,
        }
    }

    fn decide(&self, action: Action, facts: &Facts) -> Result<Effect> {
        policy::decide(action, facts, &self.policy(), self.now).map_err(|refusal| refusal.error)
    }
}

/// May somebody log in, log out, or open a read-only session?
pub fn log_in(who: Who, wanted: Who, beside_read_only: bool) -> Result<()> {
    policy::decide_on_token(TokenAction::LogIn(wanted), who)?;
    match beside_read_only {
        true => policy::decide_on_token(TokenAction::LogInBesideReadOnly(wanted), who),
        false => Ok(()),
    }
}

pub fn log_out(who: Who) -> Result<()> {
    policy::decide_on_token(TokenAction::LogOut, who)
}

pub fn open_read_only(who: Who) -> Result<()> {
    policy::decide_on_token(TokenAction::OpenReadOnlySession, who)
}

/// An attribute of a template.
#[must_use]
pub fn flag(kind: ck::CK_ATTRIBUTE_TYPE, value: bool) -> RawAttribute {
    bytes(kind, &[u8::from(value)])
}

#[must_use]
pub fn number(kind: ck::CK_ATTRIBUTE_TYPE, value: u64) -> RawAttribute {
    bytes(kind, &value.to_ne_bytes())
}

#[must_use]
pub fn bytes(kind: ck::CK_ATTRIBUTE_TYPE, value: &[u8]) -> RawAttribute {
    RawAttribute {
        kind,
        value: RawValue::Bytes(Secret::copy(value)),
    }
}

#[must_use]
pub fn nested(kind: ck::CK_ATTRIBUTE_TYPE, entries: Vec<RawAttribute>) -> RawAttribute {
    RawAttribute {
        kind,
        value: RawValue::Template(entries),
    }
}

/// A key, as its attributes tell it.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Attributes);

fn class(implied: &mut Attributes, class: u64, key_type: u64) {
    implied.set(ck::CKA_CLASS, Value::Ulong(class));
    implied.set(ck::CKA_KEY_TYPE, Value::Ulong(key_type));
}

/// src/token/create.rs
pub fn create(caller: &Caller, template: &[RawAttribute], len: usize) -> Result<Key> {
    let mut implied = Attributes::default();
    class(&mut implied, ck::CKO_SECRET_KEY, ck::CKK_GENERIC_SECRET);
    let mut given = template.to_vec();
    given.push(bytes(ck::CKA_VALUE, &vec![0; len]));
    let mut made =
        attr::build(CreatedBy::Create, &implied, &given, &caller.requester())?.attributes;
    made.set(ck::CKA_VALUE_LEN, Value::Ulong(len as u64));
    attr::finish_key_facts(CreatedBy::Create, &mut made, None);
    make(caller, made)
}

/// src/token/generate.rs
pub fn generate(caller: &Caller, template: &[RawAttribute], len: usize) -> Result<Key> {
    let mut implied = Attributes::default();
    class(&mut implied, ck::CKO_SECRET_KEY, ck::CKK_GENERIC_SECRET);
    implied.set(ck::CKA_VALUE_LEN, Value::Ulong(len as u64));
    let mut made =
        attr::build(CreatedBy::Generate, &implied, template, &caller.requester())?.attributes;
    made.set(
        ck::CKA_KEY_GEN_MECHANISM,
        Value::Ulong(ck::CKM_GENERIC_SECRET_KEY_GEN),
    );
    attr::finish_key_facts(CreatedBy::Generate, &mut made, None);
    make(caller, made)
}

/// The private half of an RSA pair: src/token/pair.rs.
pub fn generate_private(caller: &Caller, template: &[RawAttribute]) -> Result<Key> {
    let mut implied = Attributes::default();
    class(&mut implied, ck::CKO_PRIVATE_KEY, ck::CKK_RSA);
    let mut made =
        attr::build(CreatedBy::Generate, &implied, template, &caller.requester())?.attributes;
    made.set(
        ck::CKA_KEY_GEN_MECHANISM,
        Value::Ulong(ck::CKM_RSA_PKCS_KEY_PAIR_GEN),
    );
    attr::finish_key_facts(CreatedBy::Generate, &mut made, None);
    make(caller, made)
}

fn make(caller: &Caller, attributes: Attributes) -> Result<Key> {
    caller.decide(Action::Make, &facts(&attributes, true))?;
    Ok(Key(attributes))
}

/// How a mechanism proves what it unwraps, and how it wraps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Wrapping {
    /// CKM_AES_KEY_WRAP_KWP
    KeyWrap,
    /// CKM_AES_KEY_WRAP_PKCS7
    Padded,
    /// CKM_RSA_PKCS_OAEP
    Proven,
    /// CKM_AES_GCM
    Stream,
    /// CKM_AES_CBC
    Telling,
}

impl Wrapping {
    fn blob(self) -> Blob {
        match self {
            Self::KeyWrap => Blob::KeyWrap,
            Self::Padded => Blob::Padded,
            Self::Proven => Blob::Proven,
            Self::Stream => Blob::Stream,
            Self::Telling => Blob::Telling,
        }
    }

    fn mechanism(self) -> ck::CK_MECHANISM_TYPE {
        match self {
            Self::KeyWrap => ck::CKM_AES_KEY_WRAP_KWP,
            Self::Padded => ck::CKM_AES_KEY_WRAP_PKCS7,
            Self::Proven => ck::CKM_RSA_PKCS_OAEP,
            Self::Stream => ck::CKM_AES_GCM,
            Self::Telling => ck::CKM_AES_CBC,
        }
    }
}

/// src/token/unwrap.rs: the new key, and whether its padding must have been one whole block.
pub fn unwrap(
    caller: &Caller,
    unwrapping: &Key,
    wrapping: Wrapping,
    template: &[RawAttribute],
    len: usize,
) -> Result<(Key, bool)> {
    unwrapping.begin(caller, Use::Unwrap, wrapping.mechanism())?;
    let mut implied = implied_by_unwrapping_key(&unwrapping.0)?;
    class(&mut implied, ck::CKO_SECRET_KEY, ck::CKK_GENERIC_SECRET);
    let mut made =
        attr::build(CreatedBy::Unwrap, &implied, template, &caller.requester())?.attributes;
    let effect = caller.decide(Action::Decipher(wrapping.blob()), &unwrapping.facts())?;
    made.set(ck::CKA_VALUE_LEN, Value::Ulong(len as u64));
    set_pieces(&mut made, &Pieces::of_unwrap(len));
    attr::finish_key_facts(CreatedBy::Unwrap, &mut made, None);
    Ok((make(caller, made)?, effect == Effect::WholePadding))
}

/// A part of a value that a derivation joins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    Base,
    Altered,
    Other,
    Data(usize),
}

/// How a derivation makes its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Join(Vec<Piece>),
    Extract(usize),
    OneWay { whole: bool },
}

impl Step {
    fn policy(&self) -> Derivation {
        match self {
            Self::Join(parts) => {
                let part = |part: &Piece| match *part {
                    Piece::Base => Part::Operand(0),
                    Piece::Altered => Part::Altered(0),
                    Piece::Other => Part::Operand(1),
                    Piece::Data(len) => Part::Data(len),
                };
                Derivation::Join(parts.iter().map(part).collect())
            }
            Self::Extract(bit) => Derivation::Extract(*bit),
            Self::OneWay { whole } => Derivation::Mix { whole: *whole },
        }
    }
}

/// src/token/derive.rs
pub fn derive(
    caller: &Caller,
    step: &Step,
    operands: &[&Key],
    template: &[RawAttribute],
    len: usize,
) -> Result<Key> {
    for operand in operands {
        operand.begin(caller, Use::Derive, ck::CKM_HKDF_DERIVE)?;
    }
    let one_way = matches!(step, Step::OneWay { .. });
    let closed = |key: &&&Key| !one_way && key.is_closed();
    let parts: Vec<&Attributes> = operands.iter().filter(closed).map(|key| &key.0).collect();
    for part in operands.iter().filter(closed) {
        caller.decide(Action::Copy, &part.facts())?;
    }
    let mut implied = Attributes::default();
    for operand in operands {
        let wanted = operand.0.template(ck::CKA_DERIVE_TEMPLATE);
        for (kind, value) in wanted.iter().flat_map(Attributes::iter) {
            attr::imply(&mut implied, kind, value.clone())?;
        }
    }
    class(&mut implied, ck::CKO_SECRET_KEY, ck::CKK_GENERIC_SECRET);
    for part in &parts {
        attr::inherit_protection(&mut implied, part)?;
    }
    attr::inherit_uses(&mut implied, &parts)?;
    let mut given = template.to_vec();
    given.push(number(ck::CKA_VALUE_LEN, len as u64));
    let mut made =
        attr::build(CreatedBy::Derive, &implied, &given, &caller.requester())?.attributes;
    let of_operands: Vec<KeyFacts> = operands.iter().filter_map(|key| key.facts().key).collect();
    let of_operands: Vec<&KeyFacts> = of_operands.iter().collect();
    let is_closed = facts(&made, true).key.is_some_and(|key| key.closed());
    let pieces = policy::derive(&step.policy(), &of_operands, len, is_closed)?;
    attr::finish_key_facts(CreatedBy::Derive, &mut made, Some(&operands[0].0));
    let parents: Vec<&Attributes> = operands.iter().map(|key| &key.0).collect();
    attr::inherit_limits(&mut made, &parents)?;
    attr::note_uses_of_copies(&mut made, &parts);
    set_pieces(&mut made, &pieces);
    make(caller, made)
}

impl Key {
    fn facts(&self) -> Facts {
        facts(&self.0, true)
    }

    /// The attributes as they are stored: two keys that the rules cannot tell apart have the same.
    #[must_use]
    pub fn encoded(&self) -> Vec<u8> {
        self.0.encode().to_vec()
    }

    #[must_use]
    pub fn has(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
        self.0.bool(kind)
    }

    #[must_use]
    pub fn is_private_key(&self) -> bool {
        self.0.class() == ck::CKO_PRIVATE_KEY
    }

    /// CKA_UNWRAP_TEMPLATE says that what is unwrapped is closed.
    #[must_use]
    pub fn unwraps_closed(&self) -> bool {
        let template = self.0.template(ck::CKA_UNWRAP_TEMPLATE);
        template
            .is_some_and(|template| template.get(ck::CKA_EXTRACTABLE) == Some(&Value::Bool(false)))
    }

    /// By the words of the specification, and not by the function under test.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.has(ck::CKA_SENSITIVE) || self.stays_inside()
    }

    /// CKA_EXTRACTABLE=FALSE, or CKA_WRAP_WITH_TRUSTED=TRUE.
    #[must_use]
    pub fn stays_inside(&self) -> bool {
        !self.has(ck::CKA_EXTRACTABLE) || self.has(ck::CKA_WRAP_WITH_TRUSTED)
    }

    /// Any C_…Init: src/token/access.rs.
    pub fn begin(
        &self,
        caller: &Caller,
        what: Use,
        mechanism: ck::CK_MECHANISM_TYPE,
    ) -> Result<()> {
        caller
            .decide(Action::Begin(what, mechanism), &self.facts())
            .map(drop)
    }

    /// src/token/wrap.rs
    pub fn wrap(&self, caller: &Caller, wrapping: Wrapping, key: &Self) -> Result<()> {
        self.begin(caller, Use::Wrap, wrapping.mechanism())?;
        let key_wrap = matches!(wrapping, Wrapping::KeyWrap | Wrapping::Padded);
        let trusted = self
            .facts()
            .key
            .is_some_and(|facts| facts.trusted && key_wrap);
        caller.decide(Action::See, &key.facts())?;
        caller
            .decide(Action::Export { trusted }, &key.facts())
            .map(drop)
    }

    /// src/token/read.rs: whether CKA_VALUE is read.
    #[must_use]
    pub fn reads(&self, caller: &Caller) -> bool {
        let facts = self.facts();
        caller.decide(Action::See, &facts).is_ok()
            && matches!(Reader::new(&self.0).reveal(ck::CKA_VALUE), Reveal::Material)
            && caller.decide(Action::Reveal, &facts).is_ok()
    }

    /// C_DigestKey: src/token/derive.rs.
    pub fn digest(&self, caller: &Caller) -> Result<()> {
        caller.decide(Action::Digest, &self.facts()).map(drop)
    }

    /// src/token/copy.rs
    pub fn copy(&self, caller: &Caller, template: &[RawAttribute]) -> Result<Self> {
        caller.decide(Action::Copy, &self.facts())?;
        let mut made = attr::copy(&self.0, template, &caller.requester())?;
        attr::inherit_limits(&mut made, &[&self.0])?;
        attr::finish_key_facts(CreatedBy::Copy, &mut made, Some(&self.0));
        make(caller, made)
    }

    /// src/token/attributes.rs
    pub fn set(&self, caller: &Caller, template: &[RawAttribute]) -> Result<Self> {
        let action = match template.iter().all(|given| given.kind == ck::CKA_TRUSTED) {
            true => Action::Trust,
            false => Action::Change,
        };
        caller.decide(action, &self.facts())?;
        for given in template {
            byok::may_change(KeyKind::Ordinary, given.kind, given.bytes(), caller.now)?;
        }
        Ok(Self(attr::change(&self.0, template, &caller.requester())?))
    }

    pub fn destroy(&self, caller: &Caller) -> Result<()> {
        caller.decide(Action::Destroy, &self.facts()).map(drop)
    }
}

/// An external key: its facts, and which material each of its versions is bound to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct External {
    facts: ExternalFacts,
    profile: &'static Profile,
    /// Materials of the current version, of the older ones, and of the next one, by number.
    pub current: Option<u8>,
    pub older: Vec<u8>,
    pub next: Option<u8>,
}

impl External {
    /// A key of the profile of this name that was never bound.
    #[must_use]
    pub fn new(profile: &str) -> Option<Self> {
        let profile = profile::find(profile.as_bytes())?;
        let facts = ExternalFacts {
            of_service: profile.name != profile::open().name,
            ..ExternalFacts::default()
        };
        Some(Self {
            facts,
            profile,
            current: None,
            older: Vec::new(),
            next: None,
        })
    }

    /// Which facts tell it from others.
    #[must_use]
    pub fn facts_text(&self) -> String {
        format!("{} {:?}", self.profile.name, self.facts)
    }

    #[must_use]
    pub fn has_material(&self) -> bool {
        self.facts.material
    }

    #[must_use]
    pub fn is_disabled(&self) -> bool {
        self.facts.disabled
    }

    fn key(&self) -> Facts {
        Facts {
            token: true,
            private: true,
            modifiable: true,
            copyable: true,
            destroyable: true,
            key: Some(KeyFacts {
                secret: true,
                sensitive: true,
                value_len: 32,
                uses: vec![Use::Encrypt, Use::Decrypt, Use::Wrap],
                expires_at: self.facts.ends_at(),
                gone_at: self.facts.deletion_at,
                external: Some(self.facts),
                ..KeyFacts::default()
            }),
        }
    }

    pub fn begin(&self, caller: &Caller) -> Result<()> {
        let action = Action::Begin(Use::Decrypt, ck::CKM_AES_GCM);
        caller.decide(action, &self.key()).map(drop)
    }

    pub fn go_on(&self, caller: &Caller) -> Result<()> {
        caller.decide(Action::Continue, &self.key()).map(drop)
    }

    /// Wrapping it out, under a trusted key or not.
    pub fn export(&self, caller: &Caller, trusted: bool) -> Result<()> {
        caller
            .decide(Action::Export { trusted }, &self.key())
            .map(drop)
    }

    /// An import of material `number`: src/token/external/import.rs.
    pub fn import(
        &self,
        caller: &Caller,
        number: u8,
        (genuine, new_material): (bool, bool),
        expires_at: Option<UnixTime>,
    ) -> Result<Self> {
        caller.decide(Action::Import, &self.key())?;
        if new_material {
            byok::may_import_next(&self.facts, self.profile, None)?;
        }
        let equal = self.facts.bound.then(|| match number {
            _ if self.next == Some(number) => Equal::Next,
            _ if self.current == Some(number) => Equal::Current,
            _ if self.older.contains(&number) => Equal::Older,
            _ => Equal::None,
        });
        let import = byok::Import {
            equal,
            genuine,
            integrity: true,
            new_material,
            expires_at,
        };
        let imported = byok::import(&self.facts, &import, self.profile, caller.now)?;
        let mut after = self.clone();
        match imported.to {
            Destination::Current | Destination::NewVersion => {
                if imported.to == Destination::NewVersion {
                    after.older.extend(after.current);
                    after.facts.older = after.older.len();
                    after.facts.version_pending = false;
                }
                after.current = Some(number);
                after.facts.bound = true;
                after.facts.material = true;
                after.facts.expires_at = imported.expires_at;
            }
            Destination::Next => {
                after.next = Some(number);
                after.facts.next = true;
            }
            Destination::Older => after.facts.older_missing = false,
        }
        Ok(after)
    }

    pub fn rotate(&self, caller: &Caller) -> Result<Self> {
        caller.decide(Action::Rotate, &self.key())?;
        let spec = byok::Spec::Aes(256);
        let mut after = self.clone();
        match byok::may_rotate(&self.facts, self.profile, Some(spec), caller.now, false)? {
            byok::Rotated::Opened => after.facts.version_pending = true,
            byok::Rotated::Promoted => {
                after.older.extend(after.current);
                after.current = after.next.take();
                after.facts.next = false;
                after.facts.older = after.older.len();
            }
        }
        Ok(after)
    }

    pub fn delete_material(&self, caller: &Caller) -> Result<Self> {
        caller.decide(Action::DeleteMaterial, &self.key())?;
        Ok(self.without_material())
    }

    /// C_DestroyObject: `None` where the key goes whole.
    pub fn destroy(&self, caller: &Caller) -> Result<Option<Self>> {
        Ok(match caller.decide(Action::Destroy, &self.key())? {
            Effect::DestroyWhole => None,
            Effect::EraseMaterial => Some(self.without_material()),
            _ => Some(self.clone()),
        })
    }

    fn without_material(&self) -> Self {
        let mut after = self.clone();
        after.facts.material = false;
        after.facts.expires_at = 0;
        after
    }

    pub fn disable(&self, caller: &Caller, off: bool) -> Result<Self> {
        caller.decide(Action::Change, &self.key())?;
        let kind = KeyKind::OfProfile(self.profile, self.facts);
        byok::may_change(
            kind,
            ck::CKA_TENON_DISABLED,
            Some(&[u8::from(off)]),
            caller.now,
        )?;
        let mut after = self.clone();
        after.facts.disabled = off;
        Ok(after)
    }

    /// Schedules the deletion, or cancels it by 0.
    pub fn schedule(&self, caller: &Caller, at: UnixTime) -> Result<Self> {
        caller.decide(Action::Change, &self.key())?;
        let kind = KeyKind::OfProfile(self.profile, self.facts);
        let value = at.to_be_bytes();
        byok::may_change(kind, ck::CKA_TENON_DELETION_AT, Some(&value), caller.now)?;
        let mut after = self.clone();
        after.facts.deletion_at = at;
        after.facts.disabled |= at == 0 && self.profile.cancelled_is_disabled;
        Ok(after)
    }
}
