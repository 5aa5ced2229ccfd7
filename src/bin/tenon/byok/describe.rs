//! `tenon byok describe`.

use clap::Args;
use serde_json::json;

use super::external::{Target, now};
use crate::Result;
use crate::output::table;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (_open, key) = arguments.target.open_reading()?;
    let answer = json!({ "KeyMetadata": key.json() });
    arguments.target.format.print(&answer, |out| {
        let rows = key.rows(now());
        table(out, ["property", "value"], &rows)
    })
}
