//! The file of the change counter: what it holds, and what it tells of the log beside the database.
//!
//! It holds the number (see `counter`), the count of openings, and which database and which log it
//! lies beside. A database that is another one, beside the very same log, was put in the place of that
//! log's own. SQLite would take the log's changes over into it. Where all files are others they were
//! copied together, and belong together.

use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::config::LogLevel;
use crate::log;

use super::error::{Error, Result};
use super::files;
use super::place::{FileId, beside};
use super::sys::{self, Lock};

/// Bytes of the file, all in the machine's order: the number, the count of openings, and inode and
/// time of creation of the database and of its log.
pub(super) const LEN: usize = 48;
/// Where the count of openings is.
pub(super) const OPENINGS: u64 = 8;
/// Where the database and the log are named.
pub(super) const OWNERS: u64 = 16;

/// Lock on a byte of the file: who decides whether the log is stale.
const OPENING: i64 = 1027;

/// What is in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Content {
    pub(super) number: u64,
    pub(super) openings: u64,
    pub(super) database: FileId,
    pub(super) log: FileId,
}

impl Content {
    /// `None` when the file is too short.
    pub(super) fn read(file: &File) -> Option<Self> {
        let mut bytes = [0; LEN];
        file.read_exact_at(&mut bytes, 0).ok()?;
        let mut numbers = bytes.chunks_exact(8).map(|number| {
            let number: [u8; 8] = number.try_into().unwrap_or_default();
            u64::from_ne_bytes(number)
        });
        let mut next = || numbers.next().unwrap_or_default();
        Some(Self {
            number: next(),
            openings: next(),
            database: FileId {
                inode: next(),
                born: next(),
            },
            log: FileId {
                inode: next(),
                born: next(),
            },
        })
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        [
            self.number,
            self.openings,
            self.database.inode,
            self.database.born,
            self.log.inode,
            self.log.born,
        ]
        .iter()
        .flat_map(|number| number.to_ne_bytes())
        .collect()
    }
}

/// Where the counter of the database at `path` is: `slot-0000.tenon` has `slot-0000.gen`.
pub(super) fn path_of(path: &Path) -> Result<PathBuf> {
    let counter = path.with_extension("gen");
    if counter == path {
        return Err(Error::NotAToken(
            "its name ends in .gen, as change counters do",
        ));
    }
    Ok(counter)
}

/// Whether the log beside the database at `path` belongs to another one.
fn is_stale(path: &Path, counter: &File) -> bool {
    let database = FileId::at(path);
    let log = FileId::at(&beside(path, "-wal"));
    let (Some(noted), Some(database), Some(log)) = (Content::read(counter), database, log) else {
        return false;
    };
    noted.database.inode != 0 && noted.database != database && noted.log == log
}

/// Notes that the log beside the database at `path` belongs to none that is there.
pub(super) fn disown_log(path: &Path) {
    let Ok(Some(file)) = path_of(path).and_then(|counter| open_file(&counter, true)) else {
        return;
    };
    let Some(noted) = Content::read(&file) else {
        return;
    };
    let orphaned = Content {
        database: FileId { inode: 1, born: 1 },
        log: FileId::at(&beside(path, "-wal")).unwrap_or_default(),
        ..noted
    };
    let from = usize::try_from(OWNERS).unwrap_or(LEN);
    let _ = file.write_all_at(&orphaned.encode()[from..], OWNERS);
}

/// Refuses a database beside a log that belongs to another one, for who may not put it aside.
pub(super) fn refuse_stale_log(path: &Path, counter: &Path) -> Result<()> {
    // Without a counter that can be read nothing is known of the log.
    match open_file(counter, false) {
        Ok(Some(file)) if is_stale(path, &file) => Err(Error::StaleLog(path.into())),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Puts a log aside that belongs to another database than the one at `path`, before SQLite meets it.
pub(super) fn put_stale_log_aside(path: &Path, counter: &Path) -> Result<()> {
    loop {
        let Some(file) = open_file(counter, true)? else {
            return Ok(());
        };
        sys::lock(&file, OPENING, Lock::Alone).map_err(|e| Error::io(&e, counter))?;
        let open = file.metadata().map_err(|e| Error::io(&e, counter))?;
        if FileId::at(counter) != Some(FileId::of(&open)) {
            // Somebody has put it aside meanwhile, and the counter with it.
            continue;
        }
        if !is_stale(path, &file) {
            return Ok(());
        }
        return put_aside(path, counter);
    }
}

/// The index and the counter go too: processes that still have them open have the old database.
fn put_aside(path: &Path, counter: &Path) -> Result<()> {
    let log = beside(path, "-wal");
    if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
        let aside = beside(path, "-wal.stale");
        fs::rename(&log, &aside).map_err(|e| Error::io(&e, &log))?;
        log::note(
            LogLevel::Error,
            &format!(
                "{}: the file was replaced, and the log beside it belongs to the one before: the \
                 log was put aside as {} and is not used",
                path.display(),
                aside.display()
            ),
        );
    } else {
        remove(&log)?;
    }
    remove(&beside(path, "-shm"))?;
    remove(counter)
}

fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io(&e, path)),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// The file at `path`; `None` when there is none, or it is too short to be one.
pub(super) fn open_file(path: &Path, writable: bool) -> Result<Option<File>> {
    match files::regular(path) {
        Ok(_) => {}
        Err(Error::NotFound(_)) => return Ok(None),
        Err(e) => return Err(e),
    }
    let io = |e| Error::io(&e, path);
    let file = OpenOptions::new()
        .read(true)
        .write(writable)
        .custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path)
        .map_err(io)?;
    let whole = file.metadata().map_err(io)?.len() >= LEN as u64;
    Ok(whole.then_some(file))
}

/// Writes a new file. Owner and mode are those of the database, as with SQLite's own files.
pub(super) fn write_like(
    file: &mut File,
    model: &Metadata,
    content: &Content,
) -> std::io::Result<()> {
    file.write_all(&content.encode())?;
    files::share_like(file, model)
}
