//! `tenon audit verify`.

use clap::Args;
use serde_json::json;

use super::Reader;
use crate::Result;
use crate::output::Format;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    reader: Reader,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let verified = arguments.reader.logged_in()?.verify_audit()?;
    let answer = json!({
        "records": verified.records,
        "objects": verified.objects,
        "index_rows": verified.index_rows,
    });
    arguments.format.print(&answer, |out| {
        writeln!(
            out,
            "{} records are genuine, {} objects are as they left them, and {} index rows are those of the objects",
            verified.records, verified.objects, verified.index_rows
        )
    })
}
