//! Finding the objects that are not as the audit record left them, by reading all of the record.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

use crate::error::Result;
use crate::store::{ArchivedObject, Row, Snapshot, Uid};

use super::{RowVersion, Rows, Total, counted};
use crate::token::identity::audit::{self, Entry, Touch, Touched, seal_of};
use crate::token::record::domain::Domain;

/// The result of comparing every object.
pub(in crate::token) struct Differences {
    /// The objects that differ or are missing, each with how it differs.
    pub(in crate::token) objects: Vec<(Uid, String)>,
    /// The stored sum of the rows is genuine and agrees with the audit record. Without that, whoever
    /// changed the rows may also have forged audit records for them.
    pub(in crate::token) vouched: bool,
}

/// The state in which an object's last record left it.
struct Last {
    seq: u64,
    touch: Touch,
    state: RowVersion,
}

/// Reads the records in order and keeps the last state of each object.
struct Walk<'a> {
    master: &'a Domain,
    /// Position of the record that the sum of the rows names.
    position: u64,
    last: BTreeMap<Uid, Last>,
    /// Total of the keys as the record at `position` leaves them.
    total: Total,
    /// Keys that records after `position` changed.
    later: BTreeSet<Uid>,
}

impl Walk<'_> {
    /// Takes the state in which archived records left an object. They were archived before the sum was
    /// made, so the sum includes them.
    fn take_archived(&mut self, kept: &ArchivedObject) {
        let state = RowVersion {
            uid: kept.uid,
            version: kept.version,
            seal: kept.seal,
        };
        let (seq, touch) = (0, Touch::Put);
        self.last.insert(kept.uid, Last { seq, touch, state });
        if counted(kept.class) {
            self.total.add(self.master, &state);
        }
    }

    fn take(&mut self, seq: u64, object: &Touched) {
        if object.touch == Touch::Used {
            return;
        }
        let state = RowVersion {
            uid: object.uid,
            version: object.version,
            seal: object.seal,
        };
        let touch = object.touch;
        let before = self.last.insert(object.uid, Last { seq, touch, state });
        if !counted(object.class) {
            return;
        }
        if seq > self.position {
            self.later.insert(object.uid);
            return;
        }
        if let Some(before) = before.filter(|before| before.touch == Touch::Put) {
            self.total.subtract(self.master, &before.state);
        }
        if touch == Touch::Put {
            self.total.add(self.master, &state);
        }
    }
}

/// Compares every object with the audit record, and the record with the sum of the rows. Memory grows
/// with the number of uids in the record.
///
/// # Errors
/// CKR_DEVICE_ERROR when the record itself was edited, cut off or reordered.
pub(in crate::token) fn differences(
    snapshot: &Snapshot<'_>,
    master: &Domain,
) -> Result<Differences> {
    let rows = Rows::read(snapshot, master)?;
    let walk = RefCell::new(Walk {
        master,
        position: rows.as_ref().map_or(u64::MAX, |rows| rows.position),
        last: BTreeMap::new(),
        total: Total::default(),
        later: BTreeSet::new(),
    });
    audit::walk(
        snapshot,
        master,
        |kept| {
            walk.borrow_mut().take_archived(kept);
            Ok(())
        },
        |seq, entry: Entry| {
            for object in &entry.objects {
                walk.borrow_mut().take(seq, object);
            }
            Ok(())
        },
    )?;
    let walk = walk.into_inner();
    Ok(Differences {
        objects: differing(snapshot, &walk)?,
        vouched: rows.is_some_and(|rows| rows.total == walk.total),
    })
}

fn differing(snapshot: &Snapshot<'_>, walk: &Walk<'_>) -> Result<Vec<(Uid, String)>> {
    let mut differ = Vec::new();
    let mut uids = uids(snapshot)?;
    for (uid, last) in &walk.last {
        uids.remove(uid);
        let how = difference(snapshot.object(uid)?.as_ref(), last);
        // The sum of the rows does not include a record after it.
        let later = walk.later.contains(uid);
        let how = how.or_else(|| later.then(|| later_than_the_sum(last.seq)));
        differ.extend(how.map(|how| (*uid, how)));
    }
    let foreign = uids.into_iter();
    differ.extend(foreign.map(|uid| (uid, "was made by no audit record".to_owned())));
    Ok(differ)
}

fn later_than_the_sum(seq: u64) -> String {
    format!("was changed by audit record {seq}, after the sum of the rows")
}

fn difference(row: Option<&Row>, last: &Last) -> Option<String> {
    let (seq, version) = (last.seq, last.state.version);
    match (row, last.touch) {
        (None, Touch::Removed) => None,
        (None, _) => Some(format!("is missing since audit record {seq}")),
        (Some(_), Touch::Removed) => Some(format!(
            "is there again, and was removed by audit record {seq}"
        )),
        (Some(row), _) if row.version < version => {
            Some(format!("is an older one than by audit record {seq}"))
        }
        (Some(row), _) if row.version > version || seal_of(row) != last.state.seal => {
            Some(format!("is another one than by audit record {seq}"))
        }
        (Some(_), _) => None,
    }
}

fn uids(snapshot: &Snapshot<'_>) -> Result<BTreeSet<Uid>> {
    let mut uids = BTreeSet::new();
    snapshot.objects(&mut |row| {
        uids.insert(row.uid);
        ControlFlow::Continue(())
    })?;
    Ok(uids)
}
