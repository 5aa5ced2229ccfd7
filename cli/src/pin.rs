//! `tenon pin`: PINs are changed by who knows them, and the user's is unlocked by the officer.

use clap::{Args, Subcommand};
use serde_json::json;
use tenon_pkcs11::api::ck;

use crate::Result;
use crate::ask::{EitherPin, NewPin, SoPin, warn_of_equal_pins};
use crate::output::Format;
use crate::token::{Choice, Slot};

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Changes the user's PIN, or the security officer's with --so
    Change(Change),
    /// Sets a new user PIN, whatever became of the old one; keys and objects stay
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
    #[command(flatten)]
    format: Format,
}

#[derive(Args)]
pub(crate) struct Unlock {
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    so_pin: SoPin,
    #[command(flatten)]
    new_pin: NewPin,
    #[command(flatten)]
    format: Format,
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
    open.session.set_pin(old.as_bytes(), new.as_bytes())?;
    tell(&arguments.format, &open.slot, arguments.so)
}

fn unlock(arguments: &Unlock) -> Result<()> {
    let open = arguments.choice.session()?;
    let so_pin = arguments.so_pin.source().read()?;
    open.session.login(ck::CKU_SO, so_pin.as_bytes())?;
    let new = arguments.new_pin.source().read_new()?;
    warn_of_equal_pins(&so_pin, &new);
    open.session.init_pin(new.as_bytes())?;
    tell(&arguments.format, &open.slot, false)
}

/// Says whose PIN of which token is new.
fn tell(format: &Format, slot: &Slot, so: bool) -> Result<()> {
    let (role, pin) = if so {
        ("so", "SO PIN")
    } else {
        ("user", "user PIN")
    };
    let answer =
        json!({ "slot": slot.id, "label": slot.label, "serial": slot.serial, "new_pin": role });
    format.print(&answer, |out| {
        writeln!(
            out,
            "Token {} has a new {pin}: slot {}, serial number {}",
            slot.label, slot.id, slot.serial
        )
    })
}
