//! The change counter: how a process learns, mostly without a system call, that the store changed.
//!
//! The database counts its committed transactions: *g*, in `meta`, raised by each transaction that
//! changes anything. Beside it lies a file with one number: 2g while nothing happens, odd while a
//! commit may be under way. Holding SQLite's write lock, a writer that is about to commit generation n
//!
//! 1. stores 2n − 1,
//! 2. commits, which gives the lock up,
//! 3. moves the number from 2n − 1 to 2n, unless it has changed since,
//! 4. answers its caller.
//!
//! *No reader misses a change.* Let generation n be answered before a reader looks. The number was
//! at least 2n − 1 before the commit, and it never falls. Step 1 and `settle` run under SQLite's
//! write lock and store at least twice the committed generation; step 1 stores one less than twice
//! the generation that it announces. Step 3 compares and stores under a lock of the file that step 1
//! takes too, so a slow writer cannot overwrite what a later one stored. Since 2n − 1 is odd, the
//! reader sees either an odd number, and asks the database, or an even one ≥ 2n, and no cache from
//! before generation n has that key. A cache is keyed by the generation read *in the snapshot* that
//! filled it, never by the counter.
//!
//! *Looking costs a read of the file.* The file is not mapped: a process that touches a mapped page
//! beyond the end of a truncated file is killed. A process that is alone with the store need not
//! look, for it knows what it wrote. It is alone when no other process holds the lock that each
//! process keeps on the file while it has the store open for writing. A process relies on that
//! finding for `LEASE` at most, and then looks again. A process that opens the store takes the lock
//! first, then raises the count of openings, then waits a little longer than `LEASE` before its first
//! commit. Another process that looked before the count was raised no longer relies on that look at
//! the time of this commit; one that sees the count raised looks for the lock, and finds it.
//!
//! *A writer dies.* Between 1 and 3 it leaves the number odd. Readers then ask the database, which is
//! correct and slower, until the next writer or the next opening settles the number.
//!
//! *The file is cut off, replaced or removed.* Readers then ask the database. The next commit of each
//! process notices this before it begins, and once more before it is answered. It makes a new file
//! or uses the one that is there. A process that makes a file waits for `LEASE` too.
//!
//! *The file is stale* (a copied or restored database). Opening for writing compares the number with
//! the database and, under the write lock, settles it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::RwLock;

use crate::clock::{COARSE, monotonic};
use crate::config::LogLevel;
use crate::log;
use crate::store::modes::Generation;

use super::draft::Draft;
use super::files;
use super::gen_file::{Content, LEN, OPENINGS, open_file, store, write_like};
use super::open_files::OpenFiles;
use super::range_lock::{Lock, lock, locked_by_another};
use super::recent::{Marks, Touched, store_mark};
use crate::store::error::{Error, Result};

/// How long a process relies on one look, in nanoseconds.
const LEASE: u64 = 50_000_000;

/// Bytes of the file that are locked: `WRITERS` and `READERS` by every process that has the store open
/// for writing or reading, `STEP` while a writer changes the number.
const WRITERS: i64 = 1024;
const READERS: i64 = 1025;
const STEP: i64 = 1026;

#[derive(Debug)]
pub(in crate::store) struct Counter {
    path: PathBuf,
    open_files: Arc<OpenFiles>,
    writable: bool,
    /// `None` once the file was cut off, replaced or removed.
    file: RwLock<Option<File>>,
    /// The number as this process last read or wrote it.
    number: AtomicU64,
    /// The count of openings when this process last looked for others.
    openings: AtomicU64,
    /// Monotonic time in nanoseconds until which `number` needs no look; 0 for never.
    valid_until: AtomicU64,
    /// When to look again at the paths and for other processes.
    look_at: AtomicU64,
    /// When this process may commit, since every other process knows of it by then.
    commits_from: AtomicU64,
}

impl Counter {
    /// The counter at `path` for a process that writes. Where there is none yet, or it differs from the
    /// database, the caller settles it.
    pub(super) fn for_writing(path: &Path, open_files: &Arc<OpenFiles>) -> Result<Self> {
        let counter = Self::unopened(path, open_files, true);
        if let Some(file) = open_file(path, true)? {
            counter.join(file)?;
        }
        Ok(counter)
    }

