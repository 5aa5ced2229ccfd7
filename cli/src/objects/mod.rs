//! `tenon objects`.

mod delete;
mod list;
mod named;
mod show;
mod update;

use clap::Subcommand;

use crate::Result;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists objects; without a login the public ones
    List(list::Arguments),
    /// Shows every attribute of the objects that match
    Show(show::Arguments),
    /// Gives the objects that match another label or ID
    Update(update::Arguments),
    /// Deletes the objects that match
    ///
    /// Of an external key (one that came by C_UnwrapKey) only the material is erased: the key stays
    /// bound to it, and only the same material can be imported again. `tenon byok schedule-deletion`
    /// ends such a key.
    Delete(delete::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::List(arguments) => list::run(arguments),
        Command::Show(arguments) => show::run(arguments),
        Command::Update(arguments) => update::run(arguments),
        Command::Delete(arguments) => delete::run(arguments),
    }
}
