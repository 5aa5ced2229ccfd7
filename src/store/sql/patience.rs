//! How long answers of the server are waited for.

use std::time::Duration;

use crate::clock::Deadline;

/// Of what a wait for answers is the limit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Patience {
    /// All of them together.
    Until(Deadline),
    /// Each of them: where a whole token is read or written.
    Each(Duration),
}

impl From<Deadline> for Patience {
    fn from(deadline: Deadline) -> Self {
        Self::Until(deadline)
    }
}

impl From<Duration> for Patience {
    fn from(each: Duration) -> Self {
        Self::Each(each)
    }
}

impl Patience {
    /// When the next answer has to be there.
    pub(super) fn deadline(self) -> Deadline {
        match self {
            Self::Until(deadline) => deadline,
            Self::Each(each) => Deadline::after(each),
        }
    }
}
