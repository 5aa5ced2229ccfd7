//! `tenon anchor`: whether a token's file is the latest one.

use clap::{Args, Subcommand};
use serde_json::json;

use crate::Result;
use crate::ask::{SoPin, confirm};
use crate::output::Format;
use crate::token::Choice;

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Compares the token with its anchor, the note of its changes in the folder of store.anchor
    Show(Show),
    /// Accepts a token that is refused as an older one, with the security officer's PIN
    ///
    /// A token with an anchor is refused when an older copy of its file was put back, or the anchor
    /// is gone; one in a database, when that has lost changes. Accept an old copy only if you put it back
    /// yourself: keys that were deleted since, and PINs that were changed, are as they were.
    Accept(Accept),
}

#[derive(Args)]
pub(crate) struct Show {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
pub(crate) struct Accept {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    so_pin: SoPin,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Show(arguments) => show(arguments),
        Command::Accept(arguments) => accept(arguments),
    }
}

fn show(arguments: &Show) -> Result<()> {
    let status = arguments.choice.token_with_losses()?.anchor_status()?;
    let answer = status.as_ref().map(|status| {
        json!({
            "changes": status.changes,
            "noted": status.noted,
            "refused": status.refused,
        })
    });
    arguments.format.print(&json!(answer), |out| {
        let Some(status) = &status else {
            return writeln!(out, "No anchor: store.anchor is not set");
        };
        let noted = status.noted.map_or("none".to_owned(), |n| n.to_string());
        writeln!(out, "Changes of the token: {}", status.changes)?;
        writeln!(out, "Noted in the anchor:  {noted}")?;
        match &status.refused {
            Some(why) => writeln!(out, "Refused: {why}"),
            None => Ok(()),
        }
    })
}

fn accept(arguments: &Accept) -> Result<()> {
    let token = arguments.choice.token_with_losses()?;
    let status = token.anchor_status()?;
    let refused = status.and_then(|status| status.refused);
    if let Some(why) = refused.filter(|_| !arguments.yes) {
        eprintln!("{why}");
    }
    confirm("Accept the token as it is?", arguments.yes)?;
    let so_pin = arguments.so_pin.source().read()?;
    token.accept_anchor(so_pin.as_bytes())?;
    let changes = token.anchor_status()?.map(|status| status.changes);
    let answer = json!({ "changes": changes });
    arguments.format.print(&answer, |out| match changes {
        Some(changes) => writeln!(
            out,
            "Accepted with {changes} changes, which the anchor has noted"
        ),
        None => writeln!(out, "Accepted"),
    })
}
