//! What guards a token against its own past: the audit record, the clock mark, the anchor, and
//! erasing what is due.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::useless_vec,
    reason = "what fails here fails the test"
)]

mod common;

#[path = "guard/anchor.rs"]
mod anchor;
#[path = "guard/archive.rs"]
mod archive;
#[path = "guard/clock.rs"]
mod clock;
#[path = "guard/defects.rs"]
mod defects;
#[path = "guard/faults.rs"]
mod faults;
#[path = "guard/index.rs"]
mod index;
#[path = "guard/jobs.rs"]
mod jobs;
#[path = "guard/names.rs"]
mod names;
#[path = "byok/outside.rs"]
#[allow(dead_code, reason = "each test program uses its own part")]
mod outside;
#[path = "guard/reads.rs"]
mod reads;
#[path = "guard/records.rs"]
mod records;
#[path = "guard/refusals.rs"]
mod refusals;
#[path = "guard/rolled_back.rs"]
mod rolled_back;
#[path = "guard/rows.rs"]
mod rows;
#[path = "guard/sweep.rs"]
mod sweep;
#[path = "guard/tools.rs"]
mod tools;
#[path = "guard/verify.rs"]
mod verify;
