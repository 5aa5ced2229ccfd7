//! The token's store: SQLite behind `read(|snapshot|)` and `write(|tx|)`.
//!
//! It keeps rows of sealed bytes and the few clear columns that searches need. It knows no PIN, no
//! meaning of an attribute, no policy and no cryptography, and nothing above it sees SQLite.
//!
//! One token is one database, in WAL mode, with its change counter beside it (`counter`). SQLite
//! locks the file for each process as a whole, and loses those locks when *any* descriptor of the
//! file is closed: nothing in this process may open the file but through here. Several `Store`s on
//! one file may exist in a process, one after the other or at once; SQLite keeps them apart as it
//! does processes. There is no registry of open stores, for a child process would inherit it.

mod connection;
mod counter;
mod error;
mod files;
mod fork;
mod gen_map;
mod group;
mod readers;
mod reserve;
mod row;
mod schema;
mod snapshot;
mod tx;
mod whole_file;
mod writer;

use std::fmt;
use std::mem;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use connection::{Use, connect};
use counter::Counter;
use files::Draft;
use group::Group;
use readers::Readers;
use reserve::Reserve;
use writer::{Durability, Writer};

pub use counter::Generation;
pub use error::{Error, Result};
pub use row::{ArchivedObject, AuditRow, Head, MaterialRow, Posting, Row, Search, Uid};
pub use snapshot::{DuePlace, Snapshot};
pub use tx::Tx;
pub use whole_file::WholeFile;

/// How to open a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Never change the store, nor need to be able to.
    pub read_only: bool,
    /// How long to wait for another process that is writing.
    pub busy_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_only: false,
            busy_timeout: Duration::from_secs(10),
        }
    }
}

/// One open store. Threads share it by reference.
pub struct Store {
    path: PathBuf,
    readers: Readers,
    access: Access,
    epoch: u64,
}

/// What a store may be used for.
enum Access {
    Write(Box<Group>, Reserve),
    Read(Option<Counter>),
}

impl Store {
    /// Makes an empty store at `path` and opens it. The file appears whole, with mode 0600; missing
    /// directories are made with mode 0700.
    ///
    /// # Errors
    /// `Exists` when anything is at `path`; `Full`, `ReadOnly`, `PermissionsRefused`, `Io`.
    pub fn create(path: &Path) -> Result<Self> {
        files::make_parent(path)?;
        let target = files::resolve(path)?;
        counter::path_of(&target)?;
        Reserve::of(&target)?;
        let options = Options::default();

        let (draft, _) = Draft::beside(&target)?;
        let mut conn = connect(draft.path(), Use::Write, options.busy_timeout)?;
        schema::create(&mut conn)?;
        conn.close().map_err(|(_, e)| e)?;
        draft.publish(&target)?;

        Self::open(path, &options)
    }

