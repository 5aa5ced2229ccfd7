//! Connections to whichever host takes changes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use parking_lot::Mutex;

use crate::clock::Deadline;
use crate::config::Target;
use crate::store::error::{Error, Result};

use super::link::Link;

/// Pause before the hosts are tried again.
const PAUSE: Duration = Duration::from_millis(100);
/// Connections that are kept while nobody uses them.
const IDLE: usize = 32;

pub(super) struct Pool {
    target: Target,
    idle: Mutex<Vec<Link>>,
    /// The host that answered last.
    preferred: AtomicUsize,
    /// What the database calls the openings of tokens by this pool.
    joined: Mutex<Vec<i64>>,
}

impl Pool {
    pub(super) fn new(target: Target) -> Self {
        Self {
            target,
            idle: Mutex::default(),
            preferred: AtomicUsize::new(0),
            joined: Mutex::default(),
        }
    }

    pub(super) fn target(&self) -> &Target {
        &self.target
    }

    /// A connection. Where no host takes changes, they are tried again until the deadline.
    ///
    /// # Errors
    /// `Unreachable`; `Database` where every host that answers refuses.
    pub(super) fn take(&self, deadline: Deadline) -> Result<Link> {
        loop {
            let link = self.idle.lock().pop();
            match link {
                Some(link) if link.is_usable() => return Ok(link),
                Some(_) => {}
                None => break,
            }
        }
        loop {
            match self.connect(deadline) {
                Err(Error::Unreachable(_)) if deadline.left() > PAUSE => thread::sleep(PAUSE),
                connected => return connected,
            }
        }
    }

    /// Runs `work` with a connection; with another one where it is lost, until the deadline. So `work` may run again
    /// although the server has done what it asks.
    ///
    /// # Errors
    /// Those of `work` and `take`.
    pub(super) fn with<T>(
        &self,
        deadline: Deadline,
        mut work: impl FnMut(&mut Link) -> Result<T>,
    ) -> Result<T> {
        loop {
            let mut link = self.take(deadline)?;
            match work(&mut link) {
                Err(Error::Unreachable(_)) if deadline.left() > PAUSE => {
                    self.empty();
                    thread::sleep(PAUSE);
                }
                Ok(done) => {
                    self.give(link);
                    return Ok(done);
                }
                // It may be in the middle of a transaction.
                Err(error) => return Err(error),
            }
        }
    }

    /// Notes an opening of a token by this process.
    pub(super) fn joined(&self, writer: i64) {
        self.joined.lock().push(writer);
    }

    /// The openings of tokens by this process.
    pub(super) fn own(&self) -> Vec<i64> {
        self.joined.lock().clone()
    }

    /// Takes a connection back.
    pub(super) fn give(&self, link: Link) {
        let mut idle = self.idle.lock();
        if link.is_usable() && idle.len() < IDLE {
            idle.push(link);
        }
    }

    /// Closes the connections that nobody uses: their server is not to be asked again.
    pub(super) fn empty(&self) {
        let links = std::mem::take(&mut *self.idle.lock());
        drop(links);
    }

    /// How long one server may take to acknowledge: where others are named, one that was replaced and does not know it
    /// must not use up the whole time.
    pub(super) fn patience(&self, deadline: Deadline) -> Deadline {
        match self.target.hosts.len() {
            0 | 1 => deadline,
            _ => Deadline::after(deadline.left().min(self.target.connect_timeout)),
        }
    }

    /// The host of this connection is the last one to be tried next time.
    pub(super) fn pass_over(&self, link: &Link) {
        let hosts = &self.target.hosts;
        if let Some(place) = hosts.iter().position(|host| host == link.host()) {
            self.preferred
                .store((place + 1) % hosts.len(), Ordering::Relaxed);
        }
    }

    /// Tries every host once.
    fn connect(&self, deadline: Deadline) -> Result<Link> {
        let hosts = &self.target.hosts;
        let first = self.preferred.load(Ordering::Relaxed);
        let mut failed = None;
        for number in (first..hosts.len()).chain(0..first.min(hosts.len())) {
            let host = &hosts[number];
            match Link::open(&self.target, host, deadline) {
                Ok(link) if link.reported("in_hot_standby") == Some("on") => {
                    let standby = Error::Unreachable(format!("{host}: it is a standby"));
                    failed.get_or_insert(standby);
                }
                Ok(link) => {
                    self.preferred.store(number, Ordering::Relaxed);
                    return Ok(link);
                }
                // A host that may come back tells more than one that refuses.
                Err(error @ Error::Unreachable(_)) => failed = Some(error),
                Err(error) => {
                    failed.get_or_insert(error);
                }
            }
        }
        Err(failed.unwrap_or_else(|| Error::Unreachable("no host is named".into())))
    }
}
