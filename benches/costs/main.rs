//! Guards what short calls cost, by counts that need no quiet machine: `cargo bench --bench costs`.
//!
//! Each case runs in a child process: under Valgrind, which counts the instructions and allocations of a call, and
//! under strace, which shows its system calls. `expected.txt` has the counts that were agreed on. A count of
//! instructions more than 5 % away from its own fails, one of allocations or system calls more than 10 %, which
//! for fewer than ten is another number, and any other number of waits for the disk.
//! Another compiler makes other instructions, so they are compared only under the compiler that the file names.
//! `TENON_REGENERATE=1` writes the file anew: do so where a change is meant.

#![allow(clippy::unwrap_used, reason = "the program ends where it cannot go on")]

mod cases;
#[path = "../../tests/client/mod.rs"]
mod client;
mod measured;

use std::env;
use std::fmt::Write as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use measured::Counts;

/// Says to a child process that it runs the cases.
const CHILD: &str = "TENON_COSTS_CHILD";
const EXPECTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/costs/expected.txt");
/// How far instructions may be away from what is expected, in percent.
const TOLERANCE: u64 = 5;
/// How far allocations and system calls may be, in percent: fewer than ten must be equal.
const EVENTS_TOLERANCE: u64 = 10;

fn main() -> ExitCode {
    if env::var_os(CHILD).is_some() {
        cases::run();
        return ExitCode::SUCCESS;
    }
    for tool in ["valgrind", "strace"] {
        if Command::new(tool).arg("--version").output().is_err() {
            println!("costs: {tool} is not installed, nothing was counted");
            return ExitCode::SUCCESS;
        }
    }
    let found = measured::all();
    if env::var_os("TENON_REGENERATE").is_some() {
        std::fs::write(EXPECTED, written(&found)).unwrap();
        return ExitCode::SUCCESS;
    }
    let (of, expected) = read(Path::new(EXPECTED));
    let same = of == compiler();
    if !same {
        println!("instructions are not compared: {EXPECTED} has those of {of}");
    }
    let mut wrong = 0;
    for (case, counts) in cases::NAMES.iter().zip(&found) {
        let wanted = expected.iter().find(|(name, _)| name == case);
        let right = wanted.is_some_and(|(_, wanted)| {
            (!same || is_near(wanted, counts)) && has_same_events(wanted, counts)
        });
        let note = if right { "" } else { "  <- expected " };
        let wanted = wanted
            .filter(|_| !right)
            .map_or_else(String::new, |(_, wanted)| wanted.to_string());
        println!("{case:28} {counts}{note}{wanted}");
        wrong += u32::from(!right);
    }
    if wrong == 0 {
        return ExitCode::SUCCESS;
    }
    println!(
        "{wrong} calls cost something else than benches/costs/expected.txt says: see benches/costs/main.rs"
    );
    ExitCode::FAILURE
}

fn is_near(wanted: &Counts, found: &Counts) -> bool {
    is_within(TOLERANCE, wanted.instructions, found.instructions)
}

fn is_within(percent: u64, wanted: u64, found: u64) -> bool {
    wanted.abs_diff(found) * 100 <= wanted * percent
}

fn has_same_events(wanted: &Counts, found: &Counts) -> bool {
    is_within(EVENTS_TOLERANCE, wanted.allocations, found.allocations)
        && is_within(EVENTS_TOLERANCE, wanted.system_calls, found.system_calls)
        && wanted.syncs == found.syncs
}

/// What `rustc --version` prints.
fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let printed = Command::new(rustc).arg("--version").output().unwrap();
    String::from_utf8(printed.stdout).unwrap().trim().to_owned()
}

/// The compiler, then a line for each case: name, instructions, allocations, system calls and syncs of one call, with
/// tabs between.
fn written(found: &[Counts]) -> String {
    let mut text = compiler() + "\n";
    for (case, counts) in cases::NAMES.iter().zip(found) {
        let Counts {
            instructions,
            allocations,
            system_calls,
            syncs,
        } = counts;
        writeln!(
            text,
            "{case}\t{instructions}\t{allocations}\t{system_calls}\t{syncs}"
        )
        .unwrap();
    }
    text
}

fn read(path: &Path) -> (String, Vec<(String, Counts)>) {
    let text = std::fs::read_to_string(path).unwrap();
    let line = |line: &str| {
        let mut fields = line.split('\t');
        let name = fields.next().unwrap().to_owned();
        let mut number = || fields.next().unwrap().parse().unwrap();
        let counts = Counts {
            instructions: number(),
            allocations: number(),
            system_calls: number(),
            syncs: number(),
        };
        (name, counts)
    };
    let mut lines = text.lines();
    let compiler = lines.next().unwrap().to_owned();
    (compiler, lines.map(line).collect())
}
