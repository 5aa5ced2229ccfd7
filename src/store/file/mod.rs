//! The engine that keeps each token in a file of its own: a database of SQLite.
//!
//! One token is one database, in WAL mode, with its change counter beside it (`counter`). SQLite
//! locks the file for each process as a whole, and loses those locks when *any* descriptor of the
//! file is closed: so this room alone may open the file in this process. A process may have several
//! stores open on one file; SQLite keeps them apart as it does processes. There is no registry of
//! open stores, since a forked child would inherit it. Another copy of this library in the process
//! does not open a store that is open (`only_copy`).

mod columns;
mod connection;
mod copying;
mod counted;
mod counter;
mod draft;
mod engine;
mod file_catalog;
mod file_copy;
mod file_store;
mod files;
mod folder;
mod fork;
mod gen_file;
mod inspect;
mod log_file;
mod log_mark;
mod old_format;
mod only_copy;
mod open_files;
mod queue;
mod range_lock;
mod readers;
mod recent;
mod removal;
mod reserve;
mod rows;
mod schema;
mod search;
mod slot_files;
mod snapshot;
mod sqlite_error;
mod sys;
#[cfg(test)]
pub(in crate::store) mod testing;
mod tx;
mod whole_file;
mod writer;

pub use copying::CopyProgress;
pub(in crate::store) use file_catalog::FileCatalog;
pub use file_copy::FileCopy;
pub(crate) use folder::Umask;
pub use removal::remove;
pub(crate) use whole_file::WholeFile;
