//! What the user asks of `tenon doctor`.

use clap::Args;

use crate::ask::EitherPin;
use crate::output::Format;
use crate::token::Choice;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(super) choice: Choice,
    /// Ask for the user's PIN where none is given, for the checks that need one
    #[arg(long)]
    pub(super) login: bool,
    /// Log in as the security officer
    #[arg(long, conflicts_with_all = ["pin_file", "login"])]
    pub(super) so: bool,
    #[command(flatten)]
    pub(super) pin: EitherPin,
    #[command(flatten)]
    pub(super) format: Format,
}
