//! `tenon store`: what is done with the places where tokens are kept.

mod relocate;
mod rotate;

use clap::Subcommand;

pub(crate) use relocate::database;

use crate::Result;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Moves a token into a database, or from a database into a file
    ///
    /// The token is copied, every row is compared and the audit record verified; then it is closed where it was, which
    /// programs are told with its new place, and opened there. The slot's number stays. What was cut off is ended by the
    /// same command. Make a backup first.
    #[command(name = "move")]
    Move(relocate::Move),
    /// Takes a token into use again that was moved away, where it is lost at the other place
    TakeBack(relocate::TakeBack),
    /// Seals all keys under a new key of store.key_file, and destroys the old one
    ///
    /// Then older copies of the tokens (backups, an engine's pages, logs and replicas) open no key any more, with the
    /// PIN either: make a new backup. No PIN is needed, and programs may use the tokens meanwhile. Run it again where it
    /// was cut off. Copies of the old file are to be destroyed by whoever has them.
    Rotate(rotate::Arguments),
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Move(arguments) => relocate::run(arguments),
        Command::TakeBack(arguments) => relocate::take_back(arguments),
        Command::Rotate(arguments) => rotate::run(arguments),
    }
}
