//! The changes of one transaction.

use rusqlite::{OptionalExtension, params};

use crate::store::door::{ChangeRows, ReadRows, check_name};
use crate::store::error::{Error, Result};
use crate::store::row::{ArchivedObject, AuditRow, MaterialRow, Posting, Row, Uid};

use super::recent::Touched;
use super::rows::FileRows;

const FIND: &str = "SELECT id FROM object WHERE uid = ?1";
const INSERT: &str = "INSERT INTO object (class, key_type, private, hidden, expires_at, deletion_at, \
     version, format, mac, sealed, uid) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
const UPDATE: &str = "UPDATE object SET class = ?1, key_type = ?2, private = ?3, hidden = ?4, \
     expires_at = ?5, deletion_at = ?6, version = ?7, format = ?8, mac = ?9, sealed = ?10 \
     WHERE uid = ?11";
const REMOVE: &str = "DELETE FROM object WHERE id = ?1";
const POST: &str = "INSERT OR IGNORE INTO posting (value, object) VALUES (?1, ?2)";
const UNPOST: &str = "DELETE FROM posting WHERE value = ?1 AND object = ?2";
const UNPOST_ALL: &str = "DELETE FROM posting WHERE object = ?1";
const PUT_MATERIAL: &str = "INSERT INTO material (object, data_key, sealed) VALUES (?1, ?2, ?3)";
const REPLACE_DATA_KEY: &str =
    "UPDATE material SET data_key = ?3 WHERE object = ?1 AND data_key = ?2";
const BLANK_MATERIAL: &str = "UPDATE material SET data_key = zeroblob(length(data_key)), \
     sealed = zeroblob(length(sealed)) WHERE object = ?1";
const REMOVE_MATERIAL: &str = "DELETE FROM material WHERE object = ?1";
const APPEND_AUDIT: &str = "INSERT INTO audit (seq, record, mac) VALUES (?1, ?2, ?3)";
const REMOVE_AUDIT: &str = "DELETE FROM audit WHERE seq <= ?1";
const PUT_ARCHIVED: &str = "INSERT INTO archived_object (uid, class, version, seal) \
     VALUES (?1, ?2, ?3, ?4) ON CONFLICT (uid) DO UPDATE SET version = ?3, seal = ?4";
const REMOVE_ARCHIVED: &str = "DELETE FROM archived_object WHERE uid = ?1";
const CLEAR: &str = "
    DELETE FROM posting;
    UPDATE material SET data_key = zeroblob(length(data_key)), sealed = zeroblob(length(sealed));
    DELETE FROM material;
    DELETE FROM object;
    DELETE FROM audit;
    DELETE FROM archived_object;
    DELETE FROM meta WHERE NOT (name GLOB 'store.*');
";

impl ChangeRows for FileRows<'_> {
    fn postpone_emptying(&self) {
        self.note_postponed_emptying();
    }

    fn part(&self, part: &mut dyn FnMut() -> bool) -> Result<()> {
        let run = |sql: &str| -> Result<()> {
            self.conn().prepare_cached(sql)?.execute([])?;
            Ok(())
        };
        run("SAVEPOINT part")?;
        let kept = part();
        if self.conn().is_autocommit() {
            return Err(Error::RolledBack);
        }
        if !kept {
            run("ROLLBACK TO part")?;
        }
        run("RELEASE part")
    }

    fn put(&self, row: &Row, postings: &[Posting]) -> Result<()> {
        self.note_touching(Touched::key(&row.uid));
        let known = id(self, &row.uid)?;
        let sql = if known.is_some() { UPDATE } else { INSERT };
        self.conn().prepare_cached(sql)?.execute(params![
            row.class.cast_signed(),
            row.key_type.map(u64::cast_signed),
            row.private,
            row.hidden,
            row.expires_at.cast_signed(),
            row.deletion_at.cast_signed(),
            row.version.cast_signed(),
            row.format,
            row.mac,
            row.sealed,
            row.uid,
        ])?;
        match known {
            Some(id) => repost(self, id, &row.uid, postings),
            None => post(self, self.conn().last_insert_rowid(), postings.iter()),
        }
    }

    fn remove(&self, uid: &Uid) -> Result<bool> {
        self.note_touching(Touched::key(uid));
        let Some(id) = id(self, uid)? else {
            return Ok(false);
        };
        erase(self, id)?;
        self.conn().prepare_cached(UNPOST_ALL)?.execute([id])?;
        self.conn().prepare_cached(REMOVE)?.execute([id])?;
        Ok(true)
    }

    fn set_meta(&self, name: &str, value: &[u8]) -> Result<()> {
        check_name(name)?;
        if self.value(name)?.as_deref() != Some(value) {
            self.note_touching(Touched::key(name.as_bytes()));
        }
        self.set_value(name, value)
    }

    fn remove_meta(&self, name: &str) -> Result<()> {
        check_name(name)?;
        self.note_touching(Touched::key(name.as_bytes()));
        self.remove_value(name)
    }

    fn put_material(&self, uid: &Uid, material: &MaterialRow) -> Result<()> {
        self.note_touching(Touched::key(uid));
        let id = id(self, uid)?.ok_or(Error::NoSuchObject)?;
        erase(self, id)?;
        self.conn().prepare_cached(PUT_MATERIAL)?.execute(params![
            id,
            material.data_key,
            material.sealed
        ])?;
        Ok(())
    }

    fn replace_data_key(&self, uid: &Uid, old: &[u8], new: &[u8]) -> Result<()> {
        self.note_touching(Touched::key(uid));
        let Some(id) = id(self, uid)? else {
            return Ok(());
        };
        self.conn()
            .prepare_cached(REPLACE_DATA_KEY)?
            .execute(params![id, old, new])?;
        self.note_erasing();
        Ok(())
    }

    fn erase_material(&self, uid: &Uid) -> Result<bool> {
        self.note_touching(Touched::key(uid));
        match id(self, uid)? {
            Some(id) => erase(self, id),
            None => Ok(false),
        }
    }

    fn append_audit(&self, row: &AuditRow) -> Result<()> {
        let seq = i64::try_from(row.seq)
            .map_err(|_| Error::Corrupt("the audit log has no position left"))?;
        self.conn()
            .prepare_cached(APPEND_AUDIT)?
            .execute(params![seq, row.record, row.mac])?;
        Ok(())
    }

    fn remove_audit(&self, up_to: u64) -> Result<()> {
        let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
        self.conn().prepare_cached(REMOVE_AUDIT)?.execute([up_to])?;
        Ok(())
    }

    fn put_archived(&self, object: &ArchivedObject) -> Result<Option<ArchivedObject>> {
        let before = self.archived_object(&object.uid)?;
        self.conn().prepare_cached(PUT_ARCHIVED)?.execute(params![
            object.uid,
            object.class.cast_signed(),
            object.version.cast_signed(),
            object.seal
        ])?;
        Ok(before)
    }

    fn remove_archived(&self, uid: &Uid) -> Result<Option<ArchivedObject>> {
        let before = self.archived_object(uid)?;
        self.conn()
            .prepare_cached(REMOVE_ARCHIVED)?
            .execute([uid])?;
        Ok(before)
    }

    fn clear(&self) -> Result<()> {
        self.note_touching(Touched::EVERYTHING);
        self.conn().execute_batch(CLEAR)?;
        self.note_erasing();
        Ok(())
    }
}

