//! Whether calls take the same time for inputs of two classes that nobody must tell apart:
//! `cargo bench --bench timing -- [--calls N] [CASE…]`.
//!
//! The test of dudect (Reparaz, Balasch, Verbauwhede, 2017) on the built library: calls with inputs of either class in
//! random order, then Welch's t of their times, with the slowest left out at several limits. A case fails where |t|
//! reaches 4.5 at any limit. The first case is a comparison that does leak: where it is not found, the machine is too
//! busy for the others to mean anything.
//!
//! Each case runs in a process and on a token of its own. `CASE` is the beginning of a case's name. By default 100,000
//! calls are made; the cases with a row or a PIN in them make fewer.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, and ends where it cannot go on"
)]

mod cases;
#[path = "../../tests/client/mod.rs"]
mod client;
mod measure;
mod welch;

use std::env;
use std::process::{Command, ExitCode};

use cases::{CASES, Case};

/// Says to a child process which case it measures.
const CHILD: &str = "TENON_TIMING_CASE";
const CALLS: usize = 100_000;

fn main() -> ExitCode {
    let (calls, only) = arguments();
    if let Ok(name) = env::var(CHILD) {
        let case = CASES.iter().find(|case| case.name == name).unwrap();
        return report(case, calls / case.dearness);
    }
    println!(
        "| call | what the classes are | calls | median | difference | t |\n|---|---|---|---|---|---|"
    );
    let asked =
        |case: &&Case| only.is_empty() || only.iter().any(|name| case.name.starts_with(name));
    let failed = CASES.iter().filter(asked).filter(|case| !succeeds(case));
    match failed.count() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Calls of a case, and beginnings of the names of the cases to run.
fn arguments() -> (usize, Vec<String>) {
    let (mut calls, mut only) = (CALLS, Vec::new());
    let mut arguments = env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // What `cargo bench` adds.
            "--bench" => {}
            "--calls" => calls = arguments.next().unwrap().parse().unwrap(),
            _ => only.push(argument),
        }
    }
    (calls, only)
}

/// Runs a case in a process of its own, on a token in memory where the system has such a folder.
fn succeeds(case: &Case) -> bool {
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir());
    Command::new(env::current_exe().unwrap())
        .args(env::args_os().skip(1))
        .env(CHILD, case.name)
        .env("TENON_CONF", "/dev/null")
        .env("TENON_LOG_TARGET", "off")
        .env("TENON_DIRECTORIES_TOKENDIR", folder.unwrap().path())
        .status()
        .unwrap()
        .success()
}

/// Measures a case and prints its row. Fails where the classes differ, and where those of the control do not.
fn report(case: &Case, calls: usize) -> ExitCode {
    let times = measure::times(case, calls);
    let [first, second] = times.each_ref().map(|times| welch::median(times));
    let greatest = welch::greatest(&times);
    let right = greatest.is_some_and(|t| (t.abs() >= welch::LIMIT) == case.leaks);
    println!(
        "| {} | {} | {calls} | {:.1} µs | {:.0} ns | {}{} |",
        case.name,
        case.classes,
        first / 1000.0,
        second - first,
        greatest.map_or_else(|| "too few calls".to_owned(), |t| format!("{t:.1}")),
        if right { "" } else { " FAILED" },
    );
    match right {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}
