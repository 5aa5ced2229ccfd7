//! Handles, session objects, and the token objects that were read lately.
//!
//! A token object in memory is valid while no change has touched it since the store's generation at which it
//! was read, as the store tells mostly without being read. Else its row is read again; if the row is
//! unchanged, the object is kept, with its ready key. An object's version only grows: a row with a lower
//! version was put back by others.
//!
//! Token objects stay in memory up to a limit of their bytes. Beyond it some leave for each that comes: the
//! first in the order of their coming that were not used since it was last their turn.

use std::collections::{BTreeSet, VecDeque};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::HashMap;
use parking_lot::RwLock;

use crate::attr::Query;
use crate::ck;
use crate::error::{Error, Result};
use crate::store::{Generation, Uid};

use super::handles::{Handles, Named, is_of_session_object, of_session_object};
use super::session_index::SessionIndex;
use crate::token::cache::object::{Handle, Home, Object, SessionHandle};
use crate::token::record::provided::Provided;

/// The most bytes of token objects kept in memory, by `Object::weight`.
const REMEMBERED: usize = 64 << 20;
/// The version of a token object that nobody has changed: no row of it is older.
const FIRST_VERSION: u64 = 1;
/// Handles of objects that have left memory otherwise, which may stay in its order.
const LEFT: usize = 1024;

pub(in crate::token) struct Objects {
    table: RwLock<Table>,
    /// As in the table; read without its lock.
    kept_ended: Arc<AtomicBool>,
}

impl Default for Objects {
    fn default() -> Self {
        let table = Table::default();
        Self {
            kept_ended: Arc::clone(&table.kept_ended),
            table: RwLock::new(table),
        }
    }
}

#[derive(Default)]
struct Table {
    /// Of token objects.
    handles: Handles,
    /// The token objects in memory.
    read: HashMap<Handle, ReadObject>,
    /// The order in which those came to memory, and handles whose objects have left it meanwhile.
    order: VecDeque<Handle>,
    /// The weight of those.
    weight: usize,
    /// The highest version read of each token object, where it is above the first.
    seen: HashMap<Handle, u64>,
    /// How many session objects there were, so that no handle is used again.
    session_objects: u64,
    sessions: HashMap<Handle, Arc<Object>>,
    /// The session objects of each session.
    owned: HashMap<SessionHandle, BTreeSet<Handle>>,
    index: SessionIndex,
    /// A key was destroyed or changed, here or elsewhere, with which operations may rest in sessions.
    kept_ended: Arc<AtomicBool>,
}

/// A token object in memory.
struct ReadObject {
    object: Arc<Object>,
    weight: usize,
}

pub(in crate::token) enum Known {
    /// A session object, or a token object read at the store's present generation.
    Object(Arc<Object>),
    /// A token object read at another generation, and that generation.
    Stale(Arc<Object>, u64),
    /// An object that is not in memory.
    Absent(Named),
}

impl Objects {
    /// `now` gives the store's present generation, for a token object.
    pub(in crate::token) fn get(
        &self,
        handle: Handle,
        now: impl FnOnce() -> Generation,
    ) -> Result<Known> {
        if is_of_session_object(handle) {
            let table = self.table.read();
            let object = table.sessions.get(&handle).ok_or_else(no_such_object)?;
            return Ok(Known::Object(object.clone()));
        }
        let now = now();
        let table = self.table.read();
        let Some(read) = table.read.get(&handle) else {
            let named = table.handles.named(handle);
            return named.map(Known::Absent).ok_or_else(no_such_object);
        };
        let (object, presence) = (read.object.clone(), &read.object.presence);
        presence.note_use();
        Ok(match presence.is_current(|| now) {
            true => Known::Object(object),
            false => Known::Stale(object, presence.known_at()),
        })
    }

    /// The handle of the token object `uid`.
    pub(in crate::token) fn handle(&self, uid: &Uid, private: bool) -> Handle {
        self.table.read().handles.of(uid, private)
    }

    /// The handle of an object that the token provides itself.
    pub(in crate::token) fn handle_of_provided(&self, provided: Provided) -> Handle {
        self.table.read().handles.of_provided(provided)
    }