fn id(rows: &FileRows<'_>, uid: &Uid) -> Result<Option<i64>> {
    let mut statement = rows.conn().prepare_cached(FIND)?;
    Ok(statement.query_row([uid], |row| row.get(0)).optional()?)
}

/// Makes `postings` lead to the object.
fn post<'a>(
    rows: &FileRows<'_>,
    id: i64,
    postings: impl Iterator<Item = &'a Posting>,
) -> Result<()> {
    let mut statement = rows.conn().prepare_cached(POST)?;
    for posting in postings {
        statement.execute(params![posting, id])?;
    }
    Ok(())
}

/// Makes `postings` alone lead to the object. Those that do already stay as they are, so a change of one attribute
/// writes no pages of the others' index rows.
fn repost(rows: &FileRows<'_>, id: i64, uid: &Uid, postings: &[Posting]) -> Result<()> {
    let known = rows.postings(uid)?;
    let mut unpost = rows.conn().prepare_cached(UNPOST)?;
    for posting in known.iter().filter(|posting| !postings.contains(posting)) {
        unpost.execute(params![posting, id])?;
    }
    post(
        rows,
        id,
        postings.iter().filter(|posting| !known.contains(posting)),
    )
}

/// Overwrites the material with zeros and deletes it. After the commit the write-ahead log is folded
/// into the database and emptied, so that no earlier state of the material remains in the files;
/// where a reader prevents that, the next write of any process tries again.
fn erase(rows: &FileRows<'_>, id: i64) -> Result<bool> {
    let conn = rows.conn();
    if conn.prepare_cached(BLANK_MATERIAL)?.execute([id])? == 0 {
        return Ok(false);
    }
    conn.prepare_cached(REMOVE_MATERIAL)?.execute([id])?;
    rows.note_erasing();
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::super::rows::{REMOVE_META, SET_META};
    use super::super::testing;
    use super::*;

    #[test]
    fn no_change_of_one_object_scans_a_table() {
        let (_directory, conn) = testing::database();
        for sql in [
            FIND,
            INSERT,
            UPDATE,
            REMOVE,
            POST,
            UNPOST,
            UNPOST_ALL,
            PUT_MATERIAL,
            REPLACE_DATA_KEY,
            BLANK_MATERIAL,
            REMOVE_MATERIAL,
            SET_META,
            REMOVE_META,
            APPEND_AUDIT,
            REMOVE_AUDIT,
            PUT_ARCHIVED,
            REMOVE_ARCHIVED,
        ] {
            for step in testing::plan(&conn, sql) {
                assert!(step.starts_with("SEARCH "), "{step}: {sql}");
            }
        }
    }

    #[test]
    fn a_change_writes_the_index_rows_that_differ_alone() {
        let (_directory, conn) = testing::database_to_change();
        let rows = FileRows::new(&conn);
        let [kept, dropped, added] = [[1; 16], [2; 16], [3; 16]];
        let row = testing::row(1, 10);
        for (postings, written) in [
            (&[kept, dropped][..], 3),
            (&[kept, dropped], 1),
            (&[added, kept], 3),
            (&[], 3),
        ] {
            let before = conn.total_changes();
            rows.put(&row, postings).unwrap();
            assert_eq!(conn.total_changes() - before, written, "{postings:?}");
            let mut found = postings.to_vec();
            found.sort_unstable();
            assert_eq!(rows.postings(&row.uid), Ok(found));
        }
    }
}
