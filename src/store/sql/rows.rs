//! The rows of one token, in an open transaction.

use std::cell::{Cell, RefCell};
use std::ops::{ControlFlow, RangeInclusive};

use crate::store::door::{ChangeRows, ReadRows, check_name};
use crate::store::error::{Error, Result};
use crate::store::row::{
    ArchivedObject, AuditRow, DuePlace, Head, MaterialRow, Posting, Row, SearchConditions,
    SearchPlace, Uid,
};

use super::answer::{Answer, Columns, Value};
use super::decoded::{archived_object, audit_row, object_row};
use super::link::Link;
use super::patience::Patience;
use super::search;

const META: &str = "SELECT value FROM tenon.meta WHERE token = $1 AND name = $2";
const META_NAMES: &str = "SELECT name FROM tenon.meta WHERE token = $1 ORDER BY name COLLATE \"C\"";
const OBJECT: &str = "SELECT uid, class, key_type, private, hidden, expires_at, deletion_at, version, \
     format, mac, sealed FROM tenon.object WHERE token = $1 AND uid = $2";
const LOAD: &str = "SELECT uid, class, key_type, private, hidden, expires_at, deletion_at, version, format, mac, \
     o.sealed, m.data_key, m.sealed FROM tenon.object o \
     LEFT JOIN tenon.material m ON m.token = o.token AND m.object = o.id \
     WHERE o.token = $1 AND uid >= $2 AND uid <= $3 LIMIT 2";
const MATERIAL: &str = "SELECT m.data_key, m.sealed FROM tenon.object o \
     JOIN tenon.material m ON m.token = o.token AND m.object = o.id WHERE o.token = $1 AND uid = $2";
const DUE_EXPIRED: &str = "SELECT uid, expires_at, id FROM tenon.object WHERE token = $1 AND expires_at > 0 \
     AND expires_at <= $2 AND (expires_at, id) > ($3, $4) ORDER BY expires_at, id LIMIT $5";
const DUE_DELETION: &str = "SELECT uid, deletion_at, id FROM tenon.object WHERE token = $1 AND deletion_at > 0 \
     AND deletion_at <= $2 AND NOT (expires_at > 0 AND expires_at <= $2) AND (deletion_at, id) > ($3, $4) \
     ORDER BY deletion_at, id LIMIT $5";
const WITHOUT_MAC: &str = "SELECT count(*), coalesce(sum(length(sealed)), 0)::bigint FROM tenon.object \
     WHERE token = $1 AND length(mac) = 0";
const AUDIT: &str =
    "SELECT seq, record, mac FROM tenon.audit WHERE token = $1 AND seq >= $2 ORDER BY seq LIMIT $3";
const AUDIT_LAST: &str =
    "SELECT seq, record, mac FROM tenon.audit WHERE token = $1 ORDER BY seq DESC LIMIT 1";
const ARCHIVED: &str = "SELECT uid, class, version, seal FROM tenon.archived_object \
     WHERE token = $1 AND uid > $2 ORDER BY uid LIMIT $3";
const ARCHIVED_OBJECT: &str =
    "SELECT uid, class, version, seal FROM tenon.archived_object WHERE token = $1 AND uid = $2";
const OBJECTS: &str = "SELECT uid, class, key_type, private, hidden, expires_at, deletion_at, version, \
     format, mac, sealed, id FROM tenon.object WHERE token = $1 AND id > $2 ORDER BY id LIMIT $3";
const POSTINGS: &str = "SELECT value FROM tenon.posting p JOIN tenon.object o \
     ON o.token = p.token AND o.id = p.object WHERE p.token = $1 AND o.uid = $2 ORDER BY value";
const POSTING_COUNT: &str = "SELECT count(*) FROM tenon.posting WHERE token = $1";
const MATERIAL_COUNT: &str = "SELECT count(*) FROM tenon.material WHERE token = $1";
const DATA_KEYS: &str = "SELECT o.uid, m.data_key FROM tenon.object o \
     JOIN tenon.material m ON m.token = o.token AND m.object = o.id \
     WHERE o.token = $1 AND o.uid > $2 AND substring(m.data_key FROM 1 FOR length($3)) <> $3 \
     ORDER BY o.uid LIMIT $4";

