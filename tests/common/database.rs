//! Databases of PostgreSQL in the place of folders, for the tests that run on both engines: on the server whose
//! socket is in the folder `TENON_TEST_SERVER`, as its user `tenon`.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tenon_pkcs11::api::config::{Config, Target};

/// Names the URL of a database for `folder`, a new one the first time.
const NAME: &str = "database-url";

/// The tokens of `config` are in a database of `folder`, where the tests run on a server.
pub(crate) fn instead_of(folder: &Path, config: &mut Config) {
    config.store_url = for_folder(folder).map(|url| Target::parse(&url).unwrap());
}

/// The URL of the database of `folder`; `None` where the tests run on files.
pub(crate) fn for_folder(folder: &Path) -> Option<String> {
    let server = std::env::var("TENON_TEST_SERVER").ok()?;
    let named = folder.join(NAME);
    if let Ok(url) = std::fs::read_to_string(&named) {
        return Some(url);
    }
    let url = new(&server);
    std::fs::write(named, &url).unwrap();
    Some(url)
}

fn new(server: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let name = format!("t{}_{number}", std::process::id());
    let made = Command::new("psql")
        .args(["-qX", "-U", "tenon", "-d", "postgres", "-h", server])
        .args(["-c", &format!("CREATE DATABASE {name}")])
        .status();
    assert!(made.unwrap().success());
    format!("postgresql://tenon@/{name}?host={server}")
}
