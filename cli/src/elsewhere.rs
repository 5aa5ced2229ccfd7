//! Tokens of other programs that a user may take for tokens of this one.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use tenon_pkcs11::api::config::Config;

use crate::migrate;

/// A token of another program.
pub(crate) struct Found {
    /// What the program calls itself.
    program: &'static str,
    pub(crate) label: String,
    serial: String,
    /// What this program's command takes: where the token is, and which.
    command: String,
}

impl Found {
    /// One line: what was found, and the command that moves it.
    pub(crate) fn words(&self) -> String {
        let Self {
            program,
            label,
            serial,
            command,
        } = self;
        format!(
            "{program}'s token {label} ({serial}) is not used: `tenon migrate {command}` moves it"
        )
    }
}

/// The tokens that SoftHSM and kryoptic would show here, and those of SoftHSM in the folder of this program's tokens.
/// What cannot be read counts as none: most users may not read the tokens of others.
pub(crate) fn found(config: &Config) -> Vec<Found> {
    let softhsm = softhsm_conf().and_then(|conf| token_folder(&fs::read_to_string(conf).ok()?));
    let softhsm = softhsm.filter(|folder| *folder != config.token_dir);
    let mut all = of_folder(&config.token_dir);
    all.extend(softhsm.into_iter().flat_map(|folder| of_folder(&folder)));
    let kryoptic = kryoptic_conf().and_then(|conf| fs::read_to_string(conf).ok());
    let databases = kryoptic.iter().flat_map(|conf| databases(conf));
    all.extend(databases.filter_map(|file| of_database(&file)));
    all
}

fn of_folder(folder: &Path) -> Vec<Found> {
    let tokens = migrate::softhsm_tokens(folder).unwrap_or_default();
    let place = folder.display();
    let found = tokens.into_iter().map(|token| Found {
        program: "SoftHSM",
        command: format!("softhsm {place} --from-serial {}", token.serial),
        label: token.label,
        serial: token.serial,
    });
    found.collect()
}

fn of_database(file: &Path) -> Option<Found> {
    let token = migrate::KryopticToken::open(file).ok()?;
    Some(Found {
        program: "kryoptic",
        command: format!("kryoptic {}", file.display()),
        label: token.label,
        serial: token.serial,
    })
}

fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// The configuration that SoftHSM reads: that of its variable, of the user, of the system.
fn softhsm_conf() -> Option<PathBuf> {
    if let Some(file) = variable("SOFTHSM2_CONF") {
        return Some(file.into());
    }
    let of_user =
        variable("HOME").map(|home| Path::new(&home).join(".config/softhsm2/softhsm2.conf"));
    let of_system = ["/etc/softhsm/softhsm2.conf", "/etc/softhsm2.conf"].map(PathBuf::from);
    let mut all = of_user.into_iter().chain(of_system);
    all.find(|file| file.is_file())
}

/// The configuration that kryoptic reads: that of its variable, or of the user.
fn kryoptic_conf() -> Option<PathBuf> {
    if let Some(file) = variable("KRYOPTIC_CONF") {
        return Some(file.into());
    }
    let of_user = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| Path::new(&home).join(".config")));
    of_user.map(|folder| folder.join("kryoptic/token.conf"))
}

/// The values of `key` in a configuration of lines `key = value`, without comments.
fn values<'a>(conf: &'a str, key: &str) -> impl Iterator<Item = &'a str> {
    let lines = conf
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let pairs = lines.filter_map(|line| line.split_once('='));
    pairs
        .filter(move |(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
}

/// The value of directories.tokendir in a configuration of SoftHSM.
fn token_folder(conf: &str) -> Option<PathBuf> {
    values(conf, "directories.tokendir").next().map(Into::into)
}

/// The files that a configuration of kryoptic names.
fn databases(conf: &str) -> Vec<PathBuf> {
    let files = values(conf, "dbargs").map(|value| value.trim_matches(['"', '\'']));
    files.map(PathBuf::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_of_others_are_read() {
        let folder = |conf| token_folder(conf).map(|path| path.display().to_string());
        let conf = "# x\nlog.level = INFO\n directories.tokendir =  /a/b  # c\n";
        assert_eq!(folder(conf).as_deref(), Some("/a/b"));
        assert_eq!(folder("#directories.tokendir = /a\n"), None);
        let conf = "[[slots]]\nslot = 1\ndbargs = \"/a/b.sql\"\n[[slots]]\n#dbargs = 'c'\ndbargs = 'd' # e\n";
        assert_eq!(databases(conf), [Path::new("/a/b.sql"), Path::new("d")]);
    }
}
