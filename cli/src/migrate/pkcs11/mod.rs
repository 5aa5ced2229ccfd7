//! `tenon migrate pkcs11`: what a token of any PKCS#11 module lets out.

mod read;
mod wrapping;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;

use super::other_module::Library;
use super::report::Origin;
use super::source_choice::SourceChoice;
use super::transfer::{Destination, Transfer};
use crate::Result;

#[derive(Args)]
pub(crate) struct Arguments {
    /// The other module
    #[arg(long, value_name = "FILE")]
    module: PathBuf,
    #[command(flatten)]
    from: SourceChoice,
    /// Do not compare what the keys compute
    #[arg(long)]
    no_comparison: bool,
    #[command(flatten)]
    transfer: Destination,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let library = Library::load(&arguments.module)?;
    let token = arguments.from.choose(
        library.tokens()?,
        |token| (&token.label, &token.serial),
        || format!("{} shows no token", arguments.module.display()),
    )?;
    let pin = arguments.from.pin.read()?;
    let other = library.log_in(&token, &pin)?;
    let objects = read::objects(&other)?;
    let origin = Origin {
        what: "the module",
        label: &token.label,
        serial: &token.serial,
        place: &arguments.module,
    };
    let compared = !arguments.no_comparison && !arguments.transfer.dry_run;
    let count = objects.len();
    let transfer = Transfer::new(&arguments.transfer, origin, compared.then_some(other))?;
    transfer.run(count, objects.into_iter())
}
