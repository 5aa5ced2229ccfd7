//! The files of the tokens, the space for them, and what the process may have. Nothing is opened:
//! closing a descriptor of a token's file would drop SQLite's locks.

use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::fs::{statfs, statvfs};
use rustix::process::{Resource, getegid, geteuid, getgroups, getrlimit};
use tenon_pkcs11::api::config::Config;
use tenon_pkcs11::api::store;

use super::check::Check;
use super::database;
use crate::output::printable;

const MIB: u64 = 1 << 20;
/// Locked memory that the library's secrets need at most.
const LOCKED: u64 = 4 * MIB;
/// The log is folded into the database at 4 MiB, where no reader prevents it.
const LONG_LOG: u64 = 64 * MIB;
/// Free space below which a change may soon be refused, and below which the next one may be.
const LITTLE_SPACE: u64 = 64 * MIB;
const NO_SPACE: u64 = MIB;

/// The folder, its space, and the limits of this process.
pub(super) fn of_process(config: &Config) -> Vec<Check> {
    if config.store_url.is_some() {
        let mut checks = database::examine(config);
        checks.push(locked());
        return checks;
    }
    let mut checks = vec![
        folder(config),
        file_system(&config.token_dir),
        space(&config.token_dir),
        locked(),
    ];
    checks.extend(misnamed(config));
    checks
}

/// Files that are taken for tokens by people alone.
fn misnamed(config: &Config) -> Option<Check> {
    let names = store::catalog(config).misnamed().unwrap_or_default();
    if names.is_empty() {
        return None;
    }
    Some(Check::warning(
        "other files",
        printable(names.join(", ").as_bytes()),
        "none of these is used: the token of slot 0 is in slot-0000.tenon, with four digits and nothing behind; rename the file if it is a token that is missed, else keep it in another folder",
    ))
}

