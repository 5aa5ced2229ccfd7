//! Making new objects: checking, storing, and giving them handles.

use crate::attr::{Attributes, Requester};
use crate::ck;
use crate::error::Result;
use crate::keytype::{self, Material};
use crate::policy::{self, Action, Facts};

use crate::token::cache::object::{Handle, Home, Object};
use crate::token::identity::audit::Doing;
use crate::token::record::facts::facts;
use crate::token::record::new::New;

use super::cache::object::SessionHandle;
use super::identity::state::Keys;
use super::{CallingSession, Token};

impl Token {
    pub(super) fn make(
        &self,
        caller: CallingSession,
        keys: &Keys,
        doing: impl Into<Doing>,
        new: New,
    ) -> Result<Handle> {
        let [handle] = self.make_all(caller, keys, doing, [new])?;
        Ok(handle)
    }

    /// Makes objects together: token objects in one transaction, then session objects.
    pub(super) fn make_all<const N: usize>(
        &self,
        caller: CallingSession,
        keys: &Keys,
        doing: impl Into<Doing>,
        news: [New; N],
    ) -> Result<[Handle; N]> {
        let news = news.map(|new| (self.facts(&new.attributes), new));
        self.store_all(caller, keys, doing, &news)?;
        Ok(news.map(|new| self.adopt(caller.session, new)))
    }

    /// As `make_all`, for any number of objects.
    pub(super) fn make_many(
        &self,
        caller: CallingSession,
        keys: &Keys,
        doing: impl Into<Doing>,
        news: Vec<New>,
    ) -> Result<Vec<Handle>> {
        let news = news.into_iter();
        let news: Vec<_> = news.map(|new| (self.facts(&new.attributes), new)).collect();
        self.store_all(caller, keys, doing, &news)?;
        let adopt = |new| self.adopt(caller.session, new);
        Ok(news.into_iter().map(adopt).collect())
    }

    /// Stores those of new objects that are token objects, all or none.
    fn store_all(
        &self,
        caller: CallingSession,
        keys: &Keys,
        doing: impl Into<Doing>,
        news: &[(Facts, New)],
    ) -> Result<()> {
        for (facts, new) in news {
            self.may_make_of(caller, keys, facts, &new.attributes)?;
        }
        let stored = |(_, new): &&(Facts, New)| new.attributes.bool(ck::CKA_TOKEN);
        if news.iter().any(|new| stored(&new)) {
            self.change(keys, doing, |change| {
                for (_, new) in news.iter().filter(stored) {
                    change.may_be_named(&new.uid, &new.attributes)?;
                    change.may_have_alias(&new.uid, &new.attributes)?;
                    change.may_have_custodians(&new.attributes)?;
                    change.put(&mut new.record(), new.material.as_ref())?;
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// Gives a new object its handle; a session object is kept in memory from then on.
    fn adopt(&self, owner: SessionHandle, (facts, new): (Facts, New)) -> Handle {
        match new.attributes.bool(ck::CKA_TOKEN) {
            true => self.handle_of_stored(&new),
            false => self.add_session_object(owner, facts, new),
        }
    }

    /// Gives a new token object its handle.
    pub(super) fn handle_of_stored(&self, new: &New) -> Handle {
        let private = new.attributes.bool(ck::CKA_PRIVATE);
        self.state.objects.handle(&new.uid, private)
    }

    /// Keeps a new session object of the session `owner` in memory, and gives it its handle.
    fn add_session_object(&self, owner: SessionHandle, facts: Facts, new: New) -> Handle {
        let home = Home::Session {
            owner,
            material: new.material.map(Box::new),
        };
        self.state
            .objects
            .add_session(|handle| Object::of_facts(handle, new.uid, new.attributes, facts, home))
    }

    fn facts(&self, attributes: &Attributes) -> Facts {
        facts(attributes, self.state.config.enforce_dates)
    }

    /// Stores a new token object, or keeps a new session object, with its material.
    pub(super) fn make_key(
        &self,
        caller: CallingSession,
        keys: &Keys,
        doing: impl Into<Doing>,
        attributes: Attributes,
        material: Material,
    ) -> Result<Handle> {
        let new = New::named(self.rng(), attributes, Some(material));
        self.make(caller, keys, doing, new)
    }

    pub(super) fn may_make(
        &self,
        caller: CallingSession,
        keys: &Keys,
        attributes: &Attributes,
    ) -> Result<()> {
        self.may_make_of(caller, keys, &self.facts(attributes), attributes)
    }

    /// As `may_make`, with the facts of the attributes.
    fn may_make_of(
        &self,
        caller: CallingSession,
        keys: &Keys,
        facts: &Facts,
        attributes: &Attributes,
    ) -> Result<()> {
        self.judge(Action::Make, facts, keys, caller)?;
        let modulus = attributes.bytes(ck::CKA_MODULUS);
        if let (ck::CKO_PRIVATE_KEY, Some(modulus)) = (attributes.class(), modulus) {
            self.may_have_size(caller, keys, keytype::modulus_bits(modulus))?;
        }
        if self.state.config.separate_roles {
            self.judge(Action::Combine, facts, keys, caller)?;
        }
        Ok(())
    }

    /// The caller who makes an ordinary key.
    pub(super) fn maker(&self, keys: &Keys) -> Requester {
        Requester {
            every_use: !self.state.config.separate_roles,
            ..keys.requester()
        }
    }

    /// Refuses an RSA private key of too few bits.
    pub(super) fn may_have_size(
        &self,
        caller: CallingSession,
        keys: &Keys,
        bits: u64,
    ) -> Result<()> {
        let least = self.state.config.rsa_min_bits;
        let size = Action::Size { bits, least };
        self.judge(size, &Facts::default(), keys, caller)
    }

    /// Refuses two halves whose uses must not be in one pair. `may_make` judges each half alone.
    pub(super) fn may_pair(
        &self,
        caller: CallingSession,
        keys: &Keys,
        public: &Attributes,
        private: &Attributes,
    ) -> Result<()> {
        if !self.state.config.separate_roles {
            return Ok(());
        }
        let [mut pair, public] = [private, public].map(|attributes| facts(attributes, false));
        if let (Some(pair), Some(public)) = (&mut pair.key, public.key) {
            pair.uses.extend(public.uses);
        }
        self.judge(Action::Combine, &pair, keys, caller)
    }

    /// Refuses uses that an object did not have before, if uses are fixed.
    pub(super) fn may_gain(
        &self,
        caller: CallingSession,
        keys: &Keys,
        before: &Attributes,
        after: &Attributes,
    ) -> Result<()> {
        if !self.state.config.separate_roles {
            return Ok(());
        }
        let [before, after] = [before, after].map(|attributes| facts(attributes, false));
        let had = before.key.as_ref().map_or(&[][..], |key| &key.uses);
        let mut has = after.key.iter().flat_map(|key| &key.uses);
        if has.all(|what| had.contains(what)) {
            return Ok(());
        }
        self.judge(Action::Gain, &before, keys, caller)
    }

    /// Asks policy about an object that does not exist yet, or does not have these attributes yet.
    fn judge(
        &self,
        action: Action,
        facts: &Facts,
        keys: &Keys,
        caller: CallingSession,
    ) -> Result<()> {
        let now = self.state.time.now().at;
        match policy::decide(action, facts, &keys.caller(caller.read_write), now) {
            Ok(_) => Ok(()),
            Err(refusal) => Err(refusal.error),
        }
    }
}