    /// Opens the store at `path`. A store of an earlier release is upgraded on the way.
    ///
    /// # Errors
    /// `NotFound`, `Symlink`, `NotAFile`, `PermissionsRefused`, `CannotOpen`, `ReadOnly` (when
    /// writing was asked for), `NotAToken`, `Corrupt`, `SchemaTooNew`, `SchemaTooOld`, `Busy`.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        Self::open_knowing(path, options, schema::MIGRATIONS)
    }

    fn open_knowing(path: &Path, options: &Options, known: &[&str]) -> Result<Self> {
        let path = files::resolve(path)?;
        let counter_path = counter::path_of(&path)?;
        let metadata = files::regular(&path)?;
        if options.read_only {
            return Self::open_read_only(path, &counter_path, options, known);
        }

        let reserve = Reserve::of(&path)?;
        let mut conn = connect(&path, Use::Write, options.busy_timeout)?;
        schema::admit(&mut conn, known, false)?;
        let mut writer = Writer::new(conn, schema::newest(known), options.busy_timeout);
        let counter = Counter::attach(&counter_path, &metadata, &writer)?;
        writer.finish_erasing()?;
        reserve.keep();
        Ok(Self {
            readers: Readers::new(path.clone(), Use::Read, options.busy_timeout),
            access: Access::Write(Box::new(Group::new(writer, counter)), reserve),
            epoch: fork::epoch(),
            path,
        })
    }

    fn open_read_only(
        path: PathBuf,
        counter_path: &Path,
        options: &Options,
        known: &[&str],
    ) -> Result<Self> {
        let mut purpose = Use::ReadOnly;
        let opened = connect(&path, purpose, options.busy_timeout);
        let mut conn = match opened {
            Err(Error::CannotOpen(_)) if files::is_at_rest(&path) => {
                purpose = Use::Immutable;
                connect(&path, purpose, options.busy_timeout)?
            }
            opened => opened?,
        };
        schema::admit(&mut conn, known, true)?;
        let readers = Readers::new(path.clone(), purpose, options.busy_timeout);
        readers.keep(conn);
        Ok(Self {
            path,
            readers,
            access: Access::Read(Counter::open(counter_path, false)?),
            epoch: fork::epoch(),
        })
    }

    /// Where the store is: its path with the directory resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The permission bits of the file where they let others than its owner in, for a warning.
    pub fn loose_mode(&self) -> Result<Option<u32>> {
        let mode = files::regular(&self.path)?.permissions().mode() & 0o777;
        Ok((mode & 0o077 != 0).then_some(mode))
    }

    /// Runs `look` on one consistent state of the store: every change answered before the call is
    /// in it. May be called inside `read` and `write`; inside `write` it does not see the change in
    /// the making.
    ///
    /// # Errors
    /// Those of `look`; `Busy`, `Corrupt`, `Sqlite`.
    pub fn read<T, E: From<Error>>(
        &self,
        look: impl FnOnce(&Snapshot<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.readers.read(look)
    }

    /// Makes one change, whole or not at all: what `change` returns `Ok` for survives power loss
    /// once this returns; on its `Err`, or a panic, nothing of it is kept.
    ///
    /// Threads that call this at once share a transaction, so `change` sees what others before it
    /// did, and all are answered when it is committed. Keep it short: every other writer of the
    /// token waits for it.
    ///
    /// # Errors
    /// Those of `change`; `ReadOnly`, `Busy`, `Full`, `Corrupt`, `SchemaTooNew`, `Sqlite`; and
    /// `Nested` when called inside another `write` to this store on the same thread.
    pub fn write<T, E: From<Error>>(
        &self,
        change: impl FnOnce(&Tx<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.change(Durability::Full, change)
    }

    /// As `write`, without waiting for the disk: the change survives the end of the process, and
    /// not always a power loss.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn write_relaxed<T, E: From<Error>>(
        &self,
        change: impl FnOnce(&Tx<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        self.change(Durability::Process, change)
    }

    /// Folds the log into the database and empties it, if material was erased and a reader has
    /// prevented that; it may do so again. Not to be called inside `write`.
    ///
    /// # Errors
    /// `Busy`, `Corrupt`, `Sqlite`; none for a store that was opened for reading.
    pub fn finish_erasing(&self) -> Result<()> {
        match &self.access {
            Access::Write(group, _) => group.finish_erasing(),
            Access::Read(_) => Ok(()),
        }
    }

    /// Gives the space that was removed back to the file system, in steps between which other writers
    /// get their turn. Not to be called inside `write`.
    ///
    /// # Errors
    /// `Busy`, `Corrupt`, `Sqlite`; none for a store that was opened for reading.
    pub fn give_back_space(&self) -> Result<()> {
        let Access::Write(group, _) = &self.access else {
            return Ok(());
        };
        while group.shrink()? {}
        group.empty_log();
        Ok(())
    }

    /// Runs `again`, whose change takes space away and was refused with `Full`, with the space that
    /// the store keeps back for it.
    pub fn with_reserve<T>(&self, again: impl FnOnce() -> T) -> T {
        let Access::Write(group, reserve) = &self.access else {
            return again();
        };
        reserve.give_up();
        let done = again();
        group.empty_log();
        reserve.keep();
        done
    }

    /// Whether the store has changed, for the price of one atomic load. See `Generation`.
    #[must_use]
    pub fn generation(&self) -> Generation {
        match &self.access {
            Access::Write(group, _) => group.counter().read(),
            Access::Read(Some(counter)) => counter.read(),
            Access::Read(None) => Generation::Unsettled,
        }
    }

    /// False in a child of the process that opened the store: it may not be used there.
    #[must_use]
    pub fn is_of_this_process(&self) -> bool {
        fork::epoch() == self.epoch
    }

    /// Gives the store up without closing anything, for a child process after fork: SQLite's
    /// handles belong to the parent, and closing them in the child could damage the database. The
    /// child opens the store anew.
    ///
    /// Dropping a store in a process that did not open it does the same.
    pub fn forget(self: Arc<Self>) {
        mem::forget(self);
    }

    fn change<T, E: From<Error>>(
        &self,
        durability: Durability,
        change: impl FnOnce(&Tx<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        match &self.access {
            Access::Write(group, _) => group.write(durability, change),
            Access::Read(_) => Err(Error::ReadOnly.into()),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        if self.is_of_this_process() {
            return;
        }
        self.readers.leak();
        mem::forget(mem::replace(&mut self.access, Access::Read(None)));
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}
