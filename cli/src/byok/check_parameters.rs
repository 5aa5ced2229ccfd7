//! `tenon byok check-parameters`: what a key's owner does before wrapping. It needs no token.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::byok::{SpecName, expired};

use super::algorithm::{self, NamedAlgorithm};
use super::external::now;
use super::proof::{Proven, Signed};
use super::seal::wrapping_key;
use super::spec;
use crate::Result;
use crate::output::Format;
use crate::when::{deadline, utc};

/// `type` of a wrapping statement.
const TYPE: &str = "tenon wrapping statement 1";

#[derive(Args)]
pub(crate) struct Arguments {
    /// The statement that came with the wrapping key: wrapping-statement_KEYID.json
    statement: PathBuf,
    /// The wrapping key that you are about to use, in PEM, DER or Base64
    #[arg(long, short = 'k', value_name = "FILE")]
    public_key: PathBuf,
    /// How you are about to wrap
    #[arg(long, short, value_name = "NAME", value_parser = algorithm::parse)]
    algorithm: Option<NamedAlgorithm>,
    /// The key's spec that you expect, by any service's name
    #[arg(long, value_name = "SPEC", value_parser = spec::parse)]
    spec: Option<SpecName>,
    #[command(flatten)]
    signed: Signed,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let proven = check(arguments)?;
    let answer = json!({ "Statement": proven.json(), "Checked": proven.checked });
    arguments.format.print(&answer, |out| {
        for line in &proven.checked {
            writeln!(out, "{line}")?;
        }
        writeln!(
            out,
            "The wrapping key is the token's, for {}, until {}",
            purpose(&proven),
            deadline(proven.time("not_after"), now())
        )
    })
}

/// Which keys the wrapping key brings material to.
fn purpose(proven: &Proven) -> String {
    let text = |name| proven.text(name);
    match text("uid").as_str() {
        "" => format!("every key of the profile {}", text("profile")),
        uid => format!("the key {uid} ({}, {})", text("spec"), text("usage")),
    }
}

fn check(arguments: &Arguments) -> Result<Proven> {
    let mut proven = arguments.signed.read(&arguments.statement)?;
    proven.same("kind of statement", "type", TYPE)?;
    let spki = wrapping_key(&arguments.public_key)?;
    proven.same_public_key("wrapping key (SHA-256)", "wrapping_key_sha256", &spki)?;
    if let Some(named) = arguments.algorithm {
        let canonical = named.canonical().ok_or_else(|| {
            format!(
                "no import is made by {}: it is for wrapping alone",
                named.name
            )
        })?;
        proven.same("wrapping algorithm", "algorithm", canonical)?;
    }
    if let Some(named) = &arguments.spec {
        proven.same("spec", "spec", &named.spec.to_string())?;
    }
    let ends = proven.time("not_after");
    if expired(ends, now()) {
        return Err(format!("the wrapping key expired at {}", utc(ends)).into());
    }
    Ok(proven)
}
