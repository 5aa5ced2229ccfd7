//! `tenon backup`: a token in one file, while others use it.

use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::{Value, json};
use tenon_pkcs11::api::store::CopyProgress;
use tenon_pkcs11::api::token::{AnchorStatus, CopyStatus, Verified};

use crate::ask::UserPin;
use crate::output::{Format, printable};
use crate::token::{Choice, open};
use crate::{Result, files};

#[derive(Args)]
pub(crate) struct Arguments {
    /// File to make, with mode 0600
    file: PathBuf,
    #[command(flatten)]
    choice: Choice,
    /// Replace the file if it is there
    #[arg(long)]
    replace: bool,
    /// Log in first, and check in the copy that every audit record is genuine and every object as its
    /// last record left it; implied by --pin-file
    #[arg(long)]
    login: bool,
    #[command(flatten)]
    pin: UserPin,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    check_target(&arguments.file, arguments.replace)?;
    let module = open()?;
    let token = module.token(arguments.choice.find(&module)?.id)?;
    let login = arguments.login || arguments.pin.pin_file.is_some();
    if login {
        token.login(false, arguments.pin.source().read()?.as_bytes())?;
    }
    let anchor = token.anchor_status()?;
    if let Some(why) = anchor.as_ref().and_then(|status| status.refused.as_ref()) {
        eprintln!("The token is refused at present, and so will its backup be: {why}");
    }

    let copy = token.back_up(&arguments.file, progress())?;
    let verified = login.then(|| copy.verify()).transpose()?;
    let status = copy.status().clone();
    copy.publish(arguments.replace)?;
    if !token.is_read_only()
        && let Err(error) = token.note_backup()
    {
        eprintln!("The backup is made, but the token does not know of it: {error}");
    }
    let sum = files::sha256(&arguments.file)?;
    let answer = json(&arguments.file, &status, &sum, anchor, verified);
    arguments.format.print(&answer, |out| {
        writeln!(out, "{}", describe(&status))?;
        if verified.is_some() {
            writeln!(
                out,
                "Every record is genuine, and every object as it left it"
            )?;
        }
        writeln!(out, "{sum}  {}", arguments.file.display())
    })
}

/// Refuses a target that cannot become a backup, before anything is copied.
fn check_target(file: &Path, replace: bool) -> Result<()> {
    if file == Path::new("-") {
        return Err("a backup is not written to standard output: name a file".into());
    }
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if !folder.is_dir() {
        return Err(format!("{} is not a folder: make it first", folder.display()).into());
    }
    match fs::symlink_metadata(file) {
        Err(_) => Ok(()),
        Ok(metadata) if !metadata.is_file() => Err(format!(
            "{} is no regular file: a backup does not replace it",
            file.display()
        )
        .into()),
        Ok(_) if replace => Ok(()),
        Ok(_) => Err(format!(
            "{} is there already: choose another name, or say --replace",
            file.display()
        )
        .into()),
    }
}

/// Shows at a terminal how far a copy is.
pub(crate) fn progress() -> CopyProgress {
    let shown = io::stderr().is_terminal();
    let mut last = 0;
    Box::new(move |done, total| {
        let percent = done.saturating_mul(100) / total.max(1);
        if !shown || percent <= last {
            return;
        }
        last = percent;
        let mut err = io::stderr().lock();
        let end = if percent >= 100 { "\r\x1b[K" } else { "" };
        // A line that is not shown is better than a copy that fails.
        let _ = write!(err, "\r{percent} %{end}").and_then(|()| err.flush());
    })
}

/// One line on what a copy holds.
pub(crate) fn describe(status: &CopyStatus) -> String {
    format!(
        "Token {}, serial number {}: {} objects, change {}, audit record {}",
        label(status),
        status.serial,
        status.objects,
        status.changes,
        status.records
    )
}

pub(crate) fn label(status: &CopyStatus) -> String {
    printable(status.label.trim_ascii_end())
}

fn json(
    file: &Path,
    status: &CopyStatus,
    sum: &str,
    anchor: Option<AnchorStatus>,
    verified: Option<Verified>,
) -> Value {
    json!({
        "file": file.to_string_lossy(),
        "serial": status.serial,
        "label": label(status),
        "generation": status.changes,
        "objects": status.objects,
        "audit_position": status.records,
        "sha256": sum,
        "anchor": anchor.map(|anchor| json!({ "noted": anchor.noted, "refused": anchor.refused })),
        "verified": verified.map(|all| json!({ "records": all.records, "objects": all.objects })),
    })
}
