//! `tenon token`: what is done with whole tokens.

mod delete;
mod rename;

use clap::Subcommand;

use crate::Result;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Removes a token with all its keys, also one that is locked or cannot be read
    ///
    /// Asks first, and says what will be lost. No PIN is needed: whoever owns the token's file can
    /// remove it anyway. Refused while a process has the token open. A token that cannot be read is
    /// chosen by --slot.
    Delete(delete::Arguments),
    /// Gives a token another label, with the security officer's PIN
    ///
    /// Programs see the new label at once, also those that have the token open. Whoever names the token by its
    /// label, in a URI or a configuration, has to be told; slot and serial number stay.
    Rename(rename::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Delete(arguments) => delete::run(arguments),
        Command::Rename(arguments) => rename::run(arguments),
    }
}
