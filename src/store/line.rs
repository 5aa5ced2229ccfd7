//! A place in a line, for every engine.

use std::any::Any;
use std::fmt;

/// A place that may end before it is given back.
pub trait Held: Send + Sync {
    /// Whether the place is still this process's.
    fn is_held(&self) -> bool;
}

/// A place in a line, given back when it is dropped or its process ends.
pub struct Ticket(Place);

enum Place {
    Stays(
        #[expect(dead_code, reason = "dropping it gives the place back")]
        Box<dyn Any + Send + Sync>,
    ),
    MayEnd(Box<dyn Held>),
}

impl Ticket {
    /// A ticket that drops `place` when it is dropped.
    pub fn of(place: impl Any + Send + Sync) -> Self {
        Self(Place::Stays(Box::new(place)))
    }

    /// As `of`, for a place that others may take after a while.
    pub fn that_may_end(place: impl Held + 'static) -> Self {
        Self(Place::MayEnd(Box::new(place)))
    }

    /// Whether the place is still this process's.
    #[must_use]
    pub fn is_held(&self) -> bool {
        match &self.0 {
            Place::Stays(_) => true,
            Place::MayEnd(place) => place.is_held(),
        }
    }
}

impl fmt::Debug for Ticket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ticket").finish_non_exhaustive()
    }
}
