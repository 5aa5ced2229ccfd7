//! The sessions with the token: their beginning and end.

use std::sync::Arc;

use super::Token;
use super::cache::object::SessionHandle;
use super::identity::sessions::Peers;

impl Token {
    /// As `OpenSessions::begin`.
    pub(crate) fn begin_session<P: Peers + 'static>(&self, peers: &Arc<P>) {
        self.sessions.begin(peers);
    }

    /// As `OpenSessions::peers`.
    pub(crate) fn peers(&self) -> Option<Arc<dyn Peers>> {
        self.sessions.peers()
    }

    /// A session is closed. The login ends with the last one.
    pub(crate) fn end_session(&self) {
        if self.sessions.end() {
            self.end_login();
        }
    }

    /// Removes the session objects of a session that closes. Whether operations may rest with one of them in other
    /// sessions.
    pub(crate) fn remove_session_objects(&self, of: SessionHandle) -> bool {
        self.state.objects.close_session(of)
    }
}
