//! The audit record: what happened, in the transaction in which it happened.
//!
//! [`event`] says what can happen, [`entry`] is the form of one record, [`chain`] binds each to all before it, [`refusals`] counts what
//! repeats, [`verify`] holds the records against the objects, [`archive`] moves records to files. Recording needs no login; verifying, and reading labels, does.

mod archive;
mod archive_file;
mod chain;
mod entry;
mod event;
mod refusals;
mod verify;

use crate::error::Result;

use crate::token::Token;
use crate::token::record::damaged::damaged;

pub(in crate::token) use archive::walk;
pub use archive::{Archived, VerifiedArchives};
pub(in crate::token) use chain::{FIRST_KEY_ROW, KEY_ROW, append};
pub use entry::{Entry, Touch, Touched};
pub(in crate::token) use entry::{LABEL_MAX, seal_of};
pub(in crate::token) use event::Doing;
pub use event::Event;
pub use refusals::Repeated;
pub(in crate::token) use refusals::{QUOTA_ROW, Quota, Refusal, Refusals};
pub use verify::Verified;

impl Token {
    /// At most `limit` records from position `from` on, in order, with their positions, which begin
    /// at 1. Labels are open when somebody is logged in. What is read here is not verified.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR naming a record that cannot be read.
    pub fn audit(&self, from: u64, limit: usize) -> Result<Vec<(u64, Entry)>> {
        let keys = self.keys()?;
        let rows = self.store.read(|snapshot| snapshot.audit(from, limit))?;
        rows.into_iter()
            .map(|row| {
                let mut entry = Entry::decode(&row.record)
                    .ok_or_else(|| damaged(format!("audit record {}", row.seq)))?;
                if keys.master.is_some() {
                    entry.open_labels(&keys.vault())?;
                }
                Ok((row.seq, entry))
            })
            .collect()
    }

    /// Position of the first record that the token has; 0 when there is none.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn audit_begin(&self) -> Result<u64> {
        let first = self.store.read(|snapshot| snapshot.audit(0, 1))?;
        Ok(first.first().map_or(0, |row| row.seq))
    }

    /// Position of the last record; 0 when there is none.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn audit_end(&self) -> Result<u64> {
        let last = self.store.read(|snapshot| snapshot.audit_last())?;
        Ok(last.map_or(0, |row| row.seq))
    }
}
