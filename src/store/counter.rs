//! The change counter: how every process learns without a system call that the store changed.
//!
//! The database counts its committed transactions: *g*, in `meta`, raised by each transaction that
//! changes anything. Beside it lies a file with one number, mapped by every process: 2g while
//! nothing happens, odd while a commit may be under way. Holding SQLite's write lock, a writer
//! that is about to commit generation n
//!
//! 1. stores 2n − 1,
//! 2. commits, which gives the lock up,
//! 3. moves the number from 2n − 1 to 2n, unless it has changed since,
//! 4. answers its caller.
//!
//! *No reader misses a change.* Let generation n be answered before a reader looks. The number was
//! at least 2n − 1 before the commit, and it never falls: step 1 and `settle` run under the lock
//! and store at least twice the committed generation, less one only on the way to the next; step 3
//! is a compare-and-exchange, so a writer that was slow to get there cannot take back what a later
//! one stored. Now 2n − 1 is odd, so the reader sees either an odd number, and asks the database,
//! or an even one ≥ 2n, which no cache from before generation n is keyed by. A cache is keyed by
//! the generation read *in the snapshot* that filled it, never by the counter.
//!
//! *A writer dies.* Between 1 and 3 it leaves the number odd. Readers ask the database, which is
//! right and a little slower, until the next writer or the next opening settles the number.
//!
//! *The file is lost, stale or too short* (a copied or restored database). Opening for writing
//! compares the number with the database and, under the write lock, makes the file anew or settles
//! the number. Readers meanwhile are safe: a cache is used only when the counter equals its key.
//!
//! The file holds nothing worth a backup. As with SQLite's own `-shm` file, deleting or
//! overwriting it while processes use the store parts those that have it mapped from those that
//! come later.

use std::fs::{File, Metadata, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{Ordering, fence};

use super::error::{Error, Result};
use super::files::{self, Draft};
use super::gen_map::{GenMap, LEN};
use super::writer::Writer;

/// What the change counter says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Every answered change is in this generation; equal to `Snapshot::generation` of a snapshot,
    /// it says that the snapshot is still the present state.
    Settled(u64),
    /// A commit may be under way, or there is no counter: read the store.
    Unsettled,
}

/// The mapped counter of one store.
#[derive(Debug)]
pub(super) struct Counter(GenMap);

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

impl Counter {
    /// The counter at `path` of the writer's database, made or settled if need be.
    pub(super) fn attach(path: &Path, database: &Metadata, writer: &Writer) -> Result<Self> {
        if let Some(counter) = Self::open(path, true)? {
            let generation = writer.snapshot().generation()?;
            if counter.read() == Generation::Settled(generation) {
                return Ok(counter);
            }
        }
        writer.locked(|generation| {
            if let Some(counter) = Self::open(path, true)? {
                counter.settle(generation);
                return Ok(counter);
            }
            Self::make(path, database, generation)?;
            Self::open(path, true)?.ok_or_else(|| Error::NotFound(path.into()))
        })
    }

    /// Maps the counter at `path`; `None` when there is none, or it is too short to be one.
    pub(super) fn open(path: &Path, writable: bool) -> Result<Option<Self>> {
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
        if file.metadata().map_err(io)?.len() < LEN as u64 {
            return Ok(None);
        }
        Ok(Some(Self(GenMap::new(&file, writable).map_err(io)?)))
    }

    /// Makes the file anew with the committed generation. Owner, group and mode are those of the
    /// database, as with SQLite's own files. Call it under the write lock.
    fn make(path: &Path, database: &Metadata, generation: u64) -> Result<()> {
        let (draft, mut file) = Draft::beside(path)?;
        write_like(&mut file, database, settled(generation))
            .map_err(|e| Error::io(&e, draft.path()))?;
        draft.replace(path)
    }

    /// What the counter says.
    pub(super) fn read(&self) -> Generation {
        let number = self.0.number().load(Ordering::Relaxed);
        fence(Ordering::Acquire);
        if number % 2 == 1 {
            return Generation::Unsettled;
        }
        Generation::Settled(number / 2)
    }

    /// Step 1. Call it under the write lock.
    pub(super) fn announce(&self, generation: u64) {
        let number = settled(generation).wrapping_sub(1);
        self.0.number().store(number, Ordering::SeqCst);
    }

    /// Step 3.
    pub(super) fn committed(&self, generation: u64) {
        let number = settled(generation);
        // Where it has changed, a later writer is at work.
        let _ = self.0.number().compare_exchange(
            number.wrapping_sub(1),
            number,
            Ordering::SeqCst,
            Ordering::SeqCst,
        );
    }

    /// Makes the counter say the committed generation. Call it under the write lock.
    pub(super) fn settle(&self, generation: u64) {
        self.0.number().store(settled(generation), Ordering::SeqCst);
    }
}

/// The generation after `generation`.
pub(super) fn next(generation: u64) -> Result<u64> {
    match generation.checked_add(1) {
        Some(next) if next <= u64::MAX / 2 => Ok(next),
        _ => Err(Error::Corrupt("its change count is impossible")),
    }
}

fn settled(generation: u64) -> u64 {
    generation.wrapping_mul(2)
}

fn write_like(file: &mut File, model: &Metadata, number: u64) -> std::io::Result<()> {
    // Written, not only reserved: a store through the mapping must never want disk space.
    file.write_all(&number.to_ne_bytes())?;
    files::share_like(file, model)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(directory: &Path, number: u64) -> Counter {
        let path = directory.join("slot-0000.gen");
        std::fs::write(&path, number.to_ne_bytes()).unwrap();
        Counter::open(&path, true).unwrap().unwrap()
    }

    #[test]
    fn a_commit_is_announced_and_then_settled() {
        let directory = tempfile::tempdir().unwrap();
        let counter = counter(directory.path(), 8);
        assert_eq!(counter.read(), Generation::Settled(4));
        counter.announce(5);
        assert_eq!(counter.read(), Generation::Unsettled);
        counter.committed(5);
        assert_eq!(counter.read(), Generation::Settled(5));
    }

    #[test]
    fn a_slow_writer_takes_nothing_back() {
        let directory = tempfile::tempdir().unwrap();
        let counter = counter(directory.path(), 8);
        counter.announce(5);
        // Another writer goes on before this one gets to step 3.
        counter.announce(6);
        counter.committed(5);
        assert_eq!(counter.read(), Generation::Unsettled);
        counter.committed(6);
        counter.committed(5);
        assert_eq!(counter.read(), Generation::Settled(6));
    }

    #[test]
    fn generations_end_before_the_number_does() {
        assert_eq!(next(0), Ok(1));
        assert_eq!(next(u64::MAX / 2 - 1), Ok(u64::MAX / 2));
        assert!(matches!(next(u64::MAX / 2), Err(Error::Corrupt(_))));
        assert!(matches!(next(u64::MAX), Err(Error::Corrupt(_))));
    }
}
