//! What is known of private external and managed keys without a login, for monitors that hold no PIN: uids,
//! states and times of expiry, never labels or other attributes.
//!
//! A private object's attributes are sealed under the master key. Uid, expiry, deletion date and
//! whether there is material are clear columns of its row; the other facts from which its state
//! follows are index rows under the store key. Whoever can write the file can change all of these, so
//! an answer proves nothing against such a person.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use crate::byok::{self, State};
use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result};
use crate::store::{self, Head, SearchConditions, Snapshot, Uid};

use crate::token::identity::state::TokenState;
use crate::token::record::clear_fact::Fact;
use crate::token::record::domain::Domain;

/// A private external or managed key as it is known without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedKey {
    /// CKA_UNIQUE_ID is the same in hexadecimal digits.
    pub uid: Uid,
    /// CKA_CLASS.
    pub class: ck::CK_OBJECT_CLASS,
    /// The derived state; never `Deleted`.
    pub state: State,
    /// The token generated the material.
    pub generated: bool,
    /// Material was imported at least once, or generated.
    pub bound: bool,
    /// End of the material's life; 0 = never, or no material.
    pub expires_at: UnixTime,
    /// When the scheduled deletion takes effect; 0 = none.
    pub deletion_at: UnixTime,
    /// Its older versions, which only decrypt what was encrypted under them.
    pub older: Vec<SealedVersion>,
}

/// An older version of a key, as it is known without a login.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedVersion {
    /// Its material is there and has not expired.
    pub live: bool,
    /// End of the material's life; 0 = never, or no material.
    pub expires_at: UnixTime,
}

/// The private external and managed keys, as known without a login.
///
/// # Errors
/// CKR_DEVICE_ERROR.
pub(in crate::token) fn sealed_keys(state: &TokenState) -> Result<Vec<SealedKey>> {
    state.keep_up()?;
    let identity = state.identity();
    let now = state.time.now().at;
    state.store.read(|snapshot| {
        let view = View {
            snapshot,
            store: &identity.public,
            now,
        };
        Ok::<_, Error>(view.keys()?)
    })
}

/// One state of the store, read without a login.
struct View<'a> {
    snapshot: &'a Snapshot<'a>,
    store: &'a Domain,
    now: UnixTime,
}

impl View<'_> {
    fn with(&self, fact: Fact<'_>) -> store::Result<Vec<Head>> {
        let mut heads = Vec::new();
        let search = SearchConditions {
            private: Some(true),
            postings: &[fact.posting(self.store)],
            ..SearchConditions::default()
        };
        self.snapshot.find(&search, &mut |head| {
            heads.push(head);
            ControlFlow::Continue(())
        })?;
        Ok(heads)
    }

    fn uids(&self, fact: Fact<'_>) -> store::Result<BTreeSet<Uid>> {
        let heads = self.with(fact)?;
        Ok(heads.into_iter().map(|head| head.uid).collect())
    }

    fn keys(&self) -> store::Result<Vec<SealedKey>> {
        let bound = self.uids(Fact::Bound)?;
        let disabled = self.uids(Fact::Disabled)?;
        let generated = self.uids(Fact::Generated)?;
        let versions = !self.with(Fact::Version)?.is_empty();
        let mut keys = Vec::new();
        for head in self.with(Fact::OfProfile)? {
            let facts = byok::ExternalFacts {
                generated: generated.contains(&head.uid),
                bound: bound.contains(&head.uid),
                material: !head.hidden,
                expires_at: head.expires_at,
                disabled: disabled.contains(&head.uid),
                deletion_at: head.deletion_at,
                ..byok::ExternalFacts::default()
            };
            let state = byok::state(&facts, self.now);
            if state == State::Deleted {
                continue;
            }
            let older = if versions {
                self.older(&head.uid)?
            } else {
                Vec::new()
            };
            keys.push(SealedKey {
                uid: head.uid,
                class: head.class,
                state,
                generated: facts.generated,
                bound: facts.bound,
                expires_at: head.expires_at,
                deletion_at: head.deletion_at,
                older,
            });
        }
        Ok(keys)
    }

    fn older(&self, owner: &Uid) -> store::Result<Vec<SealedVersion>> {
        let versions = self.with(Fact::VersionOf(owner))?.into_iter();
        let versions = versions.map(|head| {
            let there = self.snapshot.material(&head.uid)?.is_some();
            Ok(SealedVersion {
                live: there && !byok::expired(head.expires_at, self.now),
                expires_at: head.expires_at,
            })
        });
        versions.collect()
    }
}
