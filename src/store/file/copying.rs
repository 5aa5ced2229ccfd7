//! Copying the rows of a database into a new file, and changing that file before it gets its name.

use std::fs;
use std::path::Path;

use rusqlite::Connection;

use super::counter;
use super::log_file::{alone, fold};
use super::log_mark::LogMark;
use super::rows::{FileRows, GENERATION};
use crate::store::door::Tx;
use crate::store::error::{Error, Result};

/// Called now and then while a copy is made: with the bytes written, and about how many there will be.
pub type CopyProgress = Box<dyn FnMut(u64, u64) + Send>;

/// SQLite's steps between two reports.
const STEPS: i32 = 1_000_000;

/// Copies one state of the database that `conn` has open into the empty file `draft`.
pub(super) fn copy_into(
    conn: &mut Connection,
    draft: &Path,
    mut progress: CopyProgress,
) -> Result<()> {
    let name = draft
        .to_str()
        .ok_or_else(|| Error::Io(std::io::ErrorKind::InvalidFilename, draft.into()))?;
    let size = |pragma| conn.query_row(pragma, [], |row| row.get::<_, i64>(0));
    let total = size("PRAGMA page_count")? * size("PRAGMA page_size")?;
    let total = u64::try_from(total).unwrap_or(0);
    let written = draft.to_owned();
    conn.progress_handler(
        STEPS,
        Some(move || {
            let done = fs::metadata(&written).map_or(0, |metadata| metadata.len());
            progress(done.min(total), total);
            false
        }),
    )?;
    // VACUUM INTO writes to the copy alone, but SQLite refuses it on a connection that is query_only.
    conn.execute_batch("PRAGMA query_only = OFF")?;
    conn.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}

/// Makes a change in the file `draft`, and gives it a new log id. `counts`: the generation is raised.
pub(super) fn change<E: From<Error>>(
    draft: &Path,
    change: impl Fn(&Tx<'_>) -> std::result::Result<(), E>,
    counts: bool,
) -> std::result::Result<(), E> {
    let mut conn = alone(draft, 1)?;
    let transaction = conn.transaction().map_err(Error::from)?;
    let rows = FileRows::new(&transaction);
    change(&rows)?;
    let mut generation = rows.generation()?;
    if counts {
        generation = counter::next(generation)?;
        rows.set_number(GENERATION, generation)?;
    }
    LogMark::new(&transaction, generation)?.write(&transaction)?;
    transaction.commit().map_err(Error::from)?;
    fold(&conn)?;
    conn.close().map_err(|(_, e)| Error::from(e))?;
    Ok(())
}

/// Sets the generation of the file `draft`.
pub(super) fn set_generation(draft: &Path, generation: u64) -> Result<()> {
    let mut conn = alone(draft, 1)?;
    let transaction = conn.transaction()?;
    FileRows::new(&transaction).set_number(GENERATION, generation)?;
    LogMark::new(&transaction, generation)?.write(&transaction)?;
    transaction.commit()?;
    fold(&conn)?;
    conn.close().map_err(|(_, e)| Error::from(e))?;
    Ok(())
}
