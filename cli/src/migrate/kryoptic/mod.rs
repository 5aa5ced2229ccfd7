//! `tenon migrate kryoptic`: a token of kryoptic, read from its database with its PIN.

mod database;
mod seal;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::environment;
use super::module_choice::ModuleChoice;
use super::other_module::OtherModule;
use super::report::Origin;
use super::source_choice::SourcePin;
use super::transfer::{Destination, Transfer};
use crate::Result;

pub(crate) use database::Database;

#[derive(Args)]
pub(crate) struct Arguments {
    /// kryoptic's database: dbargs of the slot in its token.conf
    database: PathBuf,
    #[command(flatten)]
    pin: SourcePin,
    #[command(flatten)]
    module: ModuleChoice,
    #[command(flatten)]
    transfer: Destination,
}

/// Where packages put kryoptic's module.
const MODULES: [&str; 4] = [
    "/usr/lib64/pkcs11/libkryoptic_pkcs11.so",
    "/usr/lib/x86_64-linux-gnu/pkcs11/libkryoptic_pkcs11.so",
    "/usr/lib/pkcs11/libkryoptic_pkcs11.so",
    "/usr/local/lib/pkcs11/libkryoptic_pkcs11.so",
];

impl Arguments {
    /// A configuration of kryoptic whose only slot has the database: TOML, whose strings may be written as those of JSON.
    fn configuration(&self) -> Result<String> {
        let file = json!(std::path::absolute(&self.database)?);
        Ok(format!(
            "[[slots]]\nslot = 0\ndbtype = \"sqlite\"\ndbargs = {file}\n"
        ))
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let database = Database::open(&arguments.database)?;
    let dry_run = arguments.transfer.dry_run;
    let module = arguments.module.path(&MODULES).filter(|_| !dry_run);
    if let Some(module) = &module
        && !environment::is_prepared()
    {
        return environment::run_again("KRYOPTIC_CONF", &arguments.configuration()?, module);
    }
    let pin = arguments.pin.read()?;
    let key = database.unlock(pin.as_bytes())?;
    let objects = database.objects(&key)?;
    let other = match &module {
        Some(module) => Some(OtherModule::open(module, &database.serial, &pin)?),
        None => None,
    };
    let origin = Origin {
        what: "kryoptic",
        label: &database.label,
        serial: &database.serial,
        place: &arguments.database,
    };
    let transfer = Transfer::new(&arguments.transfer, origin, other)?;
    transfer.run(objects.len(), objects)
}