const PUT: &str = "WITH put AS (\
     INSERT INTO tenon.object (token, uid, class, key_type, private, hidden, expires_at, deletion_at, \
     version, format, mac, sealed) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
     ON CONFLICT (token, uid) DO UPDATE SET class = $3, key_type = $4, private = $5, hidden = $6, \
     expires_at = $7, deletion_at = $8, version = $9, format = $10, mac = $11, sealed = $12 \
     RETURNING id, xmax <> 0 AS replaced), \
     gone AS (DELETE FROM tenon.posting p USING put WHERE put.replaced AND p.token = $1 \
     AND p.object = put.id AND p.value <> ALL ($13)), \
     posted AS (INSERT INTO tenon.posting (token, value, object) \
     SELECT DISTINCT $1::bigint, value, put.id FROM put, unnest($13) AS value ON CONFLICT DO NOTHING) \
     SELECT replaced FROM put";
const REMOVE: &str = "DELETE FROM tenon.object WHERE token = $1 AND uid = $2";
const SET_META: &str = "INSERT INTO tenon.meta AS m (token, name, value) VALUES ($1, $2, $3) \
     ON CONFLICT (token, name) DO UPDATE SET value = $3 WHERE m.value <> $3";
const REMOVE_META: &str = "DELETE FROM tenon.meta WHERE token = $1 AND name = $2";
const PUT_MATERIAL: &str = "INSERT INTO tenon.material (token, object, data_key, sealed) \
     SELECT token, id, $3, $4 FROM tenon.object WHERE token = $1 AND uid = $2 \
     ON CONFLICT (token, object) DO UPDATE SET data_key = $3, sealed = $4 RETURNING xmax <> 0";
const REPLACE_DATA_KEY: &str = "UPDATE tenon.material m SET data_key = $4 FROM tenon.object o \
     WHERE m.token = $1 AND o.token = $1 AND m.object = o.id AND o.uid = $2 AND m.data_key = $3";
const ERASE_MATERIAL: &str = "DELETE FROM tenon.material m USING tenon.object o \
     WHERE m.token = $1 AND o.token = $1 AND m.object = o.id AND o.uid = $2";
const APPEND_AUDIT: &str =
    "INSERT INTO tenon.audit (token, seq, record, mac) VALUES ($1, $2, $3, $4)";
const REMOVE_AUDIT: &str = "DELETE FROM tenon.audit WHERE token = $1 AND seq <= $2";
const PUT_ARCHIVED: &str = "INSERT INTO tenon.archived_object (token, uid, class, version, seal) \
     VALUES ($1, $2, $3, $4, $5) ON CONFLICT (token, uid) DO UPDATE SET version = $4, seal = $5";
const REMOVE_ARCHIVED: &str = "DELETE FROM tenon.archived_object WHERE token = $1 AND uid = $2";
const CLEAR: [&str; 4] = [
    "DELETE FROM tenon.object WHERE token = $1",
    "DELETE FROM tenon.audit WHERE token = $1",
    "DELETE FROM tenon.archived_object WHERE token = $1",
    "DELETE FROM tenon.meta WHERE token = $1",
];

/// The generation skips every number that may have been told of what was lost, or of what was read before.
const ACCEPT_LOSS: &str = "UPDATE tenon.token SET lost = 0, known = 0, noticed = 0, accepted = accepted + 1, \
     generation = greatest(generation, known) + 4294967296 WHERE id = $1 AND lost > 0";

/// Objects that one round trip brings.
const PAGE: i64 = 500;
/// Changes of objects that are collected at most before they are sent.
const COLLECTED: usize = 500;

/// What is to be learned from an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Lesson {
    None,
    /// The first column is the generation before this transaction, the second the server's start. Where there are
    /// more, they are `Settings`.
    Generation,
    /// The row is there.
    There,
    /// The rows that it touched are changes.
    Change,
    /// They are changes that others must learn of before this one is answered.
    Revocation,
    /// A change, and a revocation where the first column is true.
    RevocationIf,
}

