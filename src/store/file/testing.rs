//! What tests of statements need.

use rusqlite::Connection;
use rusqlite::types::Null;
use tempfile::TempDir;

use crate::store::Store;

use super::connection::{Use, connect};

/// A connection to a new, empty database, in a folder that goes with the answer.
pub(super) fn database() -> (TempDir, Connection) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("slot-0000.tenon");
    drop(Store::create(&path).unwrap());
    let conn = connect(&path, Use::Read, std::time::Duration::ZERO).unwrap();
    (directory, conn)
}

/// SQLite's plan for `sql`, one line for each step.
pub(super) fn plan(conn: &Connection, sql: &str) -> Vec<String> {
    let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let nothing = vec![Null; statement.parameter_count()];
    let steps = statement
        .query_map(rusqlite::params_from_iter(nothing), |row| row.get("detail"))
        .unwrap();
    steps.collect::<rusqlite::Result<_>>().unwrap()
}

/// Whether each step of the plan searches an index or a table's own tree.
pub(super) fn assert_searches(conn: &Connection, sql: &str) {
    let plan = plan(conn, sql);
    assert!(
        plan.iter().any(|step| step.starts_with("SEARCH ")),
        "{plan:?}"
    );
    for step in plan {
        // The rows of an inner SELECT that is itself searched and limited.
        let inner = step == "SCAN (subquery-1)" || step.starts_with("SCAN CONSTANT");
        assert!(inner || !step.starts_with("SCAN"), "{step}: {sql}");
        assert!(!step.contains("AUTOMATIC"), "{step}: {sql}");
        assert!(!step.contains("ORDER BY"), "{step}: {sql}");
    }
}