    /// The counter at `path` for a process that only reads; `None` when there is none.
    pub(super) fn open(path: &Path, open_files: &Arc<OpenFiles>) -> Result<Option<Self>> {
        let Some(file) = open_file(path, false)? else {
            return Ok(None);
        };
        let counter = Self::unopened(path, open_files, false);
        counter.join(file)?;
        Ok(Some(counter))
    }

    fn unopened(path: &Path, open_files: &Arc<OpenFiles>, writable: bool) -> Self {
        Self {
            path: path.into(),
            open_files: Arc::clone(open_files),
            writable,
            file: RwLock::new(None),
            number: AtomicU64::new(0),
            openings: AtomicU64::new(0),
            valid_until: AtomicU64::new(0),
            look_at: AtomicU64::new(0),
            commits_from: AtomicU64::new(0),
        }
    }

    /// Tells the processes that have the file open that this one has it open too.
    fn join(&self, file: File) -> Result<()> {
        let io = |e| Error::io(&e, &self.path);
        let presence = if self.writable { WRITERS } else { READERS };
        // Where the file system has no such locks, no process counts as alone.
        let _ = lock(&file, presence, Lock::Shared);
        let content = Content::read(&file).unwrap_or_default();
        if self.writable {
            let raised = content.openings.wrapping_add(1);
            store(&file, &raised.to_ne_bytes(), OPENINGS).map_err(io)?;
            let others = [WRITERS, READERS].map(|byte| locked_by_another(&file, byte));
            if others.contains(&true) {
                self.delay_commits();
            }
        }
        self.number.store(content.number, Ordering::SeqCst);
        self.valid_until.store(0, Ordering::SeqCst);
        self.look_at.store(0, Ordering::SeqCst);
        *self.file.write() = Some(file);
        Ok(())
    }

    fn delay_commits(&self) {
        self.commits_from
            .store(monotonic() + LEASE + COARSE, Ordering::SeqCst);
    }

    /// Waits until this process may commit.
    pub(super) fn wait_to_commit(&self) {
        let from = self.commits_from.load(Ordering::SeqCst);
        let now = monotonic();
        if from > now {
            thread::sleep(Duration::from_nanos(from - now));
        }
    }

    /// Joins the file at the path, or makes one that says `generation`. Call it under the write lock.
    fn find_or_make(&self, generation: u64) -> Result<()> {
        if let Some(file) = open_file(&self.path, true)? {
            return self.join(file);
        }
        self.make(generation)?;
        let file =
            open_file(&self.path, true)?.ok_or_else(|| Error::NotFound(self.path.clone()))?;
        self.join(file)?;
        // Processes that have the earlier file open may not have noticed yet that it is gone.
        self.delay_commits();
        Ok(())
    }

    /// Makes the file; its owner and mode are those of the database, as with SQLite's own files.
    fn make(&self, generation: u64) -> Result<()> {
        let database = files::regular(self.open_files.path())?;
        let content = Content {
            number: settled(generation),
            ..Content::default()
        };
        let (draft, file) = Draft::beside(&self.path)?;
        write_like(&file, &database, &content).map_err(|e| Error::io(&e, draft.path()))?;
        draft.replace(&self.path)
    }

    pub(in crate::store) fn read(&self) -> Generation {
        self.present_number().map_or(Generation::Unsettled, meaning)
    }

    /// `None` where the file does not say it.
    fn present_number(&self) -> Option<u64> {
        let number = self.number.load(Ordering::SeqCst);
        if monotonic() < self.valid_until.load(Ordering::SeqCst) {
            return Some(number);
        }
        self.look()
    }

    /// A generation at which all of `keys` are as they were at generation `since`, and after which no change was
    /// answered that touched one of them; `None` where that is not known without the database.
    pub(super) fn untouched(&self, keys: &[&[u8]], since: u64) -> Option<u64> {
        // The number is read before the marks: see `recent`.
        let number = self.present_number()?;
        let marks = Marks::read(self.file.read().as_ref()?);
        let announced = number.div_ceil(2);
        marks
            .untouched(keys, since, announced)
            .then_some(since.max(number / 2))
    }

    /// Looks again where half of the lease is over, so that the next `read` need not.
    pub(super) fn look_ahead(&self) {
        if monotonic() + LEASE / 2 > self.valid_until.load(Ordering::SeqCst) {
            self.look();
        }
    }

