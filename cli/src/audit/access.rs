//! Reading the record of a token.

use std::sync::Arc;

use clap::Args;
use tenon_pkcs11::api::token::Token;

use crate::Result;
use crate::ask::EitherPin;
use crate::token::Choice;

/// Records that are read at a time.
pub(super) const PAGE: usize = 1000;

/// The token whose record is read, and who logs in to it.
#[derive(Args)]
pub(super) struct RecordAccess {
    #[command(flatten)]
    choice: Choice,
    /// Log in as the security officer
    #[arg(long, conflicts_with = "pin_file")]
    so: bool,
    #[command(flatten)]
    pin: EitherPin,
}

impl RecordAccess {
    pub(super) fn logged_in(&self) -> Result<Arc<Token>> {
        let token = self.choice.initialized_token()?;
        let pin = self.pin.source(self.so).read()?;
        token.login(self.so, pin.as_bytes())?;
        Ok(token)
    }

    /// The token; logged in if `login` or an option asks for it.
    pub(super) fn token(&self, login: bool) -> Result<Arc<Token>> {
        if login || self.so || self.pin.user.pin_file.is_some() {
            return self.logged_in();
        }
        self.choice.initialized_token()
    }
}
