//! A place in a line, for every engine.

use std::any::Any;
use std::fmt;

/// A place in a line, given back when it is dropped or its process ends.
pub struct Ticket {
    _place: Box<dyn Any + Send + Sync>,
}

impl Ticket {
    /// A ticket that drops `place` when it is dropped.
    pub fn of(place: impl Any + Send + Sync) -> Self {
        Self {
            _place: Box::new(place),
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}
