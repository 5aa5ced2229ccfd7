//! `tenon byok check-receipt`: whether the token has the owner's key. It needs no token, but the key.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use tenon_pkcs11::api::token::material_proof;

use super::custody::ExpectedCustody;
use super::expected_key::ExpectedKey;
use super::owned::{KeySource, Owned};
use super::seal::wrapping_key;
use super::share::ShareFile;
use crate::base64;
use crate::number::whole;
use crate::object::Id;
use crate::output::{Format, hex, unhex};
use crate::proof::{Proven, Signed, left_out, sha256};
use crate::when::utc;
use crate::{Result, files};

/// `type` of the statement that material ended, or that a key is gone.
const END: &str = "tenon end statement 1";
/// `type` of a receipt.
const TYPE: &str = "tenon import receipt 2";

#[derive(Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    source: KeySource,
    /// The receipt: receipt_KEYID.json
    #[arg(long, value_name = "FILE")]
    receipt: PathBuf,
    #[command(flatten)]
    signed: Signed,
    #[command(flatten)]
    key: ExpectedKey,
    /// The nonce that you gave for this import, in hexadecimal digits: an older receipt has another
    #[arg(long, value_name = "HEX", value_parser = unhex)]
    nonce: Option<Id>,
    /// The blob that you sent: another one could bring the same key by a weaker way
    #[arg(long, value_name = "FILE")]
    blob: Option<PathBuf>,
    /// The wrapping key that you used, in PEM, DER or Base64
    #[arg(long, short = 'k', value_name = "FILE")]
    public_key: Option<PathBuf>,
    /// The statement must say that the material ended, or that the key is gone; else it must be of an import.
    /// Of a key that is gone --key-id says which one
    #[arg(long)]
    ended: bool,
    /// The receipt must be of this version; else it must be of the current one
    #[arg(long, value_name = "N", value_parser = whole::<u64>(1..=u64::MAX), conflicts_with = "ended")]
    version: Option<u64>,
    /// The receipt may be of any version of the key
    #[arg(long, conflicts_with_all = ["version", "ended"])]
    any_version: bool,
    #[command(flatten)]
    custody: ExpectedCustody,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let proven = check(arguments)?;
    let mut unchecked = unchecked(arguments);
    unchecked.extend(arguments.custody.unchecked(&proven));
    let answer = json!({
        "Receipt": proven.json(),
        "Checked": proven.checked,
        "NotChecked": unchecked,
    });
    arguments.format.print(&answer, |out| {
        arguments.custody.print(out, &proven, &unchecked)?;
        if arguments.ended {
            return writeln!(
                out,
                "The {} of {} in the token {} ended at {} ({}), and {} erased",
                proven.text("what"),
                proven.text("uid"),
                proven.text("serial"),
                utc(proven.time("ended_at")),
                proven.text("why"),
                if proven.json()["erased"] == true {
                    "is"
                } else {
                    "is not yet"
                }
            );
        }
        writeln!(
            out,
            "The token {} has this key as {}, version {} ({}, {}, {}), imported at {}",
            proven.text("serial"),
            proven.text("uid"),
            proven.json()["version"].as_u64().unwrap_or(1),
            proven.text("key_spec"),
            proven.text("usage"),
            proven.text("state"),
            utc(proven.time("imported_at"))
        )
    })
}

/// What the owner could have had checked, and did not.
fn unchecked(arguments: &Arguments) -> Vec<&'static str> {
    left_out([
        ("--nonce", arguments.nonce.is_none()),
        ("--blob", arguments.blob.is_none()),
        ("--public-key", arguments.public_key.is_none()),
        ("--key-id", !arguments.key.is_named()),
    ])
}

