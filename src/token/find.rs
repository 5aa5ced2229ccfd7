//! C_FindObjects: the blind index first, attributes only where the template needs them.

use std::ops::ControlFlow;

use crate::attr::{Attributes, Query, RawAttribute};
use crate::byok;
use crate::ck;
use crate::config::LogLevel;
use crate::error::{Error, Result};
use crate::log;
use crate::policy::{self, Action, Login};
use crate::store::{Head, Posting, Search, Snapshot, Uid};

use super::external;
use super::object::{Handle, facts};
use super::vault::Vault;
use super::{Keys, Token};

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
        self.keep_up()?;
        let keys = self.keys()?;
        let now = self.time.now();
        let mut found = Vec::new();
        if query.token != Some(true) {
            let caller = keys.caller(false);
            for object in self.objects.session_objects() {
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
        for head in self.find_stored(&query, &keys)? {
            if self.shows(&head, &query, &keys, now.at)? {
                found.push(self.objects.handle(head.uid, head.private));
            }
        }
        Ok(found)
    }

    fn find_stored(&self, query: &Query, keys: &Keys) -> Result<Vec<Head>> {
        let vault = keys.vault();
        let mut heads = Vec::new();
        for private in [false, true] {
            let seen = !private || keys.login == Login::User;
            if !seen || query.private.is_some_and(|wanted| wanted != private) {
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
            self.store.read(|snapshot| {
                snapshot
                    .find(&search, &mut |head| {
                        heads.push(head);
                        ControlFlow::Continue(())
                    })
                    .map_err(Error::from)
            })?;
        }
        Ok(heads)
    }

    /// Whether a candidate of the index matches in full, and is to be seen.
    fn shows(&self, head: &Head, query: &Query, keys: &Keys, now: u64) -> Result<bool> {
        if byok::expired(head.deletion_at, now) {
            return Ok(false);
        }
        // Only an expiry can end the life of material that the clear columns say is there.
        let expired = byok::expired(head.expires_at, now);
        if !expired && !head.hidden && !query.needs_attributes() {
            return Ok(true);
        }
        let row = self
            .store
            .read(|snapshot| snapshot.object(&head.uid).map_err(Error::from))?;
        let Some(row) = row else {
            return Ok(false);
        };
        let mut attributes = match keys.vault().open(&row) {
            Ok(record) => record.attributes,
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
        let dead = external.is_some_and(|facts| !facts.live(now));
        let named = names(query, &attributes, dead);
        if let Some(state) = external::state(&facts, now) {
            attributes.set(ck::CKA_TENON_KEY_STATE, state);
        }
        Ok(named && query.matches(&attributes))
    }
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

/// Uids of token objects with this very attribute value, of both domains as far as they are open.
pub(super) fn lookup(
    snapshot: &Snapshot<'_>,
    vault: &Vault<'_>,
    class: ck::CK_OBJECT_CLASS,
    key_type: Option<ck::CK_KEY_TYPE>,
    kind: ck::CK_ATTRIBUTE_TYPE,
    value: &[u8],
) -> Result<Vec<Uid>> {
    let mut uids = Vec::new();
    for private in [false, true] {
        if private && vault.master.is_none() {
            continue;
        }
        let postings: Vec<Posting> = vault.postings(private, &[(kind, value.to_vec())])?;
        let search = Search {
            class: Some(class),
            key_type,
            private: Some(private),
            hidden: None,
            postings: &postings,
        };
        snapshot.find(&search, &mut |head| {
            uids.push(head.uid);
            ControlFlow::Continue(())
        })?;
    }
    Ok(uids)
}
