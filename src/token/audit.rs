//! The audit record: what happened, in the transaction in which it happened.
//!
//! Records are chained: each is authenticated, with the one before it, under a key that is ratcheted
//! forward at each record, and the old key is erased. The first key is sealed under the master key,
//! so verifying needs a login and recording does not.

use crate::ck;
use crate::clock::UnixTime;
use crate::crypto::hash::hmac_sha256;
use crate::crypto::kdf;
use crate::error::Result;
use crate::secret::Secret;
use crate::store::{AuditRow, Tx, Uid};

use super::vault::{KEY_LEN, damaged};

/// Row of the key of the next record.
pub(super) const KEY_ROW: &str = "audit.key";
/// Row of the first key, sealed under the master key.
pub(super) const FIRST_KEY_ROW: &str = "audit.first";

/// What happened. The numbers are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Event {
    InitToken = 1,
    InitPin = 2,
    SetPin = 3,
    LoginRefused = 4,
    Create = 5,
    Generate = 6,
    Copy = 7,
    Change = 8,
    Destroy = 9,
    Unwrap = 10,
    Import = 11,
    ImportRefused = 12,
    EraseMaterial = 13,
    Expire = 14,
    Derive = 15,
}

/// An object that a change touched: uid, version and the end of its sealed bytes, so that an older
/// row put back later does not agree with the record.
pub(super) struct Touched {
    pub(super) uid: Uid,
    pub(super) version: u64,
    pub(super) seal: [u8; 16],
}

/// Appends a record and ratchets the key.
pub(super) fn append(
    tx: &Tx<'_>,
    event: Event,
    at: UnixTime,
    rv: ck::CK_RV,
    touched: &[Touched],
) -> Result<()> {
    let key = tx
        .meta(KEY_ROW)?
        .map(Secret::from)
        .filter(|key| key.len() == KEY_LEN)
        .ok_or_else(|| damaged("the audit record's key"))?;
    let last = tx.audit_last()?;
    let (seq, previous) = last.map_or((1, Vec::new()), |row| (row.seq + 1, row.mac));
    let mut record = vec![event as u8];
    record.extend_from_slice(&at.to_be_bytes());
    record.extend_from_slice(&rv.to_be_bytes());
    for object in touched {
        record.extend_from_slice(&object.uid);
        record.extend_from_slice(&object.version.to_be_bytes());
        record.extend_from_slice(&object.seal);
    }
    let mac = mac(&key, seq, &previous, &record);
    tx.append_audit(&AuditRow {
        seq,
        record,
        mac: mac.to_vec(),
    })?;
    tx.set_meta(KEY_ROW, &ratchet(&key))?;
    Ok(())
}

fn mac(key: &Secret, seq: u64, previous: &[u8], record: &[u8]) -> [u8; 32] {
    hmac_sha256(key, &[&seq.to_be_bytes(), previous, record])
}

fn ratchet(key: &Secret) -> Secret {
    let mut next = Secret::zeroed(KEY_LEN);
    kdf::hkdf_sha256(key, b"", &[b"tenon audit 1"], &mut next);
    next
}

/// Checks the whole chain from its first key.
///
/// # Errors
/// CKR_DEVICE_ERROR naming the first record that was edited, removed or reordered.
pub(super) fn verify(
    first: Secret,
    stored_key: &[u8],
    mut next: impl FnMut(u64) -> Result<Vec<AuditRow>>,
) -> Result<u64> {
    let (mut key, mut previous, mut seq) = (first, Vec::new(), 0);
    loop {
        let rows = next(seq + 1)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            seq += 1;
            let expected = Secret::copy(&mac(&key, seq, &previous, &row.record));
            if row.seq != seq || !expected.ct_eq(&row.mac) {
                return Err(damaged(format!("audit record {seq}")));
            }
            key = ratchet(&key);
            previous = row.mac;
        }
    }
    if !key.ct_eq(stored_key) {
        return Err(damaged(format!(
            "the end of the audit record, after record {seq},"
        )));
    }
    Ok(seq)
}
