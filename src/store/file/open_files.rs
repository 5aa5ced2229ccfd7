//! Whether the files that are open are still the ones at their paths.
//!
//! This watches an open store. Before a database is opened, `log_mark` says which log belongs to it.
//!
//! SQLite keeps a database, its log and the log's index open by descriptor, and finds the log and the
//! index by name. When somebody replaces or removes the database meanwhile, changes would go to a
//! file that no name leads to, and the log beside the new database would be the old one's. So every
//! transaction begins with a look at the paths, and a change is answered only after another look.
//! Once a file is not the one that was opened, nothing of the store is read or written any more.

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
use super::log_mark::{LogId, LogMark};
use super::rows::NAME;
use super::sys;
use crate::store::error::{Error, Result};

/// The index of the log grows by this many bytes. The first of these parts serves `INDEX_FRAMES`
/// frames of the log; later ones serve more.
const INDEX_STEP: u64 = 32_768;
const INDEX_FRAMES: u64 = 4062;
/// A page and its frame's header in the log.
const FRAME: u64 = 4096 + 24;

#[derive(Debug)]
pub(super) struct OpenFiles {
    /// The database with all links to its folder resolved, as SQLite has it open.
    path: PathBuf,
    /// The path that was asked for, where that goes through links: they may lead elsewhere later.
    asked: Option<PathBuf>,
    device: u64,
    id: FileId,
    index_path: PathBuf,
    /// Inode of the log's index; 0 until this process has it open.
    index: AtomicU64,
    /// Whether this process shares the log's index with others, rather than having one of its own.
    shares_index: bool,
    /// Inode of the log; 0 until this process has it open.
    log: AtomicU64,
    /// The highest generation that this process has committed, or found before a change.
    generation: AtomicU64,
    /// Locked while the files are looked at, so that lengths are compared in the order of the looks.
    seen: Mutex<Seen>,
    gone: AtomicBool,
}

/// The files as they were when they were last looked at.
#[derive(Debug, Default)]
struct Seen {
    /// Length of the log, and the highest generation known to this process at that look.
    log: (u64, u64),
    /// The greatest length of the index. No process shortens an index that is in use.
    index: u64,
    content: DatabaseState,
}

/// The database file itself, without its log, as last read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct DatabaseState {
    /// Time of the last change in seconds and nanoseconds, which no program can set, and length.
    written: (i64, i64, u64),
    inside: Inside,
}

/// What the database holds without its log. A later state of the same store has the same name, at least
/// this generation, and a log of the same id: the id changes only while no process has the store open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Inside {
    name: [u8; 16],
    generation: u64,
    /// `None` where the mark is torn, which says nothing.
    log: Option<LogId>,
}

impl Inside {
    fn read(path: &Path) -> Result<Self> {
        connection::look_inside(path, |rows| {
            let name = rows.value(NAME)?;
            let name = name.and_then(|name| name.try_into().ok());
            Ok(Self {
                name: name.ok_or(Error::Corrupt("the store's name is missing"))?,
                generation: rows.generation()?,
                log: LogMark::read(rows.conn())?.map(|mark| mark.id()),
            })
        })
    }

    fn is_continued_by(&self, later: &Self) -> bool {
        let other_log =
            matches!((self.log, later.log), (Some(ours), Some(theirs)) if ours != theirs);
        self.name == later.name && later.generation >= self.generation && !other_log
    }
}

/// How often, and at what pause, a database is read that another process may be writing.
const LOOKS: usize = 5;
const BETWEEN: Duration = Duration::from_millis(20);

