//! The clock mark, for the security officer.

use crate::ck;
use crate::error::{Result, refuse};
use crate::policy::{TokenAction, decide_on_token};

use super::Token;
use crate::token::identity::audit::Event;
use crate::token::identity::time::ClockStatus;

impl Token {
    /// The clock's reading, the committed mark and what follows from them.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn clock(&self) -> Result<ClockStatus> {
        self.state.keep_up()?;
        Ok(self.state.time.status())
    }

    /// Makes the clock's reading the mark, however far ahead of the mark it is; material that has expired
    /// by it may then be erased. A reading below the mark needs `lower`; every process that has the
    /// token open then drops the later readings that it remembers. Only the security officer may do this.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_TOKEN_WRITE_PROTECTED; CKR_ACTION_PROHIBITED for a reading below
    /// the mark without `lower`, and one that is skewed.
    pub fn accept_clock(&self, lower: bool) -> Result<ClockStatus> {
        let keys = self.keys();
        decide_on_token(TokenAction::AcceptClock, keys.login)?;
        self.state.time.check_skew()?;
        let event = if lower {
            Event::ClockLowered
        } else {
            Event::ClockAccepted
        };
        self.change(&keys, event, |change| {
            let Some(mark) = self.state.time.accepted(change.stored_mark(), lower) else {
                return refuse(
                    ck::CKR_ACTION_PROHIBITED,
                    "the clock stands below the mark: set it right, or lower the mark (`tenon clock accept --lower`)",
                );
            };
            change.set_mark(mark);
            Ok(())
        })?;
        self.clock()
    }
}
