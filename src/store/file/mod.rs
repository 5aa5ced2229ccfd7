//! A store in one file of SQLite.
//!
//! One token is one database, in WAL mode, with its change counter beside it (`counter`). SQLite
//! locks the file for each process as a whole, and loses those locks when *any* descriptor of the
//! file is closed: nothing in this process may open the file but through here. Several `Store`s on
//! one file may exist in a process, one after the other or at once; SQLite keeps them apart as it
//! does processes. There is no registry of open stores, for a child process would inherit it.

mod connection;
mod counter;
mod file_copy;
mod files;
mod folder;
mod fork;
mod gen_file;
mod group;
mod inspect;
mod log_file;
mod log_mark;
mod place;
mod queue;
mod range_lock;
mod readers;
mod removal;
mod reserve;
mod schema;
mod snapshot;
mod sys;
mod tx;
mod whole_file;
mod writer;

use std::fmt;
use std::mem;
use std::num::NonZeroU8;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rusqlite::Connection;

use crate::clock::Deadline;

use super::{error, row};

use connection::{Use, connect, keep_log};
use counter::Counter;
use error::{Error, Result};
use files::Draft;
use group::Group;
use place::Place;
use queue::Queue;
use readers::Readers;
use reserve::Reserve;
use writer::{Durability, Writer};

pub use counter::Generation;
pub use file_copy::{FileCopy, Progress};
pub use folder::{FolderLock, Umask, names};
pub use queue::Ticket;
pub use removal::remove;
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
    place: Arc<Place>,
    readers: Readers,
    queue: Queue,
    access: Access,
    epoch: u64,
    stale_log: Option<PathBuf>,
}

/// What a store may be used for.
enum Access {
    Write(Box<Group>, Reserve),
    Read(Option<Counter>),
}

impl Store {
    /// Makes an empty store at `path`, its owner's alone, and opens it.
    ///
    /// # Errors
    /// As `make`.
    pub fn create(path: &Path) -> Result<Self> {
        Self::make(path, Umask::OWNER, |_| Ok::<_, Error>(()))?;
        Self::open(path, &Options::default())
    }

    /// Makes a store at `path` with what `fill` puts into it. The file appears with all of it, or
    /// not at all; missing directories are made.
    ///
    /// # Errors
    /// Those of `fill`; `Exists` when anything is at `path`; `Full`, `ReadOnly`,
    /// `PermissionsRefused`, `Io`.
    pub fn make<E: From<Error>>(
        path: &Path,
        umask: Umask,
        fill: impl FnOnce(&Tx<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let parent = path.parent().unwrap_or(Path::new(""));
        folder::make(parent, umask)?;
        let target = files::resolve(path)?;
        gen_file::path_of(&target)?;
        Reserve::of(&target)?;
        Queue::of(&target)?;

        let (draft, file) = Draft::beside(&target)?;
        umask
            .apply(&file, target.parent().unwrap_or(parent))
            .map_err(|e| Error::io(&e, draft.path()))?;
        // SQLite's locks go when any descriptor of its file is closed.
        drop(file);
        schema::create(draft.path(), fill)?;
        Ok(draft.publish(&target)?)
    }

    /// Opens the store at `path`. A store of an earlier release is upgraded on the way.
    ///
    /// # Errors
    /// `NotFound`, `Symlink`, `NotAFile`, `PermissionsRefused`, `CannotOpen`, `ReadOnly` (when
    /// writing was asked for), `NotAToken`, `Corrupt`, `SchemaTooNew`, `SchemaTooOld`, `Busy`,
    /// `StaleLog`.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        Self::open_knowing(path, options, schema::MIGRATIONS)
    }

    fn open_knowing(path: &Path, options: &Options, known: &[&str]) -> Result<Self> {
        let path = files::resolve(path)?;
        let counter_path = gen_file::path_of(&path)?;
        let reserve = Reserve::of(&path)?;
        if options.read_only {
            return Self::open_read_only(path, &counter_path, options, known);
        }
        match Self::open_writable(&path, &counter_path, options, known) {
            // The log and its index may need room that the disk has not.
            Err(Error::Full) => {
                reserve.give_up_some();
                Self::open_writable(&path, &counter_path, options, known)
            }
            opened => opened,
        }
    }

