use std::io::{self, BufRead, BufReader, Lines, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tempfile::TempDir;
use tenon_pkcs11::api::config::{Config, Target};
use tenon_pkcs11::api::store::{Options, Posting, Row, Store, Uid, catalog};

use crate::database;

pub(super) type Result<T> = tenon_pkcs11::api::store::Result<T>;

/// A store in a directory of its own, which goes when this is dropped; or in a database of its own (`database`).
pub(super) struct Scratch {
    pub(super) store: Store,
    /// The file, or the database's URL.
    pub(super) path: PathBuf,
    pub(super) directory: TempDir,
}

pub(super) fn scratch() -> Scratch {
    let directory = tempfile::tempdir().unwrap();
    if let Some(url) = database::for_folder(directory.path()) {
        let path = PathBuf::from(url);
        let tokens = catalog(&on_server(&path).unwrap());
        tokens.make_filled(0, &mut |_| true).unwrap();
        return Scratch {
            store: open(&path),
            path,
            directory,
        };
    }
    let path = directory.path().join("tokens").join("slot-0000.tenon");
    let store = Store::create(&path).unwrap();
    Scratch {
        store,
        path,
        directory,
    }
}

/// Another opening of the store of `scratch`, in this process or another one.
pub(super) fn open(path: &Path) -> Store {
    open_with(path, &Options::default()).unwrap()
}

pub(super) fn open_with(path: &Path, options: &Options) -> Result<Store> {
    match on_server(path) {
        Some(config) => catalog(&config).open(0, options),
        None => Store::open(path, options),
    }
}

/// Whether these tests run on a server.
pub(super) fn on_a_server() -> bool {
    std::env::var_os("TENON_TEST_SERVER").is_some()
}

pub(super) fn on_server(url: &Path) -> Option<Config> {
    let target = Target::parse(url.to_str()?).ok()?;
    Some(Config {
        store_url: Some(target),
        busy_timeout: Options::default().busy_timeout,
        ..Config::default()
    })
}

pub(super) fn uid(number: u64) -> Uid {
    u128::from(number).to_be_bytes()
}

pub(super) fn posting(number: u64) -> Posting {
    // Spread as a keyed hash is.
    u128::from(number)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835)
        .to_be_bytes()
}

pub(super) fn row(number: u64) -> Row {
    Row {
        uid: uid(number),
        class: 4,
        key_type: Some(0x1F),
        private: false,
        hidden: false,
        expires_at: 0,
        deletion_at: 0,
        version: 1,
        format: 1,
        sealed: format!("sealed {number}").into_bytes(),
        mac: Vec::new(),
    }
}

/// Counts that are easy to make larger for a long run.
pub(super) fn from_env(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// A small generator, for choices that only need to differ.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit
    }
}

/// What SQLite itself finds wrong with a database that nobody writes to.
pub(super) fn damage(path: &Path) -> Vec<String> {
    if on_server(path).is_some() {
        return Vec::new();
    }
    let conn = rusqlite::Connection::open(path).unwrap();
    ["PRAGMA integrity_check", "PRAGMA foreign_key_check"]
        .into_iter()
        .flat_map(|check| {
            let mut statement = conn.prepare(check).unwrap();
            let found = statement
                .query_map([], |row| row.get::<_, String>(0))
                .unwrap();
            found.map(|line| line.unwrap()).collect::<Vec<_>>()
        })
        .filter(|line| line != "ok")
        .collect()
}

const ROLE: &str = "TENON_STORE_ROLE";
const PATH: &str = "TENON_STORE_PATH";

/// Another process: this test program again, running only the test named `role`.
pub(super) struct Other {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Other {
    /// `role` is the full name of a test that calls `playing`.
    pub(super) fn start(role: &str, path: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", role, "--nocapture", "--test-threads=1"])
            .env(ROLE, role)
            .env(PATH, path)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, lines }
    }

    /// What follows the next `> ` at the start of a line; `None` when the process has ended.
    pub(super) fn hear(&mut self) -> Option<String> {
        self.lines
            .by_ref()
            .map_while(io::Result::ok)
            .find_map(|line| line.strip_prefix("> ").map(str::to_owned))
    }

    pub(super) fn tell(&mut self, line: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// SIGKILL.
    pub(super) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for a good end.
    pub(super) fn finish(mut self) {
        drop(self.child.stdin.take());
        while self.hear().is_some() {}
        assert!(self.child.wait().unwrap().success());
    }
}

/// The path to work on, where this process was started to play `role`.
pub(super) fn playing(role: &str) -> Option<PathBuf> {
    if std::env::var(ROLE).ok()? != role {
        return None;
    }
    // The test runner has begun a line of its own.
    println!();
    std::env::var_os(PATH).map(PathBuf::from)
}

/// Says one line to the process that started this one.
pub(super) fn say(line: impl std::fmt::Display) {
    // One write, so that lines of several threads do not mix, and nothing is held back.
    let line = format!("> {line}\n");
    io::stdout().lock().write_all(line.as_bytes()).unwrap();
}
