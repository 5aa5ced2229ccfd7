//! Project Wycheproof's vectors, through the C functions of the built library.
//!
//! A set runs where C_GetMechanismInfo knows the mechanism that it needs, by one call and in parts.
//! What must run, and where the module's answer may differ from the vectors', is written down in
//! each family's file. `cargo test --test wycheproof -- --nocapture` prints every set.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "what fails here fails the test"
)]

mod client;

mod wycheproof {
    pub(super) mod agreement;
    pub(super) mod ciphers;
    pub(super) mod curves;
    pub(super) mod decryption;
    pub(super) mod derivation;
    pub(super) mod hashes;
    pub(super) mod key_wraps;
    pub(super) mod keys;
    pub(super) mod macs;
    pub(super) mod ml_dsa;
    pub(super) mod ml_kem;
    pub(super) mod oaep;
    pub(super) mod pkcs1;
    pub(super) mod report;
    pub(super) mod signatures;
}

use std::process::Command;

use client::Client;
use wycheproof::report::{Expectations, Report};
use wycheproof::{
    agreement, ciphers, derivation, key_wraps, macs, ml_dsa, ml_kem, oaep, pkcs1, signatures,
};

/// Set in the child processes of this program.
const CHILD: &str = "TENON_TEST_CHILD";

/// Runs one family of sets in a process of its own, whose environment says where its token is.
fn family(test: &str, run: fn(&Client, &mut Report), expected: &'static Expectations) {
    if std::env::var_os(CHILD).is_some() {
        let mut report = Report::new(expected);
        run(&Client::start(&client::library()), &mut report);
        report.finish();
        return;
    }
    let tokens = tempfile::tempdir().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(CHILD, "1")
        .env("TENON_DIRECTORIES_TOKENDIR", tokens.path())
        .env("TENON_CONF", "/dev/null")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    print!("{out}");
    assert!(
        output.status.success() && out.contains("1 passed"),
        "{test}:\n{err}"
    );
}

macro_rules! families {
    ($($family:ident)+) => {
        $(#[test]
        fn $family() {
            family(stringify!($family), $family::run, &$family::EXPECTED);
        })+
    };
}

families! { ciphers key_wraps macs signatures ml_dsa ml_kem oaep pkcs1 agreement derivation }
