//! docs/security.md names files and tests that are there.

use std::fs;
use std::path::Path;

const DOCUMENT: &str = "docs/security.md";

/// How many promises there are.
const PROMISES: usize = 52;

#[test]
fn what_the_table_of_promises_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = fs::read_to_string(root.join(DOCUMENT)).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .map(|line| line.split(" | ").collect())
        .filter(|cells: &Vec<&str>| cells.len() > 1 && number(cells[0]).is_some())
        .collect();
    let numbers: Vec<usize> = rows.iter().filter_map(|cells| number(cells[0])).collect();
    assert_eq!(numbers, (1..=PROMISES).collect::<Vec<_>>());
    let mut absent = Vec::new();
    for cells in &rows {
        assert_eq!(cells.len(), 5, "{cells:?}");
        for cell in &cells[2..4] {
            absent.extend(absent_from(root, cell));
        }
    }
    assert_eq!(absent, Vec::<String>::new());
}

fn number(cell: &str) -> Option<usize> {
    cell.strip_prefix("| ")?.trim().parse().ok()
}

/// The files in backticks that are not there, and the functions that are not in the file before them.
fn absent_from(root: &Path, cell: &str) -> Vec<String> {
    let mut source = String::new();
    let mut absent = Vec::new();
    for name in cell.split('`').skip(1).step_by(2) {
        let there = if name.contains('/') {
            source = fs::read_to_string(root.join(name)).unwrap_or_default();
            !source.is_empty()
        } else {
            source.contains(&format!("fn {name}("))
        };
        if !there {
            absent.push(name.to_owned());
        }
    }
    absent
}

#[test]
fn a_test_that_is_not_there_is_found() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let absent = |cell| absent_from(root, cell);
    let here = "`tests/architecture/security.rs`: `a_test_that_is_not_there_is_found`";
    assert_eq!(absent(here), Vec::<String>::new());
    assert_eq!(
        absent("`tests/architecture/security.rs`: `no_such_test`"),
        ["no_such_test"]
    );
    assert_eq!(absent("`tests/none.rs`"), ["tests/none.rs"]);
}
