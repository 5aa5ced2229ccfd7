//! `tenon audit verify`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::token::VerifiedArchives;

use super::access::RecordAccess;
use crate::Result;
use crate::output::Format;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    access: RecordAccess,
    /// Archives that `tenon audit archive` made, in their order: their records are checked too, and that
    /// one goes on where the one before it ends, and the token where the last one ends
    #[arg(long, value_name = "FILE", num_args = 1..)]
    archive: Vec<PathBuf>,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let token = arguments.access.logged_in()?;
    let verified = token.verify_audit()?;
    let archives = match &arguments.archive[..] {
        [] => None,
        files => Some(token.verify_archives(files)?),
    };
    let answer = json!({
        "records": verified.records,
        "archived": verified.archived,
        "objects": verified.objects,
        "index_rows": verified.index_rows,
        "archives": archives.map(|archives| json!({ "first": archives.first, "last": archives.last })),
    });
    arguments.format.print(&answer, |out| {
        writeln!(
            out,
            "{} records are genuine, {} objects are as they left them, and {} index rows are those of the objects",
            verified.records, verified.objects, verified.index_rows
        )?;
        match archives {
            Some(VerifiedArchives { first, last }) => {
                writeln!(
                    out,
                    "The archives have records {first} to {last}, all genuine"
                )
            }
            None if verified.archived != 0 => writeln!(
                out,
                "Records 1 to {} are in archives, which --archive checks",
                verified.archived
            ),
            None => Ok(()),
        }
    })
}
