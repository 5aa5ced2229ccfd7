//! Finding session objects by the values of their attributes.
//!
//! Objects come into the index when a search first needs it, so making an object that nobody searches for
//! costs nothing here.

use std::collections::BTreeSet;
use std::hash::BuildHasher;

use foldhash::HashMap;
use foldhash::fast::RandomState;

use crate::attr::{Attributes, Query, search_terms};
use crate::ck;

use super::object::Handle;

/// New objects that wait for the index at least, before those that were destroyed meanwhile are dropped.
const WAITING: usize = 1024;

#[derive(Default)]
pub(super) struct SessionIndex {
    /// The objects that have a value, by the hash of attribute and value. Two values may share a hash, so an
    /// object found here is compared with the search.
    lists: HashMap<u64, BTreeSet<Handle>>,
    /// Objects that were made and are not in `lists`; some may be destroyed.
    waiting: Vec<Handle>,
    hasher: RandomState,
}

impl SessionIndex {
    /// A new object, which the next search puts into the index. `is_there` tells whether an object is.
    pub(super) fn add(
        &mut self,
        handle: Handle,
        objects: usize,
        is_there: impl Fn(Handle) -> bool,
    ) {
        self.waiting.push(handle);
        if self.waiting.len() > WAITING + 2 * objects {
            self.waiting.retain(|handle| is_there(*handle));
        }
    }

    /// Takes out an object that has gone or has changed; `attributes` are those it had.
    pub(super) fn remove(&mut self, handle: Handle, attributes: &Attributes) {
        if self.lists.is_empty() {
            return;
        }
        for key in self.keys(attributes) {
            if let Some(list) = self.lists.get_mut(&key) {
                list.remove(&handle);
                if list.is_empty() {
                    self.lists.remove(&key);
                }
            }
        }
    }

    /// Whether objects wait that `index` has to be called for.
    pub(super) fn is_behind(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// Puts the objects that wait into the index. `attributes` answers `None` for one that has gone.
    pub(super) fn index<'a>(&mut self, attributes: impl Fn(Handle) -> Option<&'a Attributes>) {
        for handle in std::mem::take(&mut self.waiting) {
            let Some(attributes) = attributes(handle) else {
                continue;
            };
            for key in self.keys(attributes) {
                self.lists.entry(key).or_default().insert(handle);
            }
        }
    }

    /// The shortest list of objects among which those that match are; `None` where the query names no value
    /// of the index.
    pub(super) fn candidates(&self, query: &Query) -> Option<Vec<Handle>> {
        let kinds = self.keys_of_kind(query.class, query.key_type);
        let terms = query
            .terms
            .iter()
            .map(|(kind, value)| self.key(*kind, value));
        let lists = kinds.chain(terms).map(|key| self.lists.get(&key));
        let shortest = lists.min_by_key(|list| list.map_or(0, BTreeSet::len))?;
        Some(shortest.into_iter().flatten().copied().collect())
    }

    /// Whether there are no lists, and few objects wait.
    #[cfg(test)]
    pub(super) fn is_small(&self) -> bool {
        self.lists.is_empty() && self.waiting.len() <= WAITING + 2
    }

    fn keys(&self, attributes: &Attributes) -> Vec<u64> {
        let kinds = self.keys_of_kind(Some(attributes.class()), attributes.key_type());
        let terms = search_terms(attributes);
        let terms = terms.iter().map(|(kind, value)| self.key(*kind, value));
        kinds.chain(terms).collect()
    }

    /// The keys of class and key type, which token objects have as columns.
    fn keys_of_kind(
        &self,
        class: Option<ck::CK_OBJECT_CLASS>,
        key_type: Option<ck::CK_KEY_TYPE>,
    ) -> impl Iterator<Item = u64> {
        let kinds = [(ck::CKA_CLASS, class), (ck::CKA_KEY_TYPE, key_type)];
        let named = kinds
            .into_iter()
            .filter_map(|(kind, value)| Some((kind, value?)));
        named.map(|(kind, value)| self.key(kind, &value.to_ne_bytes()))
    }

    fn key(&self, kind: ck::CK_ATTRIBUTE_TYPE, value: &[u8]) -> u64 {
        self.hasher.hash_one((kind, value))
    }
}
