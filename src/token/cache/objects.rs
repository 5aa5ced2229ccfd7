//! Handles, session objects, and the token objects that were read lately.
//!
//! A token object in memory is valid while no change has touched it since the store's generation at which it
//! was read, as the store tells mostly without being read. Else its row is read again; if the row is
//! unchanged, the object is kept, with its ready key. An object's version only grows: a row with a lower
//! version was put back by others.
//!
//! Token objects stay in memory up to a limit. Beyond it one leaves for each that comes: the first in the
//! order of their coming that was not used since it was last its turn.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use foldhash::HashMap;
use parking_lot::RwLock;

use crate::ck;
use crate::error::{Error, Result};
use crate::store::{Generation, Uid};

use crate::token::cache::object::{Handle, Home, Object, SessionHandle};

/// The most token objects kept in memory.
const REMEMBERED: usize = 8192;

#[derive(Default)]
pub(in crate::token) struct Objects(RwLock<Table>);

#[derive(Default)]
struct Table {
    last: Handle,
    entries: HashMap<Handle, HandleEntry>,
    handles: HashMap<Uid, Handle>,
    /// The session objects of each session.
    owned: HashMap<SessionHandle, BTreeSet<Handle>>,
    /// The token objects in memory, and handles whose objects have left it meanwhile.
    remembered: VecDeque<Handle>,
}

/// What the table holds of one handle.
struct HandleEntry {
    uid: Uid,
    private: bool,
    /// Always there for a session object. For a token object, there while it is remembered, with the
    /// store's generation at which it was read.
    object: Option<(Arc<Object>, u64)>,
    /// The highest version read of a token object.
    seen: u64,
    /// The object was used since it was last its turn to leave memory.
    used: AtomicBool,
}

pub(in crate::token) enum Known {
    /// A session object, or a token object read at the store's present generation.
    Object(Arc<Object>),
    /// A token object read at another generation, and that generation.
    Stale(Arc<Object>, u64),
    /// A token object that is not remembered.
    Uid(Uid),
}

impl Objects {
    pub(in crate::token) fn get(&self, handle: Handle, now: Generation) -> Result<Known> {
        let table = self.0.read();
        let entry = table.entries.get(&handle).ok_or_else(no_such_object)?;
        // Mostly it is noted already, and nothing is written that other threads read.
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Ok(match &entry.object {
            None => Known::Uid(entry.uid),
            Some((object, _)) if matches!(object.home, Home::Session { .. }) => {
                Known::Object(object.clone())
            }
            Some((object, read_at)) if now == Generation::Settled(*read_at) => {
                Known::Object(object.clone())
            }
            Some((object, read_at)) => Known::Stale(object.clone(), *read_at),
        })
    }

    /// The handle of the token object `uid`; a new one where it has none.
    pub(in crate::token) fn handle(&self, uid: Uid, private: bool) -> Handle {
        if let Some(handle) = self.0.read().handles.get(&uid) {
            return *handle;
        }
        self.0.write().handle(uid, private)
    }

    /// The highest version read of the token object under this handle; 0 when none was read.
    pub(in crate::token) fn seen(&self, handle: Handle) -> u64 {
        self.0
            .read()
            .entries
            .get(&handle)
            .map_or(0, |entry| entry.seen)
    }

    /// Keeps a token object in memory that was read at the store's `generation`.
    pub(in crate::token) fn remember(&self, object: Arc<Object>, generation: u64) {
        let mut table = self.0.write();
        let handle = object.handle;
        let Some(entry) = table.entries.get_mut(&handle) else {
            return;
        };
        let new = entry.object.is_none();
        if let Home::Token { version, .. } = &object.home {
            entry.seen = entry.seen.max(*version);
        }
        entry.object = Some((object, generation));
        if new {
            table.remembered.push_back(handle);
            table.make_room();
        }
    }

    /// Notes that `object` is still what the store has at `generation`, if it is remembered.
    pub(in crate::token) fn confirm(&self, object: &Arc<Object>, generation: u64) {
        let mut table = self.0.write();
        let entry = table.entries.get_mut(&object.handle);
        if let Some((known, read_at)) = entry.and_then(|entry| entry.object.as_mut())
            && Arc::ptr_eq(known, object)
        {
            *read_at = generation.max(*read_at);
        }
    }

    /// Adds the session object that `make` returns for its new handle.
    pub(in crate::token) fn add_session(&self, make: impl FnOnce(Handle) -> Object) -> Handle {
        let mut table = self.0.write();
        table.last += 1;
        let handle = table.last;
        let object = make(handle);
        if let Home::Session { owner, .. } = &object.home {
            table.owned.entry(*owner).or_default().insert(handle);
        }
        let entry = HandleEntry {
            uid: object.uid,
            private: object.facts.private,
            object: Some((Arc::new(object), 0)),
            seen: 0,
            used: AtomicBool::new(false),
        };
        table.entries.insert(handle, entry);
        handle
    }

