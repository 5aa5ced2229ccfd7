//! Removing a store with everything that belongs to it.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::files;
use super::range_lock::Description;
use crate::store::error::{Error, Result};

/// Bytes of the database that SQLite locks: pending, reserved and shared. Every open connection of a
/// database in WAL mode holds some of them.
const SQLITE_LOCKS: std::ops::Range<i64> = 0x4000_0000..0x4000_0200;

/// Removes the store at `path` with all files beside it, whatever is in them. It must not be open in
/// this process. Where that ends half way, the database itself is still there, and it can be done
/// again.
///
/// # Errors
/// `InUse` when a process has the store open; `NotFound`, `Symlink`, `NotAFile`,
/// `PermissionsRefused`, `ReadOnly`, `Io`.
pub fn remove(path: &Path) -> Result<()> {
    let path = files::resolve(path)?;
    files::regular(&path)?;
    let database = Description::open(|| {
        OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_CLOEXEC | libc::O_NONBLOCK)
            .open(&path)
    })
    .map_err(|e| Error::io(&e, &path))?;
    // Held until the files are gone, so that no process opens the store meanwhile.
    let taken = database.try_lock(SQLITE_LOCKS);
    if !taken.map_err(|e| Error::io(&e, &path))? {
        let held = database.find(SQLITE_LOCKS).ok().flatten();
        return Err(Error::InUse(held.and_then(|held| held.process)));
    }
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut beside = path.clone().into_os_string();
        beside.push(suffix);
        unlink(Path::new(&beside))?;
    }
    for extension in ["gen", "reserve", "lock"] {
        unlink(&path.with_extension(extension))?;
    }
    unlink(&path)?;
    files::sync_directory(&path)
}

fn unlink(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io(&e, path)),
        _ => Ok(()),
    }
}
