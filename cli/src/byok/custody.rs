//! Who guards a key, as an owner expects it: shares of the material, and custodians who approve a deletion.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::Args;
use der::{Reader, SliceReader};
use serde_json::Value;
use tenon_pkcs11::api::crypto::shares::Sharing;

use super::share;
use crate::Result;
use crate::number::whole;
use crate::output::printable;
use crate::proof::{Proven, left_out, public_key, sha256};

/// What the owner expects of a statement.
#[derive(Args)]
pub(super) struct ExpectedCustody {
    /// The public key of a custodian who must be among those that approve a deletion, in PEM, DER or Base64; may be
    /// repeated, and then they are all
    #[arg(long = "custodian", value_name = "FILE")]
    custodians: Vec<PathBuf>,
    /// How many custodians must approve a deletion
    #[arg(long, value_name = "K", value_parser = whole::<u64>(1..=u64::MAX))]
    quorum: Option<u64>,
    /// In how many shares the material comes: K of N make it
    #[arg(long, value_name = "K/N", value_parser = share::sharing)]
    shares: Option<Sharing>,
}

impl ExpectedCustody {
    /// Refuses a statement that names other custodians, another quorum or other shares.
    pub(super) fn check(&self, proven: &mut Proven) -> Result<()> {
        if let Some(shares) = self.shares {
            let said = proven.shares();
            let expected = format!("{} of {}", shares.needed(), shares.of());
            if said != expected {
                return Err(format!(
                    "the key's shares are others: the statement says {said}, expected {expected}"
                )
                .into());
            }
            proven.checked.push(format!("shares: {expected}"));
        }
        let (quorum, listed) = proven.custody();
        if let Some(expected) = self.quorum {
            if quorum != expected {
                return Err(format!(
                    "another number of custodians must approve a deletion: the statement says {quorum}, expected {expected}"
                )
                .into());
            }
            proven.checked.push(format!("quorum: {quorum}"));
        }
        let mut expected = Vec::new();
        for file in &self.custodians {
            expected.push(sha256(&public_key(file)?));
        }
        if expected.is_empty() {
            return Ok(());
        }
        for (digest, file) in expected.iter().zip(&self.custodians) {
            if !listed.contains(digest) {
                return Err(format!(
                    "{} (SHA-256 {digest}) is no custodian of the key: the statement names {}",
                    file.display(),
                    named(&listed)
                )
                .into());
            }
        }
        if let Some(other) = listed.iter().find(|digest| !expected.contains(digest)) {
            return Err(format!(
                "the key has a custodian more, whom nobody expected: SHA-256 {other}"
            )
            .into());
        }
        proven
            .checked
            .push(format!("custodians (SHA-256): {}", named(&listed)));
        Ok(())
    }

    /// Prints what was compared, who guards the key, and the options that were left out.
    pub(super) fn print(
        &self,
        out: &mut dyn Write,
        proven: &Proven,
        unchecked: &[&str],
    ) -> io::Result<()> {
        for line in proven.checked.iter().chain(&self.said(proven)) {
            writeln!(out, "{line}")?;
        }
        if !unchecked.is_empty() {
            writeln!(out, "not checked: {}", unchecked.join(", "))?;
        }
        Ok(())
    }

    /// Who guards the key, for people, where not all of it was compared.
    fn said(&self, proven: &Proven) -> Vec<String> {
        match self.unchecked(proven).is_empty() {
            true => Vec::new(),
            false => proven.guards(),
        }
    }

    /// The options that could have been given for what the statement says, and were not.
    pub(super) fn unchecked(&self, proven: &Proven) -> Vec<&'static str> {
        let (quorum, _) = proven.custody();
        left_out([
            (
                "--shares",
                self.shares.is_none() && proven.shares() != WHOLE,
            ),
            ("--quorum", self.quorum.is_none() && quorum != 0),
            ("--custodian", self.custodians.is_empty() && quorum != 0),
        ])
    }
}

/// What is said of a key whose material comes whole.
const WHOLE: &str = "none";

fn named(digests: &[String]) -> String {
    match digests {
        [] => "none".to_owned(),
        digests => digests.join(", "),
    }
}

impl Proven {
    /// How many custodians must approve a deletion, and the SHA-256 of each custodian's public key; 0 where nobody must.
    fn custody(&self) -> (u64, Vec<String>) {
        let custody = &self.json()["custody"];
        let listed = custody["custodians"].as_array().into_iter().flatten();
        let listed = listed.filter_map(Value::as_str);
        let listed = listed.map(|digest| printable(digest.as_bytes()));
        (custody["quorum"].as_u64().unwrap_or(0), listed.collect())
    }

    /// In how many shares the material comes, as K of N.
    fn shares(&self) -> String {
        let shares = &self.json()["shares"];
        match (shares["needed"].as_u64(), shares["of"].as_u64()) {
            (Some(needed), Some(of)) => format!("{needed} of {of}"),
            _ => WHOLE.to_owned(),
        }
    }

    /// Who guards the key, for people: a line for its shares and one for its custodians.
    fn guards(&self) -> Vec<String> {
        let (quorum, listed) = self.custody();
        let mut lines = Vec::new();
        if self.shares() != WHOLE {
            lines.push(format!("shares that make the key: {}", self.shares()));
        }
        if quorum != 0 {
            lines.push(format!(
                "custodians who must approve a deletion: {quorum} of {} (SHA-256 {})",
                listed.len(),
                named(&listed)
            ));
        }
        lines
    }
}

/// SHA-256 of each custodian's public key in CKA_TENON_CUSTODIANS, which has them one behind another.
pub(super) fn digests(custodians: &[u8]) -> Vec<String> {
    let Ok(mut reader) = SliceReader::new(custodians) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    while let (false, Ok(spki)) = (reader.is_finished(), reader.tlv_bytes()) {
        found.push(sha256(spki));
    }
    found
}
