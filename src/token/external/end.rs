//! Erasing the material of external keys, and removing keys with all their versions.

use crate::error::Result;
use crate::token::change::transaction::Change;
use crate::token::record::vault::Record;

use super::{public_half, shares, version};
use crate::token::record::external::{
    DELETED, has_profile, next_uid, of_material, of_version, unused_uids,
};

/// Erases the material of an external key or of another of its versions, with check value and expiry.
/// Public parts and binding stay.
pub(in crate::token) fn erase(change: &mut Change<'_>, record: &mut Record) -> Result<()> {
    let Some(uid) = of_version(&record.attributes) else {
        version::erase_material(change, record, DELETED)?;
        return change.put(record, None);
    };
    let mut key = change.get(&uid)?;
    match &mut key {
        Some(key) if next_uid(&key.attributes) == Some(record.uid) => {
            version::end_next(change, key, DELETED)?;
        }
        _ => {
            version::erase_material(change, record, DELETED)?;
            change.put(record, None)?;
        }
    }
    // Keys that are ready in some process hold this material; a new version of the key's row makes
    // every process read it again.
    let Some(mut key) = key else {
        return Ok(());
    };
    version::note_older(change, &mut key)?;
    change.put(&mut key, None)
}

/// Erases the material of all versions of an external key. Returns the numbers of the versions that had one.
pub(in crate::token) fn erase_all(
    change: &mut Change<'_>,
    record: &mut Record,
) -> Result<Vec<usize>> {
    let older = version::older(change, &record.attributes)?;
    let erased = (1..)
        .zip(older.iter().chain([&*record]))
        .filter(|(_, version)| of_material(&version.attributes).material)
        .map(|(number, _)| number)
        .collect();
    for mut older in older {
        version::erase_material(change, &mut older, DELETED)?;
        change.put(&mut older, None)?;
    }
    version::end_next(change, record, DELETED)?;
    version::erase_material(change, record, DELETED)?;
    version::note_older(change, record)?;
    change.put(record, None)?;
    Ok(erased)
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
    let unused = unused_uids(&record.attributes).iter().copied();
    for uid in unused.chain(next_uid(&record.attributes)) {
        change.remove(&uid)?;
    }
    change.remove(&record.uid)
}