impl OpenFiles {
    /// The database at `path`, which is about to be opened, and was asked for as `asked`.
    pub(super) fn of(path: &Path, asked: &Path, shares_index: bool) -> Result<Self> {
        let metadata = files::regular(path)?;
        let asked = std::path::absolute(asked).map_err(|e| Error::io(&e, asked))?;
        Ok(Self {
            path: path.into(),
            asked: Some(asked).filter(|asked| asked != path),
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

    /// Notes the files, which are open now, and refuses those that were exchanged meanwhile.
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
        let Some(there) = self.found_at(&self.path) else {
            return Err(self.declare_gone("replaced or removed"));
        };
        if !self.is_where_asked() {
            return Err(
                self.declare_gone("given up by a link to its folder, which leads elsewhere now,")
            );
        }
        self.check_content(&mut seen.content, &there)?;
        let Seen { log, content, .. } = &mut *seen;
        self.check_log(log, &content.inside)?;
        self.check_index(&mut seen.index)
    }

    /// The database's metadata, where it is the one at `path`.
    fn found_at(&self, path: &Path) -> Option<Metadata> {
        let there = fs::symlink_metadata(path).ok()?;
        ((there.dev(), FileId::of(&there)) == (self.device, self.id)).then_some(there)
    }

    fn is_where_asked(&self) -> bool {
        let asked = self.asked.as_ref();
        asked.is_none_or(|asked| self.found_at(asked).is_some())
    }

    /// `inside`: what the database held when it was last read.
    fn check_log(&self, seen: &mut (u64, u64), inside: &Inside) -> Result<()> {
        let known = self.log.load(Ordering::Relaxed);
        if known == 0 {
            return Ok(());
        }
        let log = fs::symlink_metadata(beside(&self.path, "-wal"));
        let Some(log) = log.ok().filter(|log| log.ino() == known) else {
            return Err(
                self.declare_gone("parted from its -wal file, which was replaced or removed")
            );
        };
        let before = mem::replace(seen, (log.len(), self.generation.load(Ordering::Relaxed)));
        let cut = log.len() < before.0;
        if cut && inside.generation < before.1 && !self.is_folded_in(before.1) {
            return Err(self.declare_gone("robbed of changes in its -wal file, which was cut off"));
        }
        Ok(())
    }

    /// Whether the database has reached `generation` without its log. A log that held this generation is
    /// emptied only then.
    fn is_folded_in(&self, generation: u64) -> bool {
        (1..=LOOKS).any(|look| {
            match Inside::read(&self.path) {
                Ok(found) if found.generation >= generation => return true,
                Ok(_) | Err(Error::NotAToken(_)) => {}
                // The file cannot be judged, so nothing is held against it.
                Err(_) => return true,
            }
            if look < LOOKS {
                thread::sleep(BETWEEN);
            }
            false
        })
    }

    /// Notes that the store has reached `generation`.
    pub(super) fn has_come_to(&self, generation: u64) {
        self.generation.fetch_max(generation, Ordering::Relaxed);
    }

    /// The highest generation that this process has seen. A snapshot that begins later has at least this.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// Refuses a snapshot of an earlier generation than `known`, which `generation` told before the
    /// snapshot began: the log or its index was overwritten with earlier content, and what was committed
    /// since is no longer found.
    pub(super) fn check_generation(&self, found: u64, known: u64) -> Result<()> {
        if found < known {
            return Err(self.declare_gone(
                "robbed of changes: its -wal or -shm file was overwritten with earlier content",
            ));
        }
        self.has_come_to(found);
        Ok(())
    }

    /// Where the database was written since the last look, by folding the log into it, makes sure that
    /// it still holds a later state of the same store and its log.
    fn check_content(&self, known: &mut DatabaseState, there: &Metadata) -> Result<()> {
        if !self.shares_index {
            return Ok(());
        }
        let written = (there.ctime(), there.ctime_nsec(), there.len());
        if known.written == written {
            return Ok(());
        }
        let first = *known == DatabaseState::default();
        for look in 1..=LOOKS {
            match Inside::read(&self.path) {
                Ok(inside) if first || known.inside.is_continued_by(&inside) => {
                    let log = inside.log.or(known.inside.log);
                    let inside = Inside { log, ..inside };
                    *known = DatabaseState { written, inside };
                    return Ok(());
                }
                // A file that is no store yet is refused when it is opened.
                Err(_) if first => return Ok(()),
                Ok(_) | Err(Error::NotAToken(_)) => {}
                Err(_) if there.len() == 0 => {}
                // The file cannot be judged: where folding stopped half way, as on a full disk, the database
                // is whole only together with its log.
                Err(_) => return Ok(()),
            }
            if look < LOOKS {
                thread::sleep(BETWEEN);
            }
        }
        Err(self.declare_gone("overwritten"))
    }

    /// SQLite maps the index of the log. Where another file takes its place, processes that open the store
    /// later use that one; where it is cut off, touching the lost pages would kill this process.
    fn check_index(&self, seen: &mut u64) -> Result<()> {
        let known = self.index.load(Ordering::Relaxed);
        if known == 0 {
            return Ok(());
        }
        let Ok(metadata) = fs::symlink_metadata(&self.index_path) else {
            return Err(self.declare_gone("parted from its -shm file, which was removed"));
        };
        if metadata.ino() != known {
            return Err(self.declare_gone("parted from its -shm file, which was replaced"));
        }
        let greatest = mem::replace(seen, metadata.len().max(*seen)).max(INDEX_STEP);
        if metadata.len() < greatest {
            return self.mend_index(greatest);
        }
        Ok(())
    }

    /// Gives the index its length back, filled with zeros; SQLite then makes it anew from the log.
    fn mend_index(&self, seen: u64) -> Result<()> {
        let log = fs::symlink_metadata(beside(&self.path, "-wal")).map_or(0, |log| log.len());
        let needed = (log / FRAME / INDEX_FRAMES + 1) * INDEX_STEP;
        // Its length is set to 0 first, so that the remaining part is not taken for a whole index.
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

    /// Whether another file is at the path, which SQLite can therefore tell from this one.
    pub(super) fn is_replaced(&self) -> bool {
        let path = self.asked.as_ref().unwrap_or(&self.path);
        self.found_at(path).is_none()
    }

    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Relaxed)
    }

    fn declare_gone(&self, how: &str) -> Error {
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