    /// The handles of token objects, of which the uid is given and whether each is private.
    pub(in crate::token) fn handles<'a>(
        &self,
        objects: impl Iterator<Item = (&'a Uid, bool)>,
    ) -> Vec<Handle> {
        let table = self.table.read();
        objects
            .map(|(uid, private)| table.handles.of(uid, private))
            .collect()
    }

    /// The highest version read of the token object under this handle; 0 when none was read.
    pub(in crate::token) fn seen(&self, handle: Handle) -> u64 {
        self.table.read().seen.get(&handle).copied().unwrap_or(0)
    }

    /// Keeps a token object in memory that was read at the store's `generation`.
    pub(in crate::token) fn remember(&self, object: Arc<Object>, generation: u64) {
        let mut table = self.table.write();
        let handle = object.handle;
        if table.handles.named(handle).is_none() {
            return;
        }
        if let Home::Token { version, .. } = &object.home
            && *version > FIRST_VERSION
        {
            let seen = table.seen.entry(handle).or_default();
            *seen = (*seen).max(*version);
        }
        let known = table.forget(handle);
        let weight = object.weight();
        table.weight += weight;
        object.presence.begin(generation);
        table.read.insert(handle, ReadObject { object, weight });
        if !known {
            table.order.push_back(handle);
            table.tidy_order();
        }
        table.make_room(REMEMBERED);
    }

    /// Adds the session object that `make` returns for its new handle.
    pub(in crate::token) fn add_session(&self, make: impl FnOnce(Handle) -> Object) -> Handle {
        let mut table = self.table.write();
        let handle = of_session_object(table.session_objects);
        table.session_objects += 1;
        let object = make(handle);
        if let Home::Session { owner, .. } = &object.home {
            table.owned.entry(*owner).or_default().insert(handle);
        }
        object.presence.begin_in_session();
        table.sessions.insert(handle, Arc::new(object));
        let Table {
            index, sessions, ..
        } = &mut *table;
        index.add(handle, sessions.len(), |handle| {
            sessions.contains_key(&handle)
        });
        handle
    }

    /// Replaces the session object `seen` by its changed form; false where another thread has changed it meanwhile.
    pub(in crate::token) fn replace_session(
        &self,
        seen: &Arc<Object>,
        object: Object,
    ) -> Result<bool> {
        let mut table = self.table.write();
        let Table {
            index,
            sessions,
            kept_ended,
            ..
        } = &mut *table;
        let known = sessions
            .get_mut(&object.handle)
            .ok_or_else(no_such_object)?;
        if !Arc::ptr_eq(known, seen) {
            return Ok(false);
        }
        let handle = object.handle;
        index.remove(handle, &known.attributes);
        end(known, kept_ended);
        object.presence.begin_in_session();
        *known = Arc::new(object);
        index.add(handle, sessions.len(), |handle| {
            sessions.contains_key(&handle)
        });
        Ok(true)
    }

    /// The session objects among which those that match the query are, in the order of their making.
    pub(in crate::token) fn session_candidates(&self, query: &Query) -> Vec<Arc<Object>> {
        let mut table = self.table.read();
        if table.index.is_behind() {
            drop(table);
            self.table.write().index_sessions();
            table = self.table.read();
        }
        let handles = table.index.candidates(query).unwrap_or_else(|| {
            let mut all: Vec<_> = table.sessions.keys().copied().collect();
            all.sort_unstable();
            all
        });
        let objects = handles
            .iter()
            .filter_map(|handle| table.sessions.get(handle));
        objects.cloned().collect()
    }

    /// Forgets an object that is gone.
    pub(in crate::token) fn remove(&self, handle: Handle) {
        self.table.write().remove(handle);
    }

    /// Makes the handle of a token object invalid that stays in the store. It is found under another one.
    pub(in crate::token) fn end_handle(&self, handle: Handle) {
        let mut table = self.table.write();
        table.remove(handle);
        table.handles.end(handle);
    }

    /// Removes the session objects of `owner`; whether a session may keep work that is ready with one of them.
    pub(in crate::token) fn close_session(&self, owner: SessionHandle) -> bool {
        if !self.table.read().owned.contains_key(&owner) {
            return false;
        }
        let mut table = self.table.write();
        let mut was_kept = false;
        for handle in table.owned.remove(&owner).unwrap_or_default() {
            let object = table.sessions.get(&handle).cloned();
            table.remove(handle);
            was_kept |= object.is_some_and(|object| object.was_kept());
        }
        was_kept
    }

