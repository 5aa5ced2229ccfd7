//! How a store is opened, changed and watched.

use std::time::Duration;

/// How to open a store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Never change the store, nor need to be able to.
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

/// Whether the store has changed, as far as can be told without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Every answered change is in this generation; equal to `generation` of a snapshot, it says
    /// that the snapshot is still the present state.
    Settled(u64),
    /// A commit may be under way, or nobody can tell: read the store.
    Unsettled,
}

/// What a committed change survives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// Power loss.
    Full,
    /// The end of the process.
    Process,
}

/// How a change is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// What it survives once it is answered.
    pub durability: Durability,
    /// It was rolled back before. It then shares its transaction with nobody, so that no other change
    /// can make it fail once more.
    pub again: bool,
}
