//! The audit record: what happened, in the transaction in which it happened.
//!
//! [`event`] lists what can happen, [`entry`] is the form of one record, [`chain`] binds each record to
//! all before it, [`refusals`] counts repeated refusals, [`verify`] compares the records with the
//! objects, and [`archive_file`] is the form of a file of archived records. Recording needs no login;
//! verifying and reading labels do.

pub(in crate::token) mod archive_file;
mod base;
mod chain;
mod doing;
mod entry;
mod event;
mod refusals;
mod verify;

pub(in crate::token) use base::{Base, walk};
pub(in crate::token) use chain::{FIRST_KEY_ROW, KEY_ROW, Link, append};
pub(in crate::token) use doing::Doing;
pub use entry::{Entry, Repeated, Touch, Touched};
pub(in crate::token) use entry::{LABEL_MAX, seal_of};
pub use event::Event;
pub(in crate::token) use refusals::{QUOTA_ROW, Quota, RefusalRecord, Refusals};
pub use verify::Verified;
pub(in crate::token) use verify::verify;
