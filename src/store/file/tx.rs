//! Changing: what one change may do inside `write`.

use std::cell::Cell;
use std::ops::Deref;

use rusqlite::{OptionalExtension, params};

use super::error::{Error, Result};
use super::row::{ArchivedObject, AuditRow, MaterialRow, Posting, Row, Uid};
use super::snapshot::Snapshot;

const FIND: &str = "SELECT id FROM object WHERE uid = ?1";
const PUT: &str = "INSERT INTO object (uid, class, key_type, private, hidden, expires_at, \
     deletion_at, version, format, mac, sealed) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) \
     ON CONFLICT (uid) DO UPDATE SET class = ?2, key_type = ?3, private = ?4, hidden = ?5, \
     expires_at = ?6, deletion_at = ?7, version = ?8, format = ?9, mac = ?10, sealed = ?11 \
     RETURNING id";
const REMOVE: &str = "DELETE FROM object WHERE id = ?1";
const POST: &str = "INSERT OR IGNORE INTO posting (value, object) VALUES (?1, ?2)";
const UNPOST: &str = "DELETE FROM posting WHERE object = ?1";
const PUT_MATERIAL: &str = "INSERT INTO material (object, data_key, sealed) VALUES (?1, ?2, ?3)";
const BLANK_MATERIAL: &str = "UPDATE material SET data_key = zeroblob(length(data_key)), \
     sealed = zeroblob(length(sealed)) WHERE object = ?1";
const REMOVE_MATERIAL: &str = "DELETE FROM material WHERE object = ?1";
const SET_META: &str = "INSERT INTO meta (name, value) VALUES (?1, ?2) \
     ON CONFLICT (name) DO UPDATE SET value = ?2";
const REMOVE_META: &str = "DELETE FROM meta WHERE name = ?1";
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

/// Names in `meta` that begin so are the store's own.
const RESERVED: &str = "store.";

/// A change in the making. It reads its own changes, and is kept whole or not at all.
pub struct Tx<'c> {
    snapshot: Snapshot<'c>,
    erased: Cell<bool>,
    emptying_postponed: Cell<bool>,
}

impl<'c> Deref for Tx<'c> {
    type Target = Snapshot<'c>;

    fn deref(&self) -> &Snapshot<'c> {
        &self.snapshot
    }
}

impl<'c> Tx<'c> {
    pub(super) fn new(snapshot: Snapshot<'c>) -> Self {
        Self {
            snapshot,
            erased: Cell::new(false),
            emptying_postponed: Cell::new(false),
        }
    }

    /// Whether the change deleted material.
    pub(super) fn erased(&self) -> bool {
        self.erased.get()
    }

    /// Whether the caller empties the log later.
    pub(super) fn emptying_postponed(&self) -> bool {
        self.emptying_postponed.get()
    }

    /// Leaves the emptying of the log, which follows a change that erases, to the caller: he makes
    /// several such changes and ends with `Store::finish_erasing`. If he never comes to that, the
    /// next write or opening of any process does it.
    pub fn postpone_emptying(&self) {
        self.emptying_postponed.set(true);
    }

    /// Runs a part of the change. On an error of `part` nothing of that part is kept, and the
    /// change can go on.
    ///
    /// # Errors
    /// `RolledBack` where SQLite has given up the whole transaction, `Sqlite`: the change fails then.
    /// The inner result is that of `part`.
    pub fn attempt<T, E>(
        &self,
        part: impl FnOnce() -> std::result::Result<T, E>,
    ) -> Result<std::result::Result<T, E>> {
        let run = |sql: &str| -> Result<()> {
            self.conn().prepare_cached(sql)?.execute([])?;
            Ok(())
        };
        run("SAVEPOINT part")?;
        let answer = part();
        if self.conn().is_autocommit() {
            return Err(Error::RolledBack);
        }
        if answer.is_err() {
            run("ROLLBACK TO part")?;
        }
        run("RELEASE part")?;
        Ok(answer)
    }

    /// Inserts the object, or replaces the one of that name; exactly `postings` lead to it
    /// afterwards. Its material stays.
    pub fn put(&self, row: &Row, postings: &[Posting]) -> Result<()> {
        let mut statement = self.conn().prepare_cached(PUT)?;
        let id: i64 = statement.query_row(
            params![
                row.uid,
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
            ],
            |row| row.get(0),
        )?;
        self.conn().prepare_cached(UNPOST)?.execute([id])?;
        let mut post = self.conn().prepare_cached(POST)?;
        for posting in postings {
            post.execute(params![posting, id])?;
        }
        Ok(())
    }

    /// Removes the object, its postings and its material. Returns whether it was there.
    pub fn remove(&self, uid: &Uid) -> Result<bool> {
        let Some(id) = self.id(uid)? else {
            return Ok(false);
        };
        self.erase(id)?;
        self.conn().prepare_cached(UNPOST)?.execute([id])?;
        self.conn().prepare_cached(REMOVE)?.execute([id])?;
        Ok(true)
    }

