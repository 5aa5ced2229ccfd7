//! The token's store: rows of sealed bytes behind `read(|snapshot|)` and `write(|tx|)`.
//!
//! It keeps rows of sealed bytes and the few clear columns that searches need. It knows no PIN, no
//! meaning of an attribute, no policy and no cryptography. The rooms above it know no engine: `door`
//! and `engine` say what an engine does, `file` is the engine that keeps each token in a
//! file, and `sql` the one that keeps tokens in a database of PostgreSQL.

mod catalog;
mod database;
mod door;
mod engine;
mod epoch;
mod error;
mod file;
mod group;
mod handle;
mod line;
mod listed;
mod modes;
mod outcome;
mod row;
mod sql;
mod whole;

use std::sync::Arc;

use crate::config::Config;

pub use catalog::{Catalog, Moving, SLOT_LIMIT};
pub use database::DatabaseStatus;
pub use door::{Snapshot, Tx};
pub use engine::Engine;
pub use error::{Error, Loss, Result};
pub use file::{CopyProgress, FileCopy, remove};
pub(crate) use file::{Umask, WholeFile};
pub use handle::Store;
pub use line::Ticket;
pub use modes::{Durability, Generation, Options, Run};
pub(crate) use row::ArchivedObject;
pub use row::{
    AuditRow, DuePlace, Head, MaterialRow, Posting, Row, SearchConditions, SearchPlace, Uid,
};

pub(crate) use whole::difference;

/// The catalog of the tokens that `config` names.
#[must_use]
pub fn catalog(config: &Config) -> Arc<dyn Catalog> {
    match &config.store_url {
        Some(target) => {
            let losses = match config.shows_losses {
                true => sql::Losses::Shown,
                false => sql::Losses::Refused,
            };
            let busy_timeout = config.busy_timeout;
            Arc::new(sql::SqlCatalog::new(target.clone(), busy_timeout, losses))
        }
        None => Arc::new(file::FileCatalog::new(
            &config.token_dir,
            Umask(config.umask),
        )),
    }
}
