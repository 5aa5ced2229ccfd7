//! The modules: where they are, their settings, and their tokens.

use std::env;
use std::path::{Path, PathBuf};

use super::client::{self, Client};

/// Tenon's name in the results.
pub(super) const TENON: &str = "Tenon";

const SOFTHSM: &str = "/usr/lib/softhsm/libsofthsm2.so";
/// Where Debian puts NSS on the processors that it has packages for.
const NSS: [&str; 2] = [
    "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
    "/usr/lib/aarch64-linux-gnu/libsoftokn3.so",
];

/// Writes the settings of all modules into `folder`; the environment variables that name them.
pub(super) fn settings(folder: &Path) -> Vec<(&'static str, PathBuf)> {
    let made = |name: &str| {
        let path = folder.join(name);
        std::fs::create_dir(&path).unwrap();
        path
    };
    let written = |name: &str, text: String| {
        let path = folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let softhsm = made("softhsm");
    let kryoptic = folder.join("kryoptic.sql");
    made("nss");
    vec![
        ("TENON_CONF", "/dev/null".into()),
        ("TENON_DIRECTORIES_TOKENDIR", made("tenon")),
        (
            "SOFTHSM2_CONF",
            written(
                "softhsm2.conf",
                format!("directories.tokendir = {}\n", softhsm.display()),
            ),
        ),
        (
            "KRYOPTIC_CONF",
            written(
                "kryoptic.conf",
                format!(
                    "[[slots]]\nslot = 1\ndbtype = \"sqlite\"\ndbargs = \"{}\"\n",
                    kryoptic.display()
                ),
            ),
        ),
    ]
}

/// Tenon, then every other module that is there, each with a token and a logged-in session.
pub(super) fn loaded(folder: &Path) -> Vec<(&'static str, &'static Client)> {
    let at = |variable: &str, usual: &[&str]| {
        let named = env::var_os(variable).map(PathBuf::from);
        named.or_else(|| usual.iter().map(PathBuf::from).find(|path| path.exists()))
    };
    let mut loaded = vec![(TENON, Client::start(&client::library()))];
    if let Some(path) = at("SOFTHSM2_MODULE", &[SOFTHSM]) {
        loaded.push(("SoftHSM2", Client::start(&path)));
    }
    if let Some(path) = at("NSS_MODULE", &NSS) {
        loaded.push(("NSS", Client::start_nss(&path, &folder.join("nss"))));
    }
    if let Some(path) = at("KRYOPTIC_MODULE", &[]) {
        loaded.push(("kryoptic", Client::start(&path)));
    }
    loaded
        .into_iter()
        .map(|(name, client)| (name, &*Box::leak(Box::new(client))))
        .collect()
}
