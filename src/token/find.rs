//! C_FindObjects: the blind index gives candidates, which are compared with the opened objects. All of
//! this reads one state of the store.
//!
//! Objects are authenticated, index rows are not. A candidate that does not match is left out, so an
//! index row that was moved or added makes no search answer another object. A search by class, key
//! type, CKA_TOKEN and CKA_PRIVATE alone opens nothing: a row whose clear columns were edited is
//! refused whenever the object is used.

use std::ops::ControlFlow;

use crate::attr::{Attributes, Query, RawAttribute};
use crate::byok;
use crate::ck;
use crate::clock::UnixTime;
use crate::config::LogLevel;
use crate::error::Result;
use crate::log;
use crate::policy::{self, Action, Facts, KeyFacts};
use crate::store::{Generation, Head, SearchConditions, Snapshot, Uid};

use super::Token;
use super::identity::state::Keys;
use crate::token::cache::object::Handle;
use crate::token::cache::objects::Known;
use crate::token::record::external;
use crate::token::record::facts::facts;
use crate::token::record::provided::Provided;
use crate::token::record::uid::shown;

impl Token {
    /// Handles of the objects that match `template`: session objects, then token objects; those that the token
    /// provides itself only where the template names their class.
    ///
    /// # Errors
    /// Those of `attr::Query::new`; CKR_DEVICE_ERROR.
    pub fn find(&self, template: &[RawAttribute]) -> Result<Vec<Handle>> {
        let query = Query::new(template)?;
        if query.matches_nothing() {
            return Ok(Vec::new());
        }
        self.state.keep_up()?;
        let keys = self.keys();
        if query.class.is_some_and(Provided::has_class) {
            return self.find_provided(&query);
        }
        let now = self.state.time.now();
        let mut found = Vec::new();
        if query.token != Some(true) {
            let caller = keys.caller(false);
            for object in self.state.objects.session_objects() {
                let seen = policy::decide(Action::See, &object.facts, &caller, now.at).is_ok();
                let named = names(&query, &object.attributes, false);
                if seen && named && query.matches(&object.attributes) {
                    found.push(object.handle);
                }
            }
        }
        if query.token == Some(false) {
            return Ok(found);
        }
        let (stored, wrong) = self.state.store.read(|snapshot| {
            let candidates = Candidates {
                token: self,
                snapshot,
                generation: snapshot.generation()?,
                query: &query,
                keys: &keys,
                now: now.at,
                remember: false,
                wrong: None,
            };
            candidates.find()
        })?;
        if let Some(wrong) = wrong {
            report(wrong);
        }
        found.extend(stored);
        Ok(found)
    }
}

/// The most candidates of one search that stay in memory for the calls that follow.
const REMEMBERED: usize = 256;

/// The first object about which the index is wrong, and the number of such objects.
type WrongIndex = (Uid, u64);

/// The candidates of one search, in one state of the store.
struct Candidates<'a> {
    token: &'a Token,
    snapshot: &'a Snapshot<'a>,
    generation: u64,
    query: &'a Query,
    keys: &'a Keys,
    now: u64,
    /// The candidates are few enough to stay in memory.
    remember: bool,
    wrong: Option<WrongIndex>,
}

