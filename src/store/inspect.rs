//! Looking at the whole store: what a comparison with its own record, and a check of the file, read.
//!
//! Unlike the statements of `snapshot`, some of these read a whole table.

use std::ops::ControlFlow;

use rusqlite::{OptionalExtension, Row as SqlRow};

use super::error::Result;
use super::row::{Posting, Uid};
use super::snapshot::Snapshot;

const TAG: &str = "SELECT uid, class, private, version, mac FROM object WHERE uid = ?1";
/// Without an index, so that the rows themselves are read and not what an index says of them.
const TAGS: &str = "SELECT uid, class, private, version, mac FROM object NOT INDEXED";
const POSTINGS: &str = "SELECT p.value FROM object AS o CROSS JOIN posting AS p \
     INDEXED BY posting_object ON p.object = o.id WHERE o.uid = ?1";
const POSTING_COUNT: &str = "SELECT count(*) FROM posting";
const MATERIAL_COUNT: &str = "SELECT count(*) FROM material";

/// Faults that a check of the file names at most.
const FAULTS: usize = 20;

/// What distinguishes one state of an object from every other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    /// Name of the object.
    pub uid: Uid,
    /// CKA_CLASS.
    pub class: u64,
    /// CKA_PRIVATE.
    pub private: bool,
    /// Count of the object's changes.
    pub version: u64,
    /// The code over the row; may be empty.
    pub mac: Vec<u8>,
}

impl Snapshot<'_> {
    /// The tag of the object named `uid`.
    pub fn tag(&self, uid: &Uid) -> Result<Option<Tag>> {
        let mut statement = self.conn().prepare_cached(TAG)?;
        Ok(statement.query_row([uid], tag).optional()?)
    }

    /// Calls `each` with the tag of every object, in no particular order, until it breaks off. Reads
    /// the whole table.
    pub fn tags(&self, each: &mut dyn FnMut(Tag) -> ControlFlow<()>) -> Result<()> {
        let mut statement = self.conn().prepare_cached(TAGS)?;
        let mut rows = statement.query([])?;
        while let Some(row) = rows.next()? {
            if each(tag(row)?).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// The index rows that lead to the object named `uid`, in ascending order.
    pub fn postings(&self, uid: &Uid) -> Result<Vec<Posting>> {
        let mut statement = self.conn().prepare_cached(POSTINGS)?;
        let values = statement.query_map([uid], |row| row.get(0))?;
        let mut postings = values.collect::<rusqlite::Result<Vec<Posting>>>()?;
        postings.sort_unstable();
        Ok(postings)
    }

    /// How many index rows there are. Reads the whole table.
    pub fn posting_count(&self) -> Result<u64> {
        self.count_of(POSTING_COUNT)
    }

    /// How many materials there are. Reads the whole table.
    pub fn material_count(&self) -> Result<u64> {
        self.count_of(MATERIAL_COUNT)
    }

    /// What SQLite finds wrong with the file: its pages, its own indexes, rows that belong to no
    /// object. Nothing when the file is sound. Reads the whole file.
    pub fn faults(&self) -> Result<Vec<String>> {
        let mut faults = Vec::new();
        let mut check = self
            .conn()
            .prepare(&format!("PRAGMA integrity_check({FAULTS})"))?;
        for line in check.query_map([], |row| row.get::<_, String>(0))? {
            faults.push(line?);
        }
        faults.retain(|line| line != "ok");
        let mut check = self.conn().prepare("PRAGMA foreign_key_check")?;
        for table in check.query_map([], |row| row.get::<_, String>(0))?.take(1) {
            faults.push(format!("a row of table {} belongs to no object", table?));
        }
        Ok(faults)
    }

    fn count_of(&self, sql: &str) -> Result<u64> {
        let count: i64 = self
            .conn()
            .prepare_cached(sql)?
            .query_row([], |row| row.get(0))?;
        Ok(count.unsigned_abs())
    }
}

fn tag(row: &SqlRow<'_>) -> rusqlite::Result<Tag> {
    Ok(Tag {
        uid: row.get(0)?,
        class: row.get::<_, i64>(1)?.cast_unsigned(),
        private: row.get(2)?,
        version: row.get::<_, i64>(3)?.cast_unsigned(),
        mac: row.get(4)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{Row, Store};

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
    fn tags_and_index_rows_are_those_of_the_object() {
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
                let mut tags = Vec::new();
                s.tags(&mut |tag| {
                    tags.push(tag);
                    ControlFlow::Continue(())
                })?;
                tags.sort_by_key(|tag| tag.uid);
                assert_eq!(tags.first(), s.tag(&[1; 16])?.as_ref());
                assert_eq!((tags.len(), tags[1].version), (2, 7));
                assert_eq!(s.faults()?, [""; 0]);
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn reading_one_object_scans_no_table() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&directory.path().join("slot-0000.tenon")).unwrap();
        store
            .read(|s| -> Result<()> {
                for sql in [TAG, POSTINGS] {
                    let mut statement = s.conn().prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                    let mut steps = statement.query([rusqlite::types::Null])?;
                    while let Some(step) = steps.next()? {
                        let step: String = step.get("detail")?;
                        assert!(step.starts_with("SEARCH "), "{step}: {sql}");
                    }
                }
                Ok(())
            })
            .unwrap();
    }
}
