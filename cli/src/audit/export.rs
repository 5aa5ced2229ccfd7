//! `tenon audit export`: every record, a page at a time.

use std::fs;
use std::io::{self, IsTerminal, StdoutLock, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use clap::Args;
use sha2::{Digest, Sha256};
use tenon_pkcs11::api::token::{AuditEntry, AuditExport, Token};

use super::access::{PAGE, RecordAccess};
use super::ecs;
use super::syslog::Syslog;
use crate::number::whole;
use crate::{Result, files};

/// How often `--follow` looks for new records.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    access: RecordAccess,
    /// Log in first, to see labels too; implied by --pin-file and by --so
    #[arg(long)]
    login: bool,
    /// Only the records after this one, which an earlier export ended with
    #[arg(long, value_name = "RECORD", value_parser = whole::<u64>(0..=u64::MAX), default_value_t = 0)]
    after: u64,
    /// Begin after the record whose number is in this file, and keep the number of the last one there, so that
    /// the next export goes on
    #[arg(long, value_name = "FILE", conflicts_with_all = ["after", "archive", "statement"])]
    cursor_file: Option<PathBuf>,
    /// Go on with each record that is made from now on, until the program is ended
    #[arg(long, conflicts_with_all = ["archive", "statement"])]
    follow: bool,
    /// Send each record to this socket of a syslog daemon, facility authpriv, and not to standard output
    #[arg(long, value_name = "SOCKET", num_args = 0..=1, default_missing_value = "/dev/log", require_equals = true, conflicts_with = "statement")]
    syslog: Option<PathBuf>,
    /// Verify the records first, and write to this new file what the token signs of the export, and the signature
    /// beside it (.sig): `tenon audit check-export` checks both without the token; it needs a login
    #[arg(long, value_name = "FILE")]
    statement: Option<PathBuf>,
    /// The records of this archive, which `tenon audit archive` made, instead of the token's own; it
    /// needs a login
    #[arg(long, value_name = "FILE")]
    archive: Option<PathBuf>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    if let Some(file) = &arguments.statement {
        for file in [file.clone(), signature_file(file)] {
            if file.exists() {
                return Err(
                    format!("{} is there already: choose another name", file.display()).into(),
                );
            }
        }
    }
    let signed = arguments.statement.is_some();
    let token = match arguments.archive.is_some() || signed {
        true => arguments.access.logged_in()?,
        false => arguments.access.token(arguments.login)?,
    };
    let mut export = Export::new(arguments, &token)?;
    match &arguments.archive {
        Some(file) => archived(&token, file, &mut export)?,
        None if signed => {
            token.verify_audit()?;
            followed(&token, arguments, &mut export)?;
        }
        None => followed(&token, arguments, &mut export)?,
    }
    export.flush()?;
    match &arguments.statement {
        Some(file) => sign(&token, export, file),
        None => Ok(()),
    }
}

fn followed(token: &Token, arguments: &Arguments, export: &mut Export<'_>) -> Result<()> {
    let all = token.audit_end()?;
    let watched = io::stderr().is_terminal() && !arguments.follow;
    loop {
        let page = token.audit(export.last.saturating_add(1), PAGE)?;
        if page.is_empty() {
            if !arguments.follow {
                break;
            }
            thread::sleep(PAUSE);
            continue;
        }
        for (position, entry) in &page {
            export.write(*position, entry)?;
        }
        export.flush()?;
        if watched {
            eprint!("\r{} of {} records", export.last, all.max(export.last));
        }
    }
    if watched {
        eprintln!();
    }
    Ok(())
}

fn archived(token: &Token, file: &Path, export: &mut Export<'_>) -> Result<()> {
    let after = export.last;
    token.read_archive(file, |position, entry| -> Result<()> {
        match position > after {
            true => export.write(position, &entry),
            false => Ok(()),
        }
    })
}

fn signature_file(statement: &Path) -> PathBuf {
    statement.with_extension("sig")
}

/// Writes the statement and its signature.
fn sign(token: &Token, export: Export<'_>, file: &Path) -> Result<()> {
    let Some(first) = export.first else {
        return Err("there are no such records, so there is nothing to sign".into());
    };
    let receipt = token.sign_audit_export(&AuditExport {
        first,
        last: export.last,
        sha256: export.digest.finalize().into(),
    })?;
    files::write_new(file, &receipt.statement)?;
    files::write_new(&signature_file(file), &receipt.signature)
}

/// Where the records go.
enum Target {
    Output(io::BufWriter<StdoutLock<'static>>),
    Syslog(Syslog),
}

/// The records that were written.
struct Export<'a> {
    serial: String,
    target: Target,
    cursor_file: Option<&'a Path>,
    digest: Sha256,
    first: Option<u64>,
    last: u64,
}

impl<'a> Export<'a> {
    fn new(arguments: &'a Arguments, token: &Token) -> Result<Self> {
        let target = match &arguments.syslog {
            Some(socket) => Target::Syslog(Syslog::of(socket.clone())?),
            None => Target::Output(io::BufWriter::new(io::stdout().lock())),
        };
        let cursor_file = arguments.cursor_file.as_deref();
        Ok(Self {
            serial: token.serial()?,
            target,
            cursor_file,
            digest: Sha256::new(),
            first: None,
            last: cursor_file.map_or(Ok(arguments.after), cursor)?,
        })
    }

    fn write(&mut self, position: u64, entry: &AuditEntry) -> Result<()> {
        let line = format!("{}\n", ecs::json(&self.serial, position, entry));
        match &mut self.target {
            Target::Output(out) => out.write_all(line.as_bytes())?,
            Target::Syslog(syslog) => syslog.send(line.trim_end(), ecs::is_success(entry))?,
        }
        self.digest.update(&line);
        self.first.get_or_insert(position);
        self.last = position;
        Ok(())
    }

    /// Everything so far is where it goes.
    fn flush(&mut self) -> Result<()> {
        if let Target::Output(out) = &mut self.target {
            out.flush()?;
        }
        let Some(file) = self.cursor_file else {
            return Ok(());
        };
        files::replace(file, format!("{}\n", self.last).as_bytes())
    }
}

/// The number in the cursor file; 0 where there is no file yet.
fn cursor(file: &Path) -> Result<u64> {
    match fs::read_to_string(file) {
        Ok(text) => text
            .trim()
            .parse()
            .map_err(|_| format!("{} holds no number of a record", file.display()).into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(format!("cannot read {}: {error}", file.display()).into()),
    }
}