impl Candidates<'_> {
    /// Handles of the token objects that match, each opened and checked as far as the template asks.
    fn find(mut self) -> Result<(Vec<Handle>, Option<WrongIndex>)> {
        let mut heads = Vec::new();
        for private in [false, true] {
            let wanted = self.query.private.is_none_or(|wanted| wanted == private);
            if wanted && may_see(private, 0, self.keys, self.now) {
                self.add(private, &mut heads)?;
            }
        }
        // More of them would drop objects from memory that are in use.
        self.remember = heads.len() <= REMEMBERED;
        let mut found = Vec::new();
        for head in heads {
            if self.shows(&head)? {
                found.push(self.token.state.objects.handle(head.uid, head.private));
            }
        }
        Ok((found, self.wrong))
    }

    /// Adds the candidates of the index among the private or the public objects.
    fn add(&self, private: bool, heads: &mut Vec<Head>) -> Result<()> {
        let query = self.query;
        let postings = self.keys.vault().postings(private, &query.terms)?;
        let hidden_too = names_external(query) || names_job(query);
        let search = SearchConditions {
            class: query.class,
            key_type: query.key_type,
            private: Some(private),
            hidden: if hidden_too { None } else { Some(false) },
            postings: &postings,
        };
        self.snapshot.find(&search, &mut |head| {
            heads.push(head);
            ControlFlow::Continue(())
        })?;
        Ok(())
    }

    /// Whether a candidate matches the query in full and may be shown to the caller.
    fn shows(&mut self, head: &Head) -> Result<bool> {
        if !may_see(head.private, head.deletion_at, self.keys, self.now) {
            return Ok(false);
        }
        // Material that the clear columns say is there can only be dead by its expiry.
        let expired = byok::expired(head.expires_at, self.now);
        let by_index = !self.query.terms.is_empty() || self.query.needs_attributes();
        if !expired && !head.hidden && !by_index {
            return Ok(true);
        }
        let mut attributes = match self.opened(head) {
            Ok(Some(attributes)) => attributes,
            Ok(None) => return Ok(false),
            Err(error) => {
                log::note(
                    LogLevel::Error,
                    &format!("C_FindObjectsInit leaves out an object: {error}"),
                );
                return Ok(false);
            }
        };
        if external::inner(&attributes) {
            return Ok(false);
        }
        let facts = facts(&attributes, false);
        let external = facts.key.as_ref().and_then(|key| key.external);
        let dead = external.is_some_and(|facts| !facts.live(self.now));
        let named = names(self.query, &attributes, dead);
        if let Some(state) = external::state(&facts, self.now) {
            attributes.set(ck::CKA_TENON_KEY_STATE, state);
        }
        if !self.query.matches_terms(&attributes) {
            let (first, count) = self.wrong.unwrap_or((head.uid, 0));
            self.wrong = Some((first, count + 1));
            return Ok(false);
        }
        Ok(named && self.query.matches(&attributes))
    }

    /// The candidate's attributes; `None` where it is gone.
    fn opened(&self, head: &Head) -> Result<Option<Attributes>> {
        if !self.remember {
            let row = self.snapshot.object(&head.uid)?;
            let record = row.map(|row| self.keys.vault().open(&row)).transpose()?;
            return Ok(record.map(|record| record.attributes));
        }
        let objects = &self.token.state.objects;
        let handle = objects.handle(head.uid, head.private);
        let known = objects.get(handle, Generation::Settled(self.generation))?;
        if let Known::Object(object) = known {
            return Ok(Some(object.attributes.clone()));
        }
        let Some(row) = self.snapshot.object(&head.uid)? else {
            return Ok(None);
        };
        match self.token.reopened(known, handle, &row, self.generation) {
            Ok(object) => Ok(Some(object.attributes.clone())),
            Err(error) if error.rv == ck::CKR_OBJECT_HANDLE_INVALID => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// Logs one line for all candidates about which the index is wrong.
fn report((first, count): WrongIndex) {
    log::note(
        LogLevel::Error,
        &format!(
            "C_FindObjectsInit leaves out {count} objects that the search index is wrong about, the first {}: the token's file was changed by others; `tenon audit verify` checks the whole index",
            shown(&first)
        ),
    );
}

/// Whether policy shows an object with these clear columns. `gone_at`: end of the object; 0 = never.
fn may_see(private: bool, gone_at: UnixTime, keys: &Keys, now: UnixTime) -> bool {
    let facts = Facts {
        private,
        key: Some(KeyFacts {
            gone_at,
            ..KeyFacts::default()
        }),
        ..Facts::default()
    };
    policy::decide(Action::See, &facts, &keys.caller(false), now).is_ok()
}

/// Whether the template names what it must name to find such an object. `dead`: an external key without
/// live material.
fn names(query: &Query, attributes: &Attributes, dead: bool) -> bool {
    match (dead, external::of_job(attributes)) {
        (true, _) => names_external(query),
        (false, true) => names_external(query) || names_job(query),
        (false, false) => true,
    }
}

/// Whether the template finds external keys without live material: only templates that name an attribute
/// of theirs do (BYOK rule 11).
fn names_external(query: &Query) -> bool {
    query.names_vendor() || query.names(ck::CKA_UNIQUE_ID)
}

/// Whether the template finds the keys of import jobs.
fn names_job(query: &Query) -> bool {
    query.names(ck::CKA_ID) || query.names(ck::CKA_LABEL)
}
