//! Counting: a child process under Valgrind, and one under strace.

use std::env;
use std::fmt;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{CHILD, cases};

/// What one call costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counts {
    pub(super) instructions: u64,
    pub(super) allocations: u64,
    pub(super) system_calls: u64,
    /// Those of the system calls that wait for the disk.
    pub(super) syncs: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:>8} instructions {:>4} allocations {:>3} system calls {:>2} syncs",
            self.instructions, self.allocations, self.system_calls, self.syncs
        )
    }
}

/// The counts of every case, in their order: the least of their windows, since every 50 ms a call looks whether
/// the token's files are still there.
pub(super) fn all() -> Vec<Counts> {
    let folder = tempfile::tempdir().unwrap();
    let memory = under_valgrind(folder.path());
    let system_calls = under_strace(folder.path());
    let windows = memory.into_iter().zip(system_calls);
    let counts: Vec<_> = windows
        .map(
            |((instructions, allocations), (system_calls, syncs))| Counts {
                instructions,
                allocations,
                system_calls,
                syncs,
            },
        )
        .collect();
    assert_eq!(counts.len(), cases::NAMES.len() * cases::WINDOWS);
    let least = |windows: &[Counts]| Counts {
        instructions: windows.iter().map(|c| c.instructions).min().unwrap(),
        allocations: windows.iter().map(|c| c.allocations).min().unwrap(),
        system_calls: windows.iter().map(|c| c.system_calls).min().unwrap(),
        syncs: windows.iter().map(|c| c.syncs).min().unwrap(),
    };
    counts.chunks(cases::WINDOWS).map(least).collect()
}

/// Instructions and allocations of one call in each window.
fn under_valgrind(folder: &Path) -> Vec<(u64, u64)> {
    let out = folder.join("callgrind");
    let mut command = Command::new("valgrind");
    command.args([
        "--tool=callgrind",
        "--toggle-collect=tenon_costs_window",
        "--dump-after=tenon_costs_window",
        "--compress-strings=no",
    ]);
    command.arg(format!("--callgrind-out-file={}", out.display()));
    run(&mut command, &folder.join("valgrind-tokens"));
    let dumps = cases::NAMES.len() * cases::WINDOWS;
    (1..=dumps)
        .map(|number| counted(&fs::read_to_string(format!("{}.{number}", out.display())).unwrap()))
        .collect()
}

/// Reads one of Callgrind's files.
fn counted(dump: &str) -> (u64, u64) {
    let (mut instructions, mut allocations, mut callee) = (0, 0, "");
    for line in dump.lines() {
        if let Some(name) = line.strip_prefix("cfn=") {
            callee = name;
        } else if let Some(calls) = line.strip_prefix("calls=") {
            if matches!(callee, "malloc" | "calloc" | "realloc" | "posix_memalign") {
                allocations += number(calls);
            }
        } else if let Some(total) = line.strip_prefix("totals: ") {
            instructions = number(total);
        }
    }
    (instructions / cases::CALLS, allocations / cases::CALLS)
}

/// The number at the beginning of `text`.
fn number(text: &str) -> u64 {
    text.split(' ').next().unwrap().parse().unwrap()
}

/// System calls of one call in each window, and those of them that wait for the disk, rounded down: the looks at the
/// token's files, which a slow machine puts into every window, add less than one system call.
fn under_strace(folder: &Path) -> Vec<(u64, u64)> {
    let log = folder.join("strace");
    let mut command = Command::new("strace");
    command.arg("-o").arg(&log);
    run(&mut command, &folder.join("strace-tokens"));
    let each = |count| count / cases::CALLS;
    let mut windows = Vec::new();
    let mut inside: Option<(u64, u64)> = None;
    for line in fs::read_to_string(log).unwrap().lines() {
        if !line.contains(cases::MARK) {
            let sync = u64::from(line.starts_with("fdatasync(") || line.starts_with("fsync("));
            inside = inside.map(|(calls, syncs)| (calls + 1, syncs + sync));
        } else if let Some((calls, syncs)) = inside.take() {
            windows.push((each(calls), each(syncs)));
        } else {
            inside = Some((0, 0));
        }
    }
    windows
}

/// Runs this program under the tool of `command`.
fn run(command: &mut Command, tokens: &Path) {
    fs::create_dir(tokens).unwrap();
    let output = command
        .arg(env::current_exe().unwrap())
        .env(CHILD, "1")
        .env("TENON_CONF", "/dev/null")
        .env("TENON_DIRECTORIES_TOKENDIR", tokens)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
