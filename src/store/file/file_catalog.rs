//! A folder of stores, each in a file that is named after its slot.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::store::catalog::Catalog;
use crate::store::door::Tx;
use crate::store::error::{Error, Result};
use crate::store::handle::Store;
use crate::store::line::Ticket;
use crate::store::modes::Options;

use super::file_copy::{FileCopy, Progress};
use super::file_store::FileStore;
use super::folder::{FolderLock, Umask, names};
use super::removal;

/// The stores of a folder, which need not be there yet.
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
        self.folder.join(format!("slot-{slot:04}.tenon"))
    }
}

impl Catalog for FileCatalog {
    fn slots(&self) -> Result<Vec<u64>> {
        let names = names(&self.folder)?;
        let mut slots: Vec<_> = names
            .iter()
            .filter_map(|name| slot_of(name.to_str()?))
            .collect();
        slots.sort_unstable();
        Ok(slots)
    }

    fn is_taken(&self, slot: u64) -> bool {
        self.path(slot).symlink_metadata().is_ok()
    }

    fn open(&self, slot: u64, options: &Options) -> Result<Store> {
        Store::open(&self.path(slot), options)
    }

    fn lock(&self, wait: Duration) -> Result<Ticket> {
        FolderLock::take(&self.folder, self.umask, wait).map(Ticket::of)
    }

    fn make_filled(&self, slot: u64, fill: &mut dyn FnMut(&Tx<'_>) -> bool) -> Result<()> {
        FileStore::make(&self.path(slot), self.umask, |tx| {
            if fill(tx) {
                return Ok(());
            }
            Err(Error::RolledBack)
        })
    }

    fn remove(&self, slot: u64) -> Result<()> {
        removal::remove(&self.path(slot))
    }

    fn read_backup(&self, file: &Path, progress: Progress) -> Result<FileCopy> {
        // Beside the stores, so that it takes the place of any of them by being renamed.
        FileCopy::of_file(file, &self.path(0), progress)
    }

    fn check_unused(&self, slot: u64) -> Result<()> {
        FileCopy::check_unused(&self.path(slot))
    }

    fn install(&self, copy: FileCopy, slot: u64) -> Result<()> {
        copy.to(&self.path(slot))?.install()
    }

    fn name(&self) -> String {
        self.folder.display().to_string()
    }

    fn location(&self, slot: u64) -> String {
        self.path(slot).display().to_string()
    }
}

/// Number of the slot that a file name stands for.
fn slot_of(name: &str) -> Option<u64> {
    let digits = name.strip_prefix("slot-")?.strip_suffix(".tenon")?;
    let four = digits.len() == 4 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| four)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_numbered_by_file_name() {
        assert_eq!(slot_of("slot-0042.tenon"), Some(42));
        for other in [
            "slot-42.tenon",
            "slot-00042.tenon",
            "slot-00a2.tenon",
            "slot-0001.gen",
        ] {
            assert_eq!(slot_of(other), None, "{other}");
        }
    }
}
