//! Objects come into being: C_CreateObject, C_CopyObject, and what every new object goes through.

use crate::attr::{self, Attributes, Built, How, Maker, RawAttribute};
use crate::ck;
use crate::error::{Error, Result};
use crate::keytype::{self, Material};
use crate::policy::{self, Action, Facts, Login};
use crate::store::Uid;

use crate::token::cache::object::{Handle, Home, Object};
use crate::token::identity::audit::{Doing, Event};
use crate::token::record::facts::facts;
use crate::token::record::facts::set_origin;
use crate::token::record::key;
use crate::token::record::new::New;
use crate::token::{Keys, SessionHandle, Token};

/// The session in which a call is made.
#[derive(Debug, Clone, Copy)]
pub struct Caller {
    /// Owner of the session objects that the call makes.
    pub session: SessionHandle,
    /// The session is read/write.
    pub read_write: bool,
}

impl Token {
    /// C_CreateObject.
    ///
    /// # Errors
    /// What `attr::build` and `policy::decide` say of the template; CKR_ATTRIBUTE_VALUE_INVALID for
    /// a key whose values contradict each other, CKR_KEY_SIZE_RANGE, CKR_DOMAIN_PARAMS_INVALID,
    /// CKR_CURVE_NOT_SUPPORTED.
    pub fn create(&self, caller: Caller, template: &[RawAttribute]) -> Result<Handle> {
        let keys = self.keys()?;
        let Built {
            mut attributes,
            secrets,
        } = attr::build(How::Create, &Attributes::default(), template, &maker(&keys))?;
        let claimed = attributes.clone();
        let material = match attributes.class() {
            ck::CKO_PRIVATE_KEY | ck::CKO_SECRET_KEY => {
                Some(key::from_values(&attributes, &secrets)?)
            }
            ck::CKO_PUBLIC_KEY => {
                key::describe_components(&mut attributes)?;
                None
            }
            _ => None,
        };
        if let Some(material) = &material {
            key::describe(&mut attributes, material)?;
        }
        if attributes.key_type().is_some() {
            agrees(&claimed, &attributes)?;
        }
        attr::finish_key_facts(How::Create, &mut attributes, None);
        set_origin(&mut attributes, ck::ORIGIN_IMPORTED);
        self.make(
            caller,
            &keys,
            Event::Create,
            New::named(self.rng(), attributes, material),
        )
    }

    /// C_CopyObject.
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED, and what `attr::copy` and `policy::decide` say.
    pub fn copy(
        &self,
        caller: Caller,
        handle: Handle,
        template: &[RawAttribute],
    ) -> Result<Handle> {
        let (object, keys) = self.current(handle)?;
        self.decide(Action::Copy, &object, &keys, caller.read_write)?;
        let mut attributes = attr::copy(&object.attributes, template, &maker(&keys))?;
        if matches!(object.class(), ck::CKO_PRIVATE_KEY | ck::CKO_SECRET_KEY) {
            attr::inherit_limits(&mut attributes, &[&object.attributes])?;
        }
        self.may_gain(caller, &keys, &object.attributes, &attributes)?;
        attr::finish_key_facts(How::Copy, &mut attributes, Some(&object.attributes));
        crate::token::record::external::set_material_row(&mut attributes, None);
        if object.attributes.ulong(ck::CKA_TENON_ORIGIN) != Some(ck::ORIGIN_GENERATED) {
            set_origin(&mut attributes, ck::ORIGIN_IMPORTED);
        }
        let material = match object.class() {
            ck::CKO_PRIVATE_KEY | ck::CKO_SECRET_KEY => self.material(&object, &keys)?,
            _ => None,
        };
        self.make(
            caller,
            &keys,
            Doing::from(Event::Copy).by(object.uid),
            New::named(self.rng(), attributes, material),
        )
    }

    pub(in crate::token) fn make(
        &self,
        caller: Caller,
        keys: &Keys,
        doing: impl Into<Doing>,
        new: New,
    ) -> Result<Handle> {
        let [handle] = self.make_all(caller, keys, doing, [new])?;
        Ok(handle)
    }

    /// Makes objects together: token objects in one transaction, session objects after it.
    pub(in crate::token) fn make_all<const N: usize>(
        &self,
        caller: Caller,
        keys: &Keys,
        doing: impl Into<Doing>,
        news: [New; N],
    ) -> Result<[Handle; N]> {
        for new in &news {
            self.may_make(caller, keys, &new.attributes)?;
        }
        let stored = |new: &&New| new.attributes.bool(ck::CKA_TOKEN);
        if news.iter().any(|new| stored(&new)) {
            self.change(keys, doing, |change| {
                for new in news.iter().filter(stored) {
                    change.may_be_named(&new.uid, &new.attributes)?;
                    change.put(&mut new.record(), new.material.as_ref())?;
                }
                Ok(())
            })?;
        }
        Ok(news.map(|new| self.adopt(caller.session, new)))
    }