/// What the database tells of itself in a transaction.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Told {
    /// The generation before the transaction.
    pub(super) generation: Option<u64>,
    /// The server's start, in microseconds, which tells it from others.
    pub(super) server: i64,
    pub(super) settings: Option<Settings>,
}

/// What the database tells a transaction that makes changes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Settings {
    /// The token's lease in milliseconds.
    pub(super) lease: u64,
    /// The server's timeline.
    pub(super) timeline: i64,
    /// Whether the server has a synchronous standby, and whether it or one before it ever had.
    pub(super) has_standby: bool,
    pub(super) had_standby: bool,
}

/// The rows of a token, as a transaction sees them.
pub(super) struct SqlRows<'c> {
    link: RefCell<&'c mut Link>,
    token: i64,
    patience: Patience,
    /// Of the statements that were collected and not sent.
    lessons: RefCell<Vec<Lesson>>,
    told: Cell<Told>,
    /// Something was sent to the server.
    sent: Cell<bool>,
    changed: Cell<bool>,
    revoked: Cell<bool>,
    /// The server has ended the transaction, or the connection is gone.
    failed: RefCell<Option<Error>>,
}

impl<'c> SqlRows<'c> {
    pub(super) fn new(link: &'c mut Link, token: i64, patience: impl Into<Patience>) -> Self {
        Self {
            link: RefCell::new(link),
            token,
            patience: patience.into(),
            lessons: RefCell::default(),
            told: Cell::default(),
            sent: Cell::new(false),
            changed: Cell::new(false),
            revoked: Cell::new(false),
            failed: RefCell::new(None),
        }
    }

    pub(super) fn has_changed(&self) -> bool {
        self.changed.get()
    }

    pub(super) fn has_revoked(&self) -> bool {
        self.revoked.get()
    }

    /// Whether anything was sent to the server.
    pub(super) fn has_sent(&self) -> bool {
        self.sent.get()
    }

    /// What the database told of itself.
    pub(super) fn told(&self) -> Told {
        self.told.get()
    }

    /// Takes what an earlier part of the same transaction was told.
    pub(super) fn learn_before(&self, told: Told) {
        self.told.set(told);
    }

    /// What made the transaction of no use, if anything did.
    pub(super) fn failure(&self) -> Option<Error> {
        self.failed.borrow().clone()
    }

