//! The chain: each record is authenticated, with the one before it, under a key that is ratcheted
//! forward at each record, and the old key is erased. The first key is sealed under the master key,
//! so verifying needs a login and recording does not.

use crate::crypto::hash::hmac_sha256;
use crate::crypto::kdf;
use crate::error::Result;
use crate::secret::Secret;
use crate::store::{AuditRow, Snapshot, Tx};

use super::super::vault::{Domain, KEY_LEN, damaged};
use super::Entry;

/// Row of the key of the next record.
pub(in crate::token) const KEY_ROW: &str = "audit.key";
/// Row of the first key, sealed under the master key.
pub(in crate::token) const FIRST_KEY_ROW: &str = "audit.first";

/// Records read at a time.
const PAGE: usize = 1000;

/// Appends a record and ratchets the key. Returns the record's position and code.
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

/// Passes every record to `each`, once it is known to be genuine, and returns their number.
///
/// # Errors
/// CKR_DEVICE_ERROR naming the first record that was edited, removed or reordered; those of `each`.
pub(in crate::token) fn walk(
    snapshot: &Snapshot<'_>,
    master: &Domain,
    mut each: impl FnMut(u64, Entry) -> Result<()>,
) -> Result<u64> {
    let value = |name| {
        snapshot
            .meta(name)?
            .ok_or_else(|| damaged("the audit record's key"))
    };
    let mut key = master.open_value(FIRST_KEY_ROW, &value(FIRST_KEY_ROW)?)?;
    let (mut seq, mut previous) = (0, Vec::new());
    loop {
        let rows = snapshot.audit(seq + 1, PAGE)?;
        if rows.is_empty() {
            break;
        }
        for row in rows {
            seq += 1;
            let expected = Secret::copy(&mac(&key, seq, &previous, &row.record));
            if row.seq != seq || !expected.ct_eq(&row.mac) {
                return Err(damaged(format!("audit record {seq}")));
            }
            let entry = Entry::decode(&row.record)
                .ok_or_else(|| damaged(format!("the form of audit record {seq}")))?;
            each(seq, entry)?;
            key = ratchet(&key);
            previous = row.mac;
        }
    }
    if !key.ct_eq(&value(KEY_ROW)?) {
        return Err(damaged(format!(
            "the end of the audit record, after record {seq},"
        )));
    }
    Ok(seq)
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
    use crate::token::audit::{Doing, Event};

    /// `TENON_AUDIT_RECORDS=1000000` shows that a walk takes memory for a page alone.
    #[test]
    fn a_walk_goes_through_every_page_in_order() {
        let count = std::env::var("TENON_AUDIT_RECORDS");
        let count: u64 = count.map_or(2 * PAGE as u64 + 1, |count| count.parse().unwrap());
        let folder = tempfile::tempdir().unwrap();
        let store = Store::create(&folder.path().join("slot-0000.tenon")).unwrap();
        let [root, first] = [(); 2].map(|()| rng::secret(&SystemRng, KEY_LEN));
        let master = Domain::new(&root, &[0; 8]);
        store
            .write(|tx| -> Result<()> {
                tx.set_meta(KEY_ROW, &first)?;
                let sealed = master.seal_value(&SystemRng, FIRST_KEY_ROW, &first)?;
                tx.set_meta(FIRST_KEY_ROW, &sealed)?;
                for at in 1..=count {
                    append(
                        tx,
                        &Doing::from(Event::Change).entry(Login::User, at, ck::CKR_OK),
                    )?;
                }
                Ok(())
            })
            .unwrap();
        let mut expected = 0;
        let walked = store.read(|snapshot| {
            walk(snapshot, &master, |seq, entry| {
                expected += 1;
                assert_eq!((seq, entry.at), (expected, expected));
                Ok(())
            })
        });
        assert_eq!((walked.unwrap(), expected), (count, count));
    }
}
