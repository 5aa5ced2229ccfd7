//! The catalog: which tokens there are, and how one is opened, made, replaced and removed.

use std::path::Path;
use std::time::Duration;

use super::database::DatabaseStatus;
use super::door::{Snapshot, Tx};
use super::error::{Error, Result};
use super::file::{CopyProgress, FileCopy};
use super::handle::Store;
use super::line::Ticket;
use super::modes::Options;

/// Every slot number is below this.
pub const SLOT_LIMIT: u64 = 10_000;

/// A store that is taken into another catalog.
pub struct Moving<'a> {
    /// Its rows.
    pub from: &'a Snapshot<'a>,
    /// The value that is left out.
    pub but: &'a str,
    /// Writes what the new store has besides.
    pub fill: &'a dyn Fn(&Tx<'_>) -> Result<()>,
}

/// The tokens of one configuration, each in a slot whose number never changes.
pub trait Catalog: Send + Sync {
    /// Numbers of the slots that have a token, sound or not, or files that are left of one, in
    /// ascending order.
    ///
    /// # Errors
    /// `PermissionsRefused`, `DanglingLink`, `Io`: tokens that cannot be listed are an error, not none.
    fn slots(&self) -> Result<Vec<u64>>;

    /// Whether anything is in the slot.
    fn is_taken(&self, slot: u64) -> bool;

    /// Names of files among the stores that people may take for tokens, and that are none because of
    /// their names; in ascending order.
    ///
    /// # Errors
    /// Those of `slots`.
    fn misnamed(&self) -> Result<Vec<String>>;

    /// Opens the store of a slot. One of an earlier release is upgraded on the way.
    ///
    /// # Errors
    /// Those of `Store::open`; `DatabaseMissing`.
    fn open(&self, slot: u64, options: &Options) -> Result<Store>;

    /// Keeps other processes from making a token here until the ticket is dropped.
    ///
    /// # Errors
    /// `Busy` after `wait`; `ReadOnly`, `PermissionsRefused`, `Io`.
    fn lock(&self, wait: Duration) -> Result<Ticket>;

    /// Makes the store of a slot with what `fill` puts into it, whole or not at all. Where `fill`
    /// returns false nothing is made.
    ///
    /// # Errors
    /// `Exists` when anything is in the slot; `Full`, `ReadOnly`, `PermissionsRefused`, `Io`.
    fn make_filled(&self, slot: u64, fill: &mut dyn FnMut(&Tx<'_>) -> bool) -> Result<()>;

    /// Makes the store of a slot with the rows of another one, whole or not at all; it has at least as many changes.
    /// `progress` is called with the number of objects that were copied, and how many there are.
    ///
    /// # Errors
    /// Those of `make_filled`, and of the other store.
    fn take_in(
        &self,
        slot: u64,
        moving: &Moving<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()>;

    /// Removes the store of a slot, whatever is in it or left of it. It must not be open in this
    /// process.
    ///
    /// # Errors
    /// `InUse` when a process has it open; `NotFound`, `PermissionsRefused`, `ReadOnly`, `Io`.
    fn remove(&self, slot: u64) -> Result<()>;

    /// Copies the backup in `file`, so that the copy can be installed in a slot. No process may use
    /// `file` as its store.
    ///
    /// # Errors
    /// Those of `FileCopy::of_file`.
    fn read_backup(&self, file: &Path, progress: CopyProgress) -> Result<FileCopy>;

    /// Refuses a slot whose store is open in any process, this one included.
    ///
    /// # Errors
    /// `InUse`; `Full` where the store's log cannot be folded into it.
    fn check_unused(&self, slot: u64) -> Result<()>;

    /// Puts a copy that `read_backup` made in the place of the store of a slot, durably: a process
    /// that is killed leaves the old store or the new one, whole. No store of this process may
    /// have the slot open.
    ///
    /// # Errors
    /// `InUse` when a process has the old store open; `Full`, `PermissionsRefused`, `Io`.
    fn install(&self, copy: FileCopy, slot: u64) -> Result<()>;

    /// Whether a file at `path` would count as a store's here, or be taken for one: no other file is made
    /// there.
    fn is_place_of_token(&self, path: &Path) -> bool;

    /// Whether the tokens are files in a folder.
    fn is_of_files(&self) -> bool;

    /// What the database is like that has the tokens; `None` where they are files.
    ///
    /// # Errors
    /// `Unreachable`, `Database`; `SchemaTooNew`, `SchemaTooOld`.
    fn database(&self) -> Result<Option<DatabaseStatus>> {
        Ok(None)
    }

    /// Where all the tokens are, for people.
    fn name(&self) -> String;

    /// Where the token of a slot is, or would be, for people.
    fn location(&self, slot: u64) -> String;
}

impl dyn Catalog + '_ {
    /// As `make_filled`, with the error of `fill`.
    ///
    /// # Errors
    /// Those of `fill` and of `make_filled`.
    pub fn make<E: From<Error>>(
        &self,
        slot: u64,
        fill: impl Fn(&Tx<'_>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut refused = None;
        let made = self.make_filled(slot, &mut |tx| {
            refused = fill(tx).err();
            refused.is_none()
        });
        match refused {
            Some(error) => Err(error),
            None => Ok(made?),
        }
    }
}