    /// Collects a statement, whose parameters are the token and `values`.
    pub(super) fn collect(&self, sql: &str, values: &[Value<'_>], lesson: Lesson) -> Result<()> {
        let mut all = vec![Value::Int(self.token)];
        all.extend(values);
        self.collect_bare(sql, &all, lesson)
    }

    /// As `collect`, without the token.
    pub(super) fn collect_bare(
        &self,
        sql: &str,
        values: &[Value<'_>],
        lesson: Lesson,
    ) -> Result<()> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        self.link.borrow_mut().collect(sql, values)?;
        self.lessons.borrow_mut().push(lesson);
        Ok(())
    }

    /// Sends what was collected. Returns the last answer.
    pub(super) fn flush(&self) -> Result<Answer> {
        if let Some(failure) = self.failure() {
            return Err(failure);
        }
        let lessons = self.lessons.take();
        self.sent.set(true);
        let round = self.link.borrow_mut().run(self.patience.deadline());
        let round = round.inspect_err(|error| {
            self.failed.borrow_mut().get_or_insert(error.clone());
        })?;
        let mut last = Answer::default();
        for (answer, lesson) in round.answers.into_iter().zip(lessons) {
            self.learn(&answer, lesson).inspect_err(|error| {
                self.failed.borrow_mut().get_or_insert(error.clone());
            })?;
            last = answer;
        }
        Ok(last)
    }

    fn learn(&self, answer: &Answer, lesson: Lesson) -> Result<()> {
        let touched = answer.touched() > 0 || !answer.rows.is_empty();
        match lesson {
            Lesson::None => {}
            Lesson::Generation => {
                let row = answer.rows.first().ok_or(Error::TokenGone)?;
                let settings = match row.0.len() {
                    6 => Some(Settings {
                        lease: row.unsigned(2)?,
                        timeline: row.int(3)?,
                        has_standby: row.bool(4)?,
                        had_standby: row.bool(5)?,
                    }),
                    _ => None,
                };
                self.told.set(Told {
                    generation: Some(row.unsigned(0)?),
                    server: row.int(1)?,
                    settings,
                });
            }
            Lesson::There if touched => {}
            Lesson::There => return Err(Error::TokenGone),
            Lesson::Change => self.changed.set(self.changed.get() | touched),
            Lesson::Revocation => {
                self.changed.set(self.changed.get() | touched);
                self.revoked.set(self.revoked.get() | touched);
            }
            Lesson::RevocationIf => {
                self.changed.set(self.changed.get() | touched);
                for row in &answer.rows {
                    self.revoked.set(self.revoked.get() | row.bool(0)?);
                }
            }
        }
        Ok(())
    }

    /// Runs a statement and everything collected before it.
    pub(super) fn answer(&self, sql: &str, values: &[Value<'_>]) -> Result<Vec<Columns>> {
        self.collect(sql, values, Lesson::None)?;
        Ok(self.flush()?.rows)
    }

    fn first(&self, sql: &str, values: &[Value<'_>]) -> Result<Option<Columns>> {
        Ok(self.answer(sql, values)?.into_iter().next())
    }

    fn number(&self, sql: &str) -> Result<u64> {
        let row = self.first(sql, &[])?;
        row.map_or(Ok(0), |row| row.unsigned(0))
    }
}

fn limit(limit: usize) -> Value<'static> {
    Value::Int(i64::try_from(limit).unwrap_or(i64::MAX))
}

impl ReadRows for SqlRows<'_> {
    fn generation(&self) -> Result<u64> {
        if self.told.get().generation.is_none() {
            self.flush()?;
        }
        self.told.get().generation.ok_or(Error::TokenGone)
    }

    fn meta(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let row = self.first(META, &[Value::Text(name)])?;
        row.map(|row| row.bytes(0)).transpose()
    }

    fn meta_names(&self) -> Result<Vec<String>> {
        let rows = self.answer(META_NAMES, &[])?;
        rows.iter().map(|row| row.text(0)).collect()
    }

    fn object(&self, uid: &Uid) -> Result<Option<Row>> {
        let row = self.first(OBJECT, &[Value::Bytes(uid)])?;
        row.as_ref().map(object_row).transpose()
    }

    fn load_among(&self, uids: &RangeInclusive<Uid>) -> Result<Option<(Row, Option<MaterialRow>)>> {
        let rows = self.answer(
            LOAD,
            &[Value::Bytes(uids.start()), Value::Bytes(uids.end())],
        )?;
        let [row] = &rows[..] else {
            return Ok(None);
        };
        let material = match row.optional_bytes(11)? {
            Some(data_key) => Some(MaterialRow {
                data_key,
                sealed: row.bytes(12)?,
            }),
            None => None,
        };
        Ok(Some((object_row(row)?, material)))
    }

    fn material(&self, uid: &Uid) -> Result<Option<MaterialRow>> {
        let Some(row) = self.first(MATERIAL, &[Value::Bytes(uid)])? else {
            return Ok(None);
        };
        Ok(Some(MaterialRow {
            data_key: row.bytes(0)?,
            sealed: row.bytes(1)?,
        }))
    }

    fn find_from(
        &self,
        search: &SearchConditions<'_>,
        place: &mut SearchPlace,
        each: &mut dyn FnMut(Head) -> ControlFlow<()>,
    ) -> Result<()> {
        search::find_from(&|sql, values| self.answer(sql, values), search, place, each)
    }

    fn due(&self, now: u64, after: DuePlace, most: usize) -> Result<Vec<(DuePlace, Uid)>> {
        let now = i64::try_from(now).unwrap_or(i64::MAX);
        let mut found = Vec::new();
        for (deletion, sql) in [(false, DUE_EXPIRED), (true, DUE_DELETION)] {
            if (after.deletion && !deletion) || found.len() >= most {
                continue;
            }
            let (at, id) = match after.deletion == deletion {
                true => (after.at, after.id),
                false => (0, 0),
            };
            let values = [
                Value::Int(now),
                Value::Int(at),
                Value::Int(id),
                limit(most - found.len()),
            ];
            for row in self.answer(sql, &values)? {
                let (at, id) = (row.int(1)?, row.int(2)?);
                found.push((DuePlace { deletion, at, id }, row.array(0)?));
            }
        }
        Ok(found)
    }

    fn without_mac(&self) -> Result<(u64, u64)> {
        let row = self.first(WITHOUT_MAC, &[])?;
        row.map_or(Ok((0, 0)), |row| Ok((row.unsigned(0)?, row.unsigned(1)?)))
    }

    fn audit(&self, from_seq: u64, most: usize) -> Result<Vec<AuditRow>> {
        let Ok(from) = i64::try_from(from_seq) else {
            return Ok(Vec::new());
        };
        let rows = self.answer(AUDIT, &[Value::Int(from), limit(most)])?;
        rows.iter().map(audit_row).collect()
    }

    fn audit_last(&self) -> Result<Option<AuditRow>> {
        let row = self.first(AUDIT_LAST, &[])?;
        row.as_ref().map(audit_row).transpose()
    }

    fn archived(&self, after: Option<&Uid>, most: usize) -> Result<Vec<ArchivedObject>> {
        let after = after.map_or(&[][..], |uid| &uid[..]);
        let rows = self.answer(ARCHIVED, &[Value::Bytes(after), limit(most)])?;
        rows.iter().map(archived_object).collect()
    }

    fn archived_object(&self, uid: &Uid) -> Result<Option<ArchivedObject>> {
        let row = self.first(ARCHIVED_OBJECT, &[Value::Bytes(uid)])?;
        row.as_ref().map(archived_object).transpose()
    }

    fn objects(&self, each: &mut dyn FnMut(Row) -> ControlFlow<()>) -> Result<()> {
        let mut last = 0;
        loop {
            let rows = self.answer(OBJECTS, &[Value::Int(last), Value::Int(PAGE)])?;
            let Some(end) = rows.last() else {
                return Ok(());
            };
            last = end.int(11)?;
            for row in &rows {
                if each(object_row(row)?).is_break() {
                    return Ok(());
                }
            }
        }
    }

    fn postings(&self, uid: &Uid) -> Result<Vec<Posting>> {
        let rows = self.answer(POSTINGS, &[Value::Bytes(uid)])?;
        rows.iter().map(|row| row.array(0)).collect()
    }

    fn posting_count(&self) -> Result<u64> {
        self.number(POSTING_COUNT)
    }

    fn material_count(&self) -> Result<u64> {
        self.number(MATERIAL_COUNT)
    }

    fn data_keys_without(
        &self,
        prefix: &[u8],
        after: Option<&Uid>,
        most: usize,
    ) -> Result<Vec<(Uid, Vec<u8>)>> {
        let after = after.map_or(&[][..], |uid| &uid[..]);
        let values = [Value::Bytes(after), Value::Bytes(prefix), limit(most)];
        let rows = self.answer(DATA_KEYS, &values)?;
        let pair = |row: &Columns| Ok((row.array(0)?, row.bytes(1)?));
        rows.iter().map(pair).collect()
    }

    /// The engine keeps its own pages and indexes whole, and foreign keys let no row belong to nothing.
    fn faults(&self) -> Result<Vec<String>> {
        Ok(Vec::new())
    }
}

impl ChangeRows for SqlRows<'_> {
    fn postpone_emptying(&self) {}

