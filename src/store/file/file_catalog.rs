//! A folder of stores, each in a file that is named after its slot.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::catalog::{Catalog, Moving};
use crate::store::door::Tx;
use crate::store::error::{Error, Result};
use crate::store::handle::Store;
use crate::store::line::Ticket;
use crate::store::modes::Options;

use super::copying::CopyProgress;
use super::file_copy::FileCopy;
use super::file_store::FileStore;
use super::folder::{self, FolderLock, Umask, names};
use super::{removal, slot_files};

/// The stores of a folder, which need not exist yet.
pub(in crate::store) struct FileCatalog {
    folder: PathBuf,
    umask: Umask,
}

impl FileCatalog {
    /// The stores in `folder`; new ones get the rights that `umask` leaves.
    pub(in crate::store) fn new(folder: &Path, umask: Umask) -> Self {
        Self {
            folder: folder.into(),
            umask,
        }
    }

    fn path(&self, slot: u64) -> PathBuf {
        self.folder.join(slot_files::name_of(slot))
    }
}

impl Catalog for FileCatalog {
    fn slots(&self) -> Result<Vec<u64>> {
        let names = names(&self.folder)?;
        let mut slots: BTreeSet<_> = names
            .iter()
            .filter_map(|n| slot_files::slot_of(n))
            .collect();
        let without_database =
            |n: &&OsString| slot_files::number(n).is_some_and(|slot| !slots.contains(&slot));
        let remains: Vec<_> = names
            .iter()
            .filter(without_database)
            .filter_map(|n| slot_files::slot_beside(n))
            .collect();
        // Names are not read at one moment: the token may have been removed meanwhile.
        slots.extend(remains.into_iter().filter(|slot| self.is_taken(*slot)));
        Ok(slots.into_iter().collect())
    }

    fn is_taken(&self, slot: u64) -> bool {
        let path = self.path(slot);
        path.symlink_metadata().is_ok() || !slot_files::found_beside(&path).is_empty()
    }

    fn misnamed(&self) -> Result<Vec<String>> {
        let mut names = names(&self.folder)?;
        names.retain(|name| slot_files::is_misnamed(name));
        names.sort_unstable();
        let text = |name: OsString| name.to_string_lossy().into_owned();
        Ok(names.into_iter().map(text).collect())
    }

    fn open(&self, slot: u64, options: &Options) -> Result<Store> {
        let path = self.path(slot);
        match Store::open(&path, options) {
            Err(Error::NotFound(_)) if self.is_taken(slot) => {
                Err(Error::DatabaseMissing(slot_files::found_beside(&path)))
            }
            opened => opened,
        }
    }

    fn lock(&self, wait: Duration) -> Result<Ticket> {
        FolderLock::take(&self.folder, self.umask, wait).map(Ticket::of)
    }

    fn make_filled(&self, slot: u64, fill: &mut dyn FnMut(&Tx<'_>) -> bool) -> Result<()> {
        let path = self.path(slot);
        if self.is_taken(slot) {
            return Err(Error::Exists(path));
        }
        FileStore::make(&path, self.umask, |tx| {
            if fill(tx) {
                return Ok(());
            }
            Err(Error::RolledBack)
        })
    }

    fn take_in(
        &self,
        slot: u64,
        moving: &Moving<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Result<()> {
        let path = self.path(slot);
        folder::make(&self.folder, self.umask)?;
        if self.is_taken(slot) {
            return Err(Error::Exists(path));
        }
        let copy = FileCopy::of_rows(&path, moving.from, Some(moving.but), progress)?;
        copy.amend(moving.fill)?;
        copy.shared(self.umask).settle()
    }

    fn remove(&self, slot: u64) -> Result<()> {
        removal::remove(&self.path(slot))
    }

    fn read_backup(&self, file: &Path, progress: CopyProgress) -> Result<FileCopy> {
        // Removes what a restore left behind when it was killed; while a store is being made, the next one does.
        drop(self.lock(Duration::ZERO));
        // The draft lies beside the stores, so that renaming it can replace any of them.
        FileCopy::of_file(file, &self.path(0), progress)
    }

    fn check_unused(&self, slot: u64) -> Result<()> {
        FileCopy::check_unused(&self.path(slot))
    }

    fn install(&self, copy: FileCopy, slot: u64) -> Result<()> {
        copy.to(&self.path(slot))?.shared(self.umask).install()
    }

    fn is_place_of_token(&self, path: &Path) -> bool {
        slot_files::is_place_of_token(&self.folder, path)
    }

    fn is_of_files(&self) -> bool {
        true
    }

    fn name(&self) -> String {
        self.folder.display().to_string()
    }

    fn location(&self, slot: u64) -> String {
        self.path(slot).display().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restore_removes_what_a_killed_one_left_and_keeps_its_own() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = FileCatalog {
            folder: folder.path().join("tokens"),
            umask: Umask::OWNER,
        };
        catalog.make_filled(0, &mut |_| true).unwrap();
        let backup = folder.path().join("backup");
        std::fs::copy(catalog.path(0), &backup).unwrap();
        let left = catalog.folder.join(".slot-0000.tenon.4194304.0.new");
        std::fs::write(&left, "").unwrap();
        let read = || catalog.read_backup(&backup, Box::new(|_, _| ())).unwrap();

        let copy = read();
        assert!(!left.exists());
        // Another restore, and a process that makes a token, leave this one's copy alone.
        drop(read());
        drop(catalog.lock(Duration::ZERO).unwrap());
        catalog.install(copy, 1).unwrap();
        assert!(catalog.path(1).exists());
    }
}
