//! `tenon audit`: the token's own record of what was done with it.

mod access;
mod archive;
mod check_export;
mod ecs;
mod export;
mod list;
mod record;
mod syslog;
mod verify;

use clap::Subcommand;

use crate::Result;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Lists the last records; labels of objects only after a login
    ///
    /// What is listed is not verified: `tenon audit verify` does that.
    List(list::Arguments),
    /// Checks that every record is genuine, and every object as its last record left it
    ///
    /// Finds records that were edited, removed, reordered or cut off; objects that were edited,
    /// removed, added or put back as they were before; rows of the search index that are missing, added
    /// or of another object; and damage of the file. Says the first one, and exits with status 1.
    Verify(verify::Arguments),
    /// Moves all records but the last to a file, so that the token's file stays small
    ///
    /// Everything is verified first. The chain of records goes on from the file to the token: keep the
    /// file, since `tenon audit verify --archive` and `tenon audit export --archive` need it. A record is
    /// removed from the token when it is safe in the file, so a crash loses none; the same command
    /// then goes on with the same file.
    Archive(archive::Arguments),
    /// Writes all records to standard output, one JSON object a line
    ///
    /// The names are those of the Elastic Common Schema (docs/json.md); below `tenon` is the record as
    /// `tenon audit list --json` shows it.
    Export(export::Arguments),
    /// Checks an export by the token's attestation key alone, where the token is not
    ///
    /// `tenon audit export --statement` has the token sign what it exports. The attestation key is the one that
    /// `tenon init --attestation-key` or `tenon byok attestation-key` wrote when the token was trusted.
    CheckExport(check_export::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::List(arguments) => list::run(arguments),
        Command::Verify(arguments) => verify::run(arguments),
        Command::Archive(arguments) => archive::run(arguments),
        Command::Export(arguments) => export::run(arguments),
        Command::CheckExport(arguments) => check_export::run(arguments),
    }
}
