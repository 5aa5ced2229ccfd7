//! The rules, and the test that holds `src/` to them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::layers;
use super::names::{Arrow, Names};
use super::read::{Fact, Seen, read};

/// The rooms from the top, each with the rooms that it may use: arrows only point down. Every room
/// may use the leaves.
const ROOMS: &[(&str, &[&str])] = &[
    // Names for Rust programs, each as its room has it.
    (
        "api",
        &[
            "module",
            "session",
            "token",
            "policy",
            "byok",
            "attr",
            "mechanism",
            "keytype",
            "store",
            "crypto",
        ],
    ),
    // The random source and the numbers of the hashes are all that the door takes of `crypto`.
    ("abi", &["module", "session", "attr", "mechanism", "crypto"]),
    ("module", &["session", "token", "mechanism", "store"]),
    ("session", &["token", "policy", "attr", "mechanism"]),
    (
        "token",
        &[
            "policy",
            "byok",
            "attr",
            "mechanism",
            "keytype",
            "store",
            "crypto",
        ],
    ),
    ("policy", &["byok"]),
    ("byok", &["keytype"]),
    ("attr", &["keytype"]),
    ("mechanism", &["keytype", "crypto"]),
    ("keytype", &["crypto"]),
    ("store", &[]),
    ("crypto", &[]),
    // Turns the errors of these into CKR_ numbers by `From`, so that nobody has to name it.
    ("rv", &["byok", "store", "crypto"]),
];

/// The leaves; each uses only those before it.
const LEAVES: &[&str] = &[
    "fork", "ck", "client", "secret", "clock", "rng", "limit", "error", "out", "config", "log",
];

/// Where `unsafe` is allowed: folders, and single files with the reason.
const UNSAFE: &[(&str, &str)] = &[
    ("abi/", "the memory of C callers"),
    ("crypto/sys/", "the C functions of aws-lc"),
    ("secret.rs", "locked pages, and wiping them"),
    ("allocator.rs", "memory that is wiped before it is freed"),
    ("clock.rs", "the coarse clock of the C library"),
    ("fork.rs", "a page that the kernel wipes in forked children"),
    (
        "store/file/fork.rs",
        "what SQLite takes from a parent process",
    ),
    ("store/listed.rs", "closes what a forked child inherited"),
    (
        "store/file/range_lock.rs",
        "locks of open file descriptions, for which no library has a call",
    ),
    (
        "store/file/sys.rs",
        "locks on bytes of a file, and what SQLite asks of the system",
    ),
    (
        "cli/src/demo/client.rs",
        "numbers of mechanisms, as the crate cryptoki has them",
    ),
];

/// The one handler that the library registers, and why.
const HANDLERS: &[(&str, &str, &str)] = &[(
    "store/file/fork.rs",
    "pthread_atfork",
    "a child must not inherit a mutex of SQLite that another thread held",
)];

/// Pure tables of rows, which may be longer than other files.
const ROW_TABLES: &[&str] = &[];

/// Lines of a file.
const LINES: usize = 600;

/// The only file that reads the clock.
const CLOCK: &str = "clock.rs";

/// The roots of the module and of the program.
const ENTRIES: [&str; 2] = ["lib.rs", "cli/src/main.rs"];

/// The module's sources by their path below `src/`, and the program's by theirs, which begins
/// with `cli/src/`.
pub(super) type Sources = BTreeMap<String, String>;

