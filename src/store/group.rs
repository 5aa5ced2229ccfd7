//! How threads that change the store at once share a transaction.
//!
//! A thread that takes the writer begins a transaction if none is open, makes its change inside a
//! SAVEPOINT and, when other threads already wait for the writer, leaves the transaction open for them.
//! The last of them commits. No thread gets its answer before that COMMIT returned, and all get its
//! outcome; a change that fails by itself is rolled back alone. So one fsync serves all changes that
//! arrived during the one before it, and no extra thread is needed.

use std::any::Any;
use std::panic::resume_unwind;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Deadline;

use super::error::{Error, Result};
use super::modes::{Durability, Run};
use super::outcome::Outcome;

/// What makes the changes of an engine, in one transaction at a time.
pub(super) trait Writing: 'static {
    /// The rows of an open transaction.
    type Rows<'c>;

    /// Makes one change in the open transaction. Where none is open it begins one, which waits for other
    /// processes until the deadline.
    fn change(
        &mut self,
        durability: Durability,
        deadline: Deadline,
        change: &mut dyn FnMut(&Self::Rows<'_>) -> bool,
    ) -> Result<AppliedChange>;

    /// Whether further changes may join the open transaction.
    fn takes_more(&self) -> bool;

    /// Commits the open transaction and tells the threads that share it.
    fn end(&mut self);
}

/// One change's part in a transaction.
pub(super) struct AppliedChange {
    /// Whether `change` returned that it is to be kept, or its panic.
    pub(super) kept: std::result::Result<bool, Box<dyn Any + Send>>,
    pub(super) outcome: Arc<Outcome>,
    /// The error by which this change made the transaction fail.
    pub(super) broke: Option<Error>,
}

pub(super) struct GroupCommit<W> {
    writer: Mutex<W>,
    busy_timeout: Duration,
    /// How many threads wait for the writer. Every thread counted here goes on to take the writer, so a
    /// thread that leaves its transaction open can rely on the next one to end it.
    waiting: AtomicUsize,
    /// The thread whose change is being made; 0 for none.
    holder: AtomicUsize,
}

impl<W: Writing> GroupCommit<W> {
    /// Threads wait for `writer`, and it for other processes, for `busy_timeout` together.
    pub(super) fn new(writer: W, busy_timeout: Duration) -> Self {
        Self {
            busy_timeout,
            writer: Mutex::new(writer),
            waiting: AtomicUsize::new(0),
            holder: AtomicUsize::new(0),
        }
    }

    /// Runs `work` while no transaction is open.
    pub(super) fn between<T>(&self, work: impl FnOnce(&mut W) -> T) -> T {
        let mut writer = self.writer.lock();
        // The transaction may have been left open for threads that wait.
        writer.end();
        work(&mut writer)
    }

    /// See `Engine::change`.
    pub(super) fn change(
        &self,
        run: Run,
        change: &mut dyn FnMut(&W::Rows<'_>) -> bool,
    ) -> Result<()> {
        let me = this_thread();
        if self.holder.load(Ordering::Relaxed) == me {
            return Err(Error::Nested);
        }

        // The time spent waiting for other threads counts too, since they may wait for other processes.
        let deadline = Deadline::after(self.busy_timeout);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut writer = self.writer.lock();
        self.waiting.fetch_sub(1, Ordering::SeqCst);

        if run.again {
            // The threads that share the open transaction get their answer first.
            writer.end();
        }
        self.holder.store(me, Ordering::Relaxed);
        let part = writer.change(run.durability, deadline, change);
        self.holder.store(0, Ordering::Relaxed);
        let part = part?;
        if run.again || !writer.takes_more() || self.waiting.load(Ordering::SeqCst) == 0 {
            writer.end();
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

    use super::*;
    use crate::store::door::{ChangeRows, ReadRows};
    use crate::store::file::testing::{FileRows, counted_writer, row};
    use crate::store::modes::Generation;

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
        let (writer, counter) = counted_writer(directory.path());
        let group = GroupCommit::new(writer, Duration::from_secs(1));
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
        let there = || {
            group
                .writer
                .lock()
                .store_writer()
                .rows()
                .object(&[1; 16])
                .unwrap()
        };
        assert_eq!(there(), None);
        assert_eq!(group.change(run(true), &mut put), Ok(()));
        assert!(there().is_some());
        assert_eq!(counter.read(), Generation::Settled(1));
    }

    #[test]
    fn another_run_shares_no_transaction() {
        let directory = tempfile::tempdir().unwrap();
        let (mut writer, counter) = counted_writer(directory.path());
        let soon = Deadline::after(Duration::from_secs(1));
        let part = writer.change(Durability::Full, soon, &mut put).unwrap();
        let group = GroupCommit::new(writer, Duration::from_secs(1));
        // A waiting thread would share any other run.
        group.waiting.store(1, Ordering::SeqCst);
        let remove = &mut |rows: &FileRows<'_>| rows.remove(&[1; 16]) == Ok(true);
        assert_eq!(group.change(run(true), remove), Ok(()));
        assert_eq!(part.outcome.wait(), Ok(()), "the one before is committed");
        assert_eq!(counter.read(), Generation::Settled(2));
    }
}
