//! Removing a store with everything that belongs to it.

use std::fs::OpenOptions;
use std::ops::Range;
use std::path::Path;

use super::range_lock::Description;
use super::{files, slot_files};
use crate::store::error::{Error, Result};

/// Bytes of the database that SQLite locks: pending, reserved and shared. Every open connection of a
/// database in WAL mode holds some of them.
const SQLITE_LOCKS: Range<i64> = 0x4000_0000..0x4000_0200;

/// Bytes of the log's index that SQLite locks as long as a connection has it open.
const INDEX_LOCKS: Range<i64> = 120..129;

/// Removes the store at `path` with all files beside it, whatever is in them, or what is left of one
/// whose database is missing. It must not be open in this process. Where that ends half way, the
/// database itself is still there, also after a power loss, and it can be done again.
///
/// # Errors
/// `InUse` when a process has the store open; `NotFound`, `Symlink`, `NotAFile`,
/// `PermissionsRefused`, `ReadOnly`, `Io`.
pub fn remove(path: &Path) -> Result<()> {
    let path = files::resolve(path)?;
    // Held until the files are gone, so that no process opens the store meanwhile.
    let _alone = alone(&path)?;
    for beside in slot_files::beside(&path) {
        files::remove(&beside)?;
    }
    files::sync_directory(&path)?;
    files::remove(&path)?;
    files::sync_directory(&path)
}

/// The locks that every process needs to open the store. Where the database is missing, a process may
/// have it open still, and with it the index of its log.
fn alone(path: &Path) -> Result<Option<Description>> {
    match files::regular(path) {
        Ok(_) => lock(path, SQLITE_LOCKS).map(Some),
        Err(Error::NotFound(_)) if !slot_files::found_beside(path).is_empty() => {
            let index = files::beside(path, "-shm");
            match files::regular(&index) {
                Ok(_) => lock(&index, INDEX_LOCKS).map(Some),
                Err(_) => Ok(None),
            }
        }
        Err(e) => Err(e),
    }
}

/// # Errors
/// `InUse` when a process has a lock on the bytes; those of the system.
fn lock(path: &Path, bytes: Range<i64>) -> Result<Description> {
    let io = |e| Error::io(&e, path);
    let description = Description::open(path, OpenOptions::new().read(true).write(true))?;
    if description.try_lock(bytes.clone()).map_err(io)? {
        return Ok(description);
    }
    let held = description.find(bytes).ok().flatten();
    Err(Error::InUse(held.and_then(|held| held.process)))
}
