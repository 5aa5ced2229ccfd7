//! `tenon init`: a token with both PINs, in a free slot.

use std::path::PathBuf;

use clap::Args;
use pem_rfc7468::LineEnding;
use serde_json::json;
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::config::{Config, Target};
use tenon_pkcs11::api::module::{Module, NewToken, padded};

use crate::Result;
use crate::ask::{SoPin, UserPin, warn_of_equal_pins};
use crate::files;
use crate::number::whole;
use crate::numbered_keys;
use crate::output::Format;
use crate::store_command::database;
use crate::token::{self, Slot};

/// Length of CK_TOKEN_INFO's label in bytes.
const LABEL_LEN: usize = 32;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Slot number; it must be free
    #[arg(long, value_parser = whole::<u64>(0..=u64::MAX), conflicts_with = "free")]
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
    /// Succeed without a change when a token of this name is there; refused while a token is there
    /// that cannot be read
    #[arg(long)]
    if_missing: bool,
    /// Write the token's attestation key, PEM, to a new file: with it anybody verifies the token's
    /// receipts of imports
    #[arg(long, value_name = "FILE")]
    attestation_key: Option<PathBuf>,
    /// Make the token in this database of PostgreSQL, and the tables where they are missing, whatever store.url says; a
    /// URL as store.url has it, but without a password
    #[arg(long, value_name = "URL", value_parser = database)]
    store_url: Option<Target>,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(file) = &arguments.attestation_key {
        files::check_new(file)?;
    }
    let mut config = Config::load()?;
    if let Some(url) = &arguments.store_url {
        config.store_url = Some(url.clone());
    }
    let module = token::open_with(config)?;
    let slots = token::slots(&module)?;
    let named = |slot: &&Slot| slot.initialised() && slot.label == arguments.label;
    if let Some(slot) = slots.iter().find(named) {
        return there_already(arguments, &module, slot);
    }
    // This refuses what it can before a PIN is asked for; making the token checks all of it again.
    check(arguments, &slots)?;
    check_anchor()?;
    let so_pin = arguments.so_pin.source().read_new()?;
    let user_pin = arguments.pin.source().read_new()?;
    warn_of_equal_pins(&so_pin, &user_pin);

    numbered_keys::make_missing(&module)?;
    let made = module.make_token(&NewToken {
        label: padded(&arguments.label),
        so_pin: so_pin.as_bytes(),
        user_pin: user_pin.as_bytes(),
        slot: arguments.slot,
        sure_of_name: arguments.if_missing,
    })?;
    let slots = token::slots(&module)?;
    let slot = slots.iter().find(|slot| slot.id == made.slot);
    let slot = slot.ok_or("the new token is gone")?;
    if !made.created {
        return there_already(arguments, &module, slot);
    }
    write_attestation_key(arguments, &module, slot.id)?;
    report(arguments, slot, true)
}

/// A token of this name is there: right with --if-missing, else an error.
fn there_already(arguments: &Arguments, module: &Module, slot: &Slot) -> Result<()> {
    if !arguments.if_missing {
        return Err(format!("slot {} already has a token named {}", slot.id, slot.label).into());
    }
    if slot.flags & ck::CKF_USER_PIN_INITIALIZED == 0 {
        return Err(format!(
            "the token {} in slot {} has no user PIN: `tenon pin unlock` sets one",
            slot.label, slot.id
        )
        .into());
    }
    write_attestation_key(arguments, module, slot.id)?;
    report(arguments, slot, false)
}

/// Refuses a slot that is not free, and a name that a token may have that cannot be read. Who names
/// a slot, and does not say --if-missing, is only warned of such a token.
fn check(arguments: &Arguments, slots: &[Slot]) -> Result<()> {
    let unreadable = token::unreadable(slots);
    if !unreadable.is_empty() {
        let problem = format!(
            "a token named {} may be there already, unread: {unreadable}",
            arguments.label
        );
        if arguments.if_missing || arguments.slot.is_none() {
            return Err(problem.into());
        }
        eprintln!("tenon: {problem}");
    }
    match arguments.slot {
        Some(wanted) => free(slots, wanted),
        None => Ok(()),
    }
}

/// Refuses a setting with which the token could not be used: its first login would need the anchor's folder.
fn check_anchor() -> Result<()> {
    match Config::load()?.anchor.filter(|folder| !folder.is_dir()) {
        Some(folder) => Err(format!(
            "the folder of `store.anchor` is not there ({}): mount it or make it, and begin again",
            folder.display()
        )
        .into()),
        None => Ok(()),
    }
}

/// Refuses a slot in which no token can be made.
fn free(slots: &[Slot], wanted: u64) -> Result<()> {
    let Some(slot) = slots.iter().find(|slot| slot.id == wanted) else {
        let offered: Vec<_> = slots.iter().map(|slot| slot.id.to_string()).collect();
        return Err(format!("no slot {wanted}; there are: {}", offered.join(", ")).into());
    };
    if slot.unreadable.is_some() {
        return Err(format!(
            "slot {wanted} holds a token that cannot be read, and is not erased by this command"
        )
        .into());
    }
    if slot.initialised() {
        return Err(format!(
            "slot {wanted} holds the token {}, which is not erased by this command",
            slot.label
        )
        .into());
    }
    Ok(())
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

/// A label as a token can have it.
pub(crate) fn label(text: &str) -> std::result::Result<String, String> {
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
            unreadable: None,
            user_tries: None,
            so_tries: None,
        }
    }

    #[test]
    fn a_token_is_never_chosen_to_be_erased() {
        let mut slots = [slot(0, ck::CKF_TOKEN_INITIALIZED), slot(3, 0), slot(4, 0)];
        slots[2].unreadable = Some("no rights".into());
        assert!(free(&slots, 3).is_ok());
        for taken in [0, 1, 4] {
            assert!(free(&slots, taken).is_err(), "{taken}");
        }
    }

    #[test]
    fn labels_fit_the_field() {
        assert!(label(&"x".repeat(32)).is_ok());
        for bad in ["", "ends in blank ", &"x".repeat(33), &"é".repeat(17)] {
            assert!(label(bad).is_err(), "{bad:?}");
        }
    }
}