    fn part(&self, part: &mut dyn FnMut() -> bool) -> Result<()> {
        self.collect_bare("SAVEPOINT part", &[], Lesson::None)?;
        self.flush()?;
        let (changed, revoked) = (self.changed.get(), self.revoked.get());
        let kept = part() && self.flush().is_ok();
        if let Some(Error::Unreachable(what)) = self.failure() {
            return Err(Error::Unreachable(what));
        }
        if !kept {
            self.failed.take();
            self.lessons.take();
            self.link.borrow_mut().forget();
            self.collect_bare("ROLLBACK TO part", &[], Lesson::None)?;
            self.changed.set(changed);
            self.revoked.set(revoked);
        }
        self.collect_bare("RELEASE part", &[], Lesson::None)?;
        self.flush()?;
        Ok(())
    }

    fn put(&self, row: &Row, postings: &[Posting]) -> Result<()> {
        let values = [
            Value::Bytes(&row.uid),
            Value::Int(row.class.cast_signed()),
            Value::OptionalInt(row.key_type.map(u64::cast_signed)),
            Value::Bool(row.private),
            Value::Bool(row.hidden),
            Value::Int(row.expires_at.cast_signed()),
            Value::Int(row.deletion_at.cast_signed()),
            Value::Int(row.version.cast_signed()),
            Value::Int(row.format.into()),
            Value::Bytes(&row.mac),
            Value::Bytes(&row.sealed),
            Value::List(postings),
        ];
        if self.lessons.borrow().len() >= COLLECTED {
            self.flush()?;
        }
        self.collect(PUT, &values, Lesson::RevocationIf)
    }

