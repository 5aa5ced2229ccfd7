//! Turns the columns of a statement's result into the rows of `store::row`.

use crate::store::row::{ArchivedObject, AuditRow, Head, Kind, Row};

/// An object's clear columns, in the order `id, uid, class, key_type, private, hidden, expires_at,
/// deletion_at`.
pub(super) fn head(row: &rusqlite::Row<'_>) -> rusqlite::Result<Head> {
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

/// The clear columns of an object of one kind, in the order `id, uid, hidden | expires_at | deletion_at, hidden,
/// expires_at, deletion_at`. Reading a column costs as much as finding the row, and most objects have 0 in the third.
pub(super) fn head_of_kind(row: &rusqlite::Row<'_>, kind: Kind) -> rusqlite::Result<Head> {
    let limited = unsigned(row, 2)? != 0;
    let (hidden, expires_at, deletion_at) = match limited {
        true => (row.get(3)?, unsigned(row, 4)?, unsigned(row, 5)?),
        false => (false, 0, 0),
    };
    Ok(Head {
        uid: row.get(1)?,
        class: kind.class.cast_unsigned(),
        key_type: kind.key_type.map(i64::cast_unsigned),
        private: kind.private,
        hidden,
        expires_at,
        deletion_at,
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

pub(super) fn archived_object(row: &rusqlite::Row<'_>) -> rusqlite::Result<ArchivedObject> {
    Ok(ArchivedObject {
        uid: row.get(0)?,
        class: unsigned(row, 1)?,
        version: unsigned(row, 2)?,
        seal: row.get(3)?,
    })
}

pub(super) fn audit_row(row: &rusqlite::Row<'_>) -> rusqlite::Result<AuditRow> {
    Ok(AuditRow {
        seq: unsigned(row, 0)?,
        record: row.get(1)?,
        mac: row.get(2)?,
    })
}

/// A `u64` that the column holds as the bit pattern of an `i64`.
pub(super) fn unsigned(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}
