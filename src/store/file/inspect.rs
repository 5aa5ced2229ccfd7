//! Reads of the whole store, for comparing it with the audit record and for checking the file.
//!
//! Unlike the statements of `snapshot` and `search`, some of these read a whole table.

use std::ops::ControlFlow;

use rusqlite::{Connection, params};

use super::columns::object_row;
use crate::store::error::Result;
use crate::store::row::{Posting, Row, Uid};

/// Without an index, so that the table's own rows are read.
const OBJECTS: &str = "SELECT uid, class, key_type, private, hidden, expires_at, deletion_at, \
     version, format, mac, sealed FROM object NOT INDEXED";
const POSTINGS: &str = "SELECT p.value FROM object AS o CROSS JOIN posting AS p \
     INDEXED BY posting_object ON p.object = o.id WHERE o.uid = ?1";
const POSTING_COUNT: &str = "SELECT count(*) FROM posting";
const DATA_KEYS: &str = "SELECT o.uid, m.data_key FROM object AS o CROSS JOIN material AS m \
     ON m.object = o.id WHERE o.uid > ?1 AND substr(m.data_key, 1, length(?2)) <> ?2 \
     ORDER BY o.uid LIMIT ?3";
const MATERIAL_COUNT: &str = "SELECT count(*) FROM material";

/// The most faults that a check of the file names.
const FAULTS: usize = 20;

pub(super) fn objects(
    conn: &Connection,
    each: &mut dyn FnMut(Row) -> ControlFlow<()>,
) -> Result<()> {
    let mut statement = conn.prepare_cached(OBJECTS)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if each(object_row(row)?).is_break() {
            break;
        }
    }
    Ok(())
}

pub(super) fn postings(conn: &Connection, uid: &Uid) -> Result<Vec<Posting>> {
    let mut statement = conn.prepare_cached(POSTINGS)?;
    let values = statement.query_map([uid], |row| row.get(0))?;
    let mut postings = values.collect::<rusqlite::Result<Vec<Posting>>>()?;
    postings.sort_unstable();
    Ok(postings)
}

pub(super) fn posting_count(conn: &Connection) -> Result<u64> {
    count_of(conn, POSTING_COUNT)
}

pub(super) fn material_count(conn: &Connection) -> Result<u64> {
    count_of(conn, MATERIAL_COUNT)
}

pub(super) fn data_keys_without(
    conn: &Connection,
    prefix: &[u8],
    after: Option<&Uid>,
    limit: usize,
) -> Result<Vec<(Uid, Vec<u8>)>> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let after = after.map_or(&[][..], |uid| &uid[..]);
    let mut statement = conn.prepare_cached(DATA_KEYS)?;
    let found = statement.query_map(params![after, prefix, limit], |row| {
        Ok((row.get(0)?, row.get(1)?))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// See `ReadRows::faults`: what SQLite says of pages, indexes, and rows that belong to no object.
pub(super) fn faults(conn: &Connection) -> Result<Vec<String>> {
    let mut faults = Vec::new();
    let mut check = conn.prepare(&format!("PRAGMA integrity_check({FAULTS})"))?;
    for line in check.query_map([], |row| row.get::<_, String>(0))? {
        faults.push(line?);
    }
    faults.retain(|line| line != "ok");
    let mut check = conn.prepare("PRAGMA foreign_key_check")?;
    for table in check.query_map([], |row| row.get::<_, String>(0))?.take(1) {
        faults.push(format!("a row of table {} belongs to no object", table?));
    }
    Ok(faults)
}

fn count_of(conn: &Connection, sql: &str) -> Result<u64> {
    let count: i64 = conn.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
    Ok(count.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    fn row(uid: u8) -> Row {
        Row {
            uid: [uid; 16],
            class: 3,
            key_type: None,
            private: true,
            hidden: false,
            expires_at: 0,
            deletion_at: 0,
            version: 7,
            format: 1,
            sealed: vec![1; 50],
            mac: vec![uid; 32],
        }
    }

    #[test]
    fn objects_and_index_rows_are_all_there() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&directory.path().join("slot-0000.tenon")).unwrap();
        store
            .write(|tx| {
                tx.put(&row(1), &[[9; 16], [7; 16]])?;
                tx.put(&row(2), &[[7; 16]])
            })
            .unwrap();
        store
            .read(|s| -> Result<()> {
                assert_eq!(s.postings(&[1; 16])?, [[7; 16], [9; 16]]);
                assert_eq!(s.postings(&[3; 16])?, [[0; 16]; 0]);
                assert_eq!((s.posting_count()?, s.material_count()?), (3, 0));
                let mut objects = Vec::new();
                s.objects(&mut |row| {
                    objects.push(row);
                    ControlFlow::Continue(())
                })?;
                objects.sort_by_key(|row| row.uid);
                assert_eq!(objects, [row(1), row(2)]);
                assert_eq!(s.faults()?, [""; 0]);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn reading_the_index_rows_of_one_object_scans_no_table() {
        let (_directory, conn) = super::super::testing::database();
        super::super::testing::assert_searches(&conn, POSTINGS);
    }
}
