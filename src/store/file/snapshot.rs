//! Reading one consistent state of the store.
//!
//! Every statement here is a SEARCH of an index or of a table's own tree; a test asks SQLite for
//! its plans. With `INDEXED BY`, a plan other than the one wanted is an error.

use std::ops::{ControlFlow, RangeInclusive};

use rusqlite::{Connection, OptionalExtension, params};

use crate::store::door::ReadRows;
use crate::store::error::Result;
use crate::store::row::{
    ArchivedObject, AuditRow, DuePlace, Head, MaterialRow, Posting, Row, SearchConditions,
    SearchPlace, Uid,
};

use super::columns::{archived_object, audit_row, object_row, unsigned};
use super::rows::FileRows;
use super::{inspect, search};

const META_NAMES: &str = "SELECT name FROM meta WHERE NOT (name GLOB 'store.*') ORDER BY name";
const OBJECT: &str = "SELECT uid, class, key_type, private, hidden, expires_at, deletion_at, version, \
     format, mac, sealed FROM object WHERE uid = ?1";
const MATERIAL: &str = "SELECT data_key, m.sealed FROM object AS o CROSS JOIN material AS m \
     ON m.object = o.id WHERE o.uid = ?1";
const OBJECT_AND_MATERIAL: &str = "SELECT uid, class, key_type, private, hidden, expires_at, \
     deletion_at, version, format, mac, o.sealed, m.data_key, m.sealed FROM object AS o \
     LEFT JOIN material AS m ON m.object = o.id WHERE o.uid >= ?1 AND o.uid <= ?2";
/// ?1 is the present time, ?2 and ?3 are time and id of the place to go on after, ?4 is the limit.
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

impl ReadRows for FileRows<'_> {
    fn generation(&self) -> Result<u64> {
        FileRows::generation(self)
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.value(name)
    }

    fn meta_names(&self) -> Result<Vec<String>> {
        let mut statement = self.conn().prepare_cached(META_NAMES)?;
        let names = statement.query_map([], |row| row.get(0))?;
        Ok(names.collect::<rusqlite::Result<_>>()?)
    }

    fn find_from(
        &self,
        search: &SearchConditions<'_>,
        place: &mut SearchPlace,
        each: &mut dyn FnMut(Head) -> ControlFlow<()>,
    ) -> Result<()> {
        search::find_from(self.conn(), search, place, each)
    }

    fn object(&self, uid: &Uid) -> Result<Option<Row>> {
        let mut statement = self.conn().prepare_cached(OBJECT)?;
        let row = statement.query_row([uid], object_row);
        Ok(row.optional()?)
    }

    fn due(&self, now: u64, after: DuePlace, limit: usize) -> Result<Vec<(DuePlace, Uid)>> {
        let mut found = Vec::new();
        if !after.deletion {
            found = due_in(self.conn(), DUE_EXPIRED, now, after, limit)?;
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
            found.extend(due_in(self.conn(), DUE_DELETION, now, after, missing)?);
        }
        Ok(found)
    }

    fn without_mac(&self) -> Result<(u64, u64)> {
        let mut statement = self.conn().prepare_cached(WITHOUT_MAC)?;
        Ok(statement.query_row([], |row| Ok((unsigned(row, 0)?, unsigned(row, 1)?)))?)
    }

    fn load_among(&self, uids: &RangeInclusive<Uid>) -> Result<Option<(Row, Option<MaterialRow>)>> {
        let mut statement = self.conn().prepare_cached(OBJECT_AND_MATERIAL)?;
        let mut rows = statement.query([uids.start(), uids.end()])?;
        let Some(row) = rows.next()? else {
            return Ok(None);
        };
        let data_key: Option<Vec<u8>> = row.get(11)?;
        let material = match data_key {
            Some(data_key) => Some(MaterialRow {
                data_key,
                sealed: row.get(12)?,
            }),
            None => None,
        };
        let loaded = (object_row(row)?, material);
        Ok(rows.next()?.is_none().then_some(loaded))
    }

    fn material(&self, uid: &Uid) -> Result<Option<MaterialRow>> {
        let mut statement = self.conn().prepare_cached(MATERIAL)?;
        let row = statement.query_row([uid], |row| {
            Ok(MaterialRow {
                data_key: row.get(0)?,
                sealed: row.get(1)?,
            })
        });
        Ok(row.optional()?)
    }

    fn audit(&self, from_seq: u64, limit: usize) -> Result<Vec<AuditRow>> {
        let Ok(from) = i64::try_from(from_seq) else {
            return Ok(Vec::new());
        };
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self.conn().prepare_cached(AUDIT)?;
        let rows = statement.query_map([from, limit], audit_row)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn audit_last(&self) -> Result<Option<AuditRow>> {
        let mut statement = self.conn().prepare_cached(AUDIT_LAST)?;
        Ok(statement.query_row([], audit_row).optional()?)
    }

    fn archived(&self, after: Option<&Uid>, limit: usize) -> Result<Vec<ArchivedObject>> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let after = after.map_or(&[][..], |uid| &uid[..]);
        let mut statement = self.conn().prepare_cached(ARCHIVED)?;
        let rows = statement.query_map(params![after, limit], archived_object)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    fn archived_object(&self, uid: &Uid) -> Result<Option<ArchivedObject>> {
        let mut statement = self.conn().prepare_cached(ARCHIVED_OBJECT)?;
        Ok(statement.query_row([uid], archived_object).optional()?)
    }

    fn objects(&self, each: &mut dyn FnMut(Row) -> ControlFlow<()>) -> Result<()> {
        inspect::objects(self.conn(), each)
    }

    fn postings(&self, uid: &Uid) -> Result<Vec<Posting>> {
        inspect::postings(self.conn(), uid)
    }

    fn posting_count(&self) -> Result<u64> {
        inspect::posting_count(self.conn())
    }

    fn material_count(&self) -> Result<u64> {
        inspect::material_count(self.conn())
    }

    fn data_keys_without(
        &self,
        prefix: &[u8],
        after: Option<&Uid>,
        limit: usize,
    ) -> Result<Vec<(Uid, Vec<u8>)>> {
        inspect::data_keys_without(self.conn(), prefix, after, limit)
    }

    fn faults(&self) -> Result<Vec<String>> {
        inspect::faults(self.conn())
    }
}

fn due_in(
    conn: &Connection,
    list: &str,
    now: u64,
    after: DuePlace,
    limit: usize,
) -> Result<Vec<(DuePlace, Uid)>> {
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let mut statement = conn.prepare_cached(list)?;
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

#[cfg(test)]
mod tests {
    use super::super::rows::META;
    use super::super::testing;
    use super::*;

    #[test]
    fn no_statement_reads_more_than_it_returns() {
        let (_directory, conn) = testing::database();
        for sql in [
            META,
            OBJECT,
            OBJECT_AND_MATERIAL,
            MATERIAL,
            DUE_EXPIRED,
            DUE_DELETION,
            AUDIT,
            AUDIT_LAST,
            ARCHIVED,
            ARCHIVED_OBJECT,
        ] {
            testing::assert_searches(&conn, sql);
        }
    }
}
