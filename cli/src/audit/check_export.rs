//! `tenon audit check-export`: whether an export is what the token signed. It needs no token.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::output::Format;
use crate::proof::Signed;
use crate::when::utc;
use crate::{Result, files};

/// `type` of the statement of an export.
const TYPE: &str = "tenon audit export 1";

#[derive(Args)]
pub(crate) struct Arguments {
    /// The export
    #[arg(value_name = "EXPORT")]
    export: PathBuf,
    /// What the token signed of it: `tenon audit export --statement`
    #[arg(long, value_name = "FILE")]
    statement: PathBuf,
    #[command(flatten)]
    signed: Signed,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let mut proven = arguments.signed.read(&arguments.statement)?;
    proven.same("kind of statement", "type", TYPE)?;
    proven.same(
        "SHA-256 of the export",
        "sha256",
        &files::sha256(&arguments.export)?,
    )?;
    let said = proven.json();
    let answer = json!({
        "serial": said["serial"],
        "first": said["first"],
        "last": said["last"],
        "issued_at": said["issued_at"],
        "sha256": said["sha256"],
    });
    arguments.format.print(&answer, |out| {
        writeln!(
            out,
            "Records {} to {} of the token {} are as it signed them at {}",
            said["first"],
            said["last"],
            proven.text("serial"),
            utc(proven.time("issued_at"))
        )
    })
}
