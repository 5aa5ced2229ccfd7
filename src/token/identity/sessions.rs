//! The sessions that are open with a token: how many, and how a call in one of them reaches the others.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use crate::ck;

/// What a call in one session asks of all sessions of the process.
pub(crate) trait Peers: Send + Sync {
    fn any_read_only(&self, slot: ck::CK_SLOT_ID) -> bool;

    /// Ends the operations with private keys, and the searches, of every session with `slot`.
    fn end_private(&self, slot: ck::CK_SLOT_ID);

    /// Drops what rests in sessions with `slot` and has a key that has left memory.
    fn drop_keyless(&self, slot: ck::CK_SLOT_ID);
}

#[derive(Default)]
pub(in crate::token) struct OpenSessions {
    count: AtomicU64,
    /// Known from the first session on. Kept here and not in each session, so that opening one counts no reference.
    peers: OnceLock<Weak<dyn Peers>>,
}

impl OpenSessions {
    /// A session is opened, one of those that `peers` knows.
    pub(in crate::token) fn begin<P: Peers + 'static>(&self, peers: &Arc<P>) {
        self.peers
            .get_or_init(|| Arc::<P>::downgrade(peers) as Weak<dyn Peers>);
        self.count.fetch_add(1, Ordering::SeqCst);
    }

    /// A session is closed. Whether it was the last one.
    pub(in crate::token) fn end(&self) -> bool {
        self.count.fetch_sub(1, Ordering::SeqCst) == 1
    }

    /// All sessions of the process; `None` before the first one, and once the module that had them is closed.
    pub(in crate::token) fn peers(&self) -> Option<Arc<dyn Peers>> {
        self.peers.get()?.upgrade()
    }
}