    /// Whether a key has left memory, since `note_keyless_dropped`, with which operations may rest in sessions.
    pub(in crate::token) fn kept_ended(&self) -> bool {
        self.kept_ended.load(Ordering::Relaxed)
    }

    /// What rests in sessions with keys that have left memory is dropped after this call.
    pub(in crate::token) fn note_keyless_dropped(&self) {
        self.kept_ended.store(false, Ordering::SeqCst);
    }

    /// Removes private objects, whose handles end with the login, and drops every object that was read
    /// under the login.
    pub(in crate::token) fn forget_private(&self) {
        let mut table = self.table.write();
        let private =
            |(handle, object): (&Handle, &Arc<Object>)| object.facts.private.then_some(*handle);
        let gone: Vec<_> = table.sessions.iter().filter_map(private).collect();
        for handle in gone {
            table.remove(handle);
        }
        table.forget_token_objects();
        table.handles.end_private();
        let Table { seen, handles, .. } = &mut *table;
        seen.retain(|handle, _| handles.is_of_public_object(*handle));
    }

    /// Drops every token object from memory, but keeps the handles.
    pub(in crate::token) fn forget_read(&self) {
        self.table.write().forget_token_objects();
    }

    /// Makes every handle invalid.
    pub(in crate::token) fn clear(&self) {
        let mut table = self.table.write();
        table.forget_token_objects();
        table.handles.end_all();
        table.seen = HashMap::default();
        for object in mem::take(&mut table.sessions).values() {
            end(object, &table.kept_ended);
        }
        table.owned = HashMap::default();
        table.index = SessionIndex::default();
    }
}

impl Table {
    fn remove(&mut self, handle: Handle) {
        if !is_of_session_object(handle) {
            self.forget(handle);
            self.seen.remove(&handle);
            return;
        }
        let Some(object) = self.sessions.remove(&handle) else {
            return;
        };
        end(&object, &self.kept_ended);
        self.index.remove(handle, &object.attributes);
        if let Home::Session { owner, .. } = &object.home
            && let Some(owned) = self.owned.get_mut(owner)
        {
            owned.remove(&handle);
        }
    }

    fn index_sessions(&mut self) {
        let sessions = &self.sessions;
        self.index
            .index(|handle| Some(&sessions.get(&handle)?.attributes));
    }

    /// Drops one token object from memory; whether it was there.
    fn forget(&mut self, handle: Handle) -> bool {
        let Some(object) = self.evict(handle) else {
            return false;
        };
        end(&object, &self.kept_ended);
        true
    }

    /// Drops one token object from memory, which is as it was in the store: what rests with its key may stay.
    fn evict(&mut self, handle: Handle) -> Option<Arc<Object>> {
        let read = self.read.remove(&handle)?;
        read.object.presence.end();
        self.weight -= read.weight;
        Some(read.object)
    }

    fn tidy_order(&mut self) {
        if self.order.len() > 2 * self.read.len() + LEFT {
            self.order.retain(|handle| self.read.contains_key(handle));
        }
    }

    fn forget_token_objects(&mut self) {
        for read in mem::take(&mut self.read).values() {
            end(&read.object, &self.kept_ended);
        }
        self.order = VecDeque::new();
        self.weight = 0;
    }

    /// Drops token objects from memory until they weigh no more than `most`.
    fn make_room(&mut self, most: usize) {
        while self.weight > most {
            let Some(handle) = self.order.pop_front() else {
                return;
            };
            match self.read.get(&handle) {
                Some(read) if read.object.presence.take_use() => {
                    self.order.push_back(handle);
                }
                _ => {
                    self.evict(handle);
                }
            }
        }
    }
}

/// The object leaves memory. First the end is told, then the note is looked for, as `note_kept` asks.
fn end(object: &Object, kept_ended: &AtomicBool) {
    object.presence.end();
    if object.was_kept() {
        kept_ended.store(true, Ordering::SeqCst);
    }
}

pub(in crate::token) fn no_such_object() -> Error {
    Error::new(ck::CKR_OBJECT_HANDLE_INVALID, "no such object")
}

#[cfg(test)]
mod tests;
