//! Whether the files that are open are still the ones at their paths.
//!
//! This watches a store as long as it is open. Which log belongs to a database that is about to be
//! opened, `log_mark` says.
//!
//! SQLite keeps a database, its log and the log's index open by descriptor, and finds the latter two
//! by name. When somebody replaces or removes the database meanwhile, changes would go to a file that
//! nobody finds again, and the log beside the new database would be the old one's. So every
//! transaction begins with a look at the paths, and a change is answered only after another look.
//! Once the files are not the ones that were opened, the store is gone for good: nothing of it is
//! read or written any more.

use std::fs::{self, Metadata};
use std::mem;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::config::LogLevel;
use crate::log;

use super::connection;
use super::files::{self, FileId, beside};
use super::sys;
use crate::store::error::{Error, Result};

/// Bytes that the index of the log grows by, and frames of the log that the first of these serve;
/// later ones serve more.
const INDEX_STEP: u64 = 32_768;
const INDEX_FRAMES: u64 = 4062;
/// A page and its frame's header in the log.
const FRAME: u64 = 4096 + 24;

/// The paths of an open store, and the files that were there when it was opened.
#[derive(Debug)]
pub(super) struct OpenFiles {
    path: PathBuf,
    device: u64,
    id: FileId,
    index_path: PathBuf,
    /// Inode of the log's index; 0 until this process has it open.
    index: AtomicU64,
    /// Whether this process shares the log's index with others, rather than having one of its own.
    shares_index: bool,
    /// Inode of the log; 0 until this process has it open.
    log: AtomicU64,
    /// The generation that this process has last committed, or found before a change.
    generation: AtomicU64,
    /// Held while the files are looked at, so that no look at a length is older than the last one.
    seen: Mutex<Seen>,
    gone: AtomicBool,
}

/// The files as they were when they were last looked at.
#[derive(Debug, Default)]
struct Seen {
    /// Length of the log, and the generation that this process had come to.
    log: (u64, u64),
    /// The greatest length of the index. Nobody shortens an index that is in use.
    index: u64,
    content: Content,
}

/// The database as it was last looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Content {
    /// Time of change, in nanoseconds, and length.
    written: (i64, i64, u64),
    /// The name that the store got when it was made, and its generation without the log.
    inside: ([u8; 16], u64),
}

/// How often a database is looked into that another process may be writing, and how long to wait
/// in between.
const LOOKS: usize = 5;
const BETWEEN: Duration = Duration::from_millis(20);