    /// Stores `value` under `name`, in place of what was there.
    ///
    /// # Errors
    /// `ReservedName` for names that begin with "store.".
    pub fn set_meta(&self, name: &str, value: &[u8]) -> Result<()> {
        not_reserved(name)?;
        self.conn()
            .prepare_cached(SET_META)?
            .execute(params![name, value])?;
        Ok(())
    }

    /// Removes the value under `name`, if there is one.
    ///
    /// # Errors
    /// `ReservedName` for names that begin with "store.".
    pub fn remove_meta(&self, name: &str) -> Result<()> {
        not_reserved(name)?;
        self.forget_number(name)
    }

    /// Stores one of the store's own numbers.
    pub(super) fn set_number(&self, name: &str, number: u64) -> Result<()> {
        self.conn()
            .prepare_cached(SET_META)?
            .execute(params![name, number.to_be_bytes()])?;
        Ok(())
    }

    /// Removes one of the store's own numbers.
    pub(super) fn forget_number(&self, name: &str) -> Result<()> {
        self.conn().prepare_cached(REMOVE_META)?.execute([name])?;
        Ok(())
    }

    /// Stores the material of the object named `uid`; material that was there is erased.
    ///
    /// # Errors
    /// `NoSuchObject` when the object is not in the store.
    pub fn put_material(&self, uid: &Uid, material: &MaterialRow) -> Result<()> {
        let id = self.id(uid)?.ok_or(Error::NoSuchObject)?;
        self.erase(id)?;
        self.conn().prepare_cached(PUT_MATERIAL)?.execute(params![
            id,
            material.data_key,
            material.sealed
        ])?;
        Ok(())
    }

    /// Overwrites the material of the object named `uid` with zeros and deletes it. Once the change
    /// is committed, the write-ahead log is folded into the database and emptied, so that no
    /// earlier state of it remains in the files; where a reader prevents that, the next write of
    /// any process tries again. Returns whether there was material.
    pub fn erase_material(&self, uid: &Uid) -> Result<bool> {
        match self.id(uid)? {
            Some(id) => self.erase(id),
            None => Ok(false),
        }
    }

    /// Appends a record to the audit log.
    pub fn append_audit(&self, row: &AuditRow) -> Result<()> {
        let seq = i64::try_from(row.seq)
            .map_err(|_| Error::Corrupt("the audit log has no position left"))?;
        self.conn()
            .prepare_cached(APPEND_AUDIT)?
            .execute(params![seq, row.record, row.mac])?;
        Ok(())
    }

    /// Removes the records up to a position, that one included.
    pub fn remove_audit(&self, up_to: u64) -> Result<()> {
        let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
        self.conn().prepare_cached(REMOVE_AUDIT)?.execute([up_to])?;
        Ok(())
    }

    /// Stores what archived records say of an object, and returns what they said before.
    pub fn put_archived(&self, object: &ArchivedObject) -> Result<Option<ArchivedObject>> {
        let before = self.archived_object(&object.uid)?;
        self.conn().prepare_cached(PUT_ARCHIVED)?.execute(params![
            object.uid,
            object.class.cast_signed(),
            object.version.cast_signed(),
            object.seal
        ])?;
        Ok(before)
    }

    /// Removes what archived records say of an object, and returns it.
    pub fn remove_archived(&self, uid: &Uid) -> Result<Option<ArchivedObject>> {
        let before = self.archived_object(uid)?;
        self.conn()
            .prepare_cached(REMOVE_ARCHIVED)?
            .execute([uid])?;
        Ok(before)
    }

    /// Empties the store: objects, postings, material, audit log and every name in `meta`. The
    /// generation goes on counting.
    pub fn clear(&self) -> Result<()> {
        self.conn().execute_batch(CLEAR)?;
        self.erased.set(true);
        Ok(())
    }

    fn id(&self, uid: &Uid) -> Result<Option<i64>> {
        let mut statement = self.conn().prepare_cached(FIND)?;
        Ok(statement.query_row([uid], |row| row.get(0)).optional()?)
    }

    fn erase(&self, id: i64) -> Result<bool> {
        if self.conn().prepare_cached(BLANK_MATERIAL)?.execute([id])? == 0 {
            return Ok(false);
        }
        self.conn().prepare_cached(REMOVE_MATERIAL)?.execute([id])?;
        self.erased.set(true);
        Ok(true)
    }
}

fn not_reserved(name: &str) -> Result<()> {
    if name.starts_with(RESERVED) {
        return Err(Error::ReservedName);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn no_change_of_one_object_scans_a_table() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&directory.path().join("slot-0000.tenon")).unwrap();
        store
            .write(|tx| -> Result<()> {
                for sql in [
                    FIND,
                    PUT,
                    REMOVE,
                    POST,
                    UNPOST,
                    PUT_MATERIAL,
                    BLANK_MATERIAL,
                    REMOVE_MATERIAL,
                    SET_META,
                    REMOVE_META,
                    APPEND_AUDIT,
                    REMOVE_AUDIT,
                    PUT_ARCHIVED,
                    REMOVE_ARCHIVED,
                ] {
                    let mut statement = tx.conn().prepare(&format!("EXPLAIN QUERY PLAN {sql}"))?;
                    let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
                    let mut steps = statement.query(rusqlite::params_from_iter(nothing))?;
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
