//! `tenon audit archive`: records move from the token to a file.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::access::RecordAccess;
use crate::Result;
use crate::output::{Format, hex};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    access: RecordAccess,
    /// The file: a new one, or that of the last archiving, which is then gone on with
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let token = arguments.access.logged_in()?;
    let watched = io::stderr().is_terminal();
    let archived = token.archive_audit(&arguments.file, |moved| {
        if watched {
            eprint!("\r{moved} records");
        }
    })?;
    if watched {
        eprintln!();
    }
    let digest = archived.digest.map(|digest| hex(&digest));
    let answer = json!({
        "records": archived.records,
        "up_to": archived.up_to,
        "sha256": digest,
    });
    arguments.format.print(&answer, |out| match &digest {
        Some(digest) => {
            writeln!(
                out,
                "Moved {} records, up to record {}, to {}",
                archived.records,
                archived.up_to,
                arguments.file.display()
            )?;
            writeln!(out, "SHA-256 of the file: {digest}")
        }
        None => writeln!(
            out,
            "There is nothing to archive: the last record stays in the token"
        ),
    })
}
