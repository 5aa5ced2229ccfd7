//! Lines in which threads and processes wait for each other, first come, first served.
//!
//! Beside the database lies an empty file. A thread that joins a line locks the byte behind the last
//! one that is locked there, and keeps that byte as its place until it is done; those with a lower
//! byte are ahead. The locks are those of `range_lock`: the kernel gives them back when their process
//! ends, so no thread waits for a process that died.
//!
//! *Places have an order.* Two threads that join at once find the same byte, and one of them gets it;
//! the other looks again. A thread that got a byte and then finds a locked one behind it has been
//! overtaken, and joins again. So of two places that are settled the higher one was taken after the
//! lower one was locked, and the thread in it sees the lower one until that is given back.
//!
//! A line makes waiting fair, and nothing else depends on it: where the file cannot be used, a writer
//! goes on without it, and SQLite's own lock decides.

use std::fs::{self, OpenOptions};
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::clock::Deadline;

use super::draft::Draft;
use super::files;
use super::range_lock::Description;
use crate::store::error::{Error, Result};

/// The line of the threads that write. Callers of the store use the others.
pub(super) const WRITERS: u8 = 0;

/// Bytes of the file that belong to one line.
const LINE: i64 = 1 << 48;
/// Bounds of the pause between two looks at the places ahead.
const SHORTEST_PAUSE: Duration = Duration::from_micros(50);
const LONGEST_PAUSE: Duration = Duration::from_millis(5);
/// A pause is at most this part of the time for which the line has not moved, for each place ahead. So
/// the end of a long turn is noticed after a small part of its length, and few looks are made.
const PART: u32 = 16;

#[derive(Debug, Clone)]
pub(super) struct Queue {
    path: PathBuf,
    database: PathBuf,
}

/// A place in a line, given back when it is dropped.
#[derive(Debug)]
pub(super) struct QueuePlace {
    description: Description,
    line: Range<i64>,
    number: i64,
}

impl Queue {
    /// The lines of the database at `path`: `slot-0000.tenon` has `slot-0000.lock`.
    pub(super) fn of(path: &Path) -> Result<Self> {
        let lock = path.with_extension("lock");
        if lock == path {
            return Err(Error::NotAToken(
                "its name ends in .lock, as files of locks do",
            ));
        }
        Ok(Self {
            path: lock,
            database: path.into(),
        })
    }

    /// Joins line `line` and calls `admit` with the number of places ahead until it returns true. `None`
    /// when the deadline passed first; `admit` is called at least once.
    ///
    /// # Errors
    /// Those of `admit`; `Symlink`, `PermissionsRefused`, `Io` and others where the file cannot be
    /// used.
    pub(super) fn wait<E: From<Error>>(
        &self,
        line: u8,
        deadline: Deadline,
        mut admit: impl FnMut(usize) -> std::result::Result<bool, E>,
    ) -> std::result::Result<Option<QueuePlace>, E> {
        let ticket = self.join(line)?;
        let (mut fewest, mut moved) = (usize::MAX, Duration::ZERO);
        loop {
            let ahead = ticket.ahead().map_err(|e| Error::io(&e, &self.path))?;
            if admit(ahead)? {
                return Ok(Some(ticket));
            }
            let left = deadline.left();
            if left.is_zero() {
                return Ok(None);
            }
            let waited = deadline.waited();
            if ahead < fewest {
                (fewest, moved) = (ahead, waited);
            }
            thread::sleep(pause(ahead, waited.saturating_sub(moved)).min(left));
        }
    }

    /// The database whose lines these are.
    pub(super) fn database(&self) -> &Path {
        &self.database
    }

    /// Opens the file of the locks where it is there, also one that cannot be written.
    pub(super) fn open_to_read(&self) -> Result<Description> {
        Description::open(&self.path, OpenOptions::new().read(true))
    }

    fn join(&self, line: u8) -> Result<QueuePlace> {
        let io = |e| Error::io(&e, &self.path);
        loop {
            let description = self.open()?;
            let ticket = QueuePlace::take(description, line).map_err(io)?;
            if ticket.is_of(&self.path).map_err(io)? {
                return Ok(ticket);
            }
            // The file was replaced or removed meanwhile, and other threads use the new one.
        }
    }

    /// Opens the file of the locks, which is made where it is missing.
    pub(super) fn open(&self) -> Result<Description> {
        loop {
            match Description::open(&self.path, OpenOptions::new().read(true).write(true)) {
                Err(Error::NotFound(_)) => self.make()?,
                opened => return opened,
            }
        }
    }

    /// Makes the file with the owner, group and mode of the database.
    fn make(&self) -> Result<()> {
        let model = files::regular(&self.database)?;
        let (draft, file) = Draft::beside(&self.path)?;
        files::share_like(&file, &model).map_err(|e| Error::io(&e, draft.path()))?;
        match fs::hard_link(draft.path(), &self.path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => Err(Error::io(&e, &self.path)),
            _ => Ok(()),
        }
    }
}

impl QueuePlace {
    fn take(description: Description, line: u8) -> io::Result<Self> {
        let first = i64::from(line) * LINE;
        let line = first..first + LINE;
        loop {
            let number = end_of(&description, &line)?;
            if !description.try_lock(number..number + 1)? {
                continue;
            }
            if description.find(number + 1..line.end)?.is_none() {
                return Ok(Self {
                    description,
                    line,
                    number,
                });
            }
            description.unlock(number..number + 1)?;
        }
    }

    fn ahead(&self) -> io::Result<usize> {
        count(&self.description, self.line.start..self.number)
    }

    fn is_of(&self, path: &Path) -> io::Result<bool> {
        let open = self.description.metadata()?;
        match fs::symlink_metadata(path) {
            Ok(there) => Ok(files::is_same(&there, &open)),
            Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(e) => Err(e),
        }
    }
}

/// The byte behind the last one that others have locked. The kernel reports any of the locks, not the
/// last, so it is asked until none is left behind the one found.
fn end_of(description: &Description, line: &Range<i64>) -> io::Result<i64> {
    let mut end = line.start;
    while let Some(held) = description.find(end..line.end)? {
        end = held.bytes.end;
    }
    Ok(end)
}

/// How many locks others hold on the bytes.
fn count(description: &Description, bytes: Range<i64>) -> io::Result<usize> {
    let mut found = 0;
    let mut open = vec![bytes];
    while let Some(bytes) = open.pop() {
        if let Some(held) = description.find(bytes.clone())? {
            found += 1;
            open.push(bytes.start..held.bytes.start);
            open.push(held.bytes.end..bytes.end);
        }
    }
    Ok(found)
}

/// How long to wait before the next look, where the line has not moved for the time `still`.
fn pause(ahead: usize, still: Duration) -> Duration {
    let ahead = u32::try_from(ahead.max(1)).unwrap_or(u32::MAX);
    SHORTEST_PAUSE
        .max(still / PART)
        .saturating_mul(ahead)
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_who_waits_looks_soon_after_the_line_moved() {
        let (stopped, turn) = (Duration::from_secs(1), Duration::from_millis(10));
        assert_eq!(pause(1, Duration::ZERO), SHORTEST_PAUSE);
        assert_eq!(pause(7, Duration::ZERO), 7 * SHORTEST_PAUSE);
        assert!(pause(1, turn) > SHORTEST_PAUSE && pause(1, turn) <= turn / 10);
        assert_eq!(pause(1, stopped), LONGEST_PAUSE);
    }
}
