//! C_FindObjects: the blind index gives candidates, which are compared with the opened objects. Each page of
//! a search reads one state of the store.
//!
//! Objects are authenticated, index rows are not. A candidate that does not match is left out, so an
//! index row that was moved or added makes no search answer another object. A search by class, key
//! type, CKA_TOKEN and CKA_PRIVATE alone opens nothing: a row whose clear columns were edited is
//! refused whenever the object is used.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::attr::{Attributes, Query, RawAttribute};
use crate::byok;
use crate::ck;
use crate::clock::UnixTime;
use crate::config::LogLevel;
use crate::error::Result;
use crate::log;
use crate::policy::{self, Action, Facts, KeyFacts};
use crate::secret::Secret;
use crate::store::{Generation, Head, SearchConditions, SearchPlace, Snapshot, Uid};

use super::Token;
use super::identity::state::{Identity, Keys};
use crate::token::cache::object::{Handle, Home, Object};
use crate::token::cache::objects::Known;
use crate::token::record::external;
use crate::token::record::facts::facts;
use crate::token::record::provided::Provided;
use crate::token::record::stored;
use crate::token::record::uid::shown;

/// A search that was begun. Small ones have all their handles from the start; of others C_FindObjects reads
/// the token objects page by page, so that a search takes no more memory and no longer transactions however
/// much it finds.
///
/// An object that is made after the search was begun is found or not; so a client that makes an object
/// for each that it finds comes to an end. What is seen follows the login at the time of each page.
pub struct Search {
    /// Found, and not answered yet.
    ready: VecDeque<Handle>,
    /// What is left of each query of the search.
    rest: VecDeque<Rest>,
}

/// The token objects that one query of a search has not come to.
struct Rest {
    query: Query,
    /// The token in which the search was begun.
    identity: Arc<Identity>,
    /// The search has come to the private objects; the public ones are first.
    private: bool,
    place: SearchPlace,
    /// No page was read yet.
    whole: bool,
}

impl Token {
    /// The objects that match `template`: session objects, then token objects; those that the token
    /// provides itself only where the template names their class.
    ///
    /// # Errors
    /// Those of `attr::Query::each`; CKR_DEVICE_ERROR.
    pub fn find(&self, template: &[RawAttribute]) -> Result<Search> {
        let mut search = Search {
            ready: VecDeque::new(),
            rest: VecDeque::new(),
        };
        for query in Query::each(template)? {
            self.begin(query, &mut search)?;
        }
        self.read_page(&mut search)?;
        Ok(search)
    }

    /// Adds what one query finds without the store, and leaves the rest to be read.
    fn begin(&self, query: Query, search: &mut Search) -> Result<()> {
        if query.matches_nothing() {
            return Ok(());
        }
        self.state.keep_up()?;
        let keys = self.keys();
        if query.class.is_some_and(Provided::has_class) {
            search.ready.extend(self.find_provided(&query)?);
            return Ok(());
        }
        search.ready.extend(self.find_in_sessions(&query, &keys));
        if query.token != Some(false) {
            search.rest.push_back(Rest {
                query,
                identity: keys.identity.clone(),
                private: false,
                place: SearchPlace::default(),
                whole: true,
            });
        }
        Ok(())
    }

