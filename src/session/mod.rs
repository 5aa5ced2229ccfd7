//! One session: its active operations, its search, its state.

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use crate::attr::{RawAttribute, Revealed};
use crate::ck;
use crate::error::{Result, refuse};
use crate::mechanism::{Cipher, Digester, Request, Signer, Verifier};
use crate::out::Out;
use crate::policy::{Login, Use};
use crate::token::{Caller, Handle, SessionHandle, Token};

mod calls;
mod op;
mod registry;

pub use registry::{Count, Sessions};

use op::Active;

/// A session with the token in a slot.
pub struct Session {
    handle: SessionHandle,
    slot: ck::CK_SLOT_ID,
    token: Arc<Token>,
    read_write: bool,
    sessions: Weak<Sessions>,
    state: Mutex<State>,
}

/// What the session is in the middle of.
#[derive(Default)]
struct State {
    encrypt: Option<Active<dyn Cipher>>,
    decrypt: Option<Active<dyn Cipher>>,
    sign: Option<Active<dyn Signer>>,
    verify: Option<Active<dyn Verifier>>,
    digest: Option<Active<dyn Digester>>,
    find: Option<VecDeque<Handle>>,
}

impl State {
    /// Ends every operation that lives by the login.
    fn end_private(&mut self) {
        fn end<T: ?Sized>(active: &mut Option<Active<T>>) {
            if active.as_ref().is_some_and(Active::needs_login) {
                *active = None;
            }
        }
        end(&mut self.encrypt);
        end(&mut self.decrypt);
        end(&mut self.sign);
        end(&mut self.verify);
        self.find = None;
    }

    /// A context-specific login lets the operations that wait for one go on; false if none waits.
    fn authenticate(&mut self) -> bool {
        fn unlock<T: ?Sized>(active: &mut Option<Active<T>>) -> bool {
            active.as_mut().is_some_and(Active::authenticate)
        }
        let sign = unlock(&mut self.sign);
        let decrypt = unlock(&mut self.decrypt);
        sign || decrypt || unlock(&mut self.encrypt) || unlock(&mut self.verify)
    }

    fn awaits_login(&self) -> bool {
        fn waits<T: ?Sized>(active: &Option<Active<T>>) -> bool {
            active.as_ref().is_some_and(Active::awaits_login)
        }
        waits(&self.sign) || waits(&self.decrypt) || waits(&self.encrypt) || waits(&self.verify)
    }
}

impl Session {
    /// Its handle.
    #[must_use]
    pub fn handle(&self) -> SessionHandle {
        self.handle
    }

    fn caller(&self) -> Caller {
        Caller {
            session: self.handle,
            read_write: self.read_write,
        }
    }

    /// C_GetSessionInfo.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn info(&self) -> Result<ck::CK_SESSION_INFO> {
        let state = match (self.token.login_state()?, self.read_write) {
            (Login::Public, false) => ck::CKS_RO_PUBLIC_SESSION,
            (Login::Public, true) => ck::CKS_RW_PUBLIC_SESSION,
            (Login::User, false) => ck::CKS_RO_USER_FUNCTIONS,
            (Login::User, true) => ck::CKS_RW_USER_FUNCTIONS,
            (Login::So, _) => ck::CKS_RW_SO_FUNCTIONS,
        };
        let mut flags = ck::CKF_SERIAL_SESSION;
        if self.read_write {
            flags |= ck::CKF_RW_SESSION;
        }
        Ok(ck::CK_SESSION_INFO {
            slotID: self.slot,
            state,
            flags,
            ulDeviceError: 0,
        })
    }

    /// C_Login.
    ///
    /// # Errors
    /// CKR_USER_TYPE_INVALID, CKR_SESSION_READ_ONLY_EXISTS, CKR_OPERATION_NOT_INITIALIZED for a
    /// context-specific login that no operation waits for, and what `Token::login` says.
    pub fn login(&self, user: ck::CK_USER_TYPE, pin: &[u8]) -> Result<()> {
        match user {
            ck::CKU_USER => self.token.login(false, pin).map(drop),
            ck::CKU_SO => {
                let read_only = |sessions: Arc<Sessions>| sessions.any_read_only(self.slot);
                if self.sessions.upgrade().is_some_and(read_only) {
                    return refuse(
                        ck::CKR_SESSION_READ_ONLY_EXISTS,
                        "the security officer cannot log in while a read-only session is open",
                    );
                }
                self.token.login(true, pin).map(drop)
            }
            ck::CKU_CONTEXT_SPECIFIC => {
                if !self.state.lock().awaits_login() {
                    return refuse(
                        ck::CKR_OPERATION_NOT_INITIALIZED,
                        "no operation waits for a context-specific login",
                    );
                }
                self.token.login_again(pin)?;
                self.state.lock().authenticate();
                Ok(())
            }
            _ => refuse(ck::CKR_USER_TYPE_INVALID, "no such user type"),
        }
    }

    /// C_Logout: ends the operations with private keys of every session of this application.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN.
    pub fn logout(&self) -> Result<()> {
        self.token.logout()?;
        if let Some(sessions) = self.sessions.upgrade() {
            sessions.end_private(self.slot);
        }
        Ok(())
    }

    /// C_InitPIN.
    ///
    /// # Errors
    /// As `Token::init_pin`.
    pub fn init_pin(&self, pin: &[u8]) -> Result<()> {
        self.token.init_pin(pin)
    }

    /// C_SetPIN.
    ///
    /// # Errors
    /// CKR_SESSION_READ_ONLY, and as `Token::set_pin`.
    pub fn set_pin(&self, old: &[u8], new: &[u8]) -> Result<()> {
        if !self.read_write {
            return refuse(
                ck::CKR_SESSION_READ_ONLY,
                "changing a PIN needs a read/write session",
            );
        }
        self.token.set_pin(old, new)
    }
}
