//! Copying all rows of one store into another, whatever engines keep them.

use std::ops::ControlFlow;

use super::door::{Snapshot, Tx};
use super::error::Result;

/// Audit records and archived objects that are read at once.
const PAGE: usize = 500;

/// Copies everything in `from` into the empty store of `to`. `progress` is called with the number of objects
/// that were copied.
///
/// # Errors
/// Those of both stores.
pub(super) fn copy_rows(
    from: &Snapshot<'_>,
    to: &Tx<'_>,
    progress: &mut dyn FnMut(u64),
) -> Result<()> {
    for name in from.meta_names()? {
        if let Some(value) = from.meta(&name)? {
            to.set_meta(&name, &value)?;
        }
    }
    let mut copied = 0;
    let mut failed = Ok(());
    from.objects(&mut |row| {
        let copy = || -> Result<()> {
            to.put(&row, &from.postings(&row.uid)?)?;
            match from.material(&row.uid)? {
                Some(material) => to.put_material(&row.uid, &material),
                None => Ok(()),
            }
        };
        copied += 1;
        progress(copied);
        failed = copy();
        match failed {
            Ok(()) => ControlFlow::Continue(()),
            Err(_) => ControlFlow::Break(()),
        }
    })?;
    failed?;
    copy_audit(from, to)?;
    copy_archived(from, to)
}

fn copy_audit(from: &Snapshot<'_>, to: &Tx<'_>) -> Result<()> {
    let mut next = 0;
    loop {
        let records = from.audit(next, PAGE)?;
        let Some(last) = records.last() else {
            return Ok(());
        };
        next = last.seq + 1;
        for record in &records {
            to.append_audit(record)?;
        }
    }
}

fn copy_archived(from: &Snapshot<'_>, to: &Tx<'_>) -> Result<()> {
    let mut after = None;
    loop {
        let objects = from.archived(after.as_ref(), PAGE)?;
        let Some(last) = objects.last() else {
            return Ok(());
        };
        after = Some(last.uid);
        for object in &objects {
            to.put_archived(object)?;
        }
    }
}