#[test]
fn sources_keep_the_architecture() {
    let sources = collect_all(Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(ENTRIES.iter().all(|entry| sources.contains_key(*entry)));
    let mut found = violations(&sources);
    found.extend(layers::violations(&arrows(&sources)));
    assert!(found.is_empty(), "\n{}\n", found.join("\n"));
}

/// The sources of the repository in this folder.
pub(super) fn collect_all(root: &Path) -> Sources {
    let mut sources = Sources::new();
    collect(&root.join("src"), &root.join("src"), &mut sources);
    collect(root, &root.join("cli/src"), &mut sources);
    sources
}

/// What breaks a rule, one line each: file, line, what.
pub(super) fn violations(sources: &Sources) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources {
        let lines = text.lines().count();
        if lines > LINES && !ROW_TABLES.contains(&path.as_str()) {
            found.push(format!("{}: {lines} lines, more than {LINES}", shown(path)));
        }
    }
    let mut once_cells = BTreeSet::new();
    let mut reached = BTreeSet::new();
    for entry in ENTRIES {
        for seen in read(sources, entry, &mut reached) {
            if matches!(seen.fact, Fact::OnceCell) {
                once_cells.insert(seen.path.clone());
            } else if let Some(what) = judge(&seen) {
                found.push(format!("{}:{}: {what}", shown(&seen.path), seen.line));
            }
        }
    }
    if once_cells.len() > 1 {
        found.push(format!("once_cell in more than one place: {once_cells:?}"));
    }
    for path in sources.keys().filter(|path| !reached.contains(*path)) {
        found.push(format!("{}: belongs to no module", shown(path)));
    }
    found
}

/// Every use of one file by another.
pub(super) fn arrows(sources: &Sources) -> BTreeSet<Arrow> {
    let of_entry = |entry| Names::read(sources, entry).arrows();
    ENTRIES.into_iter().flat_map(of_entry).collect()
}

fn is_program(path: &str) -> bool {
    path.starts_with("cli/")
}

/// The path from the root of the repository.
pub(super) fn shown(path: &str) -> String {
    if is_program(path) {
        path.to_owned()
    } else {
        format!("src/{path}")
    }
}

/// What is wrong with one fact, if anything. Code of tests may do what it needs, but `unsafe`.
fn judge(seen: &Seen) -> Option<String> {
    let program = is_program(&seen.path);
    match &seen.fact {
        Fact::Unsafe => {
            let allowed = UNSAFE
                .iter()
                .any(|(place, _)| match place.strip_suffix('/') {
                    Some(_) => seen.path.starts_with(place),
                    None => seen.path == *place,
                });
            (!allowed).then(|| "`unsafe` outside its places".into())
        }
        _ if seen.test => None,
        Fact::Uses(_) if program => None,
        Fact::Uses(to) => refused_arrow(&seen.room, to),
        Fact::Clock(call) if seen.path != CLOCK => Some(format!("{call} outside {CLOCK}")),
        Fact::Prints(call) if !program => Some(format!("{call} in the library")),
        Fact::Process(call) if !program => {
            let mut handlers = HANDLERS.iter();
            let known = handlers.any(|(path, known, _)| seen.path == *path && call == known);
            (!known).then(|| format!("{call} in the library: no threads, no handlers"))
        }
        Fact::Clock(_) | Fact::Prints(_) | Fact::Process(_) | Fact::OnceCell => None,
    }
}

fn refused_arrow(from: &str, to: &str) -> Option<String> {
    // `lib.rs` only declares the rooms.
    if from == to || from.is_empty() {
        return None;
    }
    let leaf = |name| LEAVES.iter().position(|leaf| *leaf == name);
    let room = ROOMS.iter().find(|(name, _)| *name == from);
    let allowed = match (leaf(from), leaf(to), room) {
        (Some(from), Some(to), _) => to < from,
        (None, Some(_), Some(_)) => true,
        (None, None, Some((_, uses))) => uses.contains(&to),
        (Some(_), None, _) => false,
        (None, _, None) => return Some(format!("the room `{from}` is in no layer")),
    };
    (!allowed).then(|| format!("`{from}` must not use `{to}`"))
}

fn collect(root: &Path, folder: &Path, sources: &mut Sources) {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let paths: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    for path in paths {
        if path.is_dir() {
            collect(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let name = path.strip_prefix(root).unwrap_or(&path);
            let text = fs::read_to_string(&path).unwrap_or_default();
            sources.insert(name.display().to_string(), text);
        }
    }
}
