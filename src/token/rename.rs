//! Another label for a token.

use super::Token;
use super::identity::state::{IDENTITY_ROW, Identity, LABEL_LEN};
use crate::error::Result;
use crate::policy::{TokenAction, decide_on_token};
use crate::token::identity::audit::Event;

impl Token {
    /// Gives the token this label, blank padded UTF-8, in every process. Only the security officer may do this.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_WRITE_PROTECTED, CKR_DEVICE_ERROR.
    pub fn rename(&self, label: &[u8; LABEL_LEN]) -> Result<()> {
        self.check_writable()?;
        let keys = self.keys();
        decide_on_token(TokenAction::Rename, keys.login)?;
        let identity = &keys.identity;
        let row = Identity::row(&identity.serial, &identity.public, self.rng(), label)?;
        self.change(&keys, Event::Rename, |change| {
            change.set_value(IDENTITY_ROW, &row)
        })?;
        self.state.refresh()
    }
}
