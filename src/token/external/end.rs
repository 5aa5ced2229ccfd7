//! The end of a material.

use crate::ck;
use crate::error::Result;
use crate::token::change::Change;
use crate::token::vault::Record;

/// Erases the material of an external key with what belongs to it, its check value and its expiry;
/// public parts and binding stay.
pub(in crate::token) fn erase(change: &mut Change<'_>, record: &mut Record) -> Result<()> {
    change.erase_material(record)?;
    record.attributes.remove(ck::CKA_CHECK_VALUE);
    record.attributes.remove(ck::CKA_TENON_EXPIRES_AT);
    change.put(record, None)
}
