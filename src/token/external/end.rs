//! Erasing the material of external keys, and removing keys with all their versions.

use crate::attr::Value;
use crate::ck;
use crate::error::Result;
use crate::token::change::transaction::Change;
use crate::token::record::vault::Record;

use super::{public_half, shares, version};
use crate::token::record::external::{
    DELETED, EXPIRED, has_profile, next_uid, of_material, of_version,
};

/// Erases the material of an external key or of another of its versions, with check value and expiry.
/// Public parts and binding stay. What is erased of the next version is gone whole: it was never current.
pub(in crate::token) fn erase(change: &mut Change<'_>, record: &mut Record) -> Result<()> {
    let Some(uid) = of_version(&record.attributes) else {
        erase_material(change, record)?;
        return change.put(record, None);
    };
    let key = change.get(&uid)?;
    let is_next = |key: &Record| next_uid(&key.attributes) == Some(record.uid);
    if key.as_ref().is_some_and(is_next) {
        change.remove(&record.uid)?;
    } else {
        erase_material(change, record)?;
        change.put(record, None)?;
    }
    // Keys that are ready in some process hold this material; a new version of the key's row makes
    // every process read it again.
    let Some(mut key) = key else {
        return Ok(());
    };
    if next_uid(&key.attributes) == Some(record.uid) {
        key.attributes.remove(ck::INTERNAL_NEXT_VERSION);
    }
    version::note_older(change, &mut key)?;
    change.put(&mut key, None)
}

/// Erases the material of the key's own row, and notes when and why it ended.
fn erase_material(change: &mut Change<'_>, record: &mut Record) -> Result<()> {
    let facts = of_material(&record.attributes);
    if facts.material {
        let expired = facts.stale(change.now.at);
        let at = if expired {
            facts.expires_at
        } else {
            change.now.at
        };
        let why = if expired { EXPIRED } else { DELETED };
        let attributes = &mut record.attributes;
        let at = Value::time(at);
        attributes.set(ck::CKA_TENON_ENDED_AT, at);
        attributes.set(ck::INTERNAL_ENDED_BY, Value::Bytes(why.to_vec()));
    }
    change.erase_material(record)?;
    record.attributes.remove(ck::CKA_CHECK_VALUE);
    record.attributes.remove(ck::CKA_TENON_EXPIRES_AT);
    Ok(())
}

/// Erases the material of all versions of an external key.
pub(in crate::token) fn erase_all(change: &mut Change<'_>, record: &mut Record) -> Result<()> {
    for mut older in version::older(change, &record.attributes)? {
        erase_material(change, &mut older)?;
        change.put(&mut older, None)?;
    }
    if let Some(uid) = next_uid(&record.attributes) {
        change.remove(&uid)?;
        record.attributes.remove(ck::INTERNAL_NEXT_VERSION);
    }
    erase_material(change, record)?;
    version::note_older(change, record)?;
    change.put(record, None)
}

/// Removes the private key of an import job and, so that nobody wraps with it any more, the public one;
/// with them the shares that it brought and that still wait.
pub(in crate::token) fn remove_job(change: &mut Change<'_>, record: &Record) -> Result<()> {
    public_half::remove_of_job(change, &record.attributes)?;
    remove(change, record)
}

/// Removes an object; an external key with all its versions, and with the shares that wait; a private key with a
/// profile with its public half too; an import job with the shares that it brought.
pub(in crate::token) fn remove(change: &mut Change<'_>, record: &Record) -> Result<()> {
    if has_profile(&record.attributes) {
        public_half::remove_of_key(change, record, &record.attributes)?;
    }
    shares::erase_with(change, record)?;
    for older in version::older(change, &record.attributes)? {
        public_half::remove_of_key(change, record, &older.attributes)?;
        change.remove(&older.uid)?;
    }
    if let Some(uid) = next_uid(&record.attributes) {
        change.remove(&uid)?;
    }
    change.remove(&record.uid)
}