    /// Whether the files were those at their paths at a look that this process may still rely on.
    pub(super) fn has_looked_lately(&self) -> bool {
        monotonic() < self.look_at.load(Ordering::SeqCst)
    }

    /// The number in the file; `None` where that is not the one at its path.
    fn look(&self) -> Option<u64> {
        let now = monotonic();
        let file = self.file.read();
        let before = self.number.load(Ordering::SeqCst);
        let content = file.as_ref().and_then(Content::read)?;
        if content.number != before {
            // The exchange fails where this process is making a change, whose number stays.
            let _ = self.number.compare_exchange(
                before,
                content.number,
                Ordering::SeqCst,
                Ordering::SeqCst,
            );
        }
        let joined = self.openings.swap(content.openings, Ordering::SeqCst) != content.openings;
        if joined || now >= self.look_at.load(Ordering::SeqCst) {
            let Some(alone) = file.as_ref().and_then(|file| self.is_alone(file)) else {
                drop(file);
                self.drop_file();
                return None;
            };
            let until = if alone { now + LEASE } else { 0 };
            self.valid_until.store(until, Ordering::SeqCst);
            self.look_at.store(now + LEASE, Ordering::SeqCst);
        }
        Some(content.number)
    }

    /// Whether no other process may commit; `None` when the files are not those at their paths.
    fn is_alone(&self, file: &File) -> Option<bool> {
        self.open_files.check().ok()?;
        if !self.is_at_its_path(file) {
            return None;
        }
        Some(!locked_by_another(file, WRITERS))
    }

    fn is_at_its_path(&self, file: &File) -> bool {
        match (fs::symlink_metadata(&self.path), file.metadata()) {
            (Ok(there), Ok(open)) => files::is_same(&there, &open) && open.len() >= LEN as u64,
            (Err(_), _) | (_, Err(_)) => false,
        }
    }

    /// Gives up the file, which was cut off, replaced or removed.
    fn drop_file(&self) {
        self.valid_until.store(0, Ordering::SeqCst);
        if self.file.write().take().is_some() && !self.open_files.is_gone() {
            log::note(
                LogLevel::Warning,
                &format!(
                    "{}: the change counter was cut off, replaced or removed; the next change makes \
                     it anew: leave the files of a token that is in use alone",
                    self.path.display()
                ),
            );
        }
    }

    /// Step 1, after the mark of what the change touched. Call it under the write lock.
    ///
    /// # Errors
    /// Where mark or number cannot be stored: the change must not be committed then.
    pub(super) fn announce(&self, generation: u64, touched: Touched) -> Result<()> {
        self.ensure_file(generation - 1)?;
        let number = settled(generation).wrapping_sub(1);
        let file = self.file.read();
        let file = file.as_ref().ok_or(Error::Busy)?;
        store_mark(file, generation, touched).map_err(|e| Error::io(&e, &self.path))?;
        self.number.store(number, Ordering::SeqCst);
        let _ = lock(file, STEP, Lock::Alone);
        let written = store(file, &number.to_ne_bytes(), 0);
        let _ = lock(file, STEP, Lock::Free);
        written.map_err(|e| Error::io(&e, &self.path))
    }

    /// Makes sure that the file is there; a new one says `generation`. Call it under the write lock.
    fn ensure_file(&self, generation: u64) -> Result<()> {
        let there = self
            .file
            .read()
            .as_ref()
            .map(|file| self.is_at_its_path(file));
        match there {
            Some(true) => return Ok(()),
            Some(false) => self.drop_file(),
            None => {}
        }
        self.find_or_make(generation)?;
        self.wait_to_commit();
        Ok(())
    }

    /// Step 3. Returns whether the file is still the one at its path, where other processes look.
    pub(super) fn committed(&self, generation: u64) -> bool {
        let number = settled(generation);
        let announced = number.wrapping_sub(1);
        let _ = self
            .number
            .compare_exchange(announced, number, Ordering::SeqCst, Ordering::SeqCst);
        let file = self.file.read();
        let Some(file) = file.as_ref() else {
            return false;
        };
        // Without the lock the number stays odd: slower, and still correct.
        if lock(file, STEP, Lock::Alone).is_ok() {
            // Another number is that of a later writer.
            if Content::read(file).is_some_and(|content| content.number == announced) {
                let _ = store(file, &number.to_ne_bytes(), 0);
            }
            let _ = lock(file, STEP, Lock::Free);
        }
        self.is_at_its_path(file)
    }

