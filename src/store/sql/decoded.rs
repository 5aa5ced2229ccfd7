//! Rows of the store, as the columns of an answer have them.

use crate::store::error::{Error, Result};
use crate::store::row::{ArchivedObject, AuditRow, Row};

use super::answer::Columns;

pub(super) fn object_row(row: &Columns) -> Result<Row> {
    Ok(Row {
        uid: row.array(0)?,
        class: row.unsigned(1)?,
        key_type: row.optional_unsigned(2)?,
        private: row.bool(3)?,
        hidden: row.bool(4)?,
        expires_at: row.unsigned(5)?,
        deletion_at: row.unsigned(6)?,
        version: row.unsigned(7)?,
        format: u32::try_from(row.int(8)?).map_err(|_| Error::Corrupt("a format's number"))?,
        mac: row.bytes(9)?,
        sealed: row.bytes(10)?,
    })
}

pub(super) fn audit_row(row: &Columns) -> Result<AuditRow> {
    Ok(AuditRow {
        seq: row.unsigned(0)?,
        record: row.bytes(1)?,
        mac: row.bytes(2)?,
    })
}

pub(super) fn archived_object(row: &Columns) -> Result<ArchivedObject> {
    Ok(ArchivedObject {
        uid: row.array(0)?,
        class: row.unsigned(1)?,
        version: row.unsigned(2)?,
        seal: row.array(3)?,
    })
}
