//! `tenon byok split`: a key in shares, one for each custodian. It needs no token.

use std::fs;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::crypto::rand::SystemRng;
use tenon_pkcs11::api::crypto::shares::{Sharing, check_value};
use zeroize::Zeroizing;

use super::owned::KeySource;
use super::share::ShareFile;
use crate::output::{Format, hex};
use crate::{Result, files};

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: KeySource,
    /// How many shares to make
    #[arg(long, value_name = "N")]
    shares: u8,
    /// How many of them make the key; unless said, all
    #[arg(long, value_name = "K")]
    threshold: Option<u8>,
    /// A folder for the files share_1_of_N.txt …, which must be new
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    directory: PathBuf,
    #[command(flatten)]
    format: Format,
}

/// Removes the shares of a split that failed: they join with those of no other.
fn discard(made: &[(PathBuf, String)]) -> Result<()> {
    for (file, _) in made {
        fs::remove_file(file)
            .map_err(|error| format!("cannot remove {}: {error}", file.display()))?;
    }
    Ok(())
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let (of, needed) = (arguments.shares, arguments.threshold);
    let sharing = Sharing::new(needed.unwrap_or(of), of)?;
    let whole = arguments.source.read()?.bytes()?;
    let of_key = check_value(&whole);
    let mut made = Vec::new();
    for (number, value) in (1..=of).zip(sharing.split(&whole, &SystemRng)) {
        let share = ShareFile {
            number,
            sharing,
            of_key,
            value: Zeroizing::new(value.to_vec()),
        };
        let file = arguments
            .directory
            .join(format!("share_{number}_of_{of}.txt"));
        if let Err(error) = files::write_private(&file, share.write().as_bytes()) {
            discard(&made)?;
            return Err(error);
        }
        made.push((file, share.check_value()));
    }
    let count = format!("{}/{of}", sharing.needed());
    let shares = made.iter().map(|(file, check_value)| {
        json!({ "File": file.display().to_string(), "CheckValue": check_value })
    });
    let answer = json!({
        "Shares": count,
        "CheckValue": hex(&of_key),
        "Files": shares.collect::<Vec<_>>(),
    });
    arguments.format.print(&answer, |out| {
        for (file, check_value) in &made {
            writeln!(out, "Made {}, check value {check_value}", file.display())?;
        }
        writeln!(out, "The key has the check value {}", hex(&of_key))?;
        writeln!(
            out,
            "Next: tenon byok create … --shares {count} --check-value {}",
            hex(&of_key)
        )
    })
}
