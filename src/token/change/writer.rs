//! The writer of a token: its store, its pending refusals, and the clock mark that each change carries.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use crate::clock::UnixTime;
use crate::config::LogLevel;
use crate::error::Result;
use crate::log;
use crate::policy::Login;
use crate::store::Tx;
use crate::token::identity::anchor::AnchoredStore;
use crate::token::identity::audit::Refusals;
use crate::token::identity::state::{Keys, TokenState};
use crate::token::identity::time::{ClockMark, MARK_ROW};

pub(in crate::token) struct Writer {
    pub(super) state: Arc<TokenState>,
    pub(in crate::token) store: AnchoredStore,
    pub(super) refusals: Refusals,
    /// When a use was last recorded that waited for the disk, in Unix seconds.
    pub(super) use_recorded_at: AtomicU64,
}

impl Writer {
    pub(in crate::token) fn new(state: Arc<TokenState>) -> Self {
        Self {
            store: AnchoredStore::new(state.clone()),
            state,
            refusals: Refusals::default(),
            use_recorded_at: AtomicU64::new(0),
        }
    }

    /// Stores the clock mark alone, where uses have moved it far enough or a reading in doubt is to be
    /// noted or cleared. This does not wait for the disk, and an error is only logged.
    pub(in crate::token) fn keep_time(&self, reading: UnixTime, keys: &Keys, limited: bool) {
        if !self.is_mark_due(reading, keys.login, limited) {
            return;
        }
        let time = &self.state.time;
        match self
            .state
            .store
            .write_relaxed(|tx| self.store_mark(tx, keys))
        {
            Ok(mark) => time.learn(mark),
            Err(error) => {
                time.store_failed();
                log::note(
                    LogLevel::Warning,
                    &format!("the clock mark was not stored: {error}"),
                );
            }
        }
    }

    /// Whether `keep_time` would store the mark.
    pub(in crate::token) fn is_mark_due(
        &self,
        reading: UnixTime,
        login: Login,
        limited: bool,
    ) -> bool {
        let logged_in = login != Login::Public;
        !self.state.config.read_only && self.state.time.overdue(reading, logged_in, limited)
    }

    /// Commits the clock mark, so that turning the clock back revives nothing.
    pub(in crate::token) fn commit_mark(&self, keys: &Keys) -> Result<()> {
        if self.state.config.read_only {
            return Ok(());
        }
        let public = &keys.identity.public;
        let stored = self.state.store.read(|snapshot| {
            let row = snapshot.meta(MARK_ROW)?;
            ClockMark::decode(public, row.as_deref())
        })?;
        if self.state.time.advanced(stored, keys.logged_in()) == stored {
            return Ok(());
        }
        let mark = self
            .state
            .on_a_full_disk_too(|| self.store.write(|tx| self.store_mark(tx, keys)))?;
        self.state.time.learn(mark);
        Ok(())
    }

    /// Advances the mark by the clock, stores it and returns it.
    pub(in crate::token) fn store_mark(&self, tx: &Tx<'_>, keys: &Keys) -> Result<ClockMark> {
        keys.identity.check(tx)?;
        let public = &keys.identity.public;
        let stored = ClockMark::decode(public, tx.meta(MARK_ROW)?.as_deref())?;
        let mark = self.state.time.advanced(stored, keys.logged_in());
        tx.set_meta(MARK_ROW, &mark.encode(public))?;
        Ok(mark)
    }
}