fn folder(config: &Config) -> Check {
    const WHAT: &str = "folder";
    let path = &config.token_dir;
    let shown = path.display();
    match fs::metadata(path) {
        Ok(metadata) if !metadata.is_dir() => Check::failed(
            WHAT,
            format!("{shown} is no folder"),
            "set directories.tokendir to the folder of the tokens; `tenon config` shows where the setting comes from",
        ),
        Ok(metadata) => {
            let found = format!("{shown}, {}", whose(&metadata));
            others(WHAT, &found, &metadata, config.umask)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Check::warning(
            WHAT,
            format!("{shown} does not exist"),
            "`tenon init` makes it with the first token; if there are tokens, set directories.tokendir",
        ),
        Err(error) => Check::failed(
            WHAT,
            format!("{shown}: {error}"),
            "let the user that runs this program read the folder",
        ),
    }
}

/// File systems of networks and clusters, by the numbers that statfs(2) gives them.
const NETWORK: [(u64, &str); 10] = [
    (0x6969, "NFS"),
    (0xFF53_4D42, "CIFS"),
    (0xFE53_4D42, "SMB"),
    (0x517B, "SMB"),
    (0x00C3_6400, "Ceph"),
    (0x5346_414F, "AFS"),
    (0x0102_1997, "9P"),
    (0x0116_1970, "GFS2"),
    (0x7461_636F, "OCFS2"),
    (0x6573_5546, "FUSE"),
];

fn file_system(path: &Path) -> Check {
    let there = path.ancestors().find(|path| path.exists());
    let kind = there.and_then(|path| statfs(path).ok());
    // The field is signed on some machines.
    let number = kind.map(|kind| (kind.f_type as u64) & 0xFFFF_FFFF);
    of_file_system(number)
}

fn of_file_system(number: Option<u64>) -> Check {
    const WHAT: &str = "file system";
    let Some(number) = number else {
        return Check::left_out(WHAT, "the system does not say", "look with `df -T`");
    };
    match NETWORK.iter().find(|(network, _)| *network == number) {
        None => Check::ok(WHAT, "local"),
        Some((_, name)) => Check::warning(
            WHAT,
            *name,
            "keep the tokens on a local disk: SQLite's locks and its shared memory do not reach other hosts, and two hosts that write one token damage it",
        ),
    }
}

fn space(path: &Path) -> Check {
    const WHAT: &str = "free space";
    let there = path.ancestors().find(|path| path.exists());
    let free = there.and_then(|path| statvfs(path).ok());
    let Some(free) = free.map(|free| free.f_bavail.saturating_mul(free.f_frsize)) else {
        return Check::left_out(WHAT, "the file system does not say", "look with `df`");
    };
    let found = format!("{} MiB", free / MIB);
    match free {
        0..NO_SPACE => Check::failed(
            WHAT,
            found,
            "make room on this disk: changes are refused with CKR_DEVICE_MEMORY; destroying works with the space that each token keeps",
        ),
        NO_SPACE..LITTLE_SPACE => Check::warning(WHAT, found, "make room on this disk soon"),
        _ => Check::ok(WHAT, found),
    }
}

fn locked() -> Check {
    const WHAT: &str = "locked memory";
    let limit = getrlimit(Resource::Memlock).current;
    match limit {
        None => Check::ok(WHAT, "no limit"),
        Some(limit) if limit >= LOCKED => Check::ok(WHAT, format!("{} KiB", limit / 1024)),
        Some(limit) if geteuid().is_root() => Check::ok(
            WHAT,
            format!("{} KiB, which does not bind root", limit / 1024),
        ),
        Some(limit) => Check::warning(
            WHAT,
            format!("{} KiB, less than {} KiB", limit / 1024, LOCKED / 1024),
            "raise RLIMIT_MEMLOCK (LimitMEMLOCK= of a systemd unit, --ulimit memlock= of a container): secrets beyond it may reach the swap",
        ),
    }
}

/// A token's file, and those beside it, which are made when it is opened.
pub(super) fn of_token(path: &Path, config: &Config, opened: bool) -> Vec<Check> {
    let mut checks = vec![file(path, config), log(path)];
    if opened {
        checks.extend([counter(path), reserve(path)]);
    }
    checks
}

fn file(path: &Path, config: &Config) -> Check {
    const WHAT: &str = "file";
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => Check::failed(
            WHAT,
            "a symbolic link stands in the place of the file",
            "put the file itself there; the folder may be a link",
        ),
        Ok(metadata) if !metadata.is_file() => Check::failed(
            WHAT,
            "something else than a file stands there",
            "move it away, and put the token's file there",
        ),
        Ok(metadata) => {
            let found = format!("{} KiB, {}", metadata.len() / 1024, whose(&metadata));
            others(WHAT, &found, &metadata, config.umask)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Check::failed(
            WHAT,
            "missing",
            "put the token's file back, or restore a backup with `tenon restore --slot`",
        ),
        Err(error) => Check::failed(
            WHAT,
            error.to_string(),
            "let the user that runs this program read the folder",
        ),
    }
}

fn whose(metadata: &Metadata) -> String {
    format!(
        "mode {:04o}, owner {}, group {}",
        metadata.mode() & 0o7777,
        metadata.uid(),
        metadata.gid()
    )
}

/// Whether others can read what is there than `umask` lets, the setting by which a group shares tokens, and whether the
/// user is one of them.
fn others(what: &'static str, found: &str, metadata: &Metadata, umask: u32) -> Check {
    if metadata.mode() & 0o007 != 0 {
        return Check::failed(
            what,
            format!("{found}: open to every user"),
            "take the rights of others away (chmod o-rwx): whoever reads the file can guess the PINs at leisure",
        );
    }
    if metadata.mode() & umask & 0o070 != 0 {
        return Check::warning(
            what,
            format!("{found}: open to the group"),
            "take the rights of the group away (chmod g-rwx); where the group shares the tokens, set objectstore.umask = 0007",
        );
    }
    let user = geteuid();
    let is_shared = metadata.mode() & 0o070 != 0 && in_group(metadata.gid());
    if metadata.uid() != user.as_raw() && !is_shared {
        return Check::warning(
            what,
            format!("{found}; this is user {}", user.as_raw()),
            "run this as the user whose programs use the token, to see what they see",
        );
    }
    Check::ok(what, found)
}

fn in_group(group: u32) -> bool {
    let groups = getgroups().unwrap_or_default();
    getegid().as_raw() == group || groups.iter().any(|one| one.as_raw() == group)
}

/// The file beside `path` whose name goes on with `ending`.
fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn log(path: &Path) -> Check {
    const WHAT: &str = "log (-wal)";
    let Ok(metadata) = fs::symlink_metadata(beside(path, "-wal")) else {
        return Check::ok(WHAT, "none");
    };
    let found = format!("{} KiB", metadata.len() / 1024);
    if metadata.len() > LONG_LOG {
        return Check::warning(
            WHAT,
            found,
            "a program reads the token and does not end its search: end or restart it, and the next change folds the log in",
        );
    }
    Check::ok(WHAT, found)
}

fn counter(path: &Path) -> Check {
    const WHAT: &str = "counter (.gen)";
    match fs::symlink_metadata(path.with_extension("gen")) {
        Ok(metadata) if metadata.is_file() && metadata.len() >= 8 => {
            Check::ok(WHAT, format!("{} bytes", metadata.len()))
        }
        Ok(metadata) => Check::failed(
            WHAT,
            format!("{} bytes, and not 8", metadata.len()),
            "end the programs that use the token, remove this file, and start them again: it is made anew",
        ),
        Err(error) if error.kind() == ErrorKind::NotFound => Check::warning(
            WHAT,
            "none",
            "each program that can write beside the token makes it; without it every call asks the file",
        ),
        Err(error) => Check::failed(
            WHAT,
            printable(error.to_string().as_bytes()),
            "let the user that runs this program read the folder",
        ),
    }
}

fn reserve(path: &Path) -> Check {
    const WHAT: &str = "reserve";
    let kept = fs::symlink_metadata(path.with_extension("reserve"));
    match kept.map(|metadata| metadata.blocks().saturating_mul(512)) {
        Ok(bytes) if bytes >= 5 * MIB => Check::ok(WHAT, format!("{} KiB", bytes / 1024)),
        Ok(bytes) => Check::warning(
            WHAT,
            format!("{} KiB of 5120 KiB", bytes / 1024),
            "make room on this disk: without the reserve a full disk refuses destroying too",
        ),
        Err(_) => Check::warning(
            WHAT,
            "none",
            "the file system cannot keep space back, the folder cannot be written, or `ulimit -f` was below 5 MiB: a full disk refuses destroying too",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_system_of_a_network_is_warned_of() {
        let state = |number| of_file_system(number).json()["state"].clone();
        assert_eq!(state(Some(0x6969)), "warning");
        assert_eq!(state(Some(0xEF53)), "ok");
        assert_eq!(state(None), "left out");
    }
}
