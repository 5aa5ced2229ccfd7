//! `tenon pin`: PINs are changed by who knows them, and the user's is unlocked by the officer.

use clap::{Args, Subcommand};
use tenon_pkcs11::api::ck;

use crate::ask::{EitherPin, NewPin, SoPin};
use crate::token::Choice;
use crate::{EXIT_STATUS, Result};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Changes the user's PIN, or the security officer's with --so
    #[command(after_help = EXIT_STATUS)]
    Change(Change),
    /// Sets a new user PIN, whatever became of the old one; keys and objects stay
    #[command(after_help = EXIT_STATUS)]
    Unlock(Unlock),
}

#[derive(Args)]
pub(crate) struct Change {
    #[command(flatten)]
    choice: Choice,
    /// Change the security officer's PIN
    #[arg(long, conflicts_with = "pin_file")]
    so: bool,
    #[command(flatten)]
    pin: EitherPin,
    #[command(flatten)]
    new_pin: NewPin,
}

#[derive(Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    so_pin: SoPin,
    #[command(flatten)]
    new_pin: NewPin,
}

pub(crate) fn run(command: &Command) -> Result<()> {
    match command {
        Command::Change(arguments) => change(arguments),
        Command::Unlock(arguments) => unlock(arguments),
    }
}

fn change(arguments: &Change) -> Result<()> {
    let open = arguments.choice.session()?;
    let user = if arguments.so {
        ck::CKU_SO
    } else {
        ck::CKU_USER
    };
    let old = arguments.pin.source(arguments.so).read()?;
    open.session.login(user, old.as_bytes())?;
    let new = arguments.new_pin.source().read_new()?;
    Ok(open.session.set_pin(old.as_bytes(), new.as_bytes())?)
}

fn unlock(arguments: &Unlock) -> Result<()> {
    let open = arguments.choice.session()?;
    let so_pin = arguments.so_pin.source().read()?;
    open.session.login(ck::CKU_SO, so_pin.as_bytes())?;
    let new = arguments.new_pin.source().read_new()?;
    Ok(open.session.init_pin(new.as_bytes())?)
}
