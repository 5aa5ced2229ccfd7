//! `docs/dependencies.md` has a row for each dependency of the manifests, and no other row.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// Columns of a row: crate, purpose, alternatives, maintainer, licence.
const COLUMNS: usize = 5;

/// The headings of the document, and the sections of manifests that they cover.
const SECTIONS: [(&str, &[(&str, &str)]); 3] = [
    ("## The module", &[("Cargo.toml", "[dependencies]")]),
    ("## The program", &[("cli/Cargo.toml", "[dependencies]")]),
    (
        "## Tests",
        &[
            ("Cargo.toml", "[build-dependencies]"),
            ("Cargo.toml", "[dev-dependencies]"),
            ("cli/Cargo.toml", "[dev-dependencies]"),
        ],
    ),
];

#[test]
fn every_dependency_has_a_row() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |name: &str| fs::read_to_string(root.join(name)).unwrap_or_default();
    let document = read("docs/dependencies.md");
    for (heading, sections) in SECTIONS {
        let wanted: BTreeSet<String> = sections
            .iter()
            .flat_map(|(manifest, section)| dependencies(&read(manifest), section))
            .collect();
        assert!(!wanted.is_empty(), "{heading}: no dependency was found");
        assert_eq!(rows(&document, heading), wanted, "{heading}");
    }
}

/// Names in a section of a manifest.
fn dependencies(manifest: &str, section: &str) -> BTreeSet<String> {
    let lines = manifest.lines().skip_while(|line| *line != section).skip(1);
    lines
        .take_while(|line| !line.starts_with('['))
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once(" = "))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Crates that have a full row below a heading.
fn rows(document: &str, heading: &str) -> BTreeSet<String> {
    let lines = document.lines().skip_while(|line| *line != heading).skip(1);
    lines
        .take_while(|line| !line.starts_with("## "))
        .filter(|line| line.starts_with("| `"))
        .map(|line| {
            let cells: Vec<_> = line.trim_matches('|').split('|').map(str::trim).collect();
            let full = cells.len() == COLUMNS && cells.iter().all(|cell| !cell.is_empty());
            assert!(full, "a cell is missing: {line}");
            cells[0].trim_matches('`').to_owned()
        })
        .collect()
}

#[test]
fn manifests_and_rows_are_read() {
    let manifest = "[dependencies]\n# why\na-b = \"1\"\nc = { version = \"2\" }\n\n[dev-dependencies]\nd = \"3\"\n";
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let expected: BTreeSet<String> = names(&["a-b", "c"]);
    assert_eq!(dependencies(manifest, "[dependencies]"), expected);
    let document = "## A\n| crate | for |\n|---|---|\n| `a-b` | x | y | z | MIT |\n## B\n| `d` | x | y | z | MIT |\n";
    assert_eq!(rows(document, "## A"), names(&["a-b"]));
}
