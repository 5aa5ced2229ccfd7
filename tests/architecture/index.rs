//! The index in CONTRIBUTING.md and the table of places in docs/design.md name files, functions and
//! settings that are there.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::rules::{Sources, collect_all};

/// The documents, each with the heading above its table.
const TABLES: [(&str, &str); 2] = [
    ("CONTRIBUTING.md", "## Where is it?"),
    ("docs/design.md", "## 2. One place for each thing"),
];

const SETTINGS: &str = "config/table.rs";

#[test]
fn what_the_tables_of_places_name_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let sources = collect_all(root);
    let mut found = Vec::new();
    for (document, heading) in TABLES {
        let text = fs::read_to_string(root.join(document)).unwrap_or_default();
        let rows = rows(&text, heading);
        assert!(rows.len() > 12, "{document} has no table below {heading}");
        let absent = rows.iter().flat_map(|row| absent(&sources, row));
        found.extend(absent.map(|name| format!("{document}: {name} is not there")));
    }
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The second cells of the table below `heading`.
fn rows<'a>(text: &'a str, heading: &str) -> Vec<&'a str> {
    let below = text.split_once(heading).map_or("", |(_, below)| below);
    let section = below.split("\n## ").next().unwrap_or_default();
    let cells = section.lines().filter_map(|line| line.split('|').nth(2));
    // The first two are the head of the table.
    cells.skip(2).collect()
}

/// What a cell names in backticks and is not there.
fn absent(sources: &Sources, cell: &str) -> Vec<String> {
    let spans: Vec<&str> = cell.split('`').skip(1).step_by(2).collect();
    let mut files = Vec::new();
    let mut absent = Vec::new();
    for span in spans.iter().filter(|span| is_path(span)) {
        match resolved(sources, span, files.last()) {
            Some(path) => files.push(path),
            None => absent.push((*span).to_owned()),
        }
    }
    let rooms: BTreeSet<&str> = files.iter().map(|file| room(file)).collect();
    for span in spans.iter().filter(|span| !is_path(span)) {
        if !is_defined(sources, span, &rooms) {
            absent.push((*span).to_owned());
        }
    }
    absent
}

fn is_path(span: &str) -> bool {
    span.contains('/') || span.ends_with(".rs")
}

/// The key in `sources` of a file, or the beginning of the keys of a folder: written from the root of the
/// repository, from `src/`, or from the folder of the one named before.
fn resolved(sources: &Sources, span: &str, before: Option<&String>) -> Option<String> {
    let written = span.strip_prefix("src/").unwrap_or(span).to_owned();
    let beside = before.map(|before| {
        let folder = before.rfind('/').map_or("", |end| &before[..=end]);
        format!("{folder}{span}")
    });
    let exists = |path: &String| match path.ends_with('/') {
        true => sources.keys().any(|key| key.starts_with(path)),
        false => sources.contains_key(path),
    };
    [Some(written), beside].into_iter().flatten().find(exists)
}

fn room(path: &str) -> &str {
    path.split(['/', '.']).next().unwrap_or_default()
}

/// Whether a room, a setting, or an item is there: `room::item`, `Type::method`, or an item of a room that
/// the cell names a file of.
fn is_defined(sources: &Sources, span: &str, rooms: &BTreeSet<&str>) -> bool {
    if sources.keys().any(|key| room(key) == span) {
        return true;
    }
    if span.contains('.') {
        let setting = format!("\"{span}\"");
        return sources
            .get(SETTINGS)
            .is_some_and(|text| text.contains(&setting));
    }
    let (owner, item) = match span.rsplit_once("::") {
        Some((owner, item)) => (Some(owner), item),
        None => (None, span),
    };
    sources.iter().any(|(path, text)| {
        let may_be_here = match owner {
            Some(owner) if owner.starts_with(char::is_uppercase) => {
                words(text).any(|word| word == owner)
            }
            Some(owner) => room(path) == owner,
            None => rooms.contains(room(path)),
        };
        may_be_here && defines(text, item)
    })
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn defines(text: &str, item: &str) -> bool {
    const KINDS: [&str; 7] = ["fn", "struct", "enum", "trait", "type", "const", "static"];
    let mut before = "";
    words(text).any(|word| {
        let defined = word == item && KINDS.contains(&before);
        before = word;
        defined
    })
}

#[test]
fn what_is_absent_is_seen() {
    let sources: Sources = [
        ("policy/decide.rs", "pub fn decide() {} fn in_force() {}"),
        ("token/unwrap.rs", "struct Job; impl Job { fn open() {} }"),
        ("token/external/import.rs", ""),
        ("config/table.rs", "key: \"pin.retries\""),
    ]
    .into_iter()
    .map(|(path, text)| (path.to_owned(), text.to_owned()))
    .collect();
    for (cell, missing) in [
        ("`policy::decide`, `in_force` in `src/policy/decide.rs`", ""),
        (
            "`src/token/unwrap.rs`, `external/import.rs`; `src/token/`",
            "",
        ),
        (
            "`pin.retries` in `config/table.rs`; `policy`; `Job::open`",
            "",
        ),
        ("`src/policy/dates.rs`", "src/policy/dates.rs"),
        ("`src/token/unwrap.rs`, `opening.rs`", "opening.rs"),
        ("`expired` in `src/policy/decide.rs`", "expired"),
        ("`open` in `src/policy/decide.rs`", "open"),
        ("`policy::open`", "policy::open"),
        ("`Job::in_force`", "Job::in_force"),
        ("`pin.tries` in `config/table.rs`", "pin.tries"),
    ] {
        assert_eq!(absent(&sources, cell).concat(), missing, "{cell}");
    }
    let document = "## A\n| x | `y` |\n## B\n| q | p |\n|---|---|\n| a | b |\n## C\n| d | e |\n";
    assert_eq!(rows(document, "## B"), [" b "]);
}