    /// The next handles of a search, at most `max`; none at its end.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn found(&self, search: &mut Search, max: usize) -> Result<Vec<Handle>> {
        while search.ready.len() < max && !search.rest.is_empty() {
            self.read_page(search)?;
        }
        let count = max.min(search.ready.len());
        Ok(search.ready.drain(..count).collect())
    }

    fn find_in_sessions(&self, query: &Query, keys: &Keys) -> Vec<Handle> {
        if query.token == Some(true) {
            return Vec::new();
        }
        let now = self.state.time.now();
        let caller = keys.caller(false);
        let matches = |object: &Arc<Object>| {
            policy::decide(Action::See, &object.facts, &caller, now.at).is_ok()
                && names(query, &object.attributes, false)
                && query.matches(&object.attributes, |kind| {
                    policy::decide(Action::Reveal, &object.facts, &caller, now.at).ok()?;
                    match &object.home {
                        Home::Session { material, .. } => {
                            material.as_ref()?.secret_value(kind).cloned()
                        }
                        Home::Token { .. } | Home::Provided(_) => None,
                    }
                })
        };
        let candidates = self.state.objects.session_candidates(query);
        let matching = candidates.iter().filter(|object| matches(object));
        matching.map(|object| object.handle).collect()
    }

    /// Reads the next page of a search.
    fn read_page(&self, search: &mut Search) -> Result<()> {
        let Some(rest) = search.rest.pop_front() else {
            return Ok(());
        };
        self.state.keep_up()?;
        let keys = self.keys();
        // In another token's objects nothing is left to find.
        if !keys.identity.store_key.ct_eq(&rest.identity.store_key) {
            return Ok(());
        }
        let mut page = self.page(&rest, &keys, true)?;
        for left in (0..REPEATS).rev() {
            if !page.overtaken {
                break;
            }
            page = self.page(&rest, &keys, left > 0)?;
        }
        if let Some(wrong) = page.wrong {
            report(wrong);
        }
        search.ready.extend(page.found);
        if let Some((private, place)) = page.next {
            search.rest.push_front(Rest {
                private,
                place,
                whole: false,
                ..rest
            });
        }
        Ok(())
    }
}

impl Token {
    /// One page of a search, in one state of the store.
    fn page(&self, rest: &Rest, keys: &Keys, repeats: bool) -> Result<Page> {
        let now = self.state.time.now();
        self.state.store.read(|snapshot| {
            let candidates = Candidates {
                token: self,
                snapshot,
                generation: snapshot.generation()?,
                query: &rest.query,
                by_attributes: !rest.query.terms.is_empty() || rest.query.needs_attributes(),
                keys,
                now: now.at,
                remember: false,
                repeats,
                overtaken: false,
                wrong: None,
            };
            candidates.page(rest)
        })
    }
}

/// How often a page is read again because other threads read later states of its objects meanwhile.
const REPEATS: usize = 8;
/// Candidates of the first page. The objects of a search that has no more stay in memory for the calls that
/// follow; more of them would drop objects from memory that are in use.
const FIRST_PAGE: usize = 256;
/// Candidates of a later page.
const PAGE: usize = 1024;

/// The first object about which the index is wrong, and the number of such objects.
type WrongIndex = (Uid, u64);

/// What one page of a search has.
struct Page {
    found: Vec<Handle>,
    /// Where the next page begins, and whether that is among the private objects; `None` at the end.
    next: Option<(bool, SearchPlace)>,
    /// An object is left out of which a later version was seen than the page's state has.
    overtaken: bool,
    wrong: Option<WrongIndex>,
}

/// The candidates of one page of a search, in one state of the store.
struct Candidates<'a> {
    token: &'a Token,
    snapshot: &'a Snapshot<'a>,
    generation: u64,
    query: &'a Query,
    /// The clear columns do not tell whether an object matches.
    by_attributes: bool,
    keys: &'a Keys,
    now: u64,
    /// The candidates are few enough to stay in memory.
    remember: bool,
    /// The page is read again where it is overtaken. Else an object that is older than one seen before is
    /// reported: others put its row back.
    repeats: bool,
    overtaken: bool,
    wrong: Option<WrongIndex>,
}

