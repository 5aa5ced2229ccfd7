//! The connections that read.

use std::fs;
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::connection::{Purpose, connect};
use super::draft;
use super::files::{self, beside};
use super::open_files::OpenFiles;
use super::rows::FileRows;
use crate::store::error::{Error, Result};

/// How many connections are kept for later reads. Further ones are opened while more threads read at
/// once, and closed afterwards: a thread that reads inside a read must never wait for a connection.
const KEPT: usize = 8;

pub(super) struct Readers {
    open_files: Arc<OpenFiles>,
    busy_timeout: Duration,
    idle: Mutex<Idle>,
}

struct Idle {
    purpose: Purpose,
    /// The database when `connections` were opened, where SQLite does not watch it itself.
    state: FileState,
    connections: Vec<Connection>,
}

/// Changes whenever a database changes that is read as immutable: its size, its time of change in
/// nanoseconds, and the size of its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct FileState {
    length: u64,
    changed: i128,
    log: u64,
}

impl FileState {
    fn of(path: &Path) -> Self {
        let database = fs::symlink_metadata(path).ok();
        let log = fs::symlink_metadata(beside(path, "-wal")).ok();
        Self {
            length: database.as_ref().map_or(0, MetadataExt::size),
            changed: database.map_or(0, |m| {
                i128::from(m.mtime()) * 1_000_000_000 + i128::from(m.mtime_nsec())
            }),
            log: log.map_or(0, |log| log.size()),
        }
    }
}

impl Readers {
    pub(super) fn new(
        open_files: Arc<OpenFiles>,
        purpose: Purpose,
        busy_timeout: Duration,
    ) -> Self {
        let state = match purpose {
            Purpose::Immutable => FileState::of(open_files.path()),
            _ => FileState::default(),
        };
        Self {
            open_files,
            busy_timeout,
            idle: Mutex::new(Idle {
                purpose,
                state,
                connections: Vec::new(),
            }),
        }
    }

    /// Connections for a store that is only read; opens the first. Where SQLite can make no files beside
    /// the database and no process writes, the database is read as immutable.
    pub(super) fn read_only(
        open_files: Arc<OpenFiles>,
        busy_timeout: Duration,
    ) -> Result<(Self, Connection)> {
        let path = open_files.path();
        let state = FileState::of(path);
        match connect(path, Purpose::ReadOnly, busy_timeout) {
            Err(error @ (Error::CannotOpen(_) | Error::ReadOnly))
                if draft::is_closed_folder(path) =>
            {
                check_at_rest(path, error)?;
                let conn = connect(path, Purpose::Immutable, busy_timeout)?;
                let readers = Self::new(open_files, Purpose::Immutable, busy_timeout);
                readers.idle.lock().state = state;
                Ok((readers, conn))
            }
            opened => Ok((
                Self::new(open_files, Purpose::ReadOnly, busy_timeout),
                opened?,
            )),
        }
    }

    pub(super) fn keep(&self, conn: Connection) {
        let mut idle = self.idle.lock();
        if idle.connections.len() < KEPT {
            idle.connections.push(conn);
        }
    }

    /// A connection outside the pool, for a read that takes long.
    pub(super) fn connection(&self) -> Result<Connection> {
        self.open_files.check()?;
        let purpose = self.idle.lock().purpose;
        connect(self.open_files.path(), purpose, self.busy_timeout)
    }

    /// Runs `look` on one consistent state.
    pub(super) fn read(&self, look: &mut dyn FnMut(&FileRows<'_>)) -> Result<()> {
        self.open_files.check()?;
        let known = self.open_files.generation();
        let (conn, state) = self.take()?;
        {
            let _transaction = Transaction::begin(&conn)?;
            let rows = FileRows::new(&conn);
            let generation = rows.generation()?;
            self.open_files.check_generation(generation, known)?;
            look(&rows.of_generation(generation));
        }
        if conn.is_autocommit() && self.idle.lock().state == state {
            self.keep(conn);
        }
        Ok(())
    }

    /// A connection, and the state of the database that it was opened on.
    fn take(&self) -> Result<(Connection, FileState)> {
        let (kept, purpose, state) = {
            let mut idle = self.idle.lock();
            idle.follow(self.open_files.path());
            (idle.connections.pop(), idle.purpose, idle.state)
        };
        if let Some(conn) = kept {
            return Ok((conn, state));
        }
        let conn = connect(self.open_files.path(), purpose, self.busy_timeout)?;
        self.open_files.check()?;
        Ok((conn, state))
    }

    /// Drops the connections without closing them, as a forked child must.
    pub(super) fn leak(&mut self) {
        mem::forget(mem::take(&mut self.idle.get_mut().connections));
    }
}

/// Whether the database is whole without its log. `failure`: why it could not be opened with it.
fn check_at_rest(path: &Path, failure: Error) -> Result<()> {
    if !files::has_log(path) {
        return Ok(());
    }
    if files::is_readable(&beside(path, "-shm")) {
        return Err(failure);
    }
    Err(Error::LogWithoutIndex(beside(path, "-wal")))
}

impl Idle {
    /// SQLite assumes that an immutable database never changes. Where it has changed, its connections are
    /// dropped; where it has a log now, new ones read it as a database that others write to.
    fn follow(&mut self, path: &Path) {
        if self.purpose != Purpose::Immutable {
            return;
        }
        let state = FileState::of(path);
        if state == self.state {
            return;
        }
        self.connections.clear();
        self.state = state;
        if state.log > 0 {
            self.purpose = Purpose::ReadOnly;
        }
    }
}

struct Transaction<'c>(&'c Connection);

impl<'c> Transaction<'c> {
    fn begin(conn: &'c Connection) -> Result<Self> {
        conn.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(conn))
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Where this fails the connection stays inside the transaction, so `read` does not keep it.
        let _ = self
            .0
            .prepare_cached("ROLLBACK")
            .and_then(|mut statement| statement.execute([]));
    }
}
