//! Stand-in for the module.
#![allow(missing_docs, unused_variables)]

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::ck::*;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Result, refuse};
use crate::mechanism::Mechanism;
use crate::rng::Rng;
use crate::session::Session;

pub struct Module {
    sessions: RwLock<HashMap<CK_SESSION_HANDLE, Arc<Session>>>,
    next: AtomicU64,
}

impl Module {
    pub fn open(config: Config, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Result<Self> {
        Ok(Self {
            sessions: RwLock::default(),
            next: AtomicU64::new(1),
        })
    }
    pub fn slots(&self, token_present: bool) -> Vec<CK_SLOT_ID> {
        vec![0]
    }
    pub fn slot_info(&self, slot: CK_SLOT_ID) -> Result<CK_SLOT_INFO> {
        no()
    }
    pub fn token_info(&self, slot: CK_SLOT_ID) -> Result<CK_TOKEN_INFO> {
        no()
    }
    pub fn mechanisms(&self, slot: CK_SLOT_ID) -> Result<Vec<CK_MECHANISM_TYPE>> {
        no()
    }
    pub fn mechanism_info(
        &self,
        slot: CK_SLOT_ID,
        kind: CK_MECHANISM_TYPE,
    ) -> Result<CK_MECHANISM_INFO> {
        no()
    }
    pub fn mechanism(&self, kind: CK_MECHANISM_TYPE) -> Result<&'static Mechanism> {
        refuse(CKR_MECHANISM_INVALID, "")
    }
    pub fn init_token(&self, slot: CK_SLOT_ID, pin: &[u8], label: &[u8; 32]) -> Result<()> {
        no()
    }
    pub fn open_session(&self, slot: CK_SLOT_ID, flags: CK_FLAGS) -> Result<CK_SESSION_HANDLE> {
        let handle = self.next.fetch_add(1, Ordering::Relaxed);
        self.sessions.write().insert(handle, Arc::new(Session));
        Ok(handle)
    }
    pub fn close_session(&self, handle: CK_SESSION_HANDLE) -> Result<()> {
        match self.sessions.write().remove(&handle) {
            Some(_) => Ok(()),
            None => refuse(CKR_SESSION_HANDLE_INVALID, ""),
        }
    }
    pub fn close_all_sessions(&self, slot: CK_SLOT_ID) -> Result<()> {
        no()
    }
    pub fn session(&self, handle: CK_SESSION_HANDLE) -> Result<Arc<Session>> {
        match self.sessions.read().get(&handle) {
            Some(session) => Ok(session.clone()),
            None => refuse(CKR_SESSION_HANDLE_INVALID, ""),
        }
    }
    pub fn wait_for_slot_event(&self, flags: CK_FLAGS) -> Result<CK_SLOT_ID> {
        refuse(CKR_NO_EVENT, "")
    }
}

fn no<T>() -> Result<T> {
    refuse(CKR_FUNCTION_NOT_SUPPORTED, "")
}