    /// Stores the number of the committed generation. Call it under the write lock.
    pub(super) fn settle(&self, generation: u64) -> Result<()> {
        self.ensure_file(generation)?;
        let number = settled(generation);
        self.number.store(number, Ordering::SeqCst);
        let file = self.file.read();
        let file = file.as_ref().ok_or(Error::Busy)?;
        store(file, &number.to_ne_bytes(), 0).map_err(|e| Error::io(&e, &self.path))
    }
}

fn meaning(number: u64) -> Generation {
    if number % 2 == 1 {
        return Generation::Unsettled;
    }
    Generation::Settled(number / 2)
}

pub(super) fn next(generation: u64) -> Result<u64> {
    match generation.checked_add(1) {
        Some(next) if next <= u64::MAX / 2 => Ok(next),
        _ => Err(Error::Corrupt("its change count is impossible")),
    }
}

fn settled(generation: u64) -> u64 {
    generation.wrapping_mul(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counter(directory: &Path, number: u64) -> Counter {
        let database = directory.join("slot-0000.tenon");
        fs::write(&database, []).unwrap();
        let path = directory.join("slot-0000.gen");
        let content = Content {
            number,
            ..Content::default()
        };
        fs::write(&path, content.encode()).unwrap();
        let counter = Counter::unopened(
            &path,
            &Arc::new(OpenFiles::of(&database, &database, false).unwrap()),
            true,
        );
        counter
            .join(open_file(&path, true).unwrap().unwrap())
            .unwrap();
        counter
    }

    #[test]
    fn a_commit_is_announced_and_then_settled() {
        let directory = tempfile::tempdir().unwrap();
        let counter = counter(directory.path(), 8);
        assert_eq!(counter.read(), Generation::Settled(4));
        counter.announce(5, Touched::default()).unwrap();
        assert_eq!(counter.read(), Generation::Unsettled);
        assert!(counter.committed(5));
        assert_eq!(counter.read(), Generation::Settled(5));
    }

    #[test]
    fn a_slow_writer_takes_nothing_back() {
        let directory = tempfile::tempdir().unwrap();
        let counter = counter(directory.path(), 8);
        counter.announce(5, Touched::default()).unwrap();
        // Another writer goes on before this one gets to step 3.
        counter.announce(6, Touched::default()).unwrap();
        counter.committed(5);
        assert_eq!(counter.read(), Generation::Unsettled);
        counter.committed(6);
        counter.committed(5);
        assert_eq!(counter.read(), Generation::Settled(6));
    }

    #[test]
    fn who_is_alone_need_not_look() {
        let directory = tempfile::tempdir().unwrap();
        let counter = counter(directory.path(), 8);
        assert_eq!(counter.read(), Generation::Settled(4));
        assert!(counter.valid_until.load(Ordering::SeqCst) > 0);
        let second = Counter::unopened(&counter.path, &counter.open_files, true);
        second
            .join(open_file(&counter.path, true).unwrap().unwrap())
            .unwrap();
        assert!(second.commits_from.load(Ordering::SeqCst) > monotonic());
        // Whoever looks now finds that there are two.
        for counter in [&counter, &second] {
            assert_eq!(counter.look(), Some(8));
            assert_eq!(counter.valid_until.load(Ordering::SeqCst), 0);
        }
        second.wait_to_commit();
        second.announce(5, Touched::default()).unwrap();
        assert_eq!(counter.read(), Generation::Unsettled);
        second.committed(5);
        assert_eq!(counter.read(), Generation::Settled(5));
        drop(second);
        // By the system's monotonic clock, the one that all processes share.
        thread::sleep(Duration::from_nanos(LEASE + COARSE));
        assert_eq!(counter.read(), Generation::Settled(5));
        assert!(counter.valid_until.load(Ordering::SeqCst) > 0);
    }

    #[test]
    fn generations_end_before_the_number_does() {
        assert_eq!(next(0), Ok(1));
        assert_eq!(next(u64::MAX / 2 - 1), Ok(u64::MAX / 2));
        assert!(matches!(next(u64::MAX / 2), Err(Error::Corrupt(_))));
        assert!(matches!(next(u64::MAX), Err(Error::Corrupt(_))));
    }
}
