//! The connections that read.

use std::mem;
use std::path::PathBuf;
use std::time::Duration;

use parking_lot::Mutex;
use rusqlite::Connection;

use super::connection::{Use, connect};
use super::error::{Error, Result};
use super::snapshot::Snapshot;

/// Connections kept for the next reader. More are opened while more threads read at once, and
/// closed afterwards: waiting for one could block a thread that reads inside a read for ever.
const KEPT: usize = 8;

/// The connections that read, opened when first needed.
pub(super) struct Readers {
    path: PathBuf,
    purpose: Use,
    busy_timeout: Duration,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf, purpose: Use, busy_timeout: Duration) -> Self {
        Self {
            path,
            purpose,
            busy_timeout,
            idle: Mutex::new(Vec::new()),
        }
    }

    /// A connection for later use.
    pub(super) fn keep(&self, conn: Connection) {
        let mut idle = self.idle.lock();
        if idle.len() < KEPT {
            idle.push(conn);
        }
    }

    /// A connection of its own, for a look that takes long.
    pub(super) fn connection(&self) -> Result<Connection> {
        connect(&self.path, self.purpose, self.busy_timeout)
    }

    /// Runs `look` on one consistent state.
    pub(super) fn read<T, E: From<Error>>(
        &self,
        look: impl FnOnce(&Snapshot<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let idle = self.idle.lock().pop();
        let conn = match idle {
            Some(conn) => conn,
            None => self.connection()?,
        };
        let answer = {
            let _transaction = Transaction::begin(&conn)?;
            look(&Snapshot::new(&conn))
        };
        if conn.is_autocommit() {
            self.keep(conn);
        }
        answer
    }

    /// Drops the connections without closing them.
    pub(super) fn leak(&mut self) {
        mem::forget(mem::take(self.idle.get_mut()));
    }
}

/// A read transaction, which ends when it is dropped.
struct Transaction<'c>(&'c Connection);

impl<'c> Transaction<'c> {
    fn begin(conn: &'c Connection) -> Result<Self> {
        conn.prepare_cached("BEGIN")?.execute([])?;
        Ok(Self(conn))
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        // Where it fails the connection stays inside the transaction, and is not kept.
        let _ = self
            .0
            .prepare_cached("ROLLBACK")
            .and_then(|mut statement| statement.execute([]));
    }
}
