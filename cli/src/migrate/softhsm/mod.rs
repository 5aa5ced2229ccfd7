//! `tenon migrate softhsm`: tokens of SoftHSM 2, read from their files with their PIN.

mod database;
mod file;
mod seal;
mod token;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::environment;
use super::module_choice::ModuleChoice;
use super::other_module::OtherModule;
use super::report::Origin;
use super::source_choice::SourceChoice;
use super::transfer::{Destination, Transfer};
use crate::Result;

use token::SourceToken;

pub(crate) use token::tokens;

#[derive(Args)]
pub(crate) struct Arguments {
    /// SoftHSM's token folder (directories.tokendir of its softhsm2.conf), or the folder of one token
    folder: PathBuf,
    #[command(flatten)]
    from: SourceChoice,
    #[command(flatten)]
    module: ModuleChoice,
    #[command(flatten)]
    transfer: Destination,
}

/// Where packages put SoftHSM's module.
const MODULES: [&str; 7] = [
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/lib/pkcs11/libsofthsm2.so",
    "/usr/lib64/pkcs11/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
    "/opt/homebrew/lib/softhsm/libsofthsm2.so",
    "/usr/lib/libsofthsm2.so",
];

impl Arguments {
    fn chosen(&self) -> Result<SourceToken> {
        self.from.choose(
            tokens(&self.folder)?,
            |token| (&token.label, &token.serial),
            || format!(
                "{} holds no token of SoftHSM 2: name the folder that softhsm2.conf calls directories.tokendir",
                self.folder.display()
            ),
        )
    }
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let token = arguments.chosen()?;
    let dry_run = arguments.transfer.dry_run;
    let module = arguments.module.path(&MODULES).filter(|_| !dry_run);
    if let Some(module) = &module
        && !environment::is_prepared()
    {
        return environment::run_again("SOFTHSM2_CONF", &token.configuration()?, module);
    }
    let pin = arguments.from.pin.read()?;
    let key = token.open(pin.as_bytes())?;
    let objects = token.objects(&key)?;
    let other = match &module {
        Some(module) => Some(OtherModule::open(module, &token.serial, &pin)?),
        None => None,
    };
    let origin = Origin {
        what: "SoftHSM",
        label: &token.label,
        serial: &token.serial,
        place: &token.folder,
    };
    let count = objects.left();
    let transfer = Transfer::new(&arguments.transfer, origin, other)?;
    transfer.run(count, objects)
}