    /// Gives a new object its handle; a session object lives in memory from here on.
    pub(in crate::token) fn adopt(&self, owner: SessionHandle, new: New) -> Handle {
        if new.attributes.bool(ck::CKA_TOKEN) {
            return self
                .objects
                .handle(new.uid, new.attributes.bool(ck::CKA_PRIVATE));
        }
        self.add_session_object(owner, new.uid, new.attributes, new.material)
    }

    /// Adds a session object that belongs to session `owner`.
    pub(in crate::token) fn add_session_object(
        &self,
        owner: SessionHandle,
        uid: Uid,
        attributes: Attributes,
        material: Option<Material>,
    ) -> Handle {
        let home = Home::Session {
            owner,
            material: material.map(Box::new),
        };
        let dates = self.config.enforce_dates;
        self.objects
            .add_session(|handle| Object::new(handle, uid, attributes, home, dates))
    }

    /// Stores one new token object, or keeps one new session object, with its material.
    pub(in crate::token) fn make_key(
        &self,
        caller: Caller,
        keys: &Keys,
        doing: impl Into<Doing>,
        attributes: Attributes,
        material: Material,
    ) -> Result<Handle> {
        let new = New::named(self.rng(), attributes, Some(material));
        self.make(caller, keys, doing, new)
    }

    pub(in crate::token) fn may_make(
        &self,
        caller: Caller,
        keys: &Keys,
        attributes: &Attributes,
    ) -> Result<()> {
        let facts = facts(attributes, self.config.enforce_dates);
        self.judge(Action::Make, &facts, keys, caller)?;
        let modulus = attributes.bytes(ck::CKA_MODULUS);
        if let (ck::CKO_PRIVATE_KEY, Some(modulus)) = (attributes.class(), modulus) {
            self.may_have_size(caller, keys, keytype::modulus_bits(modulus))?;
        }
        if self.config.separate_roles {
            self.judge(Action::Combine, &facts, keys, caller)?;
        }
        Ok(())
    }

    /// Whether an RSA private key of so many bits may be made.
    pub(in crate::token) fn may_have_size(
        &self,
        caller: Caller,
        keys: &Keys,
        bits: u64,
    ) -> Result<()> {
        let least = self.config.rsa_min_bits;
        let size = Action::Size { bits, least };
        self.judge(size, &Facts::default(), keys, caller)
    }

    /// Whether two halves may be one pair: `may_make` judges each for itself.
    pub(in crate::token) fn may_pair(
        &self,
        caller: Caller,
        keys: &Keys,
        public: &Attributes,
        private: &Attributes,
    ) -> Result<()> {
        if !self.config.separate_roles {
            return Ok(());
        }
        let [mut pair, public] = [private, public].map(|attributes| facts(attributes, false));
        if let (Some(pair), Some(public)) = (&mut pair.key, public.key) {
            pair.uses.extend(public.uses);
        }
        self.judge(Action::Combine, &pair, keys, caller)
    }

    /// Whether an object may get the uses that it has `after`, where those are fixed.
    pub(in crate::token) fn may_gain(
        &self,
        caller: Caller,
        keys: &Keys,
        before: &Attributes,
        after: &Attributes,
    ) -> Result<()> {
        if !self.config.separate_roles {
            return Ok(());
        }
        let [before, after] = [before, after].map(|attributes| facts(attributes, false));
        let had = before.key.as_ref().map_or(&[][..], |key| &key.uses);
        let has = after.key.iter().flat_map(|key| &key.uses);
        for gained in has.filter(|what| !had.contains(what)) {
            self.judge(Action::Gain(*gained), &before, keys, caller)?;
        }
        Ok(())
    }

    /// Asks policy of an object that is not there yet, or not yet so.
    fn judge(&self, action: Action, facts: &Facts, keys: &Keys, caller: Caller) -> Result<()> {
        let now = self.time.now().at;
        match policy::decide(action, facts, &keys.caller(caller.read_write), now) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.error),
        }
    }

    /// The session is gone, and its objects with it.
    pub fn close_session(&self, session: SessionHandle) {
        self.objects.close_session(session);
    }
}

/// What a template claims of a key's value must be so. The empty value claims nothing.
fn agrees(claimed: &Attributes, actual: &Attributes) -> Result<()> {
    for kind in [ck::CKA_CHECK_VALUE, ck::CKA_PUBLIC_KEY_INFO] {
        let claim = claimed.bytes(kind).filter(|claim| !claim.is_empty());
        if claim.is_some_and(|claim| actual.bytes(kind) != Some(claim)) {
            return Err(Error::new(
                ck::CKR_ATTRIBUTE_VALUE_INVALID,
                "the attribute is not that of the key's value",
            )
            .at(attr::name(kind).unwrap_or_default()));
        }
    }
    Ok(())
}

/// Who makes or changes an object.
pub(in crate::token) fn maker(keys: &Keys) -> Maker {
    Maker {
        so: keys.login == Login::So,
    }
}
