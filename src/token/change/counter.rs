//! The count that the token's monotonic counter shows (specification, 4.3.3).
//!
//! Each reading is a number that no other reading of this token gives, in any process, before or after
//! C_InitToken, and that is greater than the number of the token's changes. So a reading is a change itself.

use crate::error::Result;
use crate::store::{Snapshot, Tx};
use crate::token::identity::state::Keys;
use crate::token::record::damaged::damaged;

use super::writer::Writer;

/// Row bytes: the last reading (8) ‖ 1 where the token was restored from a copy at any time (1).
const COUNTER_ROW: &str = "counter";

/// The counter as the store has it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::token) struct Counter {
    last: u64,
    /// A copy was restored, so that readings may have come twice.
    pub(in crate::token) restored: bool,
}

impl Counter {
    /// The counter of a store.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR for a damaged row.
    pub(in crate::token) fn read(snapshot: &Snapshot<'_>) -> Result<Self> {
        let Some(row) = snapshot.meta(COUNTER_ROW)? else {
            return Ok(Self::default());
        };
        match row.split_first_chunk() {
            Some((last, [restored @ (0 | 1)])) => Ok(Self {
                last: u64::from_be_bytes(*last),
                restored: *restored == 1,
            }),
            _ => Err(damaged("the token's counter")),
        }
    }

    /// Stores the counter, also in a store that was emptied: it goes on counting.
    pub(in crate::token) fn write(self, tx: &Tx<'_>) -> Result<()> {
        let row = [&self.last.to_be_bytes()[..], &[u8::from(self.restored)]].concat();
        Ok(tx.set_meta(COUNTER_ROW, &row)?)
    }

    /// The counter of a token that is made from a copy.
    pub(in crate::token) fn after_restoring(self) -> Self {
        Self {
            restored: true,
            ..self
        }
    }

    fn next(self, changes: u64) -> Self {
        Self {
            last: self.last.max(changes) + 1,
            ..self
        }
    }
}

impl Writer {
    /// Reads the counter: commits its next number, and returns it.
    ///
    /// # Errors
    /// CKR_TOKEN_WRITE_PROTECTED, CKR_DEVICE_MEMORY, CKR_DEVICE_ERROR.
    pub(in crate::token) fn count(&self, keys: &Keys) -> Result<u64> {
        let counted = self.store.write(|tx| {
            keys.identity.check(tx)?;
            let next = Counter::read(tx)?.next(tx.generation()?);
            next.write(tx)?;
            Ok(next)
        })?;
        Ok(counted.last)
    }
}
