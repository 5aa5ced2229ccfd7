//! `tenon restore`: a backup in the place of a token.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::clock::SystemClock;
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::error::Error;
use tenon_pkcs11::api::module::Module;
use tenon_pkcs11::api::store::SLOT_LIMIT;
use tenon_pkcs11::api::token::{TokenCopy, Undone};

use crate::Result;
use crate::ask::confirm;
use crate::backup::{describe, label, progress};
use crate::number::whole;
use crate::output::{Format, printable};
use crate::token::open;

#[derive(Args)]
pub(crate) struct Arguments {
    /// What `tenon backup` has made, or a copy of a token's file that no program had open
    file: PathBuf,
    /// Slot number; else the slot of the same token, else the first free one
    #[arg(long, value_name = "NUMBER", value_parser = whole::<u64>(0..=u64::MAX))]
    slot: Option<u64>,
    /// Restore although another slot has the same token, which programs then find twice
    #[arg(long)]
    force: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let config = Config::load()?;
    if config.read_only {
        return Err("store.read_only is set: nothing is restored".into());
    }
    let module = open()?;
    let copy = read(arguments, &module, config)?;
    let slot = choose(arguments, &module, &copy.status().serial)?;
    let place = module.location(slot)?;
    let undone = look(&module, slot, &copy);
    let catalog = module.catalog().clone();
    // From here on this process must have no token open.
    drop(module);
    catalog.check_unused(slot).map_err(Error::from)?;
    let question = match &undone {
        Present::Nothing => None,
        Present::Unreadable(why) => {
            eprintln!("What is in slot {slot} cannot be opened: {why}");
            Some(format!("Replace {place}?"))
        }
        Present::Token(undone) => {
            eprintln!("{}", explain(&copy, undone));
            Some(format!("Replace the token in slot {slot}?"))
        }
    };
    if let Some(question) = question {
        confirm(&question, arguments.yes)?;
    }
    let status = copy.status().clone();
    let replaced = match &undone {
        Present::Token(undone) => Some(&undone.now),
        Present::Nothing | Present::Unreadable(_) => None,
    };
    copy.install(&*catalog, slot, replaced.map(|now| now.changes))?;

    let refused = refusal(slot)?;
    if let Some(why) = &refused {
        eprintln!("The token is restored, and refused until `tenon anchor accept`: {why}");
    }
    let answer = json!({
        "slot": slot,
        "serial": status.serial,
        "label": label(&status),
        "generation": status.changes,
        "objects": status.objects,
        "audit_position": status.records,
        "replaced": replaced.map(|now| json!({
            "serial": now.serial,
            "generation": now.changes,
            "audit_position": now.records,
        })),
        "refused": refused,
    });
    arguments.format.print(&answer, |out| {
        writeln!(out, "Slot {slot}: {}", describe(&status))
    })
}

/// The backup, verified. A copy of it lies beside the tokens from here on, under a name of its own.
fn read(arguments: &Arguments, module: &Module, config: Config) -> Result<TokenCopy> {
    let file = arguments
        .file
        .canonicalize()
        .map_err(|error| format!("cannot read {}: {error}", arguments.file.display()))?;
    // A number that no slot has is refused before anything is copied.
    module.location(arguments.slot.unwrap_or(0))?;
    let copy = TokenCopy::of_file(
        &**module.catalog(),
        &file,
        Arc::new(config),
        Arc::new(SystemClock),
        Arc::new(SystemRng),
        progress(),
    );
    copy.map_err(|error| format!("{} is no backup: {error}", file.display()).into())
}

/// The slot that was named; else that of the same token; else the first free one.
fn choose(arguments: &Arguments, module: &Module, serial: &str) -> Result<u64> {
    let mut same = Vec::new();
    for id in module.slots() {
        let Ok(info) = module.token_info(id) else {
            continue;
        };
        if printable(info.serialNumber.trim_ascii_end()) == serial {
            same.push(id);
        }
    }
    let free = |id: &u64| !module.catalog().is_taken(*id);
    match (arguments.slot, same.as_slice()) {
        (Some(slot), []) => Ok(slot),
        (Some(slot), same) if same == [slot] || arguments.force => Ok(slot),
        (Some(_), same) => Err(format!(
            "slot {} has this token already: restore it there, or say --force",
            same[0]
        )
        .into()),
        (None, [only]) => Ok(*only),
        (None, []) => (0..SLOT_LIMIT)
            .find(free)
            .ok_or_else(|| "there is no free slot".into()),
        (None, several) => Err(format!("slots {several:?} have this token: say --slot").into()),
    }
}

/// What is in the slot now.
enum Present {
    Nothing,
    Unreadable(String),
    Token(Box<Undone>),
}

fn look(module: &Module, slot: u64, copy: &TokenCopy) -> Present {
    if !module.catalog().is_taken(slot) {
        return Present::Nothing;
    }
    let undone = module.token(slot).and_then(|token| token.undone_by(copy));
    match undone {
        Ok(undone) => Present::Token(Box::new(undone)),
        Err(error) => Present::Unreadable(error.to_string()),
    }
}

fn explain(copy: &TokenCopy, undone: &Undone) -> String {
    let mut lines = vec![
        format!("Backup:  {}", describe(copy.status())),
        format!("In slot: {}", describe(&undone.now)),
    ];
    let mut say = |wanted: bool, line: String| {
        if wanted {
            lines.push(line);
        }
    };
    let Undone {
        same_token,
        continues,
        keys_lost,
        keys_back,
        ..
    } = *undone;
    say(
        !same_token,
        "The slot has ANOTHER token, which would be lost whole.".into(),
    );
    say(
        same_token && !continues,
        "The two went their own ways since a backup was restored.".into(),
    );
    say(
        keys_lost > 0,
        format!("Keys of the token that the backup has not, and that would be lost: {keys_lost}"),
    );
    say(
        same_token && keys_back > 0,
        format!("Keys that were destroyed since the backup, and would be back: {keys_back}"),
    );
    let pins = [(undone.so_pin, "SO PIN"), (undone.user_pin, "user PIN")];
    for (_, pin) in pins.iter().filter(|(other, _)| *other && same_token) {
        say(
            true,
            format!("The {pin} was changed since: the old one would be in force."),
        );
    }
    say(
        same_token,
        "Wrong tries, expiry, disabled keys, the clock mark and the audit record would be as then."
            .into(),
    );
    lines.join("\n")
}

/// Why the restored token is refused, if it is.
fn refusal(slot: u64) -> Result<Option<String>> {
    let status = open()?.token(slot)?.anchor_status()?;
    Ok(status.and_then(|status| status.refused))
}
