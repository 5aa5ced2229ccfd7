//! Handles, session objects, and the token objects that were read lately.
//!
//! A token object in memory is valid while the store's generation stays the same. When that changes,
//! the object's row is read again; if the row is unchanged, the object is kept, with its ready
//! key. An object's version only grows: a row with a lower version was put back by others.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::HashMap;
use parking_lot::RwLock;

use crate::ck;
use crate::error::{Error, Result};
use crate::store::{Generation, Uid};

use crate::token::cache::object::{Handle, Home, Object, SessionHandle};

/// The most token objects kept in memory; one more drops them all.
const REMEMBERED: usize = 4096;

#[derive(Default)]
pub(in crate::token) struct Objects(RwLock<Table>);

#[derive(Default)]
struct Table {
    last: Handle,
    entries: HashMap<Handle, HandleEntry>,
    handles: HashMap<Uid, Handle>,
    /// The session objects of each session.
    owned: HashMap<SessionHandle, BTreeSet<Handle>>,
    remembered: usize,
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
}

pub(in crate::token) enum Known {
    /// A session object, or a token object read at the store's present generation.
    Object(Arc<Object>),
    /// A token object read at another generation.
    Stale(Arc<Object>),
    /// A token object that is not remembered.
    Uid(Uid),
}

impl Objects {
    pub(in crate::token) fn get(&self, handle: Handle, now: Generation) -> Result<Known> {
        let table = self.0.read();
        let entry = table.entries.get(&handle).ok_or_else(no_such_object)?;
        Ok(match &entry.object {
            None => Known::Uid(entry.uid),
            Some((object, _)) if matches!(object.home, Home::Session { .. }) => {
                Known::Object(object.clone())
            }
            Some((object, read_at)) if now == Generation::Settled(*read_at) => {
                Known::Object(object.clone())
            }
            Some((object, _)) => Known::Stale(object.clone()),
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
        if table.remembered >= REMEMBERED {
            table.forget_token_objects();
        }
        let Some(entry) = table.entries.get_mut(&object.handle) else {
            return;
        };
        let new = entry.object.is_none();
        if let Home::Token { version, .. } = &object.home {
            entry.seen = entry.seen.max(*version);
        }
        entry.object = Some((object, generation));
        if new {
            table.remembered += 1;
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
            Some(Home::Token { .. }) => self.remembered -= 1,
            Some(Home::Provided(_)) | None => {}
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
        self.remembered = 0;
    }
}

pub(in crate::token) fn no_such_object() -> Error {
    Error::new(ck::CKR_OBJECT_HANDLE_INVALID, "no such object")
}
