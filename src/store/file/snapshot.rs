//! Reading: one consistent state of the store.
//!
//! Every statement here is a SEARCH of an index or of a table's own tree; a test asks SQLite for
//! its plans. `INDEXED BY` turns a plan that SQLite might choose otherwise into an error.

use std::ops::ControlFlow;

use rusqlite::{Connection, OptionalExtension, params};

use super::error::{Error, Result};
use super::row::{ArchivedObject, AuditRow, Head, MaterialRow, Posting, Row, Search, Uid};

const META: &str = "SELECT value FROM meta WHERE name = ?1";
const OBJECT: &str = "SELECT uid, class, key_type, private, hidden, expires_at, deletion_at, version, \
     format, mac, sealed FROM object WHERE uid = ?1";
const MATERIAL: &str = "SELECT data_key, m.sealed FROM object AS o CROSS JOIN material AS m \
     ON m.object = o.id WHERE o.uid = ?1";
/// ?1 is the present, ?2 and ?3 the place to go on after, ?4 the limit.
const DUE_EXPIRED: &str = "SELECT uid, expires_at, id FROM object INDEXED BY object_expires \
     WHERE expires_at > 0 AND expires_at <= ?1 AND (expires_at, id) > (?2, ?3) \
     ORDER BY expires_at, id LIMIT ?4";
const DUE_DELETION: &str = "SELECT uid, deletion_at, id FROM object INDEXED BY object_deletion \
     WHERE deletion_at > 0 AND deletion_at <= ?1 AND NOT (expires_at > 0 AND expires_at <= ?1) \
     AND (deletion_at, id) > (?2, ?3) ORDER BY deletion_at, id LIMIT ?4";
const WITHOUT_MAC: &str = "SELECT count(*), coalesce(sum(length(sealed)), 0) FROM object \
     INDEXED BY object_without_mac WHERE length(mac) = 0";
const AUDIT: &str = "SELECT seq, record, mac FROM audit WHERE seq >= ?1 ORDER BY seq LIMIT ?2";
const AUDIT_LAST: &str =
    "SELECT seq, record, mac FROM audit WHERE seq >= 0 ORDER BY seq DESC LIMIT 1";

const ARCHIVED: &str =
    "SELECT uid, class, version, seal FROM archived_object WHERE uid > ?1 ORDER BY uid LIMIT ?2";
const ARCHIVED_OBJECT: &str =
    "SELECT uid, class, version, seal FROM archived_object WHERE uid = ?1";

const POSTED: &str = "SELECT id, uid, class, key_type, private, hidden, expires_at, deletion_at \
     FROM posting AS p CROSS JOIN object AS o ON o.id = p.object WHERE p.value = ?1";
const POSTED_SIZE: &str = "SELECT count(*) FROM (SELECT 1 FROM posting WHERE value = ?1 LIMIT ?2)";
const HAS_POSTING: &str = "SELECT 1 FROM posting WHERE value = ?1 AND object = ?2";

/// The statements of one combination of class and key type. ?1 and ?2 are the values of `private`
/// to look among, ?3 is the class, ?4 the key type.
struct Kind {
    list: &'static str,
    size: &'static str,
}

macro_rules! kind {
    ($index:literal, $also:literal) => {
        Kind {
            list: concat!(
                "SELECT id, uid, class, key_type, private, hidden, expires_at, deletion_at FROM object ",
                "INDEXED BY ",
                $index,
                " WHERE private IN (?1, ?2) ",
                $also
            ),
            size: concat!(
                "SELECT count(*) FROM (SELECT 1 FROM object INDEXED BY ",
                $index,
                " WHERE private IN (?1, ?2) ",
                $also,
                " LIMIT ?5)"
            ),
        }
    };
}

static ANY: Kind = kind!("object_class", "AND ?3 IS NULL AND ?4 IS NULL");
static CLASS: Kind = kind!("object_class", "AND class = ?3 AND ?4 IS NULL");
static KEY_TYPE: Kind = kind!("object_key_type", "AND key_type = ?4 AND ?3 IS NULL");
static CLASS_AND_KEY_TYPE: Kind = kind!("object_class", "AND class = ?3 AND key_type = ?4");

/// Name in `meta` of the count of committed transactions: 8 bytes, big-endian.
pub(super) const GENERATION: &str = "store.generation";

/// Name in `meta` of what tells the store from others, whatever token is in it: 16 random bytes.
pub(super) const NAME: &str = "store.name";
/// Where an object stands among those that are due: expired materials come first, then objects
/// whose own end has come, each by time. The default is before all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DuePlace {
    deletion: bool,
    at: i64,
    id: i64,
}