    fn remove(&self, uid: &Uid) -> Result<bool> {
        self.collect(REMOVE, &[Value::Bytes(uid)], Lesson::Revocation)?;
        Ok(self.flush()?.touched() > 0)
    }

    fn set_meta(&self, name: &str, value: &[u8]) -> Result<()> {
        check_name(name)?;
        let values = [Value::Text(name), Value::Bytes(value)];
        self.collect(SET_META, &values, Lesson::Change)
    }

    fn remove_meta(&self, name: &str) -> Result<()> {
        check_name(name)?;
        self.collect(REMOVE_META, &[Value::Text(name)], Lesson::Revocation)
    }

    fn put_material(&self, uid: &Uid, material: &MaterialRow) -> Result<()> {
        let values = [
            Value::Bytes(uid),
            Value::Bytes(&material.data_key),
            Value::Bytes(&material.sealed),
        ];
        self.collect(PUT_MATERIAL, &values, Lesson::RevocationIf)?;
        match self.flush()?.rows.is_empty() {
            true => Err(Error::NoSuchObject),
            false => Ok(()),
        }
    }

    fn replace_data_key(&self, uid: &Uid, old: &[u8], new: &[u8]) -> Result<()> {
        let values = [Value::Bytes(uid), Value::Bytes(old), Value::Bytes(new)];
        self.collect(REPLACE_DATA_KEY, &values, Lesson::Change)
    }

    fn erase_material(&self, uid: &Uid) -> Result<bool> {
        self.collect(ERASE_MATERIAL, &[Value::Bytes(uid)], Lesson::Revocation)?;
        Ok(self.flush()?.touched() > 0)
    }

    fn append_audit(&self, row: &AuditRow) -> Result<()> {
        let seq = i64::try_from(row.seq)
            .map_err(|_| Error::Corrupt("the audit log has no position left"))?;
        let values = [
            Value::Int(seq),
            Value::Bytes(&row.record),
            Value::Bytes(&row.mac),
        ];
        self.collect(APPEND_AUDIT, &values, Lesson::Change)
    }

    fn remove_audit(&self, up_to: u64) -> Result<()> {
        let up_to = i64::try_from(up_to).unwrap_or(i64::MAX);
        self.collect(REMOVE_AUDIT, &[Value::Int(up_to)], Lesson::Change)
    }

    fn put_archived(&self, object: &ArchivedObject) -> Result<Option<ArchivedObject>> {
        let before = self.archived_object(&object.uid)?;
        let values = [
            Value::Bytes(&object.uid),
            Value::Int(object.class.cast_signed()),
            Value::Int(object.version.cast_signed()),
            Value::Bytes(&object.seal),
        ];
        self.collect(PUT_ARCHIVED, &values, Lesson::Change)?;
        Ok(before)
    }

    fn remove_archived(&self, uid: &Uid) -> Result<Option<ArchivedObject>> {
        let before = self.archived_object(uid)?;
        self.collect(REMOVE_ARCHIVED, &[Value::Bytes(uid)], Lesson::Change)?;
        Ok(before)
    }

    fn accept_loss(&self) -> Result<()> {
        self.collect(ACCEPT_LOSS, &[], Lesson::Change)
    }

    fn clear(&self) -> Result<()> {
        for sql in CLEAR {
            self.collect(sql, &[], Lesson::Revocation)?;
        }
        Ok(())
    }
}
