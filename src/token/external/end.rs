//! Erasing the material of external keys, and removing them with all their versions.

use crate::ck;
use crate::error::Result;
use crate::token::change::transaction::Change;
use crate::token::record::vault::Record;

use super::version;
use crate::token::record::external::of_version;

/// Erases the material of an external key or of one of its older versions, with check value and expiry.
/// Public parts and binding stay.
pub(in crate::token) fn erase(change: &mut Change<'_>, record: &mut Record) -> Result<()> {
    change.erase_material(record)?;
    record.attributes.remove(ck::CKA_CHECK_VALUE);
    record.attributes.remove(ck::CKA_TENON_EXPIRES_AT);
    change.put(record, None)?;
    let Some(uid) = of_version(&record.attributes) else {
        return Ok(());
    };
    // Keys that are ready in some process hold this material; a new version of the key's row makes
    // every process read it again.
    match change.get(&uid)? {
        Some(mut key) => change.put(&mut key, None),
        None => Ok(()),
    }
}

/// Erases the material of all versions of an external key.
pub(in crate::token) fn erase_all(change: &mut Change<'_>, record: &mut Record) -> Result<()> {
    for mut older in version::older(change, &record.attributes)? {
        change.erase_material(&mut older)?;
        older.attributes.remove(ck::CKA_TENON_EXPIRES_AT);
        change.put(&mut older, None)?;
    }
    erase(change, record)
}

/// Removes an object; an external key with all its versions.
pub(in crate::token) fn remove(change: &mut Change<'_>, record: &Record) -> Result<()> {
    for older in version::older(change, &record.attributes)? {
        change.remove(&older.uid)?;
    }
    change.remove(&record.uid)
}
