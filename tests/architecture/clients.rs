//! README's table of clients, the pages in `docs/clients/` and the scripts in `conformance/clients/` that execute them
//! name the same clients.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[test]
fn each_client_has_a_row_a_page_and_a_script_that_executes_it() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap_or_default();
    let rows = linked(&readme);
    assert!(rows.len() > 15, "README has no table of clients");
    let pages = stems("docs/clients", "md");
    assert_eq!(rows, pages, "rows of README, and pages");
    let scripts = stems("conformance/clients", "sh");
    assert_eq!(scripts, pages, "scripts, and pages");
    for name in &scripts {
        let path = root().join(format!("conformance/clients/{name}.sh"));
        let script = fs::read_to_string(&path).unwrap_or_default();
        let call = format!("\nexecute_client_page {name} '");
        assert!(
            script.contains(&call),
            "{name}.sh does not execute {name}.md"
        );
        let mode = fs::metadata(&path).map_or(0, |file| file.permissions().mode());
        assert_ne!(mode & 0o100, 0, "{name}.sh is not executable");
        let page = fs::read_to_string(root().join(format!("docs/clients/{name}.md")));
        assert!(
            page.is_ok_and(|page| page.contains("\n```sh\n")),
            "{name}.md has no commands"
        );
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The pages that rows of a table link to in their first cell.
fn linked(readme: &str) -> BTreeSet<String> {
    let rows = readme.lines().filter_map(|line| line.strip_prefix("| ["));
    let links = rows.filter_map(|row| row.split_once("](docs/clients/")?.1.split_once(".md)"));
    links.map(|(name, _)| name.to_owned()).collect()
}

/// Names without their ending of the files of a folder.
fn stems(folder: &str, ending: &str) -> BTreeSet<String> {
    let files = fs::read_dir(root().join(folder)).into_iter().flatten();
    let stem = |path: &Path| {
        let stem = path.file_stem()?.to_str()?.to_owned();
        (path.extension()? == ending).then_some(stem)
    };
    let paths = files.filter_map(|file| Some(file.ok()?.path()));
    paths.filter_map(|path| stem(&path)).collect()
}
