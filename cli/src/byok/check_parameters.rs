//! `tenon byok check-parameters`: what a key's owner does before wrapping. It needs no token.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use tenon_pkcs11::api::byok::{SpecName, expired};

use super::algorithm::{self, NamedAlgorithm};
use super::custody::ExpectedCustody;
use super::expected_key::ExpectedKey;
use super::external::now;
use super::seal::{ServiceKey, wrapping_key};
use super::spec;
use crate::Result;
use crate::output::Format;
use crate::proof::{Proven, Signed, left_out};
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
    custody: ExpectedCustody,
    #[command(flatten)]
    signed: Signed,
    #[command(flatten)]
    key: ExpectedKey,
    #[command(flatten)]
    format: Format,
}

pub(crate) fn run(arguments: &Arguments) -> Result<()> {
    let proven = check(arguments)?;
    let mut unchecked = unchecked(arguments, &proven);
    unchecked.extend(arguments.custody.unchecked(&proven));
    let answer = json!({
        "Statement": proven.json(),
        "Checked": proven.checked,
        "NotChecked": unchecked,
    });
    arguments.format.print(&answer, |out| {
        arguments.custody.print(out, &proven, &unchecked)?;
        writeln!(
            out,
            "The wrapping key is the token's, for {}, until {}",
            purpose(&proven),
            deadline(proven.time("not_after"), now())
        )
    })
}

/// What the statement says, and the owner could have had compared, and did not.
fn unchecked(arguments: &Arguments, proven: &Proven) -> Vec<&'static str> {
    let says = |name| !proven.json()[name].is_null();
    left_out([
        ("--algorithm", arguments.algorithm.is_none()),
        ("--spec", arguments.spec.is_none() && says("spec")),
        ("--key-id", !arguments.key.is_named() && says("uid")),
    ])
}

/// Which keys the wrapping key brings material to, by whose rules, and whether what they encrypt opens under no other
/// key.
fn purpose(proven: &Proven) -> String {
    let [uid, spec, usage, profile, independence] =
        ["uid", "spec", "usage", "profile", "independence"].map(|name| proven.text(name));
    let of_one = || {
        format!("the key {uid} ({spec}, {usage}, profile {profile}, independence {independence})")
    };
    proven.serves_many().unwrap_or_else(of_one)
}

fn check(arguments: &Arguments) -> Result<Proven> {
    let mut proven = arguments.signed.read(&arguments.statement)?;
    arguments.key.check(&mut proven)?;
    proven.same("kind of statement", "type", TYPE)?;
    let spki = wrapping_key(&arguments.public_key)?;
    proven.same_public_key("wrapping key (SHA-256)", "wrapping_key_sha256", &spki)?;
    if let Some(named) = &arguments.algorithm {
        let canonical = named.canonical().ok_or_else(|| {
            format!(
                "no import is made by {}: it is for wrapping alone",
                named.name
            )
        })?;
        proven.same("wrapping algorithm", "algorithm", canonical)?;
        ServiceKey::of(&spki)?.check_kind(named)?;
        if let Some(bits) = named.bits {
            let size = format!("size of the wrapping key: {bits} bits");
            proven.checked.push(size);
        }
    }
    if let Some(named) = &arguments.spec {
        proven.same("spec", "spec", &named.spec.to_string())?;
    }
    arguments.custody.check(&mut proven)?;
    let ends = proven.time("not_after");
    if expired(ends, now()) {
        return Err(format!("the wrapping key expired at {}", utc(ends)).into());
    }
    Ok(proven)
}
