//! Reading and verifying the audit record.

use serde_json::json;

use crate::ck;
use crate::error::{Result, refuse};

use super::Token;
use super::identity::audit::{self, Entry, Verified};
use super::identity::rows::differences;
use super::record::damaged::damaged;
use super::record::statement::{Receipt, fields};
use super::record::uid::{hex, shown};

/// `type` of the statement of an export.
const EXPORT: &str = "tenon audit export 1";

/// An export of audit records, as the token signs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditExport {
    /// Position of the first record.
    pub first: u64,
    /// Position of the last record.
    pub last: u64,
    /// SHA-256 of the export.
    pub sha256: [u8; 32],
}

impl Token {
    /// The signed statement that the records of `export` are those of this token. Needs a login. The caller has
    /// verified the records (`verify_audit`, `read_archive`).
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN, CKR_DEVICE_ERROR.
    pub fn sign_audit_export(&self, export: &AuditExport) -> Result<Receipt> {
        let keys = self.keys();
        let about = fields([
            ("type", json!(EXPORT)),
            ("serial", json!(keys.identity.serial_text())),
            ("first", json!(export.first)),
            ("last", json!(export.last)),
            ("sha256", json!(hex(export.sha256))),
        ]);
        self.sign(&keys, about)
    }

    /// At most `limit` records from position `from` on, in order, with their positions, which begin
    /// at 1. Labels are decrypted while somebody is logged in. The records are not verified.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR naming a record that cannot be read.
    pub fn audit(&self, from: u64, limit: usize) -> Result<Vec<(u64, Entry)>> {
        let keys = self.keys();
        let rows = self
            .state
            .store
            .read(|snapshot| snapshot.audit(from, limit))?;
        rows.into_iter()
            .map(|row| {
                let mut entry = Entry::decode(&row.record)
                    .ok_or_else(|| damaged(format!("audit record {}", row.seq)))?;
                if keys.master.is_some() {
                    entry.open_labels(&keys.vault())?;
                }
                Ok((row.seq, entry))
            })
            .collect()
    }

    /// Position of the token's first record, archived ones left out; 0 when there is none.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn audit_begin(&self) -> Result<u64> {
        let first = self.state.store.read(|snapshot| snapshot.audit(0, 1))?;
        Ok(first.first().map_or(0, |row| row.seq))
    }

    /// Position of the last record; 0 when there is none.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn audit_end(&self) -> Result<u64> {
        let last = self.state.store.read(|snapshot| snapshot.audit_last())?;
        Ok(last.map_or(0, |row| row.seq))
    }

    /// Checks the whole audit record, compares with it the objects, their index rows and their
    /// material, and checks the file. Needs a login. Memory does not grow with the number of records.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN; CKR_DEVICE_ERROR naming the first record that was edited, removed or
    /// reordered, the first object that is not as its record left it, or what else is wrong.
    pub fn verify_audit(&self) -> Result<Verified> {
        let keys = self.keys();
        let master = keys.master("verifying the audit record needs a login")?;
        let vault = keys.vault();
        self.state
            .store
            .read(|snapshot| audit::verify(snapshot, &vault, master))
    }

    /// Every object that is not as the audit record left it: its uid in hexadecimal digits, and how it
    /// differs. Needs a login. Memory grows with the number of uids in the audit record.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN; CKR_DEVICE_ERROR when the audit record itself is damaged, or agrees with
    /// the objects but not with the sum of the rows.
    pub fn differences(&self) -> Result<Vec<(String, String)>> {
        let keys = self.keys();
        let master = keys.master("comparing the objects with the audit record needs a login")?;
        let differ = self
            .state
            .store
            .read(|snapshot| differences(snapshot, master))?;
        if differ.objects.is_empty() && !differ.vouched {
            return refuse(
                ck::CKR_DEVICE_ERROR,
                "the audit record does not come to the sum of the rows: records were made up by others, or the sum is not genuine",
            );
        }
        let objects = differ.objects.into_iter();
        Ok(objects.map(|(uid, how)| (shown(&uid), how)).collect())
    }

    /// What SQLite finds wrong with the token's file; nothing when it is sound. Reads the whole file,
    /// and needs no login.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the file cannot be read at all.
    pub fn file_faults(&self) -> Result<Vec<String>> {
        Ok(self.state.store.read(|snapshot| snapshot.faults())?)
    }
}
