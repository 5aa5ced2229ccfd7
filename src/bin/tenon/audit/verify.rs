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
    let answer = json!({ "records": verified.records, "objects": verified.objects });
    arguments.format.print(&answer, |out| {
        writeln!(
            out,
            "{} records are genuine, and {} objects are as they left them",
            verified.records, verified.objects
        )
    })
}
