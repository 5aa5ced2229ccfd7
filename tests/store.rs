//! The store as the rooms above it see it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail the test, as tests do"
)]

#[path = "common/database.rs"]
#[expect(dead_code, reason = "for tests that have a configuration")]
mod database;

mod store {
    mod basics;
    mod common;
    mod copies;
    mod counter;
    mod erasure;
    mod files;
    mod fork;
    mod kill;
    mod limits;
    mod moved;
    mod processes;
    mod queue;
    mod removal;
    mod search;
    mod server;
    mod stale_log;
    mod threads;
}
