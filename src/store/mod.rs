//! The token's store: rows of sealed bytes behind `read(|snapshot|)` and `write(|tx|)`.
//!
//! It keeps rows of sealed bytes and the few clear columns that searches need. It knows no PIN, no
//! meaning of an attribute, no policy and no cryptography, and nothing above it sees SQLite.
//! `file` is the engine that keeps each token in a file of its own.

mod error;
mod file;
mod row;

pub use error::{Error, Result};
pub use file::{
    DuePlace, FileCopy, FolderLock, Generation, Options, Progress, Snapshot, Store, Ticket, Tx,
    Umask, WholeFile, names, remove,
};
pub use row::{ArchivedObject, AuditRow, Head, MaterialRow, Posting, Row, Search, Uid};
