//! Disk space kept back for a full disk, since SQLite's log has to grow before anything in the database
//! shrinks. Opening a store, counting guesses at PINs and destroying objects use it.
//!
//! The space is that of a file beside the database, whose content has no meaning. Every process may
//! give it up and take it again; two that do so at once lose nothing but the reserve.

use std::fs::{File, Metadata, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::files;
use crate::config::LogLevel;
use crate::store::error::{Error, Result};
use crate::{limit, log};

/// SQLite folds its log into the database, which may grow by as much, at 1000 pages of 4 KiB; the
/// rest is for the change itself.
const SIZE: u64 = 5 << 20;
/// Enough for the log's index and the beginning of a log. `SIZE` is a multiple of it.
const PART: u64 = 256 << 10;

pub(super) struct Reserve(PathBuf);

impl Reserve {
    /// The reserve of the database at `path`: `slot-0000.tenon` has `slot-0000.reserve`.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let reserve = path.with_extension("reserve");
        if reserve == path {
            return Err(Error::NotAToken(
                "its name ends in .reserve, as files of kept space do",
            ));
        }
        Ok(Self(reserve))
    }

    /// Takes the space, or as much of it as the disk has; what was kept already stays kept. Where the
    /// file system cannot reserve space, or this process may not make so long a file, there is no
    /// reserve, and destroying needs free space like every change.
    pub(super) fn keep(&self, database: &Metadata) {
        let file = match self.file(true) {
            Ok(file) => file,
            // The directory of a token that is only read; nothing is written there anyway.
            Err(Error::PermissionsRefused(_) | Error::ReadOnly | Error::Full) => return,
            Err(error) => return note_no_reserve(&error.to_string()),
        };
        // Only the file's maker may do this, and does it at once.
        let _ = files::share_like(&file, database);
        let kept = file.metadata().map_or(0, |metadata| metadata.len());
        if kept < SIZE
            && let Err(error) = limit::check_file_length(SIZE)
        {
            return note_no_reserve(&format!("{}: {error}", self.0.display()));
        }
        let mut wanted = SIZE;
        while wanted > kept {
            match fallocate(&file, FallocateFlags::empty(), 0, wanted) {
                Ok(()) => return,
                Err(Errno::NOSPC | Errno::DQUOT) => wanted -= PART,
                Err(_) => wanted = 0,
            }
            // The call may have taken a part of the space: it is given back as far as possible.
            let _ = file.set_len(kept);
        }
    }

    /// Gives a part of the space back to the disk, enough to open the store.
    pub(super) fn give_up_some(&self) {
        if let Ok(file) = self.file(false) {
            let kept = file.metadata().map_or(0, |metadata| metadata.len());
            let _ = file.set_len(kept.saturating_sub(PART));
        }
    }

    /// Gives the space that is kept back to the disk.
    pub(super) fn give_up(&self) {
        if let Ok(file) = self.file(false) {
            let _ = file.set_len(0);
        }
    }

    /// # Errors
    /// `Symlink`, `NotAFile` where something else stands in its place; `NotFound` where it is not there
    /// and `create` is false; those of the system.
    fn file(&self, create: bool) -> Result<File> {
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(create)
            .truncate(false)
            .mode(0o600);
        files::open_regular(&self.0, &mut options)
    }
}

fn note_no_reserve(why: &str) {
    log::note(
        LogLevel::Warning,
        &format!("no space is kept back for a full disk: {why}"),
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    use super::*;

    #[test]
    fn space_is_kept_given_up_and_kept_again() {
        let directory = tempfile::tempdir().unwrap();
        let database = directory.path().join("slot-0000.tenon");
        let reserve = Reserve::of(&database).unwrap();
        let kept = || fs::metadata(directory.path().join("slot-0000.reserve")).unwrap();
        fs::write(&database, "").unwrap();
        fs::set_permissions(&database, fs::Permissions::from_mode(0o640)).unwrap();
        let model = fs::metadata(&database).unwrap();
        for _ in 0..2 {
            reserve.keep(&model);
            assert_eq!(kept().len(), SIZE);
            assert!(kept().blocks() * 512 >= SIZE, "the disk promised it");
            reserve.keep(&model);
            reserve.give_up();
            assert_eq!((kept().len(), kept().blocks()), (0, 0));
        }
        assert_eq!(kept().mode() & 0o777, 0o640, "as the database");
    }

    #[test]
    fn a_link_in_its_place_is_left_alone() {
        let directory = tempfile::tempdir().unwrap();
        let other = directory.path().join("other");
        fs::write(&other, b"precious").unwrap();
        symlink(&other, directory.path().join("slot-0000.reserve")).unwrap();
        let reserve = Reserve::of(&directory.path().join("slot-0000.tenon")).unwrap();
        reserve.keep(&fs::metadata(&other).unwrap());
        reserve.give_up();
        assert_eq!(fs::read(&other).unwrap(), b"precious");
    }
}
