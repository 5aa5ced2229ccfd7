//! A whole copy of a store in one file: how a backup is made, and how it takes the place of a store.
//!
//! The copy is made by `VACUUM INTO` from one state of the store: other processes go on writing, no
//! write makes it begin again, and it has what rows hold and nothing else. In particular it has no
//! free pages, in which material could be that was erased and not yet folded into the database.

use std::fs::{self, File, OpenOptions, Permissions};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rustix::fs::{FlockOperation, fcntl_lock};

use super::connection::{Use, connect};
use super::file_store::FileStore;
use super::files::{self, Draft, beside};
use super::folder::{self, Umask};
use super::log_file::{self, alone, fold, keep_log_at_close, remove};
use super::log_mark::LogMark;
use super::rows::{FileRows, GENERATION};
use super::{counter, gen_file, schema};
use crate::store::door::Tx;
use crate::store::error::{Error, Result};

/// Told now and then while a copy is made: bytes written, and about how many it will be.
pub type Progress = Box<dyn FnMut(u64, u64) + Send>;

/// SQLite's steps between two reports.
const STEPS: i32 = 1_000_000;
/// How often a process tries to be alone with the store that is to be replaced.
const TRIES: u32 = 4;

/// A copy under a name of its own, which goes when it is dropped.
pub struct FileCopy {
    draft: Draft,
    target: PathBuf,
}

impl FileCopy {
    /// Copies the file at `source`, which is no store in use, as it is without a log.
    ///
    /// # Errors
    /// Those of `Store::open` and `Store::copy`; `StaleLog` where a log lies beside the file.
    pub fn of_file(source: &Path, target: &Path, progress: Progress) -> Result<Self> {
        files::regular(source)?;
        if files::has_log(source) {
            return Err(Error::HasLog(source.into()));
        }
        let mut conn = connect(source, Use::Immutable, Duration::ZERO)?;
        schema::admit(&mut conn, schema::MIGRATIONS, true)?;
        check(&conn)?;
        folder::make(target.parent().unwrap_or(Path::new("")), Umask::OWNER)?;
        Self::make(&mut conn, target, progress)
    }

    pub(super) fn make(conn: &mut Connection, target: &Path, progress: Progress) -> Result<Self> {
        let target = files::resolve(target)?;
        let (draft, file) = Draft::beside(&target)?;
        drop(file);
        copy_into(conn, draft.path(), progress)?;
        let copy = Self { draft, target };
        copy.change::<Error>(|_| Ok(()), false)?;
        Ok(copy)
    }

