//! What is left in the memory of a program after C_Logout and after C_Finalize: no secret that went
//! through the library, neither one that it kept nor one that it handed out.
//!
//! A child process gets the secrets masked, unmasks each for the time of a call, and wipes its own
//! copy. What the library makes, it tells masked. Then this process reads all memory that the child
//! can write and searches it.

#![allow(clippy::unwrap_used, reason = "a failed helper is a failed test")]

mod client;
#[path = "memory/search.rs"]
mod search;
#[path = "memory/secrets.rs"]
mod secrets;
#[path = "memory/work.rs"]
mod work;
#[path = "memory/wraps.rs"]
mod wraps;

use std::env;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use client::Client;
use search::{Pieces, search};
use secrets::Secrets;
use tempfile::TempDir;

/// Tells the child where the masked secrets are.
const CHILD: &str = "TENON_TEST_SECRETS";

/// The secrets of the test; `wraps::FORMATS` has one for each besides.
const SECRETS: &[(&str, usize)] = &[
    ("pin", 16),
    ("initial pin", 16),
    ("officer's pin", 16),
    ("data", 200),
    ("data again", 3000),
    ("aes", 32),
    ("generic", 32),
    ("hmac", 48),
    ("long hmac", 200),
    ("sm4", 16),
    ("base", 32),
    ("mask", 32),
    ("password", 24),
    ("plain", 32),
    ("long plain", 10_000),
];

/// The child: works, then waits to be searched, twice.
fn child(file: &Path) {
    let secrets = Secrets::read(file);
    let client = Client::start(&client::library());
    work::everything(&client, &secrets);
    client.logout().unwrap();
    wait();
    client.finalize().unwrap();
    wait();
}

fn wait() {
    println!("ready");
    std::io::stdin().read_line(&mut String::new()).unwrap();
}

fn spawn(file: &Path, tokens: &TempDir) -> Child {
    Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "no_secret_is_left",
            "--nocapture",
            "--test-threads=1",
        ])
        .env(CHILD, file)
        .env("TENON_DIRECTORIES_TOKENDIR", tokens.path())
        .env("TENON_BYOK_PKCS1", "true")
        .env("TENON_CONF", "/dev/null")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Takes what the child tells, until it waits to be searched. False when it ends before.
fn listen(answers: &mut Lines<BufReader<ChildStdout>>, secrets: &mut Secrets) -> bool {
    answers.any(|line| {
        let line = line.unwrap();
        secrets.take(&line);
        line.ends_with("ready")
    })
}

#[test]
fn no_secret_is_left() {
    if let Some(file) = env::var_os(CHILD) {
        child(Path::new(&file));
        return;
    }
    let tokens = tempfile::tempdir().unwrap();
    let file = tokens.path().join("secrets");
    let wrapped = wraps::FORMATS.iter().map(|name| (*name, 32));
    let others: Vec<_> = SECRETS.iter().copied().chain(wrapped).collect();
    let mut secrets = Secrets::new(&others);
    secrets.write(&file);
    let mut child = spawn(&file, &tokens);
    let mut answers = BufReader::new(child.stdout.take().unwrap()).lines();
    let mut questions = child.stdin.take().unwrap();
    let mut found = Vec::new();
    for moment in ["C_Logout", "C_Finalize"] {
        let waits = listen(&mut answers, &mut secrets);
        assert!(waits, "the child ends before {moment}");
        let left = search(child.id(), &Pieces::of(&secrets));
        found.extend(
            left.into_iter()
                .map(|what| format!("after {moment}: {what}")),
        );
        writeln!(questions).unwrap();
    }
    assert!(child.wait().unwrap().success());
    assert!(found.is_empty(), "{}\n{found:#?}", found.len());
}