/// One consistent state of the store, for as long as the closure that got it runs.
pub struct Snapshot<'c> {
    conn: &'c Connection,
}

impl<'c> Snapshot<'c> {
    pub(super) fn new(conn: &'c Connection) -> Self {
        Self { conn }
    }

    pub(super) fn conn(&self) -> &'c Connection {
        self.conn
    }

    /// How many transactions with changes the store had seen at this state: the key for a cache
    /// of what is read here. It never falls, and no two states with one number differ.
    ///
    /// Inside `write` it is the number of the last commit, while the reads see more: never key a
    /// cache by it there.
    pub fn generation(&self) -> Result<u64> {
        self.number(GENERATION)?
            .ok_or(Error::Corrupt("its change count is missing"))
    }

    /// The value that `set_meta` stored under `name`.
    pub fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let mut statement = self.conn.prepare_cached(META)?;
        Ok(statement.query_row([name], |row| row.get(0)).optional()?)
    }

    /// One of the store's own numbers in `meta`.
    pub(super) fn number(&self, name: &str) -> Result<Option<u64>> {
        let mut statement = self.conn.prepare_cached(META)?;
        let bytes: Option<[u8; 8]> = statement.query_row([name], |row| row.get(0)).optional()?;
        Ok(bytes.map(u64::from_be_bytes))
    }

    /// The object named `uid`.
    pub fn object(&self, uid: &Uid) -> Result<Option<Row>> {
        let mut statement = self.conn.prepare_cached(OBJECT)?;
        let row = statement.query_row([uid], object_row);
        Ok(row.optional()?)
    }

    /// Calls `each` with every object that meets the search, once each and in no particular order,
    /// until it breaks off. Costs O(log n + size of the smallest list among the postings and the
    /// objects of that class and key type).
    pub fn find(
        &self,
        search: &Search<'_>,
        each: &mut dyn FnMut(Head) -> ControlFlow<()>,
    ) -> Result<()> {
        match self.rarest(search)? {
            Some(posting) => {
                let mut statement = self.conn.prepare_cached(POSTED)?;
                self.sift(statement.query([posting])?, search, Some(posting), each)
            }
            None => {
                let mut statement = self.conn.prepare_cached(kind(search).list)?;
                let (low, high) = privacies(search);
                let rows = statement.query(params![
                    low,
                    high,
                    search.class.map(u64::cast_signed),
                    search.key_type.map(u64::cast_signed),
                ])?;
                self.sift(rows, search, None, each)
            }
        }
    }

    /// How many objects meet the search.
    pub fn count(&self, search: &Search<'_>) -> Result<u64> {
        let mut count = 0;
        self.find(search, &mut |_| {
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// At most `limit` of the objects with an `expires_at` or `deletion_at` in 1..=`now`, each with
    /// its place, from behind `after` on. Times beyond `i64::MAX` are never due.
    pub fn due(&self, now: u64, after: DuePlace, limit: usize) -> Result<Vec<(DuePlace, Uid)>> {
        let mut found = Vec::new();
        if !after.deletion {
            found = self.due_in(DUE_EXPIRED, now, after, limit)?;
        }
        if found.len() < limit {
            let after = DuePlace {
                deletion: true,
                ..if after.deletion {
                    after
                } else {
                    DuePlace::default()
                }
            };
            let missing = limit - found.len();
            found.extend(self.due_in(DUE_DELETION, now, after, missing)?);
        }
        Ok(found)
    }

    fn due_in(
        &self,
        list: &str,
        now: u64,
        after: DuePlace,
        limit: usize,
    ) -> Result<Vec<(DuePlace, Uid)>> {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.conn.prepare_cached(list)?;
        let rows = statement.query_map(params![now, after.at, after.id, limit], |row| {
            let place = DuePlace {
                deletion: after.deletion,
                at: row.get(1)?,
                id: row.get(2)?,
            };
            Ok((place, row.get(0)?))
        })?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// Number of the objects whose `mac` is empty, and of the bytes that are sealed in them. Costs O(that
    /// number).
    pub fn without_mac(&self) -> Result<(u64, u64)> {
        let mut statement = self.conn.prepare_cached(WITHOUT_MAC)?;
        Ok(statement.query_row([], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))?)
    }

    /// The material of the object named `uid`.
    pub fn material(&self, uid: &Uid) -> Result<Option<MaterialRow>> {
        let mut statement = self.conn.prepare_cached(MATERIAL)?;
        let row = statement.query_row([uid], |row| {
            Ok(MaterialRow {
                data_key: row.get(0)?,
                sealed: row.get(1)?,
            })
        });
        Ok(row.optional()?)
    }

    /// At most `limit` records from position `from_seq` on, in order.
    pub fn audit(&self, from_seq: u64, limit: usize) -> Result<Vec<AuditRow>> {
        let Ok(from) = i64::try_from(from_seq) else {
            return Ok(Vec::new());
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.conn.prepare_cached(AUDIT)?;
        let rows = statement.query_map([from, limit], audit_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The record with the highest position.
    pub fn audit_last(&self) -> Result<Option<AuditRow>> {
        let mut statement = self.conn.prepare_cached(AUDIT_LAST)?;
        Ok(statement.query_row([], audit_row).optional()?)
    }

    /// At most `limit` of what archived records say of objects, in the order of their names, from
    /// behind `after` on.
    pub fn archived(&self, after: Option<&Uid>, limit: usize) -> Result<Vec<ArchivedObject>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = after.map_or(&[][..], |uid| &uid[..]);
        let mut statement = self.conn.prepare_cached(ARCHIVED)?;
        let rows = statement.query_map(params![after, limit], archived_object)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// What archived records say of one object.
    pub fn archived_object(&self, uid: &Uid) -> Result<Option<ArchivedObject>> {
        let mut statement = self.conn.prepare_cached(ARCHIVED_OBJECT)?;
        Ok(statement.query_row([uid], archived_object).optional()?)
    }

    /// The posting to walk, or `None` where the objects of the search's kind are fewer.
    ///
    /// Sizes are counted up to a limit that grows until one list stays below it, so counting costs
    /// no more than a small multiple of walking that list.
    fn rarest<'a>(&self, search: &Search<'a>) -> Result<Option<&'a Posting>> {
        let by_kind = search.class.is_some() || search.key_type.is_some();
        match search.postings {
            [] => return Ok(None),
            [only] if !by_kind => return Ok(Some(only)),
            _ => {}
        }
        let mut limit = 16;
        loop {
            let mut smallest = None;
            for posting in search.postings {
                let size = self.posted_size(posting, limit)?;
                if smallest.is_none_or(|(least, _)| size < least) {
                    smallest = Some((size, Some(posting)));
                }
                if size == 0 {
                    return Ok(Some(posting));
                }
            }
            // Below the first limit any list is short enough.
            if by_kind && smallest.is_none_or(|(least, _)| least == limit) {
                let size = self.kind_size(search, limit)?;
                if size < limit {
                    smallest = Some((size, None));
                }
            }
            match smallest {
                Some((size, rarest)) if size < limit => return Ok(rarest),
                _ => limit = limit.saturating_mul(16),
            }
        }
    }

    fn posted_size(&self, posting: &Posting, limit: i64) -> Result<i64> {
        let mut statement = self.conn.prepare_cached(POSTED_SIZE)?;
        Ok(statement.query_row(params![posting, limit], |row| row.get(0))?)
    }

    fn kind_size(&self, search: &Search<'_>, limit: i64) -> Result<i64> {
        let mut statement = self.conn.prepare_cached(kind(search).size)?;
        let (low, high) = privacies(search);
        let class = search.class.map(u64::cast_signed);
        let key_type = search.key_type.map(u64::cast_signed);
        Ok(statement.query_row(params![low, high, class, key_type, limit], |row| row.get(0))?)
    }

    /// Passes on those of `rows` that meet the search. All have the posting `walked`.
    fn sift(
        &self,
        mut rows: rusqlite::Rows<'_>,
        search: &Search<'_>,
        walked: Option<&Posting>,
        each: &mut dyn FnMut(Head) -> ControlFlow<()>,
    ) -> Result<()> {
        while let Some(row) = rows.next()? {
            let head = head(row)?;
            if !fits(&head, search) {
                continue;
            }
            if !self.has_all(row.get(0)?, search.postings, walked)? {
                continue;
            }
            if each(head).is_break() {
                break;
            }
        }
        Ok(())
    }

    /// Whether the object has all of `postings`; it is known to have `walked`.
    fn has_all(&self, id: i64, postings: &[Posting], walked: Option<&Posting>) -> Result<bool> {
        let mut statement = self.conn.prepare_cached(HAS_POSTING)?;
        for posting in postings {
            if Some(posting) != walked && !statement.exists(params![posting, id])? {
                return Ok(false);
            }
        }
        Ok(true)
    }
}

fn kind(search: &Search<'_>) -> &'static Kind {
    match (search.class, search.key_type) {
        (None, None) => &ANY,
        (Some(_), None) => &CLASS,
        (None, Some(_)) => &KEY_TYPE,
        (Some(_), Some(_)) => &CLASS_AND_KEY_TYPE,
    }
}

fn privacies(search: &Search<'_>) -> (bool, bool) {
    search
        .private
        .map_or((false, true), |private| (private, private))
}

fn fits(head: &Head, search: &Search<'_>) -> bool {
    search.class.is_none_or(|class| class == head.class)
        && (search.key_type.is_none() || search.key_type == head.key_type)
        && search.private.is_none_or(|private| private == head.private)
        && search.hidden.is_none_or(|hidden| hidden == head.hidden)
}

fn head(row: &rusqlite::Row<'_>) -> rusqlite::Result<Head> {
    Ok(Head {
        uid: row.get(1)?,
        class: unsigned(row, 2)?,
        key_type: row.get::<_, Option<i64>>(3)?.map(i64::cast_unsigned),
        private: row.get(4)?,
        hidden: row.get(5)?,
        expires_at: unsigned(row, 6)?,
        deletion_at: unsigned(row, 7)?,
    })
}

/// An object whose columns are in the order of `OBJECT`.
pub(super) fn object_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    Ok(Row {
        uid: row.get(0)?,
        class: unsigned(row, 1)?,
        key_type: row.get::<_, Option<i64>>(2)?.map(i64::cast_unsigned),
        private: row.get(3)?,
        hidden: row.get(4)?,
        expires_at: unsigned(row, 5)?,
        deletion_at: unsigned(row, 6)?,
        version: unsigned(row, 7)?,
        format: row.get(8)?,
        mac: row.get(9)?,
        sealed: row.get(10)?,
    })
}

fn archived_object(row: &rusqlite::Row<'_>) -> rusqlite::Result<ArchivedObject> {
    Ok(ArchivedObject {
        uid: row.get(0)?,
        class: unsigned(row, 1)?,
        version: unsigned(row, 2)?,
        seal: row.get(3)?,
    })
}

fn audit_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        seq: unsigned(row, 0)?,
        record: row.get(1)?,
        mac: row.get(2)?,
    })
}

