//! Opening a connection to SQLite, with every setting that the store relies on.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags, ffi};

use super::files::{self, APPENDED, FileId, beside};
use super::fork;
use super::rows::FileRows;
use super::sqlite_error::opening;
use crate::limit;
use crate::store::error::{Error, Result};

/// Older releases can lose commits in WAL mode.
const OLDEST_SQLITE: i32 = 3_051_003;
const _: () = assert!(ffi::SQLITE_VERSION_NUMBER >= OLDEST_SQLITE);

/// Prepared statements that a connection keeps: more than it has.
const STATEMENTS: usize = 64;

/// The log is folded into the database when it has so many pages of `PAGE` bytes, as SQLite does anyway;
/// earlier where this process may not make files of `PART_OF_LIMIT` times that length.
const FOLDED_AT: u64 = 1000;
const PAGE: u64 = 4096;
const PART_OF_LIMIT: u64 = 4;

/// Settings of every connection. `secure_delete` overwrites what is deleted. `cache_size` is KiB of pages that a
/// connection keeps once it has read them: those of some 1,000 objects anywhere in a large store, which by
/// SQLite's default are 250. The others keep a damaged or malicious file from doing more than failing.
const SETTINGS: &str = "
    PRAGMA foreign_keys = ON;
    PRAGMA secure_delete = ON;
    PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;
    PRAGMA mmap_size = 0;
    PRAGMA temp_store = MEMORY;
    PRAGMA cache_size = -8192;
    PRAGMA synchronous = FULL;
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Write,
    /// Reading a store that other connections write to, those of this process too.
    Read,
    /// Reading for a process that may not write.
    ReadOnly,
    /// Reading from media that nobody can write to, where SQLite can take no lock; or reading one
    /// file without its log.
    Immutable,
    /// Changes, while no other connection of any process may have the database open.
    Alone,
}

/// Opens the database at `path`, an absolute path with its directory resolved.
pub(super) fn connect(path: &Path, purpose: Purpose, busy_timeout: Duration) -> Result<Connection> {
    if rusqlite::version_number() < OLDEST_SQLITE {
        return Err(Error::Sqlite(format!(
            "release {} is too old: it can lose commits",
            rusqlite::version()
        )));
    }
    fork::prepare();
    if purpose != Purpose::Immutable {
        check_companions(path)?;
    }
    loop {
        let before = FileId::at(path);
        let conn = open(path, purpose).map_err(|e| opening(e, path))?;
        // Until the file is known to be the one at the path, closing must not fold a log into it: the
        // log beside the path may be another file's.
        conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
        ready(&conn, purpose, busy_timeout, path)?;
        // A restore may have replaced the file before SQLite had its lock on it.
        if FileId::at(path) != before {
            continue;
        }
        if matches!(purpose, Purpose::Write | Purpose::Alone) {
            conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
        } else {
            conn.execute_batch("PRAGMA query_only = ON")?;
        }
        return Ok(conn);
    }
}

/// SQLite opens what lies beside the database, whatever it is, and waits for the other end of a named pipe.
///
/// # Errors
/// `Symlink`, `NotAFile`.
fn check_companions(path: &Path) -> Result<()> {
    for suffix in APPENDED {
        let found = files::regular(&beside(path, suffix));
        if let Err(error @ (Error::Symlink(_) | Error::NotAFile(_))) = found {
            return Err(error);
        }
    }
    Ok(())
}

/// Applies the settings, and takes SQLite's lock by a first read.
fn ready(conn: &Connection, purpose: Purpose, busy_timeout: Duration, path: &Path) -> Result<()> {
    if conn.is_readonly("main")? && !matches!(purpose, Purpose::ReadOnly | Purpose::Immutable) {
        return Err(Error::ReadOnly);
    }
    conn.set_prepared_statement_cache_capacity(STATEMENTS);
    conn.busy_timeout(busy_timeout)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false)?;
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false)?;
    // No plan depends on the values of parameters. Otherwise SQLite prepares such statements anew whenever
    // their parameters are cleared, as rusqlite does after each run.
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    if purpose == Purpose::Alone {
        // It has to come before the first read, which then asks for the exclusive lock.
        conn.query_row("PRAGMA locking_mode = EXCLUSIVE", [], |_| Ok(()))?;
    }
    settle(conn).map_err(|e| opening(e, path))?;
    if let Some(limit) = limit::file_length() {
        let pages = (limit / PART_OF_LIMIT / PAGE).clamp(1, FOLDED_AT);
        conn.execute_batch(&format!("PRAGMA wal_autocheckpoint = {pages}"))?;
    }
    Ok(())
}

/// Switches the database to WAL mode. This writes to the file, so it is called only once the file is
/// known to be a token store or a new one.
pub(super) fn keep_log(conn: &Connection) -> Result<()> {
    let mode: String = conn.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(Error::Sqlite(format!(
            "journal mode {mode}: the file system cannot share memory between processes"
        )));
    }
    Ok(())
}

/// What `look` finds in the database at `path` as it is without its log.
pub(super) fn look_inside<T>(
    path: &Path,
    look: impl FnOnce(&FileRows<'_>) -> Result<T>,
) -> Result<T> {
    fork::prepare();
    let conn = open(path, Purpose::Immutable).map_err(|e| opening(e, path))?;
    look(&FileRows::new(&conn))
}

fn open(path: &Path, purpose: Purpose) -> rusqlite::Result<Connection> {
    // SQLite's mutex is not needed: rusqlite's `Connection` is not `Sync`.
    let common = OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW
        | OpenFlags::SQLITE_OPEN_EXRESCODE;
    match purpose {
        Purpose::Write | Purpose::Read | Purpose::Alone => {
            Connection::open_with_flags(path, common | OpenFlags::SQLITE_OPEN_READ_WRITE)
        }
        Purpose::ReadOnly => {
            Connection::open_with_flags(path, common | OpenFlags::SQLITE_OPEN_READ_ONLY)
        }
        Purpose::Immutable => Connection::open_with_flags(
            immutable_uri(path),
            common | OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI,
        ),
    }
}

fn settle(conn: &Connection) -> rusqlite::Result<()> {
    conn.execute_batch(SETTINGS)?;
    // SQLite opens the file and its log at the first statement that reads.
    conn.query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0))?;
    Ok(())
}

/// `file:` URI of `path`, with every byte that has a meaning in a URI escaped.
fn immutable_uri(path: &Path) -> String {
    let mut uri = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' => uri.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            _ => uri.push_str(&format!("%{byte:02X}")),
        }
    }
    uri + "?immutable=1"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uri_escapes_what_a_path_may_hold() {
        assert_eq!(
            immutable_uri(Path::new("/a b/c?d#e%f/slot-0000.tenon")),
            "file:/a%20b/c%3Fd%23e%25f/slot-0000.tenon?immutable=1"
        );
    }
}
