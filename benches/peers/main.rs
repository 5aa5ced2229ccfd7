//! What calls cost beside other modules: `benches/peers/run`, which installs what Debian has of them.
//!
//! One process loads every module and calls them in turn, in windows of a few milliseconds, so that whatever else the
//! machine does falls on all of them alike. A number is the median of the windows, in microseconds of the thread's
//! CPU time for one call, with its Init function where it has one. Ratios are what counts: the best other module's time
//! divided by Tenon's, and the time of the algorithm without PKCS#11 divided by Tenon's.
//!
//! `SOFTHSM2_MODULE`, `NSS_MODULE` and `KRYOPTIC_MODULE` name the modules; the first two are looked for where Debian puts
//! them. Arguments are the beginnings of the cases to run; `--json FILE` and `--svg FILE` write the results.
//! `--threads` measures two threads beside one instead, `--processes` one, two and four processes on one token.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock, and ends where it cannot go on"
)]

mod alone;
mod cases;
#[path = "../../tests/client/mod.rs"]
mod client;
mod measure;
mod modules;
mod processes;
mod report;
mod threads;

use std::env;
use std::path::PathBuf;
use std::process::Command;

use measure::{Measured, Subject};

/// Says to a child process that it measures.
const CHILD: &str = "TENON_PEERS_CHILD";

fn main() {
    if processes::is_one() {
        processes::run_one();
        return;
    }
    if env::var_os(CHILD).is_some() {
        run();
        return;
    }
    // The modules read their settings from the environment, which is set for a child process.
    let folder = tempfile::tempdir().unwrap();
    let status = Command::new(env::current_exe().unwrap())
        .args(env::args_os().skip(1))
        .envs(modules::settings(folder.path()))
        .env(CHILD, folder.path())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
}

/// What the arguments say.
#[derive(Default)]
struct Options {
    json: Option<PathBuf>,
    svg: Option<PathBuf>,
    /// The calls of two threads beside those of one, in place of the cases.
    threads: bool,
    /// The signatures of several processes on one token, in place of the cases.
    processes: bool,
    /// Beginnings of the names of the cases to run; empty for all.
    only: Vec<String>,
}

impl Options {
    fn read() -> Self {
        let mut options = Self::default();
        let mut arguments = env::args().skip(1);
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                // What `cargo bench` adds.
                "--bench" => {}
                "--json" => options.json = arguments.next().map(PathBuf::from),
                "--threads" => options.threads = true,
                "--processes" => options.processes = true,
                "--svg" => options.svg = arguments.next().map(PathBuf::from),
                _ => options.only.push(argument),
            }
        }
        options
    }

    fn wants(&self, case: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| case.starts_with(only))
    }
}

fn run() {
    let options = Options::read();
    if options.processes {
        processes::run();
        return;
    }
    let folder = PathBuf::from(env::var_os(CHILD).unwrap());
    let modules = modules::loaded(&folder);
    if options.threads {
        threads::run(&modules);
        return;
    }
    let names: Vec<_> = modules.iter().map(|(name, _)| *name).collect();
    report::heading(&names);
    let mut results: Vec<Measured> = Vec::new();
    for case in cases::CASES.iter().filter(|case| options.wants(case.name)) {
        let mut subjects: Vec<_> = modules
            .iter()
            .map(|(name, client)| Subject::new(name, (case.module)(client)))
            .collect();
        if let Some(alone) = case.alone {
            subjects.push(Subject::new(measure::ALONE, Ok(alone())));
        }
        let measured = measure::interleaved(case.name, subjects);
        report::line(&names, &measured);
        results.push(measured);
    }
    report::summary(&results);
    if let Some(path) = &options.json {
        std::fs::write(path, report::json(&results)).unwrap();
    }
    if let Some(path) = &options.svg {
        std::fs::write(path, report::svg(&results)).unwrap();
    }
}
