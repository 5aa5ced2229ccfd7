//! The chain of audit records. Each record is authenticated together with the one before it. After each
//! record the key is replaced by the next one, derived from it, and erased. The first key is sealed
//! under the master key, so verifying needs a login and recording does not.

use crate::crypto::hash::hmac_sha256;
use crate::crypto::kdf;
use crate::error::Result;
use crate::secret::Secret;
use crate::store::{AuditRow, Snapshot, Tx};

use super::Entry;
use crate::token::record::damaged::damaged;
use crate::token::record::domain::KEY_LEN;

/// Row of the key of the next record.
pub(in crate::token) const KEY_ROW: &str = "audit.key";
/// Row of the first key, sealed under the master key.
pub(in crate::token) const FIRST_KEY_ROW: &str = "audit.first";

/// How many records are read at a time.
const PAGE: usize = 1000;

/// Appends a record and moves on to the next key. Returns the record's position and code.
pub(in crate::token) fn append(tx: &Tx<'_>, entry: &Entry) -> Result<(u64, [u8; 32])> {
    let key = tx
        .meta(KEY_ROW)?
        .map(Secret::from)
        .filter(|key| key.len() == KEY_LEN)
        .ok_or_else(|| damaged("the audit record's key"))?;
    let last = tx.audit_last()?;
    let (seq, previous) = last.map_or((1, Vec::new()), |row| (row.seq + 1, row.mac));
    let record = entry.encode();
    let mac = mac(&key, seq, &previous, &record);
    tx.append_audit(&AuditRow {
        seq,
        record,
        mac: mac.to_vec(),
    })?;
    tx.set_meta(KEY_ROW, &ratchet(&key))?;
    Ok((seq, mac))
}

/// Passes every record after `from` to `each`, once it is known to be genuine; returns the last position.
///
/// # Errors
/// CKR_DEVICE_ERROR naming the first record that was edited, removed or reordered; those of `each`.
pub(in crate::token) fn walk(
    snapshot: &Snapshot<'_>,
    from: &Link,
    mut each: impl FnMut(u64, Entry) -> Result<()>,
) -> Result<u64> {
    let mut link = from.clone();
    loop {
        let rows = snapshot.audit(link.position + 1, PAGE)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            let entry = link.step(&row)?;
            each(link.position, entry)?;
        }
    }
    let stored = snapshot
        .meta(KEY_ROW)?
        .ok_or_else(|| damaged("the audit record's key"))?;
    if !link.key.ct_eq(&stored) {
        return Err(damaged(format!(
            "the end of the audit record, after record {},",
            link.position
        )));
    }
    Ok(link.position)
}

/// A place between two records of a chain, with what the next record is checked by.
#[derive(Clone)]
pub(in crate::token) struct Link {
    /// Position of the record before.
    pub(in crate::token) position: u64,
    /// Its authentication code; empty before the first record.
    mac: Vec<u8>,
    /// Key of the record after.
    key: Secret,
}

impl Link {
    /// The place before the first record, whose key is `key`.
    pub(in crate::token) fn first(key: Secret) -> Self {
        Self {
            position: 0,
            mac: Vec::new(),
            key,
        }
    }

    /// Moves past the next record, once it is known to be genuine.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR naming the record.
    pub(in crate::token) fn step(&mut self, row: &AuditRow) -> Result<Entry> {
        let seq = self.position + 1;
        let expected = Secret::copy(&mac(&self.key, seq, &self.mac, &row.record));
        if row.seq != seq || !expected.ct_eq(&row.mac) {
            return Err(damaged(format!("audit record {seq}")));
        }
        let entry = Entry::decode(&row.record)
            .ok_or_else(|| damaged(format!("the form of audit record {seq}")))?;
        self.position = seq;
        self.mac.clone_from(&row.mac);
        self.key = ratchet(&self.key);
        Ok(entry)
    }

    /// Position (8) ‖ key (32) ‖ authentication code (32, or nothing). It is stored sealed.
    pub(in crate::token) fn encode(&self) -> Secret {
        Secret::from([&self.position.to_be_bytes()[..], &self.key, &self.mac].concat())
    }

    /// Decodes what `encode` made; `None` for anything else.
    pub(in crate::token) fn decode(bytes: &[u8]) -> Option<Self> {
        let (position, rest) = bytes.split_first_chunk()?;
        let (key, mac) = rest.split_at_checked(KEY_LEN)?;
        Some(Self {
            position: u64::from_be_bytes(*position),
            key: Secret::copy(key),
            mac: mac.to_vec(),
        })
    }
}

impl PartialEq for Link {
    fn eq(&self, other: &Self) -> bool {
        self.position == other.position && self.mac == other.mac && self.key.ct_eq(&other.key)
    }
}

fn mac(key: &Secret, seq: u64, previous: &[u8], record: &[u8]) -> [u8; 32] {
    hmac_sha256(key, &[&seq.to_be_bytes(), previous, record])
}

fn ratchet(key: &Secret) -> Secret {
    let mut next = Secret::zeroed(KEY_LEN);
    kdf::hkdf_sha256(key, b"", &[b"tenon audit 1"], &mut next);
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ck;
    use crate::crypto::rand::SystemRng;
    use crate::policy::Login;
    use crate::rng;
    use crate::store::Store;
    use crate::token::identity::audit::{Doing, Event};

    /// `TENON_AUDIT_RECORDS=1000000` shows that a walk takes memory for one page of records alone.
    #[test]
    fn a_walk_goes_through_every_page_in_order() {
        let count = std::env::var("TENON_AUDIT_RECORDS");
        let count: u64 = count.map_or(2 * PAGE as u64 + 1, |count| count.parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("slot-0000.tenon")).unwrap();
        let first = rng::secret(&SystemRng, KEY_LEN);
        store
            .write(|tx| -> Result<()> {
                tx.set_meta(KEY_ROW, &first)?;
                for at in 1..=count {
                    append(
                        tx,
                        &Doing::from(Event::Change).entry(Login::User, at, ck::CKR_OK),
                    )?;
                }
                Ok(())
            })
            .unwrap();
        let walked = store.read(|snapshot| {
            let mut expected = 0;
            walk(snapshot, &Link::first(first.clone()), |seq, entry| {
                expected += 1;
                assert_eq!((seq, entry.at), (expected, expected));
                Ok(())
            })
            .map(|last| (last, expected))
        });
        assert_eq!(walked.unwrap(), (count, count));
    }
}