/// The number whose bit pattern the column holds.
fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    /// SQLite's plan for `sql`, one line for each step.
    fn plan(conn: &Connection, sql: &str) -> Vec<String> {
        let mut statement = conn.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let nothing = vec![rusqlite::types::Null; statement.parameter_count()];
        let steps = statement
            .query_map(rusqlite::params_from_iter(nothing), |row| row.get("detail"))
            .unwrap();
        steps.collect::<rusqlite::Result<_>>().unwrap()
    }

    #[test]
    fn no_statement_reads_more_than_it_returns() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&directory.path().join("slot-0000.tenon")).unwrap();
        let kinds = [&ANY, &CLASS, &KEY_TYPE, &CLASS_AND_KEY_TYPE];
        let statements = [
            META,
            OBJECT,
            MATERIAL,
            DUE_EXPIRED,
            DUE_DELETION,
            AUDIT,
            AUDIT_LAST,
            ARCHIVED,
            ARCHIVED_OBJECT,
            POSTED,
            POSTED_SIZE,
            HAS_POSTING,
        ]
        .into_iter()
        .chain(kinds.iter().flat_map(|kind| [kind.list, kind.size]));
        store
            .read(|s| -> Result<()> {
                for sql in statements {
                    let plan = plan(s.conn, sql);
                    assert!(
                        plan.iter().any(|step| step.starts_with("SEARCH ")),
                        "{plan:?}"
                    );
                    for step in plan {
                        // The rows of an inner SELECT that is itself searched and limited.
                        let inner =
                            step == "SCAN (subquery-1)" || step.starts_with("SCAN CONSTANT");
                        assert!(inner || !step.starts_with("SCAN"), "{step}: {sql}");
                        assert!(!step.contains("AUTOMATIC"), "{step}: {sql}");
                        assert!(!step.contains("ORDER BY"), "{step}: {sql}");
                    }
                }
                Ok(())
            })
            .unwrap();
    }

    #[test]
    fn searches_by_kind_use_every_column_given() {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::create(&directory.path().join("slot-0000.tenon")).unwrap();
        store
            .read(|s| -> Result<()> {
                for (kind, columns) in [
                    (&ANY, "(private=?)"),
                    (&CLASS, "(private=? AND class=?)"),
                    (&KEY_TYPE, "(private=? AND key_type=?)"),
                    (
                        &CLASS_AND_KEY_TYPE,
                        "(private=? AND class=? AND key_type=?)",
                    ),
                ] {
                    for sql in [kind.list, kind.size] {
                        let plan = plan(s.conn, sql);
                        assert!(plan.iter().any(|step| step.ends_with(columns)), "{plan:?}");
                    }
                }
                Ok(())
            })
            .unwrap();
    }
}
