//! How threads that change the store at once share a transaction.
//!
//! A thread that takes the writer begins a transaction if none is open, makes its change inside a
//! SAVEPOINT and, when other threads already wait for the writer, leaves the transaction open for them.
//! The last of them commits. No thread gets its answer before that COMMIT returned, and all get its
//! outcome; a change that fails by itself is rolled back alone. So one fsync serves all changes that
//! arrived during the one before it, and no extra thread is needed.

use std::panic::resume_unwind;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Deadline;

use crate::store::modes::Run;

use super::counter::Counter;
use super::rows::FileRows;
use super::writer::StoreWriter;
use crate::store::error::{Error, Result};

pub(super) struct GroupCommit {
    writer: Mutex<StoreWriter>,
    busy_timeout: Duration,
    counter: Counter,
    /// How many threads wait for the writer. Every thread counted here goes on to take the writer, so a
    /// thread that leaves its transaction open can rely on the next one to end it.
    waiting: AtomicUsize,
    /// The thread whose change is being made; 0 for none.
    holder: AtomicUsize,
}

impl GroupCommit {
    pub(super) fn new(writer: StoreWriter, counter: Counter) -> Self {
        Self {
            counter,
            busy_timeout: writer.busy_timeout(),
            writer: Mutex::new(writer),
            waiting: AtomicUsize::new(0),
            holder: AtomicUsize::new(0),
        }
    }

    pub(super) fn counter(&self) -> &Counter {
        &self.counter
    }

    /// See `Store::finish_erasing`.
    pub(super) fn finish_erasing(&self) -> Result<()> {
        self.writer.lock().finish_erasing()
    }

    /// Folds the log into the database and empties it, unless a reader needs it.
    pub(super) fn empty_log(&self) {
        let mut writer = self.writer.lock();
        // The transaction may have been left open for threads that wait.
        writer.end(&self.counter);
        writer.tidy();
    }

    /// Gives some free pages of the database back. Whether there are more.
    pub(super) fn shrink(&self) -> Result<bool> {
        let mut writer = self.writer.lock();
        writer.end(&self.counter);
        writer.shrink()
    }

    /// See `Engine::change`.
    pub(super) fn change(
        &self,
        run: Run,
        change: &mut dyn FnMut(&FileRows<'_>) -> bool,
    ) -> Result<()> {
        let me = this_thread();
        if self.holder.load(Ordering::Relaxed) == me {
            return Err(Error::Nested);
        }

        self.counter.wait_to_commit();
        // The time spent waiting for other threads counts too, since they may wait for other processes.
        let deadline = Deadline::after(self.busy_timeout);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut writer = self.writer.lock();
        self.waiting.fetch_sub(1, Ordering::SeqCst);

        if run.again {
            // The threads that share the open transaction get their answer first.
            writer.end(&self.counter);
        }
        self.holder.store(me, Ordering::Relaxed);
        let part = writer.change(run.durability, deadline, change);
        self.holder.store(0, Ordering::Relaxed);
        let part = part?;
        if run.again || !writer.takes_more() || self.waiting.load(Ordering::SeqCst) == 0 {
            writer.end(&self.counter);
        }
        drop(writer);

        let ended = part.outcome.wait();
        let kept = part.kept.unwrap_or_else(|panic| resume_unwind(panic));
        match part.broke {
            // `change` refused, and returns its own error: the store's failure does not matter to it.
            Some(_) if !kept => Ok(()),
            Some(error) => Err(error),
            None => ended,
        }
    }
}

/// A number other than 0 that no other running thread has.
fn this_thread() -> usize {
    thread_local!(static PLACE: u8 = const { 0 });
    PLACE.with(|place| ptr::from_ref(place).addr())
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::super::testing::{row, writer};
    use super::*;
    use crate::store::door::{ChangeRows, ReadRows};
    use crate::store::modes::{Durability, Generation};

    fn run(again: bool) -> Run {
        Run {
            durability: Durability::Full,
            again,
        }
    }

    fn put(rows: &FileRows<'_>) -> bool {
        rows.put(&row(1, 10), &[]).is_ok()
    }

    #[test]
    fn a_change_whose_partner_breaks_the_transaction_is_made_by_another_run() {
        let directory = tempfile::tempdir().unwrap();
        let (writer, counter) = writer(directory.path());
        let group = GroupCommit::new(writer, counter);
        let until = |count: &AtomicUsize| {
            while count.load(Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
        };
        thread::scope(|scope| {
            let first = scope.spawn(|| {
                group.change(run(false), &mut |rows| {
                    until(&group.waiting);
                    put(rows)
                })
            });
            // As SQLite does where a transaction cannot go on.
            let second = scope.spawn(|| {
                until(&group.holder);
                group.change(run(false), &mut |rows| {
                    rows.conn().execute_batch("ROLLBACK").is_ok()
                })
            });
            for changed in [first, second] {
                assert_eq!(changed.join().unwrap(), Err(Error::RolledBack));
            }
        });
        let there = || group.writer.lock().rows().object(&[1; 16]).unwrap();
        assert_eq!(there(), None);
        assert_eq!(group.change(run(true), &mut put), Ok(()));
        assert!(there().is_some());
        assert_eq!(group.counter().read(), Generation::Settled(1));
    }

    #[test]
    fn another_run_shares_no_transaction() {
        let directory = tempfile::tempdir().unwrap();
        let (mut writer, counter) = writer(directory.path());
        let soon = Deadline::after(Duration::from_secs(1));
        let part = writer.change(Durability::Full, soon, &mut put).unwrap();
        let group = GroupCommit::new(writer, counter);
        // A waiting thread would share any other run.
        group.waiting.store(1, Ordering::SeqCst);
        let remove = &mut |rows: &FileRows<'_>| rows.remove(&[1; 16]) == Ok(true);
        assert_eq!(group.change(run(true), remove), Ok(()));
        assert_eq!(part.outcome.wait(), Ok(()), "the one before is committed");
        assert_eq!(group.counter().read(), Generation::Settled(2));
    }
}
