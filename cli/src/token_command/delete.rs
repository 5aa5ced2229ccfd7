//! `tenon token delete`: a token goes with everything in it.

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::module::Module;

use crate::Result;
use crate::ask::confirm;
use crate::output::Format;
use crate::token::{self, Choice};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    choice: Choice,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let module = token::open()?;
    let (id, what) = chosen(arguments, &module)?;
    let file = module.location(id)?;
    confirm(
        &format!(
            "{what} will be gone for ever, with its audit record. Keys that were made in it exist \
             nowhere else, unless they were wrapped out. No PIN is asked for: whoever owns {file} \
             can remove it. Remove it?"
        ),
        arguments.yes,
    )?;
    module.remove_token(id)?;
    let answer = json!({ "slot": id, "file": file, "deleted": true });
    arguments.format.print(&answer, |out| {
        writeln!(out, "Removed {file} and what was beside it")
    })
}

/// The slot, and what is in it.
fn chosen(arguments: &Arguments, module: &Module) -> Result<(ck::CK_SLOT_ID, String)> {
    let refused = match arguments.choice.find(module) {
        Ok(slot) => {
            let objects = match module.token(slot.id)?.object_count()? {
                1 => "1 object".to_owned(),
                count => format!("{count} objects"),
            };
            let what = format!(
                "The token {} (slot {}, serial number {}) with {objects}",
                slot.label, slot.id, slot.serial
            );
            return Ok((slot.id, what));
        }
        Err(refused) => refused,
    };
    match arguments.choice.number() {
        Some(id) if module.catalog().is_taken(id) => {
            let what = format!("What is in slot {id}, which cannot be read as a token,");
            Ok((id, what))
        }
        _ => Err(refused),
    }
}
