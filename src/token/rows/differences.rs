//! Which objects are not as the audit record left them, by a walk through all of it.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::error::Result;
use crate::store::{Row, Snapshot, Uid};

use super::super::audit::{self, Entry, Touch, seal_of};
use super::super::vault::Domain;

/// What the last record of an object left.
struct Last {
    /// Position of that record.
    seq: u64,
    touch: Touch,
    version: u64,
    seal: [u8; 16],
}

/// The objects that differ, there or missing, and how. Takes memory for every uid of the record.
///
/// # Errors
/// CKR_DEVICE_ERROR when the record itself was edited, cut off or reordered.
pub(in crate::token) fn differences(
    snapshot: &Snapshot<'_>,
    master: &Domain,
) -> Result<Vec<(Uid, String)>> {
    let mut last = BTreeMap::new();
    audit::walk(snapshot, master, |seq, entry: Entry| {
        for object in entry.objects {
            if object.touch != Touch::Used {
                let (touch, version, seal) = (object.touch, object.version, object.seal);
                let state = Last {
                    seq,
                    touch,
                    version,
                    seal,
                };
                last.insert(object.uid, state);
            }
        }
        Ok(())
    })?;
    let mut differ = Vec::new();
    let mut uids = uids(snapshot)?;
    for (uid, last) in &last {
        uids.remove(uid);
        if let Some(how) = difference(snapshot.object(uid)?.as_ref(), last) {
            differ.push((*uid, how));
        }
    }
    let foreign = uids.into_iter();
    differ.extend(foreign.map(|uid| (uid, "was made by no audit record".to_owned())));
    Ok(differ)
}

fn difference(row: Option<&Row>, last: &Last) -> Option<String> {
    let seq = last.seq;
    match (row, last.touch) {
        (None, Touch::Removed) => None,
        (None, _) => Some(format!("is missing since audit record {seq}")),
        (Some(_), Touch::Removed) => Some(format!(
            "is there again, and was removed by audit record {seq}"
        )),
        (Some(row), _) if row.version < last.version => {
            Some(format!("is an older one than by audit record {seq}"))
        }
        (Some(row), _) if row.version > last.version || seal_of(row) != last.seal => {
            Some(format!("is another one than by audit record {seq}"))
        }
        (Some(_), _) => None,
    }
}

fn uids(snapshot: &Snapshot<'_>) -> Result<BTreeSet<Uid>> {
    let mut uids = BTreeSet::new();
    snapshot.tags(&mut |tag| {
        uids.insert(tag.uid);
        ControlFlow::Continue(())
    })?;
    Ok(uids)
}
