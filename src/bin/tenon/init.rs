//! `tenon init`: a token with both PINs, in a free slot.

use std::path::PathBuf;

use clap::Args;
use pem_rfc7468::LineEnding;
use serde_json::json;
use tenon_pkcs11::ck;
use tenon_pkcs11::module::{Module, padded};

use crate::Result;
use crate::ask::{SoPin, UserPin};
use crate::files;
use crate::output::Format;
use crate::token::{self, Slot};

/// Length of CK_TOKEN_INFO's label in bytes.
const LABEL_LEN: usize = 32;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Slot number; it must be free
    #[arg(long, conflicts_with = "free")]
    slot: Option<u64>,
    /// The first free slot (the default)
    #[arg(long)]
    free: bool,
    /// Name of the token, at most 32 bytes of UTF-8
    #[arg(long, value_parser = label)]
    label: String,
    #[command(flatten)]
    so_pin: SoPin,
    #[command(flatten)]
    pin: UserPin,
    /// Succeed without a change when a token of this name is there
    #[arg(long)]
    if_missing: bool,
    /// Write the token's attestation key, PEM, to a new file: with it anybody verifies the token's
    /// receipts of imports
    #[arg(long, value_name = "FILE")]
    attestation_key: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(file) = arguments
        .attestation_key
        .as_deref()
        .filter(|file| file.exists())
    {
        return Err(format!("{} is there already", file.display()).into());
    }
    let module = token::open()?;
    let slots = token::slots(&module)?;
    let named = |slot: &&Slot| slot.initialised() && slot.label == arguments.label;
    if let Some(slot) = slots.iter().find(named) {
        if arguments.if_missing {
            write_attestation_key(arguments, &module, slot.id)?;
            return report(arguments, slot, false);
        }
        return Err(format!("slot {} already has a token named {}", slot.id, slot.label).into());
    }
    let id = choose(&slots, arguments.slot)?;
    let so_pin = arguments.so_pin.source().read_new()?;
    let pin = arguments.pin.source().read_new()?;

    module.init_token(id, so_pin.as_bytes(), &padded(&arguments.label))?;
    let flags = ck::CKF_SERIAL_SESSION | ck::CKF_RW_SESSION;
    let session = module.session(module.open_session(id, flags)?)?;
    session.login(ck::CKU_SO, so_pin.as_bytes())?;
    session.init_pin(pin.as_bytes())?;
    write_attestation_key(arguments, &module, id)?;
    let made = token::slots(&module)?;
    let made = made.iter().find(|slot| slot.id == id);
    report(arguments, made.ok_or("the new token is gone")?, true)
}

/// The slot to use among all; never one whose token would be erased.
fn choose(slots: &[Slot], wanted: Option<u64>) -> Result<u64> {
    let Some(wanted) = wanted else {
        return slots
            .iter()
            .find(|slot| !slot.initialised())
            .map(|slot| slot.id)
            .ok_or_else(|| "there is no free slot".into());
    };
    let Some(slot) = slots.iter().find(|slot| slot.id == wanted) else {
        let offered: Vec<_> = slots.iter().map(|slot| slot.id.to_string()).collect();
        return Err(format!("no slot {wanted}; there are: {}", offered.join(", ")).into());
    };
    if slot.initialised() {
        return Err(format!(
            "slot {wanted} holds the token {}, which is not erased by this command",
            slot.label
        )
        .into());
    }
    Ok(wanted)
}

fn write_attestation_key(arguments: &Arguments, module: &Module, slot: u64) -> Result<()> {
    let Some(file) = &arguments.attestation_key else {
        return Ok(());
    };
    let spki = module.token(slot)?.attestation_key()?;
    let pem = pem_rfc7468::encode_string("PUBLIC KEY", LineEnding::LF, &spki)
        .map_err(|error| format!("the attestation key has no PEM form: {error}"))?;
    files::write_new(file, pem.as_bytes())
}

fn report(arguments: &Arguments, slot: &Slot, created: bool) -> Result<()> {
    let Slot {
        id, label, serial, ..
    } = slot;
    let answer = json!({ "slot": id, "label": label, "serial": serial, "created": created });
    let what = if created { "made" } else { "already there" };
    arguments.format.print(&answer, |out| {
        writeln!(
            out,
            "Token {label} {what}: slot {id}, serial number {serial}"
        )
    })
}

fn label(text: &str) -> std::result::Result<String, String> {
    if text.is_empty() || text.len() > LABEL_LEN {
        return Err(format!("a label has 1 to {LABEL_LEN} bytes"));
    }
    if text.ends_with(' ') {
        return Err("a label is padded with blanks, so it cannot end in one".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slot(id: u64, flags: ck::CK_FLAGS) -> Slot {
        Slot {
            id,
            label: String::new(),
            serial: String::new(),
            flags,
            user_tries: None,
            so_tries: None,
        }
    }

    #[test]
    fn a_token_is_never_chosen_to_be_erased() {
        let slots = [slot(0, ck::CKF_TOKEN_INITIALIZED), slot(3, 0)];
        assert_eq!(choose(&slots, None).unwrap(), 3);
        assert_eq!(choose(&slots, Some(3)).unwrap(), 3);
        assert!(choose(&slots, Some(0)).is_err());
        assert!(choose(&slots, Some(1)).is_err());
        assert!(choose(&slots[..1], None).is_err());
    }

    #[test]
    fn labels_fit_the_field() {
        assert!(label(&"x".repeat(32)).is_ok());
        for bad in ["", "ends in blank ", &"x".repeat(33), &"é".repeat(17)] {
            assert!(label(bad).is_err(), "{bad:?}");
        }
    }
}
