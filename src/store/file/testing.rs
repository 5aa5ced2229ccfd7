//! Helpers for tests of statements and of transactions.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rusqlite::types::Null;
use rusqlite::{Connection, StatementStatus};
use tempfile::TempDir;

use crate::store::handle::Store;
use crate::store::row::Row;

use super::connection::{Purpose, connect};
use super::counted::CountedWriter;
use super::counter::Counter;
use super::open_files::OpenFiles;
use super::queue::Queue;
use super::schema;
use super::writer::StoreWriter;

pub(in crate::store) use super::rows::FileRows;

/// A connection to a new, empty database, whose folder is removed with the answer.
pub(super) fn database() -> (TempDir, Connection) {
    database_for(Purpose::Read)
}

/// As `database`, for changes.
pub(super) fn database_to_change() -> (TempDir, Connection) {
    database_for(Purpose::Write)
}

fn database_for(purpose: Purpose) -> (TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("slot-0000.tenon");
    drop(Store::create(&path).unwrap());
    let conn = connect(&path, purpose, Duration::ZERO).unwrap();
    (directory, conn)
}

/// SQLite's query plan for `sql`, one line for each step.
pub(super) fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nothing = vec![Null; statement.parameter_count()];
    let steps = statement
        .query_map(rusqlite::params_from_iter(nothing), |row| row.get("detail"))
        .unwrap();
    steps.collect::<rusqlite::Result<_>>().unwrap()
}

/// Asserts that each step of the plan searches an index or a table's own tree, and that the plan is kept.
pub(super) fn assert_searches(conn: &Connection, sql: &str) {
    assert_stays_prepared(conn, sql);
    let plan = plan(conn, sql);
    assert!(
        plan.iter().any(|step| step.starts_with("SEARCH ")),
        "{plan:?}"
    );
    for step in plan {
        // An inner SELECT's rows are scanned; its own steps are checked like all others.
        let inner = step == "SCAN (subquery-1)" || step.starts_with("SCAN CONSTANT");
        assert!(inner || !step.starts_with("SCAN"), "{step}: {sql}");
        assert!(!step.contains("AUTOMATIC"), "{step}: {sql}");
        assert!(!step.contains("ORDER BY"), "{step}: {sql}");
    }
}

/// Asserts that SQLite prepares `sql` once, however often it runs.
fn assert_stays_prepared(conn: &Connection, sql: &str) {
    let mut statement = conn.prepare(sql).unwrap();
    for run in 0_i64..3 {
        let values = vec![run; statement.parameter_count()];
        let mut rows = statement.query(rusqlite::params_from_iter(values)).unwrap();
        while rows.next().unwrap().is_some() {}
    }
    assert_eq!(statement.get_status(StatementStatus::RePrepare), 0, "{sql}");
}

/// An object with `len` sealed bytes.
pub(in crate::store) fn row(number: u8, len: usize) -> Row {
    Row {
        uid: [number; 16],
        class: 0,
        key_type: None,
        private: false,
        hidden: false,
        expires_at: 0,
        deletion_at: 0,
        version: 0,
        format: 0,
        sealed: vec![number; len],
        mac: Vec::new(),
    }
}

/// The writer of a new store in `directory`, and its counter.
pub(super) fn writer(directory: &Path) -> (StoreWriter, Counter) {
    let path = directory.join("slot-0000.tenon");
    drop(Store::create(&path).unwrap());
    let conn = connect(&path, Purpose::Write, Duration::from_secs(1)).unwrap();
    let newest = schema::newest(schema::MIGRATIONS);
    let open_files = Arc::new(OpenFiles::of(&path, &path, true).unwrap());
    let queue = Queue::of(&path).unwrap();
    let timeout = Duration::from_secs(1);
    let writer = StoreWriter::new(conn, Arc::clone(&open_files), queue, newest, timeout);
    let file = path.with_extension("gen");
    let counter = writer.attach(&file).unwrap();
    (writer, counter)
}

/// As `writer`, for a group.
pub(in crate::store) fn counted_writer(directory: &Path) -> (CountedWriter, Arc<Counter>) {
    let (writer, counter) = writer(directory);
    let counter = Arc::new(counter);
    (CountedWriter::new(writer, Arc::clone(&counter)), counter)
}
