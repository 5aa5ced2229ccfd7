//! Recording refusals. Repeated ones are counted, and recorded with the next change.

use crate::ck;
use crate::config::LogLevel;
use crate::error::{Error, Result};
use crate::log;
use crate::token::identity::audit::{Doing, QUOTA_ROW, Quota, RefusalRecord};
use crate::token::identity::state::Keys;

use super::writer::Writer;

impl Writer {
    /// Records a refusal, or counts a repeated one: see `audit::Refusals`.
    pub(in crate::token) fn record_refusal(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        error: &Error,
        bounded: bool,
    ) -> Result<()> {
        if self.state.config.read_only {
            return Ok(());
        }
        let now = self.state.time.now().at;
        let refusal = RefusalRecord {
            entry: doing.into().entry(keys.login, now, error.rv),
            public: !keys.logged_in(),
            bounded,
        };
        let due = self.refusals.note(refusal);
        if due.is_empty() {
            return Ok(());
        }
        self.write_refusals(keys, due, bounded)
    }

    /// Records the refusals that were counted and not recorded yet, and the number of the omitted ones.
    pub(in crate::token) fn flush_refusals(&self, keys: &Keys) -> Result<()> {
        if self.state.config.read_only {
            return Ok(());
        }
        let counted = self.refusals.take(self.state.time.now().at);
        if counted.is_empty() && !self.refusals_omitted(keys)? {
            return Ok(());
        }
        self.write_refusals(keys, counted, false)
    }

    fn refusals_omitted(&self, keys: &Keys) -> Result<bool> {
        let row = self.state.store.read(|snapshot| snapshot.meta(QUOTA_ROW))?;
        let mut quota = Quota::decode(&keys.identity.public, row.as_deref())?;
        let now = self.state.time.now().at;
        Ok(quota.take_omitted(keys.logged_in(), now).is_some())
    }

    /// On a full disk, refusals whose number is bounded use the store's reserve of disk space. Others are
    /// only in the log then, since an endless row of them would use the reserve up.
    fn write_refusals(
        &self,
        keys: &Keys,
        refusals: Vec<RefusalRecord>,
        bounded: bool,
    ) -> Result<()> {
        let write = || {
            self.store.write_anyhow(|tx| {
                let mark = self.store_mark(tx, keys)?;
                self.append_refusals(tx, keys, &refusals)?;
                Ok(mark)
            })
        };
        let done = if bounded {
            self.state.on_a_full_disk_too(write)
        } else {
            write()
        };
        match done {
            Ok(mark) => {
                self.state.time.learn(mark);
                Ok(())
            }
            Err(error) => {
                self.refusals.give_back(refusals);
                if error.rv != ck::CKR_DEVICE_MEMORY || bounded {
                    return Err(error);
                }
                log::note(
                    LogLevel::Error,
                    &format!(
                        "refusals are not in the audit record, since the disk is full: {error}"
                    ),
                );
                Ok(())
            }
        }
    }

    /// Whether every refusal that was counted is recorded.
    pub(in crate::token) fn has_no_refusals(&self) -> bool {
        self.refusals.is_empty()
    }
}
