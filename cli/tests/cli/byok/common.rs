//! External keys, as the tests of `tenon byok` make and bring them.

use std::fs;

use serde_json::Value;
use tenon_pkcs11::api::clock::{Clock, SystemClock};

use super::openssl::openssl;
use crate::cli::common::{Answer, Desk, text};

pub(super) const DAY: u64 = 86_400;

/// A token, and a secret key in `secret.bin`.
pub(super) fn desk() -> Desk {
    let desk = Desk::new();
    openssl(&desk, &["rand", "-out", "secret.bin", "32"]);
    desk
}

/// KeyMetadata of what `byok` answers.
#[track_caller]
pub(super) fn metadata(desk: &Desk, arguments: &[&str]) -> Value {
    let arguments = [&["byok"], arguments, &["--json"]].concat();
    desk.run(&arguments).json()["KeyMetadata"].take()
}

pub(super) fn byok(desk: &Desk, arguments: &[&str]) -> Answer {
    desk.run(&[&["byok"], arguments].concat())
}

/// Makes a key of the alias `k`, and gives its KeyId.
pub(in crate::cli) fn create(desk: &Desk, arguments: &[&str]) -> String {
    let arguments = [&["create", "--alias", "k"], arguments].concat();
    text(&metadata(desk, &arguments), "KeyId").to_owned()
}

/// Requests parameters for the key `k`, wraps `key` with them, and imports the blob.
pub(in crate::cli) fn bring(desk: &Desk, key: &str, algorithm: &str, more: &[&str]) -> Answer {
    let request = [
        "parameters",
        "k",
        "--replace",
        "--directory",
        ".",
        "--algorithm",
        algorithm,
        "--json",
    ];
    let answer = desk.run(&[&["byok"], &request[..]].concat()).json();
    let id = text(&answer, "KeyId");
    let public = format!("publickey_{id}.pem");
    let token = format!("token_{id}.txt");
    let _ = fs::remove_file(desk.path("blob.txt"));
    let wrap = [
        "wrap",
        key,
        "--algorithm",
        algorithm,
        "--public-key",
        &public,
        "--output",
        "blob.txt",
    ];
    byok(desk, &wrap).ok();
    let import = ["import", "k", "blob.txt", "--import-token", &token];
    byok(desk, &[&import[..], more].concat())
}

pub(super) fn state(desk: &Desk) -> String {
    text(&metadata(desk, &["describe", "k"]), "KeyState").to_owned()
}

pub(super) fn now() -> u64 {
    SystemClock.now()
}
