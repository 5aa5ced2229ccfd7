//! How a store is opened, changed and watched.

use std::time::Duration;

/// How to open a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Never change the store. A process without the right to write can then open it.
    pub read_only: bool,
    /// How long to wait for another process that is writing.
    pub busy_timeout: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            read_only: false,
            busy_timeout: Duration::from_secs(10),
        }
    }
}

/// The store's state, as far as it is known without reading the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Every answered change is in this generation. A snapshot with an equal `generation` is still the
    /// present state.
    Settled(u64),
    /// A commit may be under way, or this cannot be known: read the store.
    Unsettled,
}

/// The event that a change survives once it is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// A power loss.
    Full,
    /// The end of the process.
    Process,
}

/// How one run of a change is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// The event that the change survives once it is answered.
    pub durability: Durability,
    /// The change was rolled back before. It then shares its transaction with no other change, so that no
    /// other can make it fail again.
    pub again: bool,
}
