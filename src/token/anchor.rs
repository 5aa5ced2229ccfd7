//! The anchor, for the security officer.

use crate::ck;
use crate::error::{Result, refuse};
use crate::policy::Login;

use super::Token;
use super::identity::anchor::{ANCHORED_ROW, AnchorStatus};
use super::identity::audit::Event;
use super::identity::pin::Role;

impl Token {
    /// Refuses a token's file that is not the one its anchor knows.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when it is not, or the anchor is missing, damaged or cannot be read.
    pub fn check_anchor(&self) -> Result<()> {
        self.writer.store.check()
    }

    /// What token and anchor say; `None` when `store.anchor` is not set, but where the token's database has lost
    /// changes.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED, CKR_DEVICE_ERROR.
    pub fn anchor_status(&self) -> Result<Option<AnchorStatus>> {
        self.writer.store.status()
    }

    /// Notes the token's file as it is now, in place of what the anchor knows, and accepts what its database has lost
    /// (`Config::shows_losses`). It takes the security officer's PIN and not a login, since nobody can log in to a token
    /// that is refused.
    ///
    /// # Errors
    /// CKR_ACTION_PROHIBITED where `anchor_status` says nothing; CKR_PIN_INCORRECT, CKR_PIN_LOCKED,
    /// CKR_TOKEN_WRITE_PROTECTED, CKR_DEVICE_ERROR.
    pub fn accept_anchor(&self, so_pin: &[u8]) -> Result<()> {
        let Some(status) = self.anchor_status()? else {
            return refuse(
                ck::CKR_ACTION_PROHIBITED,
                "there is nothing to accept: `store.anchor` is not set, and no database has lost changes",
            );
        };
        self.check_writable()?;
        self.check_pin(Role::So, so_pin)?;
        let mut doing = Event::AnchorAccepted.of(Login::So);
        if let Some(noted) = status.noted {
            doing = doing.and(noted);
        }
        let changes = self.writer.change_anyhow(&self.keys(), doing, |change| {
            if self.state.config.anchor.is_some() {
                change.set_value(ANCHORED_ROW, &[1])?;
            }
            change.accept_loss()?;
            Ok(change.snapshot().generation()? + 1)
        })?;
        self.writer.store.accept(changes)
    }
}
