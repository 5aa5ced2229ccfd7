//! The rows that one connection sees inside its transaction: a snapshot reads them, a change writes them.

use std::cell::Cell;

use rusqlite::{Connection, OptionalExtension, params};

use super::recent::Touched;
use crate::store::error::{Error, Result};

pub(super) const META: &str = "SELECT value FROM meta WHERE name = ?1";
pub(super) const SET_META: &str = "INSERT INTO meta (name, value) VALUES (?1, ?2) \
     ON CONFLICT (name) DO UPDATE SET value = ?2";
pub(super) const REMOVE_META: &str = "DELETE FROM meta WHERE name = ?1";

/// Name in `meta` of the number of committed transactions: 8 bytes, big-endian.
pub(super) const GENERATION: &str = "store.generation";

/// Name in `meta` of the store's identity, whatever token is in it: 16 random bytes.
pub(super) const NAME: &str = "store.name";

/// The rows that a connection sees, and what a change did to them that its commit must know.
pub(in crate::store) struct FileRows<'c> {
    conn: &'c Connection,
    /// The generation, where it was read and cannot change: in a snapshot.
    generation: Option<u64>,
    erased: Cell<bool>,
    emptying_postponed: Cell<bool>,
    touched: Cell<Touched>,
}

impl<'c> FileRows<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self {
            conn,
            generation: None,
            erased: Cell::new(false),
            emptying_postponed: Cell::new(false),
            touched: Cell::default(),
        }
    }

    /// The rows of a snapshot whose generation was read already.
    pub(super) fn of_generation(self, generation: u64) -> Self {
        Self {
            generation: Some(generation),
            ..self
        }
    }

    pub(in crate::store) fn conn(&self) -> &'c Connection {
        self.conn
    }

    /// See `ReadRows::generation`.
    pub(super) fn generation(&self) -> Result<u64> {
        let read = match self.generation {
            None => self.number(GENERATION)?,
            known => known,
        };
        read.ok_or(Error::Corrupt("its change count is missing"))
    }

    pub(super) fn value(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let mut statement = self.conn.prepare_cached(META)?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    pub(super) fn set_value(&self, name: &str, value: &[u8]) -> Result<()> {
        self.conn
            .prepare_cached(SET_META)?
            .execute(params![name, value])?;
        Ok(())
    }

    pub(super) fn remove_value(&self, name: &str) -> Result<()> {
        self.conn.prepare_cached(REMOVE_META)?.execute([name])?;
        Ok(())
    }

    /// A number of 8 big-endian bytes in `meta`.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>> {
        let mut statement = self.conn.prepare_cached(META)?;
        let bytes: Option<[u8; 8]> = statement.query_row([name], |row| row.get(0)).optional()?;
        Ok(bytes.map(u64::from_be_bytes))
    }

    pub(super) fn set_number(&self, name: &str, number: u64) -> Result<()> {
        self.set_value(name, &number.to_be_bytes())
    }

    /// Whether the change deleted material.
    pub(super) fn has_erased(&self) -> bool {
        self.erased.get()
    }

    /// The change deletes material, so the log is to be emptied.
    pub(super) fn note_erasing(&self) {
        self.erased.set(true);
    }

    /// What the change touched, for caches of other processes too.
    pub(super) fn touched(&self) -> Touched {
        self.touched.get()
    }

    /// The change may leave something else under this key than there was.
    pub(super) fn note_touching(&self, touched: Touched) {
        self.touched.set(self.touched.get().and(touched));
    }

    pub(super) fn is_emptying_postponed(&self) -> bool {
        self.emptying_postponed.get()
    }

    pub(super) fn note_postponed_emptying(&self) {
        self.emptying_postponed.set(true);
    }
}
