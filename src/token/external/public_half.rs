//! The public key objects of a private key, which its public key tells.

use std::ops::ControlFlow;

use crate::attr::{Attributes, Value};
use crate::ck;
use crate::error::Result;
use crate::store::{SearchConditions, Uid};
use crate::token::change::transaction::Change;
use crate::token::record::external::{of_job, of_version};
use crate::token::record::vault::Record;

/// Removes both halves of an import job's public key, so that nobody wraps with it any more.
pub(super) fn remove_of_job(change: &mut Change<'_>, job: &Attributes) -> Result<()> {
    for half in same_key(change, ck::CKO_PUBLIC_KEY, job)? {
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
    for other in same_key(change, ck::CKO_PRIVATE_KEY, version)? {
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
/// public half by the CKA_ID finds that of the current version alone. Its label says which version it is of.
pub(super) fn retire(change: &mut Change<'_>, key: &Record, number: usize) -> Result<()> {
    for mut half in halves(change, key, &key.attributes)? {
        let label = half.attributes.bytes(ck::CKA_LABEL).unwrap_or_default();
        if !label.is_empty() {
            let label = [label, format!(" (version {number})").as_bytes()].concat();
            half.attributes.set(ck::CKA_LABEL, Value::Bytes(label));
        }
        half.attributes.set(ck::CKA_ID, Value::Bytes(Vec::new()));
        change.put(&mut half, None)?;
    }
    Ok(())
}

/// The public key objects with this version's public key, and with the key's CKA_ID or none.
fn halves(change: &Change<'_>, key: &Record, version: &Attributes) -> Result<Vec<Record>> {
    let mut halves = same_key(change, ck::CKO_PUBLIC_KEY, version)?;
    halves.retain(|half| {
        let of_key = id(&half.attributes).is_empty() || id(&half.attributes) == id(&key.attributes);
        of_key && !of_job(&half.attributes)
    });
    Ok(halves)
}

fn id(attributes: &Attributes) -> &[u8] {
    attributes.bytes(ck::CKA_ID).unwrap_or_default()
}

/// The objects of this class whose public key is that of `attributes`.
fn same_key(
    change: &Change<'_>,
    class: ck::CK_OBJECT_CLASS,
    attributes: &Attributes,
) -> Result<Vec<Record>> {
    let spki = attributes.bytes(ck::CKA_PUBLIC_KEY_INFO);
    let mut found = Vec::new();
    if spki.is_none_or(<[u8]>::is_empty) {
        return Ok(found);
    }
    for uid in with_components(change, class, attributes)? {
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
        let Some(value) = attributes.bytes(kind) else {
            continue;
        };
        for private in [false, true] {
            let postings = change
                .vault()
                .postings(private, &[(kind, value.to_vec())])?;
            let search = SearchConditions {
                class: Some(class),
                private: Some(private),
                hidden: None,
                postings: &postings,
                ..SearchConditions::default()
            };
            change.snapshot().find(&search, &mut |head| {
                uids.push(head.uid);
                ControlFlow::Continue(())
            })?;
        }
    }
    Ok(uids)
}
