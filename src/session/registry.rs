//! The sessions of this process.

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

/// All open sessions, by handle.
#[derive(Default)]
pub(crate) struct Sessions {
    last: AtomicU64,
    open: RwLock<Open>,
}

#[derive(Default)]
struct Open {
    sessions: HashMap<SessionHandle, Arc<Session>>,
    counts: HashMap<ck::CK_SLOT_ID, Count>,
}

/// Open sessions of a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// All.
    pub all: u64,
    /// The read/write ones among them.
    pub read_write: u64,
}

impl Open {
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
    /// Opens a session with the token in `slot`.
    ///
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
        };
        self.open.write().insert(session);
        Ok(handle)
    }

    /// The session of `handle`.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    pub(crate) fn get(&self, handle: SessionHandle) -> Result<Arc<Session>> {
        let open = self.open.read();
        open.sessions.get(&handle).cloned().ok_or_else(invalid)
    }

    /// C_CloseSession. With the last session of a slot its login goes.
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
            // Another thread may have closed it meanwhile, which is as good.
            let _ = self.close(session.handle);
        }
    }

    /// Number of open sessions of `slot`.
    #[must_use]
    pub(crate) fn count(&self, slot: ck::CK_SLOT_ID) -> Count {
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