    fn open_writable(
        path: &Path,
        counter_path: &Path,
        options: &Options,
        known: &[&str],
    ) -> Result<Self> {
        let metadata = files::regular(path)?;
        let reserve = Reserve::of(path)?;
        let queue = Queue::of(path)?;
        let place = Arc::new(Place::of(path, true)?);
        let stale_log = log_file::prepare(path, known)?;
        let mut conn = connect(path, Use::Write, options.busy_timeout)?;
        schema::recognize(&conn)?;
        keep_log(&conn)?;
        sys::keep_log_file(&conn);
        place.opened()?;
        schema::admit(&mut conn, known, false)?;
        let mut writer = Writer::new(
            conn,
            Arc::clone(&place),
            queue.clone(),
            schema::newest(known),
            options.busy_timeout,
        );
        let counter = Counter::attach(counter_path, &place, &writer)?;
        writer.finish_erasing()?;
        files::share_log(path, &metadata);
        reserve.keep(&metadata);
        Ok(Self {
            readers: Readers::new(Arc::clone(&place), Use::Read, options.busy_timeout),
            queue,
            access: Access::Write(Box::new(Group::new(writer, counter)), reserve),
            epoch: fork::epoch(),
            stale_log,
            place,
        })
    }

    fn open_read_only(
        path: PathBuf,
        counter_path: &Path,
        options: &Options,
        known: &[&str],
    ) -> Result<Self> {
        if log_file::is_stale(&path) {
            return Err(Error::StaleLog(place::beside(&path, "-wal")));
        }
        let place = Arc::new(Place::of(&path, false)?);
        let (readers, mut conn) = Readers::read_only(Arc::clone(&place), options.busy_timeout)?;
        place.opened()?;
        schema::admit(&mut conn, known, true)?;
        readers.keep(conn);
        let counter = match Counter::open(counter_path, &place) {
            // Without it each look at the store is slower.
            Err(Error::PermissionsRefused(_)) => None,
            opened => opened?,
        };
        Ok(Self {
            queue: Queue::of(&path)?,
            readers,
            access: Access::Read(counter),
            epoch: fork::epoch(),
            place,
            stale_log: None,
        })
    }

    /// The file at `path`, which `conn` has open, as it is without a log.
    fn immutable(path: &Path, conn: Connection) -> Result<Self> {
        let place = Arc::new(Place::of(path, false)?);
        let readers = Readers::new(Arc::clone(&place), Use::Immutable, Duration::ZERO);
        readers.keep(conn);
        Ok(Self {
            queue: Queue::of(path)?,
            readers,
            access: Access::Read(None),
            epoch: fork::epoch(),
            place,
            stale_log: None,
        })
    }

    /// Where the store is: its path with the directory resolved.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.place.path()
    }

    /// Whether the file was replaced or removed. Nothing can be done with the store then, and another
    /// one may be opened at its path.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.place.check().is_err() && self.place.gone()
    }

    /// Whether another store can be opened at the path while this one, which is gone, is still there.
    /// Where the database is the same file with another content or other files beside it, SQLite
    /// would let both share what it knows of them.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.place.is_replaced()
    }

    /// Where opening put a log that belonged to another state of the store, for a line in the log:
    /// nothing of it is in the store, and nothing of it is lost.
    #[must_use]
    pub fn stale_log(&self) -> Option<&Path> {
        self.stale_log.as_deref()
    }

    /// The permission bits of the file where they let others than its owner in, for a warning.
    pub fn loose_mode(&self) -> Result<Option<u32>> {
        let mode = files::regular(self.path())?.permissions().mode() & 0o777;
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
        if let Some(counter) = self.counter() {
            counter.look_ahead();
        }
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

    /// Joins the line of that number (from 1 on) and waits until `admit`, which is told how many are
    /// ahead, says yes. The place is given back when the ticket is dropped or its process ends. `None`
    /// when the deadline passed before; `admit` is asked at least once.
    ///
    /// # Errors
    /// Those of `admit`; `Symlink`, `PermissionsRefused`, `Full`, `Io` where the file beside the store
    /// cannot be used that keeps the places.
    pub fn queue<E: From<Error>>(
        &self,
        line: NonZeroU8,
        deadline: Deadline,
        admit: impl FnMut(usize) -> std::result::Result<bool, E>,
    ) -> std::result::Result<Option<Ticket>, E> {
        self.queue.wait(line.get(), deadline, admit)
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
        if let Ok(metadata) = files::regular(self.path()) {
            reserve.keep(&metadata);
        }
        done
    }

    /// Whether the store has changed, mostly without a system call. See `Generation`.
    #[must_use]
    pub fn generation(&self) -> Generation {
        self.counter().map_or(Generation::Unsettled, Counter::read)
    }

    fn counter(&self) -> Option<&Counter> {
        match &self.access {
            Access::Write(group, _) => Some(group.counter()),
            Access::Read(counter) => counter.as_ref(),
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
            .field("path", &self.path())
            .finish_non_exhaustive()
    }
}
