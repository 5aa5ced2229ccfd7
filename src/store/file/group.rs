//! Threads that change the store at once, and how they share a transaction.
//!
//! A thread that takes the writer begins a transaction if none is open, makes its change inside a
//! SAVEPOINT and, when other threads already wait for the writer, leaves the transaction to them.
//! The last of them commits. Nobody is answered before that COMMIT returned, and all share its
//! outcome; a change that fails by itself is rolled back alone. So one fsync serves as many changes
//! as arrived during the one before it, and no thread of our own is needed.

use std::panic::resume_unwind;
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::{Condvar, Mutex};

use crate::clock::Deadline;

use super::counter::Counter;
use super::error::{Error, Result};
use super::tx::Tx;
use super::writer::{Durability, Writer};

/// The writer, and those who want it.
pub(super) struct Group {
    writer: Mutex<Writer>,
    busy_timeout: Duration,
    counter: Counter,
    /// Threads that are about to take the writer. Each of them will.
    waiting: AtomicUsize,
    /// The thread whose change is being made; 0 for none.
    holder: AtomicUsize,
}

/// How a transaction ended, for all who had a part in it.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    result: Mutex<Option<Result<()>>>,
    known: Condvar,
}

impl Group {
    pub(super) fn new(writer: Writer, counter: Counter) -> Self {
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
        // A transaction that other threads are to end ends here.
        writer.end(&self.counter);
        writer.tidy();
    }

    /// Gives some free pages of the database back. Whether there are more.
    pub(super) fn shrink(&self) -> Result<bool> {
        let mut writer = self.writer.lock();
        writer.end(&self.counter);
        writer.shrink()
    }

    /// Makes one change. See `Store::write`.
    pub(super) fn write<T, E: From<Error>>(
        &self,
        durability: Durability,
        change: impl FnOnce(&Tx<'_>) -> std::result::Result<T, E>,
    ) -> std::result::Result<T, E> {
        let me = this_thread();
        if self.holder.load(Ordering::Relaxed) == me {
            return Err(Error::Nested.into());
        }

        self.counter.be_known();
        // Of the time that passes here one waits for other threads, and so for the processes that
        // those wait for.
        let deadline = Deadline::after(self.busy_timeout);
        self.waiting.fetch_add(1, Ordering::SeqCst);
        let mut writer = self.writer.lock();
        self.waiting.fetch_sub(1, Ordering::SeqCst);

        self.holder.store(me, Ordering::Relaxed);
        let part = writer.change(durability, deadline, change);
        self.holder.store(0, Ordering::Relaxed);
        let part = part?;
        if !writer.takes_more() || self.waiting.load(Ordering::SeqCst) == 0 {
            writer.end(&self.counter);
        }
        drop(writer);

        let ended = part.outcome.wait();
        let answer = part.answer.unwrap_or_else(|panic| resume_unwind(panic));
        match ended {
            // What a change saw of others that were then not committed is no ground for its error.
            Err(e) if !part.broke || answer.is_ok() => Err(e.into()),
            _ => answer,
        }
    }
}

impl Outcome {
    pub(super) fn set(&self, result: Result<()>) {
        *self.result.lock() = Some(result);
        self.known.notify_all();
    }

    /// Waits until the transaction ended.
    pub(super) fn wait(&self) -> Result<()> {
        let mut result = self.result.lock();
        loop {
            if let Some(result) = &*result {
                return result.clone();
            }
            self.known.wait(&mut result);
        }
    }
}

/// A number that no other running thread has, and is never 0.
fn this_thread() -> usize {
    thread_local!(static PLACE: u8 = const { 0 });
    PLACE.with(|place| ptr::from_ref(place).addr())
}
