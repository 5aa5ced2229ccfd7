//! The open sessions of this process.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::ck;
use crate::error::{Error, Result};
use crate::policy::{TokenAction, decide_on_token};
use crate::token::{SessionHandle, Token};

use super::open::{Peers, Session};
use super::operations::Operations;

#[derive(Default)]
pub(crate) struct Sessions {
    last: AtomicU64,
    open: RwLock<OpenSessions>,
}

#[derive(Default)]
struct OpenSessions {
    sessions: HashMap<SessionHandle, Arc<Session>>,
    counts: HashMap<ck::CK_SLOT_ID, SessionCount>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct SessionCount {
    pub all: u64,
    pub read_write: u64,
}

impl OpenSessions {
    fn insert(&mut self, session: Session) {
        let count = self.counts.entry(session.slot).or_default();
        count.all += 1;
        count.read_write += u64::from(session.read_write);
        self.sessions.insert(session.handle, Arc::new(session));
    }

    /// The session that was removed, and whether it was the last of its slot.
    fn remove(&mut self, handle: SessionHandle) -> Option<(Arc<Session>, bool)> {
        let session = self.sessions.remove(&handle)?;
        let count = self.counts.entry(session.slot).or_default();
        count.all -= 1;
        count.read_write -= u64::from(session.read_write);
        let last = count.all == 0;
        Some((session, last))
    }

    fn of_slot(&self, slot: ck::CK_SLOT_ID) -> Vec<Arc<Session>> {
        let of_slot = |session: &&Arc<Session>| session.slot == slot;
        self.sessions.values().filter(of_slot).cloned().collect()
    }
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
        let peers: Arc<dyn Peers> = Arc::<Self>::clone(self);
        let session = Session {
            handle,
            slot,
            token,
            read_write,
            peers: Arc::downgrade(&peers),
            operations: Mutex::new(Operations::default()),
            last_refusal: Mutex::default(),
        };
        self.open.write().insert(session);
        Ok(handle)
    }

    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    pub(crate) fn get(&self, handle: SessionHandle) -> Result<Arc<Session>> {
        let open = self.open.read();
        open.sessions.get(&handle).cloned().ok_or_else(invalid)
    }

    /// C_CloseSession. The login ends with the last session of its slot.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    pub(crate) fn close(&self, handle: SessionHandle) -> Result<()> {
        let (session, last) = self.open.write().remove(handle).ok_or_else(invalid)?;
        session.token.close_session(handle);
        if last {
            session.token.end_login();
        }
        Ok(())
    }

    /// C_CloseAllSessions.
    pub(crate) fn close_all(&self, slot: ck::CK_SLOT_ID) {
        let of_slot = self.open.read().of_slot(slot);
        for session in of_slot {
            // Where another thread has closed the session meanwhile, nothing is left to do.
            let _ = self.close(session.handle);
        }
    }

    #[must_use]
    pub(crate) fn count(&self, slot: ck::CK_SLOT_ID) -> SessionCount {
        self.open
            .read()
            .counts
            .get(&slot)
            .copied()
            .unwrap_or_default()
    }
}

impl Peers for Sessions {
    fn any_read_only(&self, slot: ck::CK_SLOT_ID) -> bool {
        let count = self.count(slot);
        count.all != count.read_write
    }

    fn end_private(&self, slot: ck::CK_SLOT_ID) {
        let of_slot = self.open.read().of_slot(slot);
        for session in of_slot {
            session.operations.lock().end_private();
        }
    }
}

fn invalid() -> Error {
    Error::new(ck::CKR_SESSION_HANDLE_INVALID, "no such session")
}
