//! The open sessions of this process.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use foldhash::HashMap;
use parking_lot::{Mutex, RwLock};

use crate::ck;
use crate::error::{Error, Result};
use crate::policy::{TokenAction, decide_on_token};
use crate::token::{Peers, SessionHandle, Token};

use super::open::Session;

/// Sessions are kept in so many maps.
const PARTS: usize = 32;

#[derive(Default)]
pub(crate) struct Sessions {
    last: AtomicU64,
    parts: [Part; PARTS],
}

/// Some of the sessions, on cache lines of their own: threads with a session each do not write to the
/// memory that another one reads.
#[derive(Default)]
#[repr(align(128))]
struct Part(RwLock<HashMap<SessionHandle, Arc<Session>>>);

/// A session that was closed.
struct Closed {
    slot: ck::CK_SLOT_ID,
    /// Keys left memory with it with which operations may rest in other sessions.
    ended_kept_keys: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SessionCount {
    pub all: u64,
    pub read_write: u64,
}

impl Sessions {
    /// # Errors
    /// CKR_SESSION_READ_WRITE_SO_EXISTS, CKR_DEVICE_ERROR.
    pub(crate) fn open(
        self: &Arc<Self>,
        slot: ck::CK_SLOT_ID,
        token: Arc<Token>,
        read_write: bool,
    ) -> Result<SessionHandle> {
        if !read_write {
            decide_on_token(TokenAction::OpenReadOnlySession, token.login_state()?)?;
        }
        let handle = self.last.fetch_add(1, Ordering::Relaxed) + 1;
        let session = Session {
            handle,
            slot,
            token,
            read_write,
            operations: Mutex::default(),
            made_objects: AtomicBool::new(false),
            key_ended: AtomicBool::new(false),
            ivs: OnceLock::new(),
            last_refusal: Mutex::default(),
        };
        session.token.begin_session(self);
        self.part(handle).write().insert(handle, Arc::new(session));
        Ok(handle)
    }

    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    pub(crate) fn get(&self, handle: SessionHandle) -> Result<Arc<Session>> {
        let part = self.part(handle).read();
        part.get(&handle).cloned().ok_or_else(invalid)
    }

    fn part(&self, handle: SessionHandle) -> &RwLock<HashMap<SessionHandle, Arc<Session>>> {
        let number = usize::try_from(handle % PARTS as u64).unwrap_or_default();
        &self.parts[number].0
    }

    /// C_CloseSession. The login ends with the last session of its slot.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    pub(crate) fn close(&self, handle: SessionHandle) -> Result<()> {
        let closed = self.close_one(handle)?;
        if closed.ended_kept_keys {
            self.drop_keyless(closed.slot);
        }
        Ok(())
    }

    /// Closes a session, and leaves what rests in others with its keys.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    fn close_one(&self, handle: SessionHandle) -> Result<Closed> {
        let removed = self.part(handle).write().remove(&handle);
        let session = removed.ok_or_else(invalid)?;
        let made_objects = session.made_objects.load(Ordering::Acquire);
        let ended_kept_keys = made_objects && session.token.remove_session_objects(handle);
        session.token.end_session();
        Ok(Closed {
            slot: session.slot,
            ended_kept_keys,
        })
    }

    fn of_slot(&self, slot: ck::CK_SLOT_ID) -> Vec<Arc<Session>> {
        let mut found = Vec::new();
        self.each_of_slot(slot, |session| found.push(Arc::clone(session)));
        found
    }

    fn each_of_slot(&self, slot: ck::CK_SLOT_ID, mut take: impl FnMut(&Arc<Session>)) {
        for part in &self.parts {
            let part = part.0.read();
            let of_slot = |session: &&Arc<Session>| session.slot == slot;
            part.values().filter(of_slot).for_each(&mut take);
        }
    }

    /// C_CloseAllSessions.
    pub(crate) fn close_all(&self, slot: ck::CK_SLOT_ID) {
        let mut ended_kept_keys = false;
        for session in self.of_slot(slot) {
            // Where another thread has closed the session meanwhile, nothing is left to do.
            if let Ok(closed) = self.close_one(session.handle) {
                ended_kept_keys |= closed.ended_kept_keys;
            }
        }
        if ended_kept_keys {
            self.drop_keyless(slot);
        }
    }

    #[must_use]
    pub(crate) fn count(&self, slot: ck::CK_SLOT_ID) -> SessionCount {
        let mut count = SessionCount::default();
        self.each_of_slot(slot, |session| {
            count.all += 1;
            count.read_write += u64::from(session.read_write);
        });
        count
    }
}

impl Peers for Sessions {
    fn any_read_only(&self, slot: ck::CK_SLOT_ID) -> bool {
        let count = self.count(slot);
        count.all != count.read_write
    }

    fn end_private(&self, slot: ck::CK_SLOT_ID) {
        for session in self.of_slot(slot) {
            session.operations().end_private();
        }
    }

    fn drop_keyless(&self, slot: ck::CK_SLOT_ID) {
        let sessions = self.of_slot(slot);
        if let Some(session) = sessions.first() {
            session.token.note_keyless_dropped();
        }
        for session in sessions {
            session.drop_keyless();
        }
    }
}

fn invalid() -> Error {
    Error::new(ck::CKR_SESSION_HANDLE_INVALID, "no such session")
}
