//! Reading the log beside a database without SQLite, to learn whether it belongs to it: see `log_mark`.
//!
//! The form of the file is that of <https://sqlite.org/walformat.html> and
//! <https://sqlite.org/fileformat2.html>. SQLite puts no locks on the log, so opening and closing it
//! drops none.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::connection::{Purpose, connect};
use super::files::{beside, open_regular, remove, sync_directory};
use super::log_mark::{LEN, LogMark, LogSpan, ROW};
use super::rows::FileRows;
use super::schema;
use crate::store::error::{Error, Result};

/// Both magic numbers without their last bit, in which alone they differ.
const MAGIC: u32 = 0x377F_0682;
/// Stands between a log's name and the number that it gets when it is set aside.
pub(super) const SET_ASIDE: &str = ".stale-";
/// How often a log and a database are compared while other processes change them.
const LOOKS: u32 = 100;
/// How often, and at what pause, a process tries to get the database for itself alone.
const TRIES: u32 = 40;
const PAUSE: Duration = Duration::from_millis(25);
/// Page types of the b-tree of `meta`.
const INTERIOR: u8 = 0x02;
const LEAF: u8 = 0x0A;

/// Readies the database at `path` for a process that will write: a log that does not belong to it
/// is set aside, and where no other process has the database open its log gets a new id. Returns
/// where a log was put that was set aside.
///
/// # Errors
/// `StaleLog` where such a log cannot be set aside, for another process has the database open.
pub(super) fn prepare(path: &Path, known: &[&str]) -> Result<Option<PathBuf>> {
    let aside = if is_stale(path) {
        set_aside(path)?
    } else {
        None
    };
    renew(path, known)?;
    Ok(aside)
}

/// Whether the log beside the database at `path` belongs to another state of it. Changes that other
/// processes make meanwhile do not make a log stale.
pub(super) fn is_stale(path: &Path) -> bool {
    let mut before = None;
    for _ in 0..LOOKS {
        // The log is read first: a database read after its log has reached at least the state from which
        // the log started.
        let Some(log) = span(&beside(path, "-wal")) else {
            return false;
        };
        let Some(file) = mark_without_log(path) else {
            return false;
        };
        if file.is_continued_by(&log) {
            return false;
        }
        // The second look found the same, so log and database were like this at one moment.
        if before == Some((log, file)) {
            return true;
        }
        before = Some((log, file));
    }
    false
}

fn mark_without_log(path: &Path) -> Option<LogMark> {
    let conn = connect(path, Purpose::Immutable, Duration::ZERO).ok()?;
    LogMark::read(&conn).ok()?
}

/// Renames a log that does not belong to the database; `None` where another process has done so.
pub(super) fn set_aside(path: &Path) -> Result<Option<PathBuf>> {
    let log = beside(path, "-wal");
    let Some(alone) = alone_with_stale_log(path)? else {
        return Ok(None);
    };
    // Closing must not fold the stale log into the database.
    keep_log_at_close(&alone)?;
    if !is_stale(path) {
        return Ok(None);
    }
    let numbers = 1..u32::MAX;
    let mut names = numbers.map(|number| beside(&log, &format!("{SET_ASIDE}{number}")));
    let name = names.find(|name| fs::symlink_metadata(name).is_err());
    let name = name.ok_or_else(|| Error::StaleLog(log.clone()))?;
    fs::rename(&log, &name).map_err(|e| Error::io(&e, &log))?;
    remove(&beside(path, "-shm"))?;
    sync_directory(path)?;
    Ok(Some(name))
}

/// A connection that shares the database with no other; `None` once another process has set the log
/// aside.
fn alone_with_stale_log(path: &Path) -> Result<Option<Connection>> {
    for _ in 0..TRIES {
        if let Ok(conn) = alone(path, 1) {
            return Ok(Some(conn));
        }
        if !is_stale(path) {
            return Ok(None);
        }
        std::thread::sleep(PAUSE);
    }
    Err(Error::StaleLog(beside(path, "-wal")))
}

/// Gives the log a new id, where no other process has the database open. Where the disk is full or
/// the database cannot be written, the old id stays.
fn renew(path: &Path, known: &[&str]) -> Result<()> {
    let Ok(conn) = alone(path, 1) else {
        return Ok(());
    };
    if schema::admit(&conn, known).is_err() || fold(&conn).is_err() {
        return Ok(());
    }
    let renewed = match LogMark::read(&conn)? {
        Some(mark) => mark.renewed(&conn),
        None => LogMark::new(&conn, FileRows::new(&conn).generation()?),
    };
    if renewed.and_then(|mark| mark.write(&conn)).is_err() {
        return Ok(());
    }
    // The new id has to reach the database: else the log that follows would not belong to it.
    fold(&conn)?;
    conn.close().map_err(|(_, e)| e.into())
}

