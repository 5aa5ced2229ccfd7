//! What a token of many objects costs: `cargo bench --bench scale -- --objects 100000`.
//!
//! Two tokens are filled, one with 1,000 objects and one with as many as asked for, a million by default. Each
//! measure is taken in a process of its own, and printed as a row of a table. Half of the objects are AES keys,
//! a quarter certificates and a quarter RSA public keys, each with a label and an ID of its own.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::useless_vec,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, and ends where it cannot go on"
)]

#[path = "../../tests/common/mod.rs"]
#[allow(unused_macros, reason = "each program uses its own part")]
mod common;
mod fill;
mod measures;

use std::collections::HashMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Says to a child process what it measures, in which folder, and among how many objects.
const MEASURE: &str = "TENON_SCALE_MEASURE";
const FOLDER: &str = "TENON_SCALE_FOLDER";
const OBJECTS: &str = "TENON_SCALE_OBJECTS";
/// Objects of the small token.
const FEW: u64 = 1000;
const MANY: u64 = 1_000_000;

fn main() {
    if let Ok(name) = env::var(MEASURE) {
        let folder = PathBuf::from(env::var_os(FOLDER).unwrap());
        let objects = env::var(OBJECTS).unwrap().parse().unwrap();
        let mut known = measures::ALL.iter().chain(measures::HELPERS);
        let measure = known.find(|(known, _)| *known == name);
        return (measure.unwrap().1)(&folder, objects);
    }
    let arguments: Vec<_> = env::args().collect();
    let asked = arguments
        .iter()
        .position(|argument| argument == "--objects");
    let many = asked.map_or(MANY, |at| arguments[at + 1].parse().unwrap());
    let columns = [FEW, many].map(column);
    println!("| measure | {FEW} objects | {many} objects |\n|---|---|---|");
    for (name, small) in &columns[0] {
        let large: HashMap<_, _> = columns[1].iter().cloned().collect();
        println!("| {name} | {small} | {} |", large[name]);
    }
}

/// Fills a token, and takes each measure.
fn column(objects: u64) -> Vec<(String, String)> {
    let folder = tempfile::tempdir().unwrap();
    let mut rows = fill::fill(folder.path(), objects);
    for (name, _) in measures::ALL {
        rows.extend(measured(name, folder.path(), objects));
    }
    rows
}

fn measured(name: &str, folder: &Path, objects: u64) -> Vec<(String, String)> {
    let output = child(name, folder, objects).output().unwrap();
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let rows = text.lines().filter_map(|line| line.split_once('\t'));
    rows.map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// This program, to take a measure or to help with one.
fn child(name: &str, folder: &Path, objects: u64) -> Command {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .env(MEASURE, name)
        .env(FOLDER, folder)
        .env(OBJECTS, objects.to_string());
    command
}
