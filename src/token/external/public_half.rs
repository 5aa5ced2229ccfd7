//! The public key objects of a private key, which its public key tells.

use crate::attr::{Attributes, RawAttribute, RawValue, Value};
use crate::ck;
use crate::error::Result;
use crate::secret::Secret;
use crate::store::Uid;
use crate::token::change::transaction::Change;
use crate::token::identity::state::Keys;
use crate::token::record::external::{of_job, of_version};
use crate::token::record::new::New;
use crate::token::record::public_half;
use crate::token::record::uid::unique_id;
use crate::token::record::vault::Record;

/// Makes the public key object of a private key, under its CKA_ID and CKA_LABEL, unless there is one of this CKA_ID.
pub(super) fn make(change: &mut Change<'_>, keys: &Keys, key: &Record) -> Result<()> {
    let spki = key.attributes.bytes(ck::CKA_PUBLIC_KEY_INFO);
    let class = Some(ck::CKO_PUBLIC_KEY);
    for uid in change.indexed(class, ck::CKA_ID, id(&key.attributes))? {
        let present = change.get(&uid)?;
        let present = present.filter(|half| !of_job(&half.attributes));
        if present.is_some_and(|half| half.attributes.bytes(ck::CKA_PUBLIC_KEY_INFO) == spki) {
            return Ok(());
        }
    }
    let label = key.attributes.bytes(ck::CKA_LABEL).unwrap_or_default();
    let template = [(ck::CKA_TOKEN, &[ck::CK_TRUE][..]), (ck::CKA_LABEL, label)];
    let template = template.map(|(kind, value)| RawAttribute {
        kind,
        value: RawValue::Bytes(Secret::copy(value)),
    });
    let half = public_half::of_private(&key.attributes, &template, &keys.requester())?;
    let half = New::named(change.rng(), half, None);
    change.put(&mut half.record(), None)
}

/// Removes both halves of an import job's public key, so that nobody wraps with it any more.
pub(super) fn remove_of_job(change: &mut Change<'_>, job: &Attributes) -> Result<()> {
    for half in same_key(change, ck::CKO_PUBLIC_KEY, job, id(job))? {
        if of_job(&half.attributes) {
            change.remove(&half.uid)?;
        }
    }
    Ok(())
}

/// Removes the public half of a key that dies, as `version`, the key itself or one of its older versions,
/// has it. A half that another private key of this CKA_ID has too stays.
pub(super) fn remove_of_key(
    change: &mut Change<'_>,
    key: &Record,
    version: &Attributes,
) -> Result<()> {
    for other in same_key(change, ck::CKO_PRIVATE_KEY, version, id(&key.attributes))? {
        let lives = other.uid != key.uid && of_version(&other.attributes).is_none();
        if lives && id(&other.attributes) == id(&key.attributes) {
            return Ok(());
        }
    }
    for half in halves(change, key, version)? {
        change.remove(&half.uid)?;
    }
    Ok(())
}

/// Takes the CKA_ID from the public half of a version that is current no more: whoever looks for the key's
/// public half by the CKA_ID finds that of the current version alone. Its label says which version it is of: of the
/// key's CKA_UNIQUE_ID where it has no label.
pub(super) fn retire(change: &mut Change<'_>, key: &Record, number: usize) -> Result<()> {
    for mut half in halves(change, key, &key.attributes)? {
        let label = half.attributes.bytes(ck::CKA_LABEL).unwrap_or_default();
        let named = match label.is_empty() {
            true => unique_id(&key.uid),
            false => label.to_vec(),
        };
        let label = [&named, format!(" (version {number})").as_bytes()].concat();
        half.attributes.set(ck::CKA_LABEL, Value::Bytes(label));
        half.attributes.set(ck::CKA_ID, Value::Bytes(Vec::new()));
        change.put(&mut half, None)?;
    }
    Ok(())
}

/// The public key objects with this version's public key, and with the key's CKA_ID or none.
fn halves(change: &Change<'_>, key: &Record, version: &Attributes) -> Result<Vec<Record>> {
    let of_id = id(&key.attributes);
    let mut halves = same_key(change, ck::CKO_PUBLIC_KEY, version, of_id)?;
    halves.retain(|half| {
        let of_key = id(&half.attributes).is_empty() || id(&half.attributes) == id(&key.attributes);
        of_key && !of_job(&half.attributes)
    });
    Ok(halves)
}

fn id(attributes: &Attributes) -> &[u8] {
    attributes.bytes(ck::CKA_ID).unwrap_or_default()
}

/// The objects of this class whose public key is that of `attributes`. Where the index does not list the public key
/// itself, as that of ML-DSA, only those that have this CKA_ID are found.
fn same_key(
    change: &Change<'_>,
    class: ck::CK_OBJECT_CLASS,
    attributes: &Attributes,
    of_id: &[u8],
) -> Result<Vec<Record>> {
    let spki = attributes.bytes(ck::CKA_PUBLIC_KEY_INFO);
    let mut found = Vec::new();
    if spki.is_none_or(<[u8]>::is_empty) {
        return Ok(found);
    }
    let mut uids = with_components(change, class, attributes)?;
    if uids.is_empty() && !of_id.is_empty() {
        uids = change.indexed(Some(class), ck::CKA_ID, of_id)?;
    }
    for uid in uids {
        let record = change.get(&uid)?;
        found.extend(
            record.filter(|record| record.attributes.bytes(ck::CKA_PUBLIC_KEY_INFO) == spki),
        );
    }
    Ok(found)
}

/// Uids of the objects of this class that the index lists under the public components of `attributes`.
pub(super) fn with_components(
    change: &Change<'_>,
    class: ck::CK_OBJECT_CLASS,
    attributes: &Attributes,
) -> Result<Vec<Uid>> {
    let mut uids = Vec::new();
    for kind in [ck::CKA_MODULUS, ck::CKA_EC_POINT] {
        if let Some(value) = attributes.bytes(kind) {
            uids.extend(change.indexed(Some(class), kind, value)?);
        }
    }
    Ok(uids)
}