impl OpenFiles {
    /// The database at `path`, about to be opened.
    pub(super) fn of(path: &Path, shares_index: bool) -> Result<Self> {
        let metadata = files::regular(path)?;
        Ok(Self {
            path: path.into(),
            device: metadata.dev(),
            id: FileId::of(&metadata),
            index_path: beside(path, "-shm"),
            index: AtomicU64::new(0),
            shares_index,
            log: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            seen: Mutex::default(),
            gone: AtomicBool::new(false),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The files are open now: refuses what was exchanged meanwhile.
    pub(super) fn opened(&self) -> Result<()> {
        if self.shares_index {
            for (path, inode) in [
                (&self.index_path, &self.index),
                (&beside(&self.path, "-wal"), &self.log),
            ] {
                let found = fs::symlink_metadata(path).map_or(0, |found| found.ino());
                inode.store(found, Ordering::Relaxed);
            }
        }
        self.check()
    }

    /// Refuses to go on when the files are not the ones that were opened. Call it before each
    /// transaction, and before a change is answered.
    pub(super) fn check(&self) -> Result<()> {
        if self.gone.load(Ordering::Relaxed) {
            return Err(Error::Moved(self.path.clone()));
        }
        let mut seen = self.seen.lock();
        let there = fs::symlink_metadata(&self.path);
        let Some(there) = there
            .ok()
            .filter(|there| (there.dev(), FileId::of(there)) == (self.device, self.id))
        else {
            return Err(self.is_gone("replaced or removed"));
        };
        self.check_log(&mut seen.log)?;
        self.check_index(&mut seen.index)?;
        self.check_content(&mut seen.content, &there)
    }

    fn check_log(&self, seen: &mut (u64, u64)) -> Result<()> {
        let known = self.log.load(Ordering::Relaxed);
        if known == 0 {
            return Ok(());
        }
        let log = fs::symlink_metadata(beside(&self.path, "-wal"));
        let Some(log) = log.ok().filter(|log| log.ino() == known) else {
            return Err(self.is_gone("parted from its -wal file, which was replaced or removed"));
        };
        let before = mem::replace(seen, (log.len(), self.generation.load(Ordering::Relaxed)));
        if log.len() < before.0 && !self.is_folded_in(before.1) {
            return Err(self.is_gone("robbed of changes in its -wal file, which was cut off"));
        }
        Ok(())
    }

    /// Whether the database has come to `generation` without its log: only then the log that held it
    /// is emptied.
    fn is_folded_in(&self, generation: u64) -> bool {
        (1..=LOOKS).any(|look| {
            match connection::look_inside(&self.path) {
                Ok((_, found)) if found >= generation => return true,
                Ok(_) | Err(Error::NotAToken(_)) => {}
                // Nothing is known.
                Err(_) => return true,
            }
            if look < LOOKS {
                thread::sleep(BETWEEN);
            }
            false
        })
    }

    /// The store has come to `generation`.
    pub(super) fn has_come_to(&self, generation: u64) {
        self.generation.fetch_max(generation, Ordering::Relaxed);
    }

    /// The database is only written when the log is folded into it. Whenever it was, this makes sure
    /// that it is the same store, and has not gone back.
    fn check_content(&self, known: &mut Content, there: &Metadata) -> Result<()> {
        if !self.shares_index {
            return Ok(());
        }
        let written = (there.mtime(), there.mtime_nsec(), there.len());
        if known.written == written {
            return Ok(());
        }
        let first = *known == Content::default();
        for look in 1..=LOOKS {
            match connection::look_inside(&self.path) {
                Ok(inside)
                    if first || (inside.0 == known.inside.0 && inside.1 >= known.inside.1) =>
                {
                    *known = Content { written, inside };
                    return Ok(());
                }
                // Where it is none yet, opening it says why.
                Err(_) if first => return Ok(()),
                Ok(_) | Err(Error::NotAToken(_)) => {}
                Err(_) if there.len() == 0 => {}
                // Nothing is known: a log that was folded in in part, as on a full disk, leaves a
                // database that is whole with the log alone.
                Err(_) => return Ok(()),
            }
            if look < LOOKS {
                thread::sleep(BETWEEN);
            }
        }
        Err(self.is_gone("overwritten"))
    }

    /// The index of the log is mapped by SQLite. Another file in its place parts this process from
    /// those that come later, and one that was cut off would end the process at the next touch.
    fn check_index(&self, seen: &mut u64) -> Result<()> {
        let known = self.index.load(Ordering::Relaxed);
        if known == 0 {
            return Ok(());
        }
        let Ok(metadata) = fs::symlink_metadata(&self.index_path) else {
            return Err(self.is_gone("parted from its -shm file, which was removed"));
        };
        if metadata.ino() != known {
            return Err(self.is_gone("parted from its -shm file, which was replaced"));
        }
        let greatest = mem::replace(seen, metadata.len().max(*seen)).max(INDEX_STEP);
        if metadata.len() < greatest {
            return self.mend_index(greatest);
        }
        Ok(())
    }

    /// Gives the index its length back, as zeros, from which SQLite makes it anew out of the log.
    fn mend_index(&self, seen: u64) -> Result<()> {
        let log = fs::symlink_metadata(beside(&self.path, "-wal")).map_or(0, |log| log.len());
        let needed = (log / FRAME / INDEX_FRAMES + 1) * INDEX_STEP;
        // First to nothing, for what is left of it must not be taken for an index that is whole.
        sys::set_length(&self.index_path, 0)
            .and_then(|()| sys::set_length(&self.index_path, needed.max(seen)))
            .map_err(|e| Error::io(&e, &self.index_path))?;
        log::note(
            LogLevel::Error,
            &format!(
                "{}: another program had cut this file off; it was lengthened, and is filled again \
                 from the log: leave the files of a token that is in use alone",
                self.index_path.display()
            ),
        );
        Ok(())
    }

    /// Whether another file is at the path, so that SQLite takes it for another one too.
    pub(super) fn is_replaced(&self) -> bool {
        FileId::at(&self.path) != Some(self.id)
    }

    /// Whether the files are known to be others.
    pub(super) fn gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    fn is_gone(&self, how: &str) -> Error {
        if !self.gone.swap(true, Ordering::Relaxed) {
            log::note(
                LogLevel::Error,
                &format!(
                    "{}: the file was {how} while it was in use; nothing more is written, and its \
                     sessions answer CKR_DEVICE_REMOVED: close them, new ones use the file that is \
                     there now",
                    self.path.display()
                ),
            );
        }
        Error::Moved(self.path.clone())
    }
}