impl Candidates<'_> {
    /// Handles of the token objects of one page that match, each opened and checked as far as the template
    /// asks.
    fn page(mut self, rest: &Rest) -> Result<Page> {
        let (most, mut heads) = match rest.whole {
            true => (FIRST_PAGE, Vec::new()),
            // Mostly there are more pages.
            false => (PAGE, Vec::with_capacity(PAGE)),
        };
        let next = self.read_heads(rest, most, &mut heads)?;
        self.remember = rest.whole && next.is_none();
        let mut shown = Vec::with_capacity(heads.len());
        for head in &heads {
            if self.shows(head)? {
                shown.push((&head.uid, head.private));
            }
        }
        Ok(Page {
            found: self.token.state.objects.handles(shown.into_iter()),
            next,
            overtaken: self.overtaken,
            wrong: self.wrong,
        })
    }

    /// Adds up to `most` candidates to `heads`. Returns where to go on.
    fn read_heads(
        &self,
        rest: &Rest,
        most: usize,
        heads: &mut Vec<Head>,
    ) -> Result<Option<(bool, SearchPlace)>> {
        let mut place = rest.place;
        for private in [false, true] {
            if rest.private && !private {
                continue;
            }
            if private != rest.private {
                place = place.from_the_beginning();
            }
            let wanted = self.query.private.is_none_or(|wanted| wanted == private);
            if wanted && may_see(private, 0, self.keys, self.now) {
                self.add(private, &mut place, most, heads)?;
            }
            if heads.len() >= most {
                return Ok(Some((private, place)));
            }
        }
        Ok(None)
    }

    /// Adds candidates of the index among the private or the public objects, until there are `most`.
    fn add(
        &self,
        private: bool,
        place: &mut SearchPlace,
        most: usize,
        heads: &mut Vec<Head>,
    ) -> Result<()> {
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
        self.snapshot.find_from(&search, place, &mut |head| {
            heads.push(head);
            if heads.len() < most {
                ControlFlow::Continue(())
            } else {
                ControlFlow::Break(())
            }
        })?;
        Ok(())
    }

    /// Whether a candidate matches the query in full and may be shown to the caller.
    fn shows(&mut self, head: &Head) -> Result<bool> {
        // Whether the caller may see objects of this privacy was asked before they were read.
        if head.deletion_at != 0 && !may_see(head.private, head.deletion_at, self.keys, self.now) {
            return Ok(false);
        }
        // Material that the clear columns say is there can only be dead by its expiry.
        let expired = byok::expired(head.expires_at, self.now);
        if !expired && !head.hidden && !self.by_attributes {
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
        let material = |kind| self.material(head, &attributes, kind);
        Ok(named && self.query.matches(&attributes, material))
    }

    /// A value out of the candidate's material; `None` where the caller may not read it, or there is none.
    fn material(
        &self,
        head: &Head,
        attributes: &Attributes,
        kind: ck::CK_ATTRIBUTE_TYPE,
    ) -> Option<Secret> {
        let facts = facts(attributes, self.token.state.config.enforce_dates);
        policy::decide(Action::Reveal, &facts, &self.keys.caller(false), self.now).ok()?;
        let (_, sealed) = self.snapshot.load(&head.uid).ok()??;
        let vault = self.keys.vault();
        let material = stored::open_material(&vault, &head.uid, attributes, sealed).ok()??;
        material.secret_value(kind).cloned()
    }

    /// The candidate's attributes; `None` where it is gone.
    fn opened(&mut self, head: &Head) -> Result<Option<Attributes>> {
        if !self.remember {
            let row = self.snapshot.object(&head.uid)?;
            let record = row.map(|row| self.keys.vault().open(&row)).transpose()?;
            return Ok(record.map(|record| record.attributes));
        }
        let objects = &self.token.state.objects;
        let handle = objects.handle(&head.uid, head.private);
        let known = objects.get(handle, || Generation::Settled(self.generation));
        // Another thread may have ended the handle since; this state of the store has the object all the same.
        let known = known.ok();
        if let Some(Known::Object(object)) = &known
            && object.uid == head.uid
        {
            return Ok(Some(object.attributes.clone()));
        }
        let Some(row) = self.snapshot.object(&head.uid)? else {
            return Ok(None);
        };
        let seen = objects.seen(handle);
        if row.version < seen && self.repeats {
            self.overtaken = true;
            return Ok(None);
        }
        let handle = (handle, seen);
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
