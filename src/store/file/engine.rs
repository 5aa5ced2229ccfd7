//! The file engine behind the interface of a store.

use std::num::NonZeroU8;
use std::path::Path;

use crate::clock::Deadline;
use crate::store::door::{Snapshot, Tx};
use crate::store::engine::Engine;
use crate::store::error::{Error, Result};
use crate::store::handle::Store;
use crate::store::line::Ticket;
use crate::store::modes::{Generation, Options, Run};

use super::copying::CopyProgress;
use super::counter::Counter;
use super::file_copy::FileCopy;
use super::file_store::FileStore;
use super::folder::Umask;
use super::{files, slot_files};

impl Store {
    /// Makes an empty store at `path`, its owner's alone, and opens it.
    ///
    /// # Errors
    /// As `make` and `open`.
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
        FileStore::make(path, umask, fill)
    }

    /// Opens the store at `path`. A store of an earlier release is upgraded on the way.
    ///
    /// # Errors
    /// `NotFound`, `Symlink`, `NotAFile`, `PermissionsRefused`, `CannotOpen`, `ReadOnly` (when
    /// writing was asked for), `NotAToken`, `Corrupt`, `SchemaTooNew`, `SchemaTooOld`, `Busy`,
    /// `StaleLog`.
    pub fn open(path: &Path, options: &Options) -> Result<Self> {
        FileStore::open(path, options).map(Self::over)
    }

    /// Whether a file at `path` would count as a store's in the folder of this one, or be taken for one.
    #[must_use]
    pub fn is_place_of_token(&self, path: &Path) -> bool {
        let folder = self.file().and_then(Path::parent);
        folder.is_some_and(|folder| slot_files::is_place_of_token(folder, path))
    }
}

impl FileCopy {
    /// The copy, for reading.
    ///
    /// # Errors
    /// Those of `Store::open`; `Corrupt` when SQLite finds damage.
    pub fn open(&self) -> Result<Store> {
        self.open_file().map(Store::over)
    }
}

impl Engine for FileStore {
    fn read(&self, look: &mut dyn FnMut(&Snapshot<'_>)) -> Result<()> {
        if let Some(counter) = self.counter() {
            counter.look_ahead();
        }
        self.readers().read(&mut |rows| look(rows))
    }

    fn change(&self, run: Run, change: &mut dyn FnMut(&Tx<'_>) -> bool) -> Result<()> {
        let (writing, _) = self.writing().ok_or(Error::ReadOnly)?;
        if let Some(counter) = self.counter() {
            counter.wait_to_commit();
        }
        writing.group.change(run, &mut |rows| change(rows))
    }

    fn generation(&self) -> Generation {
        self.counter().map_or(Generation::Unsettled, Counter::read)
    }

    fn untouched(&self, keys: &[&[u8]], since: u64) -> Option<u64> {
        self.counter()?.untouched(keys, since)
    }

    fn is_shared_by_lease(&self) -> bool {
        false
    }

    fn queue(
        &self,
        line: NonZeroU8,
        deadline: Deadline,
        admit: &mut dyn FnMut(usize) -> bool,
    ) -> Result<Option<Ticket>> {
        let admit = |ahead| Ok::<_, Error>(admit(ahead));
        let place = FileStore::queue(self).wait(line.get(), deadline, admit)?;
        Ok(place.map(Ticket::of))
    }

    fn finish_erasing(&self) -> Result<()> {
        match self.writing() {
            Some((writing, _)) => writing
                .group
                .between(|writer| writer.store_writer().finish_erasing()),
            None => Ok(()),
        }
    }

    fn give_back_space(&self) -> Result<()> {
        let Some((writing, _)) = self.writing() else {
            return Ok(());
        };
        let group = &writing.group;
        while group.between(|writer| writer.store_writer().shrink())? {}
        group.between(|writer| writer.store_writer().tidy());
        Ok(())
    }

    fn with_reserve(&self, again: &mut dyn FnMut()) {
        let Some((writing, reserve)) = self.writing() else {
            return again();
        };
        reserve.give_up();
        again();
        writing.group.between(|writer| writer.store_writer().tidy());
        if let Ok(metadata) = files::regular(self.path()) {
            reserve.keep(&metadata);
        }
    }

    fn copy(&self, target: &Path, progress: CopyProgress) -> Result<FileCopy> {
        FileCopy::of_store(&mut self.readers().connection()?, target, progress)
    }

    fn file(&self) -> Option<&Path> {
        Some(self.path())
    }

    fn is_gone(&self) -> bool {
        self.open_files().check().is_err() && self.open_files().is_gone()
    }

    fn was_there_lately(&self) -> bool {
        let seen = self.counter().is_some_and(Counter::has_looked_lately);
        seen && !self.open_files().is_gone()
    }

    fn is_replaced(&self) -> bool {
        self.open_files().is_replaced()
    }

    fn is_of_this_process(&self) -> bool {
        FileStore::is_of_this_process(self)
    }
}
