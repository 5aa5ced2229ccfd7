//! Tables are no wider than the terminal, nor than 80 columns where there is none, whatever a token holds.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::byok::{bring, create};
use super::common::{Desk, file_path, text};
use super::terminal::Terminal;

/// Files of the program that print tables, and commands that run them, on a desk as `full_desk` makes it.
const TABLES: [(&str, &[&[&str]]); 13] = [
    ("slots.rs", &[&["slots"]]),
    (
        "objects/list.rs",
        &[&["objects", "list"], &["objects", "list", "--login"]],
    ),
    (
        "audit/list.rs",
        &[&["audit", "list"], &["audit", "list", "--login"]],
    ),
    (
        "byok/list.rs",
        &[
            &["byok", "list"],
            &["byok", "list", "--login"],
            &["byok", "list", "--login", "--expiring", "7d"],
        ],
    ),
    ("byok/describe.rs", &[&["byok", "describe", "k"]]),
    ("byok/versions.rs", &[&["byok", "versions", "k"]]),
    ("byok/requests.rs", &[&["byok", "requests"]]),
    (
        "byok/profiles.rs",
        &[
            &["byok", "profiles"],
            &["byok", "profiles", "aws"],
            &["byok", "profiles", "google"],
            &["byok", "profiles", "alibaba-hardware"],
        ],
    ),
    ("config.rs", &[&["config"]]),
    ("client_config.rs", &[&["client-config"]]),
    ("doctor/mod.rs", &[&["doctor"], &["doctor", "--login"]]),
    (
        "migrate/report.rs",
        &[&["migrate", "kryoptic", "kryoptic.sql", "--no-comparison"]],
    ),
    // Rows that come one by one, as those of `objects list`.
    ("output.rs", &[]),
];

const LONG: &str =
    "a label of many words, as people give them who describe what a key is for and whose it is";

/// A token with labels, subjects and identifiers longer than a line, and more rows than one.
fn full_desk() -> Desk {
    let desk = Desk::empty();
    desk.run(&["init", "--label", "a label of thirty-two characters"])
        .ok();
    let unbroken = "x".repeat(150);
    for label in [LONG, &unbroken, "短いラベル", &"鍵".repeat(60)] {
        let key = ["keys", "generate", "--type", "ec:P-256", "--label", label];
        desk.run(&key).ok();
    }
    let subject = format!(
        "O={},CN={}",
        "an organisation of some length",
        "y".repeat(60)
    );
    let sign = ["cert", "self-sign", "--type", "privkey", "--label", LONG];
    let sign = [
        &sign[..],
        &["--subject", &subject, "--out", "certificate.pem"],
    ]
    .concat();
    desk.run(&sign).ok();
    desk.run(&["import", "certificate.pem", "--label", LONG])
        .ok();
    for index in 0..40 {
        let label = format!("number {index}");
        desk.run(&["keys", "generate", "--type", "aes:256", "--label", &label])
            .ok();
    }
    desk.write("secret.bin", [7; 32]);
    create(&desk, &["--profile", "google", "--spec", "AES_256"]);
    bring(
        &desk,
        "secret.bin",
        "RSA_OAEP_3072_SHA256",
        &["--expires", "2d"],
    )
    .ok();
    for profile in ["aws", "alibaba-hardware", "google"] {
        let alias = format!("{profile}/{}", "longer-than-a-line-".repeat(6));
        desk.run(&[
            "byok",
            "create",
            "--spec",
            "AES_256",
            "--alias",
            &alias,
            "--profile",
            profile,
        ])
        .ok();
    }
    let actor =
        "the job that signs the invoices of the month, on behalf of the accounts department";
    desk.run_with(&[("TENON_ACTOR", actor)], &["objects", "list", "--login"])
        .ok();
    fs::copy(file_path("kryoptic.sql"), desk.path("kryoptic.sql")).unwrap();
    desk
}

/// Columns that the text takes: two for each letter of Chinese and Japanese.
fn columns(line: &str) -> usize {
    line.chars()
        .map(|c| if c > '\u{2E7F}' { 2 } else { 1 })
        .sum()
}

#[track_caller]
fn fits(shown: &str, limit: usize, command: &[&str]) {
    assert!(
        shown.lines().count() > 1,
        "{command:?} printed no table: {shown}"
    );
    for line in shown.lines() {
        let line = line.trim_end();
        assert!(
            columns(line) <= limit,
            "{command:?}, {limit} columns: {line}\n{shown}"
        );
    }
}

/// Some line has the names of the columns, in capital letters as in every table.
#[track_caller]
fn has_header(shown: &str, command: &[&str]) {
    let is_header = |line: &str| {
        let cells: Vec<_> = line.split("  ").filter(|cell| !cell.is_empty()).collect();
        let is_name = |cell: &&str| {
            cell.trim()
                .chars()
                .all(|c| c.is_ascii_uppercase() || c == ' ')
        };
        cells.len() > 1 && cells.iter().all(is_name)
    };
    assert!(
        shown.lines().any(is_header),
        "{command:?} has no header: {shown}"
    );
}

#[test]
fn no_table_is_wider_than_80_columns_through_a_pipe_nor_than_the_terminal() {
    let desk = full_desk();
    for command in TABLES.iter().flat_map(|(_, commands)| *commands) {
        let variables = [("TENON_SOURCE_PIN", "kryoptic-1234")];
        let shown = desk.run_with(&variables, command).out();
        fits(&shown, 80, command);
        has_header(&shown, command);
    }
    // Without a login: the terminal's program has no PIN in its environment.
    for command in [
        &["slots"][..],
        &["objects", "list"],
        &["byok", "list"],
        &["byok", "profiles", "aws"],
        &["config"],
        &["client-config"],
    ] {
        for width in [40, 61, 200] {
            let shown = Terminal::of_width(&desk, command, width).ends_well();
            fits(&shown, width.into(), command);
        }
    }
}

#[test]
fn a_label_longer_than_a_line_is_folded_and_whole_in_json() {
    let desk = full_desk();
    let objects = desk.objects(&["--label", LONG]);
    assert_eq!(objects.len(), 3);
    assert!(objects.iter().all(|object| text(object, "label") == LONG));
    let shown = desk.run(&["objects", "list", "--login"]).ok().out();
    let words: Vec<_> = shown.split_whitespace().collect();
    let label: Vec<_> = LONG.split_whitespace().collect();
    assert!(!shown.contains(LONG), "{shown}");
    let found = words.windows(label.len()).filter(|words| *words == label);
    assert_eq!(found.count(), 3, "{shown}");
}

#[test]
fn every_file_that_prints_a_table_is_named_here() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeSet::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = fs::read_to_string(&path).unwrap();
            if source.contains("use crate::table::") || source.contains(".print_each(") {
                found.insert(
                    path.strip_prefix(&root)
                        .unwrap()
                        .to_str()
                        .unwrap()
                        .to_owned(),
                );
            }
        }
    }
    let named = TABLES.iter().map(|(file, _)| (*file).to_owned());
    assert_eq!(found, named.collect());
}
