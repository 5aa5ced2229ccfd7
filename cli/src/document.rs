//! `docs/cli.md`, written from what `--help` says, and the totals of `docs/compare.md` in README.md.

use std::collections::BTreeSet;
use std::fmt::Write;

use clap::{Command, CommandFactory};

use crate::Cli;
use crate::examples::{self, EXAMPLES};

const INTRODUCTION: &str = "\
# The command line

Written from the program's own help; `TENON_REGENERATE=1 cargo test` writes it anew.
";

fn program() -> Command {
    examples::add_to(Cli::command())
}

fn document() -> String {
    let mut out = INTRODUCTION.to_owned();
    // Lines as in a terminal of 100 columns, whatever the one is that the test runs in.
    let mut program = program().term_width(100);
    program.build();
    describe(&mut program, &mut out);
    out
}

fn describe(command: &mut Command, out: &mut String) {
    let name = command.get_bin_name().unwrap_or("tenon").to_owned();
    let help = command.render_long_help().to_string();
    let lines: Vec<_> = help.lines().map(str::trim_end).collect();
    let _ = write!(
        out,
        "\n## {name}\n\n```text\n{}\n```\n",
        lines.join("\n").trim()
    );
    let own = |command: &&mut Command| command.get_name() != "help";
    for command in command.get_subcommands_mut().filter(own) {
        describe(command, out);
    }
}

#[test]
fn the_document_is_current() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cli.md");
    if std::env::var_os("TENON_REGENERATE").is_some() {
        std::fs::write(path, document()).unwrap();
    }
    assert_eq!(std::fs::read_to_string(path).unwrap(), document());
}

fn names(command: &Command, name: &str, all: &mut BTreeSet<String>) {
    for below in command.get_subcommands() {
        let name = format!("{name} {}", below.get_name()).trim().to_owned();
        if below.has_subcommands() {
            names(below, &name, all);
        } else {
            all.insert(name);
        }
    }
}

#[test]
fn every_command_has_examples_and_each_is_understood() {
    let mut commands = BTreeSet::new();
    names(&Cli::command(), "", &mut commands);
    let rows: BTreeSet<_> = EXAMPLES.iter().map(|row| row.0.to_owned()).collect();
    assert_eq!(rows, commands);
    for (name, lines) in EXAMPLES {
        assert!(!lines.is_empty(), "{name}");
        for line in lines {
            assert!(line.starts_with(&format!("tenon {name}")), "{name}: {line}");
            let own = line.split(['|', '>']).next().unwrap().replace('\'', "");
            if let Err(error) = program().try_get_matches_from(own.split_whitespace()) {
                panic!("{line}: {error}");
            }
        }
    }
}

/// What stands around the table in README.md.
const TOTALS: [&str; 2] = [
    "<!-- The totals of docs/compare.md -->\n",
    "<!-- End of the totals -->\n",
];

#[test]
fn the_readme_has_the_totals_of_the_comparison() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let compare = std::fs::read_to_string(format!("{root}/docs/compare.md")).unwrap();
    let table = compare.lines().skip_while(|line| !line.starts_with('|'));
    let table = table.take_while(|line| line.starts_with('|'));
    let table: String = table.map(|line| format!("{line}\n")).collect();
    let path = format!("{root}/README.md");
    let readme = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(TOTALS[0]).unwrap();
    let (_, after) = rest.split_once(TOTALS[1]).unwrap();
    let wanted = [before, TOTALS[0], &table, TOTALS[1], after].concat();
    if std::env::var_os("TENON_REGENERATE").is_some() {
        std::fs::write(path, &wanted).unwrap();
    }
    assert!(readme == wanted || std::env::var_os("TENON_REGENERATE").is_some());
}
