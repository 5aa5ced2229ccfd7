//! `tenon init`: a token with both PINs, in a free slot.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::Result;
use crate::client::{Module, TokenInfo, User};
use crate::pin;

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
    /// File with the security officer's PIN in its first line; else $TENON_SO_PIN; else a prompt
    #[arg(long, value_name = "FILE")]
    so_pin_file: Option<PathBuf>,
    /// File with the user's PIN in its first line; else $TENON_PIN; else a prompt
    #[arg(long, value_name = "FILE")]
    pin_file: Option<PathBuf>,
    /// Succeed without a change when a token of this name is there
    #[arg(long)]
    if_missing: bool,
    /// Print the result as a JSON object
    #[arg(long)]
    json: bool,
    /// The PKCS#11 library; normally the one beside this program
    #[arg(long, value_name = "FILE")]
    module: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let module = Module::open(arguments.module.as_deref())?;
    let slots = module.slots()?;
    let named = slots
        .iter()
        .find(|(_, token)| token.initialised && token.label == arguments.label);
    if let Some((slot, token)) = named {
        if arguments.if_missing {
            report(arguments, *slot, token, false);
            return Ok(());
        }
        return Err(format!("slot {slot} already has a token named {}", token.label).into());
    }
    let slot = choose(&slots, arguments.slot)?;

    let so_pin = pin::read(&pin::Source {
        name: "SO PIN",
        file: arguments.so_pin_file.as_deref(),
        variable: "TENON_SO_PIN",
    })?;
    let user_pin = pin::read(&pin::Source {
        name: "user PIN",
        file: arguments.pin_file.as_deref(),
        variable: "TENON_PIN",
    })?;
    module.init_token(slot, &so_pin, &arguments.label)?;
    let (slot, token) = module.token(&arguments.label)?;
    let session = module.session(slot)?;
    session.login(User::SecurityOfficer, &so_pin)?;
    session.init_pin(&user_pin)?;
    report(arguments, slot, &token, true);
    Ok(())
}

/// The slot to use among all; never one whose token would be erased.
fn choose(slots: &[(u64, TokenInfo)], wanted: Option<u64>) -> Result<u64> {
    let Some(wanted) = wanted else {
        return slots
            .iter()
            .find(|(_, token)| !token.initialised)
            .map(|(slot, _)| *slot)
            .ok_or_else(|| "there is no free slot".into());
    };
    let Some((_, token)) = slots.iter().find(|(slot, _)| *slot == wanted) else {
        let offered: Vec<_> = slots.iter().map(|(slot, _)| slot.to_string()).collect();
        return Err(format!("no slot {wanted}; there are: {}", offered.join(", ")).into());
    };
    if token.initialised {
        return Err(format!(
            "slot {wanted} holds the token {}, which is not erased by this command",
            token.label
        )
        .into());
    }
    Ok(wanted)
}

fn report(arguments: &Arguments, slot: u64, token: &TokenInfo, created: bool) {
    if arguments.json {
        let answer = json!({
            "slot": slot, "label": token.label, "serial": token.serial, "created": created,
        });
        println!("{answer}");
        return;
    }
    let what = if created { "made" } else { "already there" };
    println!(
        "Token {} {what}: slot {slot}, serial number {}",
        token.label, token.serial
    );
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

    fn token(label: &str, initialised: bool) -> TokenInfo {
        TokenInfo {
            label: label.to_owned(),
            serial: String::new(),
            initialised,
        }
    }

    #[test]
    fn a_token_is_never_chosen_to_be_erased() {
        let slots = [(0, token("a", true)), (3, token("", false))];
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
