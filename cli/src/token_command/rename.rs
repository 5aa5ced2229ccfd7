//! `tenon token rename`.

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::module::padded;

use crate::Result;
use crate::ask::SoPin;
use crate::init::label;
use crate::output::Format;
use crate::token::{self, Choice};

#[derive(Args)]
pub(crate) struct Arguments {
    /// The new label, at most 32 bytes of UTF-8
    #[arg(value_name = "LABEL", value_parser = label)]
    label: String,
    #[command(flatten)]
    choice: Choice,
    #[command(flatten)]
    so_pin: SoPin,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let module = token::open()?;
    let slot = arguments.choice.find(&module)?;
    let new = &arguments.label;
    let slots = token::slots(&module)?;
    if let Some(other) = slots.iter().find(|other| other.label == *new) {
        return Err(format!("the token in slot {} has this label already", other.id).into());
    }
    let token = module.token(slot.id)?;
    token.login(true, arguments.so_pin.source().read()?.as_bytes())?;
    token.rename(&padded(new))?;
    let answer = json!({
        "slot": slot.id, "label": new, "old_label": slot.label, "serial": slot.serial,
    });
    arguments.format.print(&answer, |out| {
        writeln!(
            out,
            "Token {} is now {new}: slot {}, serial number {}",
            slot.label, slot.id, slot.serial
        )
    })
}
