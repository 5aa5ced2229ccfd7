//! Erasing everything that is due.

use crate::error::Result;

use super::Token;
use super::external::sweep::Swept;

impl Token {
    /// Erases everything that is due; nothing while the clock's reading is in doubt. Also ends erasing
    /// that a reader had delayed.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_ERROR.
    pub fn sweep(&self) -> Result<Swept> {
        self.sweep_watched(|_| ())
    }

    /// As `sweep`; calls `progress` after each batch with what was erased so far.
    ///
    /// # Errors
    /// Those of `sweep`.
    pub fn sweep_watched(&self, progress: impl FnMut(&Swept)) -> Result<Swept> {
        let keys = self.keys();
        keys.master("sweeping needs a login")?;
        self.sweeper
            .sweep(&self.writer, &keys, usize::MAX, progress)
    }
}