    /// Makes a change in the copy, which counts as one of the store.
    ///
    /// # Errors
    /// Those of `change`; `Full`, `Sqlite`.
    pub fn amend<E: From<Error>>(
        &self,
        change: impl Fn(&Tx<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        self.change(change, true)
    }

    /// The copy, for reading. See `FileCopy::open`.
    pub(super) fn open_file(&self) -> Result<FileStore> {
        let mut conn = connect(self.draft.path(), Use::Immutable, Duration::ZERO)?;
        schema::admit(&mut conn, schema::MIGRATIONS, true)?;
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

    /// Where the copy will be.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Gives the copy its name, durably; with `replace` in place of what is there, which must be no
    /// store in use.
    ///
    /// # Errors
    /// `Exists` without `replace`; `Full`, `PermissionsRefused`, `Io`.
    pub fn publish(self, replace: bool) -> Result<()> {
        self.sync()?;
        if !replace {
            return self.draft.publish(&self.target);
        }
        self.draft.replace(&self.target)?;
        files::sync_directory(&self.target)
    }

    /// Puts the copy in the place of the store at its target, durably: a process that is killed leaves
    /// the old store or the new one, whole. The new file belongs to whom the old one belonged, or
    /// the folder where there is none. No store of this process may have the target open.
    ///
    /// # Errors
    /// `InUse` when another process has the old store open, though it does nothing with it; `Full`,
    /// `PermissionsRefused`, `Io`.
    pub fn install(self) -> Result<()> {
        let target = self.target.clone();
        let old = match files::regular(&target) {
            Ok(metadata) => Some((metadata, Occupied::take(&target)?)),
            Err(Error::NotFound(_)) => None,
            Err(e) => return Err(e),
        };
        let model = match &old {
            Some((metadata, _)) => metadata.clone(),
            None => fs::metadata(target.parent().unwrap_or(&target))
                .map_err(|e| Error::io(&e, &target))?,
        };
        self.own_like(&model, old.is_some())?;
        self.sync()?;
        // The old store is whole without these, and no process has it open.
        for path in [beside(&target, "-wal"), beside(&target, "-shm")] {
            remove(&path)?;
        }
        remove(&gen_file::path_of(&target)?)?;
        if old.is_none() {
            return self.draft.publish(&target);
        }
        self.draft.replace(&target)?;
        files::sync_directory(&target)
    }

    /// Whether a process, this one too, has the store at `path` open.
    ///
    /// # Errors
    /// `InUse` when one has; `Full` where the old store's log could not be folded in.
    pub fn check_unused(path: &Path) -> Result<()> {
        let path = files::resolve(path)?;
        match files::regular(&path) {
            Ok(_) => Occupied::take(&path).map(drop),
            Err(Error::NotFound(_)) => Ok(()),
            Err(e) => Err(e),
        }
    }

    fn own_like(&self, model: &fs::Metadata, and_mode: bool) -> Result<()> {
        let path = self.draft.path();
        let io = |e| Error::io(&e, path);
        let made = fs::metadata(path).map_err(io)?;
        if (made.uid(), made.gid()) != (model.uid(), model.gid()) {
            chown(path, Some(model.uid()), Some(model.gid())).map_err(io)?;
        }
        if and_mode {
            fs::set_permissions(path, Permissions::from_mode(model.mode() & 0o666)).map_err(io)?;
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        // Nobody has the draft open any more: there are no locks that closing could drop.
        File::open(self.draft.path())
            .and_then(|file| file.sync_all())
            .map_err(|e| Error::io(&e, self.draft.path()))
    }

    /// Makes a change in the copy, whose log gets an id of its own.
    fn change<E: From<Error>>(
        &self,
        change: impl Fn(&Tx<'_>) -> std::result::Result<(), E>,
        counts: bool,
    ) -> std::result::Result<(), E> {
        let mut conn = alone(self.draft.path(), 1)?;
        let transaction = conn.transaction().map_err(Error::from)?;
        let rows = FileRows::new(&transaction);
        change(&rows)?;
        let mut generation = rows.generation()?;
        if counts {
            generation = counter::next(generation)?;
            rows.set_number(GENERATION, generation)?;
        }
        LogMark::new(&transaction, generation)?.write(&transaction)?;
        transaction.commit().map_err(Error::from)?;
        fold(&conn)?;
        conn.close().map_err(|(_, e)| Error::from(e))?;
        Ok(())
    }
}

/// A store that no process has open, and that none can open.
struct Occupied {
    _connection: Option<Connection>,
    /// Where SQLite cannot open what is there.
    _file: Option<File>,
}

impl Occupied {
    fn take(path: &Path) -> Result<Self> {
        if log_file::is_stale(path) {
            log_file::set_aside(path)?;
        }
        match alone(path, TRIES) {
            Ok(conn) => {
                // Closing removes the log by its name, which may be the next store's by then.
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
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(path)
            .map_err(|e| Error::io(&e, path))?;
        // SQLite's own locks are of this kind, on bytes of the same file.
        match fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self {
                _connection: None,
                _file: Some(file),
            }),
            Err(_) => Err(Error::InUse(None)),
        }
    }
}

fn copy_into(conn: &mut Connection, draft: &Path, mut progress: Progress) -> Result<()> {
    let name = draft
        .to_str()
        .ok_or_else(|| Error::Io(std::io::ErrorKind::InvalidFilename, draft.into()))?;
    let size = |pragma| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let total = size("PRAGMA page_count")? * size("PRAGMA page_size")?;
    let total = u64::try_from(total).unwrap_or(0);
    let written = draft.to_owned();
    conn.progress_handler(
        STEPS,
        Some(move || {
            let done = fs::metadata(&written).map_or(0, |metadata| metadata.len());
            progress(done.min(total), total);
            false
        }),
    )?;
    // The copy is another database: this one is not written to.
    conn.execute_batch("PRAGMA query_only = OFF")?;
    conn.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}

/// What SQLite itself finds wrong.
fn check(conn: &Connection) -> Result<()> {
    let found: String = conn.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    let foreign = conn.prepare("PRAGMA foreign_key_check")?.exists([])?;
    if found == "ok" && !foreign {
        return Ok(());
    }
    Err(Error::Corrupt("SQLite's integrity check finds damage"))
}