fn check(arguments: &Arguments) -> Result<Proven> {
    let mut proven = arguments.signed.read(&arguments.receipt)?;
    arguments.key.check(&mut proven)?;
    let kind = if arguments.ended { END } else { TYPE };
    proven.same("kind of statement", "type", kind)?;
    if arguments.ended && proven.text("what") == "key" {
        if !arguments.key.is_named() {
            return Err("the statement is of a whole key, of which nothing is left to compare: say --key-id".into());
        }
        return Ok(proven);
    }
    if proven.text("material_id").is_empty() {
        return Err(
            "nothing was imported: the receipt is of a key that waits for its material".into(),
        );
    }
    if !arguments.ended && !arguments.any_version {
        same_version(&mut proven, arguments.version)?;
    }
    let owned = arguments.source.read()?;
    if let Owned::Share(share) = &owned {
        narrow_to(&mut proven, share)?;
    }
    if let Some(nonce) = &arguments.nonce {
        proven.same("nonce", "owner_nonce", &hex(nonce))?;
    }
    same_key(&mut proven, &owned)?;
    if let Some(file) = &arguments.blob {
        let blob = base64::decode_file(files::read(file)?)?;
        proven.same("blob (SHA-256)", "blob_sha256", &sha256(&blob))?;
    }
    if let Some(file) = &arguments.public_key {
        let spki = wrapping_key(file)?;
        proven.same_public_key("wrapping key (SHA-256)", "wrapping_key_sha256", &spki)?;
    }
    arguments.custody.check(&mut proven)?;
    if proven.json()["extractable"] != false {
        return Err("the receipt does not say that the key stays in the token".into());
    }
    Ok(proven)
}

/// Refuses a receipt of another version than `asked`, or than the one that was current when the receipt was signed.
fn same_version(proven: &mut Proven, asked: Option<u64>) -> Result<()> {
    let [version, current, versions] = ["version", "current_version", "versions"]
        .map(|name| proven.json()[name].as_u64().unwrap_or_default());
    let wanted = asked.unwrap_or(current);
    if version == 0 || current == 0 {
        return Err("the receipt does not say which version is current: have a new one made (`tenon byok receipt`)".into());
    }
    if version != wanted {
        let wanted = match asked {
            Some(asked) => format!("version {asked} was asked for"),
            None => format!(
                "version {current} of {versions} is the current one, with which the key encrypts or signs"
            ),
        };
        return Err(format!(
            "the receipt is of version {version}, and {wanted}: check the receipt of that version, or say --version \
             {version} or --any-version"
        )
        .into());
    }
    let said = format!("version: {version} (current: {current}, of {versions})");
    proven.checked.push(said);
    Ok(())
}

/// Refuses a receipt of a key that this share did not make; else what the receipt says of the share takes the
/// place of what it says of the whole.
fn narrow_to(proven: &mut Proven, share: &ShareFile) -> Result<()> {
    let shares = proven.json()["shares"].clone();
    let joined = shares["joined"].as_array().into_iter().flatten();
    let mut joined = joined.filter(|said| said["share"] == share.number);
    let said = joined.next().and_then(Value::as_object);
    let said = said.ok_or_else(|| {
        format!(
            "the receipt is of a key that share {} did not make",
            share.number
        )
    })?;
    proven.replace(said);
    let check_value = shares["check_value"].as_str().unwrap_or_default();
    if check_value != hex(&share.of_key) {
        return Err(
            "the check value of the whole key is another one than that in the share's file".into(),
        );
    }
    Ok(())
}

/// Refuses a receipt of another key than the owner's.
fn same_key(proven: &mut Proven, owned: &Owned) -> Result<()> {
    match owned {
        Owned::Private(material) => {
            let spki = material.spki().ok_or("the key has no public half")?;
            proven.same_public_key("imported key (SHA-256)", "spki_sha256", &spki)
        }
        Owned::Secret(_) | Owned::Share(_) => {
            let [uid, nonce] = ["uid", "owner_nonce"].map(|name| proven.text(name));
            let uid = unhex(&uid)?
                .try_into()
                .map_err(|_| "the receipt names no key")?;
            let nonce = match nonce.as_str() {
                "" => Vec::new(),
                nonce => unhex(nonce)?,
            };
            let proof = material_proof(&owned.bytes()?, &nonce, &uid);
            proven.same("imported key (proof)", "material_proof", &hex(&proof))
        }
    }
}
