//! A whole copy of a store in one file: how a backup is made, and how it takes the place of a store.
//!
//! The copy is made by `VACUUM INTO` from one state of the store. Other processes go on writing
//! meanwhile, and no write makes it begin again. It holds the rows and nothing else: free pages,
//! which may hold erased material until the log is folded into the database, are not copied.

use std::fs::{self, File, Metadata, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rustix::fs::{FlockOperation, fcntl_lock};

use super::connection::{Purpose, connect};
use super::copying::CopyProgress;
use super::draft::{self, Draft};
use super::file_store::FileStore;
use super::files::{self, beside};
use super::folder::{self, Umask};
use super::log_file::{self, alone, fold, keep_log_at_close};
use super::{copying, gen_file, schema};
use crate::store::door::{Snapshot, Tx};
use crate::store::error::{Error, Result};
use crate::store::whole;

/// How often a process tries to get the store that is to be replaced for itself alone.
const TRIES: u32 = 4;

/// A copy under a temporary name, removed when it is dropped unless it was published or installed.
pub struct FileCopy {
    draft: Draft,
    target: PathBuf,
    /// The rights that it does not get where it is installed as a new store.
    umask: Umask,
}

impl FileCopy {
    /// Copies the file at `source`, which no process may use as its store. The copy of an earlier release's file is
    /// upgraded, the file itself is not.
    ///
    /// # Errors
    /// Those of `Store::open` and `Store::copy`; `HasLog` where a log with content lies beside the file.
    pub fn of_file(source: &Path, target: &Path, progress: CopyProgress) -> Result<Self> {
        Self::of_file_knowing(source, target, schema::MIGRATIONS, progress)
    }

    pub(super) fn of_file_knowing(
        source: &Path,
        target: &Path,
        known: &[&str],
        progress: CopyProgress,
    ) -> Result<Self> {
        files::regular(source)?;
        if files::has_log(source) {
            return Err(Error::HasLog(source.into()));
        }
        let mut conn = connect(source, Purpose::Immutable, Duration::ZERO)?;
        schema::readable(&conn, known)?;
        check(&conn)?;
        folder::make(target.parent().unwrap_or(Path::new("")), Umask::OWNER)?;
        let copy = Self::make(&mut conn, files::resolve(target)?, progress)?;
        let mut conn = alone(copy.draft.path(), 1)?;
        schema::admit_upgraded(&mut conn, known, &|_| Ok(()))?;
        fold(&conn)?;
        conn.close().map_err(|(_, e)| Error::from(e))?;
        Ok(copy)
    }

    /// Copies the store that `conn` has open, and removes what copies to `target` left that were killed.
    pub(super) fn of_store(
        conn: &mut Connection,
        target: &Path,
        progress: CopyProgress,
    ) -> Result<Self> {
        let target = files::resolve(target)?;
        if let (Some(folder), Some(name)) = (target.parent(), target.file_name()) {
            draft::remove_leftovers(folder, |of| name == of);
        }
        Self::make(conn, target, progress)
    }

    /// Copies the state of another engine's store.
    pub(in crate::store) fn of_rows(
        target: &Path,
        from: &Snapshot<'_>,
        but: Option<&str>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<Self> {
        let target = files::resolve(target)?;
        let draft = Draft::kept_beside(&target)?;
        schema::create(draft.path(), |tx| whole::copy_rows(from, tx, but, progress))?;
        copying::set_generation(draft.path(), from.generation()?)?;
        Ok(Self {
            draft,
            target,
            umask: Umask::OWNER,
        })
    }

    fn make(conn: &mut Connection, target: PathBuf, progress: CopyProgress) -> Result<Self> {
        let draft = Draft::kept_beside(&target)?;
        copying::copy_into(conn, draft.path(), progress)?;
        let copy = Self {
            draft,
            target,
            umask: Umask::OWNER,
        };
        copying::change::<Error>(copy.draft.path(), |_| Ok(()), false)?;
        Ok(copy)
    }

    /// Makes a change in the copy, and raises the copy's generation by one.
    ///
    /// # Errors
    /// Those of `change`; `Full`, `Sqlite`.
    pub fn amend<E: From<Error>>(
        &self,
        change: impl Fn(&Tx<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        copying::change(self.draft.path(), change, true)
    }

    /// See `FileCopy::open`.
    pub(super) fn open_file(&self) -> Result<FileStore> {
        let conn = connect(self.draft.path(), Purpose::Immutable, Duration::ZERO)?;
        schema::admit(&conn, schema::MIGRATIONS)?;
        check(&conn)?;
        FileStore::immutable(self.draft.path(), conn)
    }

    /// The copy with another target in the same folder.
    ///
    /// # Errors
    /// `NotFound` when the folder is another one.
    pub fn to(self, target: &Path) -> Result<Self> {
        let target = files::resolve(target)?;
        if target.parent() != self.target.parent() {
            return Err(Error::NotFound(target));
        }
        Ok(Self { target, ..self })
    }

    /// The same copy, with the rights that `umask` leaves where it is installed as a new store.
    pub(super) fn shared(self, umask: Umask) -> Self {
        Self { umask, ..self }
    }

    /// The path that the copy gets when it is published or installed.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Gives the copy its name, durably. With `replace` it takes the place of a file that is there, which
    /// no process may use as its store.
    ///
    /// # Errors
    /// `Exists` without `replace`; `Full`, `PermissionsRefused`, `Io`.
    pub fn publish(self, replace: bool) -> Result<()> {
        self.draft.sync()?;
        if !replace {
            return self.draft.publish(&self.target);
        }
        self.draft.replace(&self.target)?;
        files::sync_directory(&self.target)
    }

    /// Gives the copy its name among the stores, with the rights of a new one.
    ///
    /// # Errors
    /// Those of `publish`.
    pub(super) fn settle(self) -> Result<()> {
        self.share(None)?;
        self.publish(false)
    }

    /// Puts the copy in the place of the store at its target, durably: a process that is killed leaves
    /// the old store or the new one, whole. Owner, group and mode are those of the old file; where there
    /// is none, owner and group are the folder's, and the mode is that of new stores. A change of owner
    /// that only root may make is left out. No store of this process may have the target open.
    ///
    /// # Errors
    /// `InUse` when another process has the old store open, even an idle one; `Full`,
    /// `PermissionsRefused`, `Io`.
    pub fn install(self) -> Result<()> {
        let target = self.target.clone();
        let old = match files::regular(&target) {
            Ok(metadata) => Some((metadata, Occupied::take(&target)?)),
            Err(Error::NotFound(_)) => None,
            Err(e) => return Err(e),
        };
        let replaced = old.as_ref().map(|(metadata, _)| metadata);
        self.share(replaced)?;
        self.draft.sync()?;
        // No process has the old store open, and its log is folded in, so it is whole without these.
        for path in [beside(&target, "-wal"), beside(&target, "-shm")] {
            files::remove(&path)?;
        }
        files::remove(&gen_file::path_of(&target)?)?;
        if old.is_none() {
            return self.draft.publish(&target);
        }
        self.draft.replace(&target)?;
        files::sync_directory(&target)
    }

    /// Refuses a store at `path` that any process has open, this one included.
    ///
    /// # Errors
    /// `InUse`; `Full` where the old store's log could not be folded in.
    pub fn check_unused(path: &Path) -> Result<()> {
        let path = files::resolve(path)?;
        match files::regular(&path) {
            Ok(_) => Occupied::take(&path).map(drop),
            Err(Error::NotFound(_)) => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn share(&self, replaced: Option<&Metadata>) -> Result<()> {
        let io = |e| Error::io(&e, self.draft.path());
        let file = File::open(self.draft.path()).map_err(io)?;
        if let Some(replaced) = replaced {
            return files::share_like(&file, replaced).map_err(io);
        }
        let folder = self.target.parent().unwrap_or(&self.target);
        // A process that is not in the folder's group leaves the file to its own, as `Umask::apply` does.
        let _ = fs::metadata(folder).and_then(|folder| files::own_like(&file, &folder));
        self.umask.apply(&file, folder).map_err(io)
    }
}

/// A store that no process has open, kept from being opened as long as this lives.
struct Occupied {
    _connection: Option<Connection>,
    /// Held where SQLite cannot open the file.
    _file: Option<File>,
}

impl Occupied {
    fn take(path: &Path) -> Result<Self> {
        if log_file::is_stale(path) {
            log_file::set_aside(path)?;
        }
        match alone(path, TRIES) {
            Ok(conn) => {
                // Closing would remove the log by its name, which may be the new store's by then.
                keep_log_at_close(&conn)?;
                match fold(&conn) {
                    Ok(()) | Err(Error::Corrupt(_) | Error::NotAToken(_)) => {}
                    Err(e) => return Err(e),
                }
                Ok(Self {
                    _connection: Some(conn),
                    _file: None,
                })
            }
            Err(Error::Busy) => Err(Error::InUse(None)),
            Err(_) => Self::take_file(path),
        }
    }

    fn take_file(path: &Path) -> Result<Self> {
        let file = files::open_regular(path, OpenOptions::new().read(true).write(true))?;
        // SQLite's locks are POSIX locks on bytes of the same file, so this one excludes them.
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                _connection: None,
                _file: Some(file),
            }),
            Err(_) => Err(Error::InUse(None)),
        }
    }
}

fn check(conn: &Connection) -> Result<()> {
    let found: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let foreign = conn.prepare("PRAGMA foreign_key_check")?.exists([])?;
    if found == "ok" && !foreign {
        return Ok(());
    }
    Err(Error::Corrupt("SQLite's integrity check finds damage"))
}