/// A connection that shares the database with no other, of this process or another. An idle connection
/// counts too, since SQLite keeps a lock for each.
///
/// # Errors
/// `Busy` when there is another connection; those of `connect`.
pub(super) fn alone(path: &Path, tries: u32) -> Result<Connection> {
    for left in (0..tries).rev() {
        match connect(path, Purpose::Alone, Duration::ZERO) {
            Err(Error::Busy) if left > 0 => std::thread::sleep(PAUSE),
            answer => return answer,
        }
    }
    Err(Error::Busy)
}

pub(super) fn keep_log_at_close(conn: &Connection) -> Result<()> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(())
}

/// Folds the whole log into the database and empties the log.
///
/// # Errors
/// `Busy` when a reader prevents it; `Full`, `Sqlite`.
pub(super) fn fold(conn: &Connection) -> Result<()> {
    let busy: i64 = conn.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
    if busy == 0 { Ok(()) } else { Err(Error::Busy) }
}

/// The marks of the log at `path`; `None` where there is no log, or no mark in it.
fn span(path: &Path) -> Option<LogSpan> {
    let file = open_regular(path, OpenOptions::new().read(true)).ok()?;
    let mut log = Frames::new(file).ok()??;
    let (mut span, mut pending) = (None, None);
    while let Ok(Some(frame)) = log.next() {
        pending = frame.mark.or(pending);
        let Some(last) = pending.filter(|_| frame.commits) else {
            continue;
        };
        let first = span.map_or(last, |span: LogSpan| span.first);
        span = Some(LogSpan { first, last });
        pending = None;
    }
    span
}

/// The frames of a log, from the first to the last that was written since the log began anew.
struct Frames {
    file: BufReader<File>,
    salts: [u8; 8],
    page: Vec<u8>,
}

/// One page that a transaction wrote.
struct Frame {
    mark: Option<LogMark>,
    commits: bool,
}

impl Frames {
    /// Header: magic (4) ‖ version (4) ‖ page size (4) ‖ sequence (4) ‖ salts (8) ‖ checksum (8).
    fn new(file: File) -> io::Result<Option<Self>> {
        let mut file = BufReader::new(file);
        let mut header = [0; 32];
        if !fill(&mut file, &mut header)? {
            return Ok(None);
        }
        let size = number(&header[8..12]);
        if number(&header[..4]) & !1 != MAGIC || !(512..=65_536).contains(&size) {
            return Ok(None);
        }
        let mut salts = [0; 8];
        salts.copy_from_slice(&header[16..24]);
        Ok(Some(Self {
            file,
            salts,
            page: vec![0; size as usize],
        }))
    }

    /// Frame: page (4) ‖ size of the database, where this ends a transaction (4) ‖ salts (8) ‖
    /// checksum (8) ‖ the page.
    fn next(&mut self) -> io::Result<Option<Frame>> {
        let mut header = [0; 24];
        let whole = fill(&mut self.file, &mut header)? && fill(&mut self.file, &mut self.page)?;
        if !whole || header[8..16] != self.salts {
            return Ok(None);
        }
        Ok(Some(Frame {
            mark: mark_in(&self.page),
            commits: number(&header[4..8]) != 0,
        }))
    }
}

/// The mark in `page`, which is a page of `meta`'s b-tree and not the database's first page.
fn mark_in(page: &[u8]) -> Option<LogMark> {
    let (header, child) = match *page.first()? {
        LEAF => (8, 0),
        INTERIOR => (12, 4),
        _ => return None,
    };
    let cells = usize::from(short(page, 3)?);
    (0..cells).find_map(|cell| {
        let at = usize::from(short(page, header + 2 * cell)?);
        mark_in_cell(page.get(at + child..)?)
    })
}

/// Cell: length ‖ header of a row with a text and a blob ‖ the name ‖ the mark.
fn mark_in_cell(cell: &[u8]) -> Option<LogMark> {
    const TEXT: u8 = 13 + 2 * ROW.len() as u8;
    const BLOB: u8 = 12 + 2 * LEN as u8;
    const ROW_LEN: u8 = (3 + ROW.len() + LEN) as u8;
    let row = cell.strip_prefix(&[ROW_LEN, 3, TEXT, BLOB])?;
    LogMark::decode(row.strip_prefix(ROW.as_bytes())?.get(..LEN)?)
}

fn short(page: &[u8], at: usize) -> Option<u16> {
    let bytes = page.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |n, byte| n << 8 | u32::from(*byte))
}

/// False where the file ends before `out` is full.
fn fill(file: &mut impl Read, out: &mut [u8]) -> io::Result<bool> {
    match file.read_exact(out) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(e) => Err(e),
    }
}
