//! `tenon audit export`: every record, a page at a time.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use super::access::{PAGE, RecordAccess};
use super::record::json;
use crate::Result;

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    access: RecordAccess,
    /// Log in first, to see labels too; implied by --pin-file and by --so
    #[arg(long)]
    login: bool,
    /// Only the records after this one, which an earlier export ended with
    #[arg(long, value_name = "RECORD", default_value_t = 0)]
    after: u64,
    /// The records of this archive, which `tenon audit archive` made, instead of the token's own; it
    /// needs a login
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(file) = &arguments.archive {
        return archived(arguments, file);
    }
    let token = arguments.access.token(arguments.login)?;
    let all = token.audit_end()?;
    let mut done = arguments.after;
    let mut out = io::BufWriter::new(io::stdout().lock());
    let watched = io::stderr().is_terminal();
    loop {
        let page = token.audit(done.saturating_add(1), PAGE)?;
        let Some((last, _)) = page.last() else {
            break;
        };
        done = *last;
        for (position, entry) in &page {
            writeln!(out, "{}", json(*position, entry))?;
        }
        if watched {
            eprint!("\r{done} of {} records", all.max(done));
        }
    }
    if watched {
        eprintln!();
    }
    Ok(out.flush()?)
}

fn archived(arguments: &Arguments, file: &Path) -> Result<()> {
    let token = arguments.access.logged_in()?;
    let mut out = io::BufWriter::new(io::stdout().lock());
    token.read_archive(file, |position, entry| -> Result<()> {
        if position <= arguments.after {
            return Ok(());
        }
        Ok(writeln!(out, "{}", json(position, &entry))?)
    })?;
    Ok(out.flush()?)
}
