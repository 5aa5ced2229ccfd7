//! C_FindObjects: the blind index gives candidates, and each is held against the opened object.
//!
//! The index rows are not authenticated, and the object is: a candidate that does not match is left
//! out, so an index row that was moved or added makes no search answer another object. A search by
//! class, key type, CKA_TOKEN and CKA_PRIVATE alone opens nothing: a row with other clear columns than
//! it was sealed with is refused whenever it is used.

use std::ops::ControlFlow;

use crate::attr::{Attributes, Query, RawAttribute};
use crate::byok;
use crate::ck;
use crate::clock::UnixTime;
use crate::config::LogLevel;
use crate::error::{Error, Result};
use crate::log;
use crate::policy::{self, Action, Facts, KeyFacts};
use crate::store::{Head, Search, Uid};

use super::Token;
use super::identity::state::Keys;
use crate::token::cache::object::Handle;
use crate::token::record::external;
use crate::token::record::facts::facts;
use crate::token::record::uid::shown;

impl Token {
    /// Handles of the objects that match `template`: session objects, then token objects.
    ///
    /// # Errors
    /// What `attr::Query` says of the template; CKR_DEVICE_ERROR.
    pub fn find(&self, template: &[RawAttribute]) -> Result<Vec<Handle>> {
        let query = Query::new(template)?;
        if query.matches_nothing() {
            return Ok(Vec::new());
        }
        self.state.keep_up()?;
        let keys = self.keys()?;
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
        let heads = self.find_stored(&query, &keys)?;
        let mut candidates = Candidates {
            token: self,
            query: &query,
            keys: &keys,
            now: now.at,
            // More would push out of memory what is in use.
            remember: heads.len() <= REMEMBERED,
            wrong: None,
        };
        for head in heads {
            if candidates.shows(&head)? {
                found.push(self.state.objects.handle(head.uid, head.private));
            }
        }
        candidates.report();
        Ok(found)
    }

    fn find_stored(&self, query: &Query, keys: &Keys) -> Result<Vec<Head>> {
        let vault = keys.vault();
        let mut heads = Vec::new();
        for private in [false, true] {
            if !may_see(private, 0, keys, self.state.time.now().at)
                || query.private.is_some_and(|wanted| wanted != private)
            {
                continue;
            }
            let postings = vault.postings(private, &query.terms)?;
            let search = Search {
                class: query.class,
                key_type: query.key_type,
                private: Some(private),
                hidden: if names_external(query) || names_job(query) {
                    None
                } else {
                    Some(false)
                },
                postings: &postings,
            };
            heads.extend(self.state.store.read(|snapshot| {
                let mut found = Vec::new();
                snapshot.find(&search, &mut |head| {
                    found.push(head);
                    ControlFlow::Continue(())
                })?;
                Ok::<_, Error>(found)
            })?);
        }
        Ok(heads)
    }
}

/// Candidates of one search that are remembered at most, opened, for the calls that follow.
const REMEMBERED: usize = 256;

/// The candidates of one search.
struct Candidates<'a> {
    token: &'a Token,
    query: &'a Query,
    keys: &'a Keys,
    now: u64,
    remember: bool,
    /// An object that the index is wrong about, and how many there are.
    wrong: Option<(Uid, u64)>,
}

impl Candidates<'_> {
    /// Whether a candidate of the index matches in full, and is to be seen.
    fn shows(&mut self, head: &Head) -> Result<bool> {
        if !may_see(head.private, head.deletion_at, self.keys, self.now) {
            return Ok(false);
        }
        // Only an expiry can end the life of material that the clear columns say is there.
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
        if external::of_version(&attributes).is_some() {
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
            self.look_into(&head.uid)?;
            return Ok(false);
        }
        Ok(named && self.query.matches(&attributes))
    }

    /// The candidate's attributes, as the store has them now.
    fn opened(&self, head: &Head) -> Result<Option<Attributes>> {
        let token = self.token;
        if self.remember {
            let handle = token.state.objects.handle(head.uid, head.private);
            return match token.current(handle) {
                Ok((object, _)) => Ok(Some(object.attributes.clone())),
                Err(error) if error.rv == ck::CKR_OBJECT_HANDLE_INVALID => Ok(None),
                Err(error) => Err(error),
            };
        }
        let row = token
            .state
            .store
            .read(|snapshot| snapshot.object(&head.uid))?;
        let record = row.map(|row| self.keys.vault().open(&row)).transpose()?;
        Ok(record.map(|record| record.attributes))
    }

    /// The index led to an object that does not match: it is wrong, unless the object was changed
    /// between the one look and the other.
    fn look_into(&mut self, uid: &Uid) -> Result<()> {
        let vault = self.keys.vault();
        let wrong = self.token.state.store.read(|snapshot| {
            let Some(row) = snapshot.object(uid)? else {
                return Ok::<_, Error>(false);
            };
            let expected = vault.postings_of(&vault.open(&row)?)?;
            Ok(snapshot.postings(uid)? != expected)
        })?;
        if wrong {
            let (first, count) = self.wrong.unwrap_or((*uid, 0));
            self.wrong = Some((first, count + 1));
        }
        Ok(())
    }

    /// One line for all candidates that the index is wrong about.
    fn report(&self) {
        let Some((uid, count)) = self.wrong else {
            return;
        };
        log::note(
            LogLevel::Error,
            &format!(
                "C_FindObjectsInit leaves out {count} objects that the search index is wrong about, the first {}: the token's file was changed by others; `tenon audit verify` checks the whole index",
                shown(&uid)
            ),
        );
    }
}

/// Whether policy shows an object of these clear columns. `gone_at`: end of the key itself; 0 = never.
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

/// Whether the template names what finds an object like this. `dead`: an external key without live
/// material.
fn names(query: &Query, attributes: &Attributes, dead: bool) -> bool {
    match (dead, external::of_job(attributes)) {
        (true, _) => names_external(query),
        (false, true) => names_external(query) || names_job(query),
        (false, false) => true,
    }
}

/// External keys without live material are found only by templates that know of such keys
/// (BYOK rule 11).
fn names_external(query: &Query) -> bool {
    query.names_vendor() || query.names(ck::CKA_UNIQUE_ID)
}

/// The keys of import jobs are found by these, too.
fn names_job(query: &Query) -> bool {
    query.names(ck::CKA_ID) || query.names(ck::CKA_LABEL)
}
