//! A session's state, its logins and PINs.

use std::sync::Arc;

use super::open::Session;
use crate::ck;
use crate::error::{Result, refuse};
use crate::policy::{Login, TokenAction, decide_on_token};
use crate::token::Peers;

impl Session {
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
                let read_only = |peers: Arc<dyn Peers>| peers.any_read_only(self.slot);
                if self.token.peers().is_some_and(read_only) {
                    let action = TokenAction::LogInBesideReadOnly(Login::So);
                    decide_on_token(action, self.token.login_state()?)?;
                }
                self.token.login(true, pin).map(drop)
            }
            ck::CKU_CONTEXT_SPECIFIC => {
                if !self.operations().awaits_login() {
                    return refuse(
                        ck::CKR_OPERATION_NOT_INITIALIZED,
                        "no operation waits for a context-specific login",
                    );
                }
                self.token.login_again(pin)?;
                self.operations().authenticate();
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
        if let Some(peers) = self.token.peers() {
            peers.end_private(self.slot);
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
        let read_write = self.read_write;
        let action = TokenAction::SetOwnPin { read_write };
        decide_on_token(action, self.token.login_state()?)?;
        self.token.set_pin(old, new)
    }
}