    /// Replaces a session object by its changed form.
    pub(in crate::token) fn replace_session(&self, object: Object) -> Result<()> {
        let mut table = self.0.write();
        let entry = table
            .entries
            .get_mut(&object.handle)
            .ok_or_else(no_such_object)?;
        entry.private = object.facts.private;
        entry.object = Some((Arc::new(object), 0));
        Ok(())
    }

    pub(in crate::token) fn session_objects(&self) -> Vec<Arc<Object>> {
        let table = self.0.read();
        let handles = table.owned.values().flatten();
        let mut objects: Vec<_> = handles
            .filter_map(|handle| table.entries.get(handle)?.object.as_ref())
            .map(|(object, _)| object.clone())
            .collect();
        objects.sort_by_key(|object| object.handle);
        objects
    }

    /// Makes the handle invalid.
    pub(in crate::token) fn remove(&self, handle: Handle) {
        self.0.write().remove(handle);
    }

    /// Removes the session objects of `owner`.
    pub(in crate::token) fn close_session(&self, owner: SessionHandle) {
        if !self.0.read().owned.contains_key(&owner) {
            return;
        }
        let mut table = self.0.write();
        for handle in table.owned.remove(&owner).unwrap_or_default() {
            table.remove(handle);
        }
    }

    /// Removes private objects, whose handles end with the login, and drops every object that was read
    /// under the login.
    pub(in crate::token) fn forget_private(&self) {
        let mut table = self.0.write();
        table.retain(|entry| !entry.private);
        table.forget_token_objects();
    }

    /// Drops every token object from memory, but keeps the handles.
    pub(in crate::token) fn forget_read(&self) {
        self.0.write().forget_token_objects();
    }

    /// Makes every handle invalid.
    pub(in crate::token) fn clear(&self) {
        let mut table = self.0.write();
        table.retain(|_| false);
    }
}

impl Table {
    fn handle(&mut self, uid: Uid, private: bool) -> Handle {
        if let Some(handle) = self.handles.get(&uid) {
            return *handle;
        }
        self.last += 1;
        self.handles.insert(uid, self.last);
        self.entries.insert(
            self.last,
            HandleEntry {
                uid,
                private,
                object: None,
                seen: 0,
                used: AtomicBool::new(false),
            },
        );
        self.last
    }

    fn remove(&mut self, handle: Handle) {
        let Some(entry) = self.entries.remove(&handle) else {
            return;
        };
        self.handles.remove(&entry.uid);
        match entry.object.as_ref().map(|(object, _)| &object.home) {
            Some(Home::Session { owner, .. }) => {
                if let Some(owned) = self.owned.get_mut(owner) {
                    owned.remove(&handle);
                }
            }
            Some(Home::Token { .. } | Home::Provided(_)) | None => {}
        }
    }

    fn retain(&mut self, keep: impl Fn(&HandleEntry) -> bool) {
        let gone: Vec<_> = self
            .entries
            .iter()
            .filter(|(_, entry)| !keep(entry))
            .map(|(handle, _)| *handle)
            .collect();
        for handle in gone {
            self.remove(handle);
        }
    }

    fn forget_token_objects(&mut self) {
        for entry in self.entries.values_mut() {
            let token = matches!(&entry.object, Some((object, _))
                if matches!(object.home, Home::Token { .. }));
            if token {
                entry.object = None;
            }
        }
        self.remembered.clear();
    }

    /// Drops one token object from memory where there are too many.
    fn make_room(&mut self) {
        while self.remembered.len() > REMEMBERED {
            let Some(handle) = self.remembered.pop_front() else {
                return;
            };
            let Some(entry) = self.entries.get_mut(&handle) else {
                continue;
            };
            if std::mem::take(entry.used.get_mut()) {
                self.remembered.push_back(handle);
            } else {
                entry.object = None;
            }
        }
    }
}

pub(in crate::token) fn no_such_object() -> Error {
    Error::new(ck::CKR_OBJECT_HANDLE_INVALID, "no such object")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attr::Attributes;

    fn remembered(objects: &Objects, number: u64) -> Handle {
        let uid = u128::from(number).to_be_bytes();
        let handle = objects.handle(uid, false);
        let home = Home::Token {
            version: 1,
            seal: [0; 16],
        };
        let object = Object::new(handle, uid, Attributes::default(), home, false);
        objects.remember(Arc::new(object), 1);
        handle
    }

    fn is_there(objects: &Objects, handle: Handle) -> bool {
        let known = objects.get(handle, Generation::Settled(1)).ok();
        matches!(known, Some(Known::Object(_)))
    }

    #[test]
    fn one_object_leaves_memory_for_each_that_comes_and_not_one_in_use() {
        let objects = Objects::default();
        let most = REMEMBERED as u64;
        let handles: Vec<_> = (0..most)
            .map(|number| remembered(&objects, number))
            .collect();
        assert!(is_there(&objects, handles[0]));
        let newest = [most, most + 1].map(|number| remembered(&objects, number));
        let all = handles.iter().chain(&newest);
        let gone: Vec<_> = all.filter(|handle| !is_there(&objects, **handle)).collect();
        assert_eq!(gone, [&handles[1], &handles[2]]);
    }
}
