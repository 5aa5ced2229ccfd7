//! Copying all rows of one store into another, and comparing them, whatever engines keep them.

use std::ops::ControlFlow;

use super::door::{Snapshot, Tx};
use super::error::Result;
use super::row::{Row, SearchConditions};

/// Audit records and archived objects that are read at once.
const PAGE: usize = 500;

/// Copies everything in `from` into the empty store of `to`, but for the value `but`. `progress` is called with the
/// number of objects that were copied, and how many there are.
///
/// # Errors
/// Those of both stores.
pub(super) fn copy_rows(
    from: &Snapshot<'_>,
    to: &Tx<'_>,
    but: Option<&str>,
    progress: &mut dyn FnMut(u64, u64),
) -> Result<()> {
    let total = from.count(&SearchConditions::default())?;
    for name in from.meta_names()? {
        if but == Some(name.as_str()) {
            continue;
        }
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
        progress(copied, total.max(copied));
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

/// The first kind of rows by which two stores differ, apart from the values `but`; `None` where they have the same.
///
/// # Errors
/// Those of both stores.
pub(crate) fn difference(
    one: &Snapshot<'_>,
    other: &Snapshot<'_>,
    but: &[&str],
) -> Result<Option<&'static str>> {
    let names = |of: &Snapshot<'_>| -> Result<Vec<String>> {
        let mut names = of.meta_names()?;
        names.retain(|name| !but.contains(&name.as_str()));
        Ok(names)
    };
    let values = names(one)?;
    if values != names(other)? {
        return Ok(Some("a value of the token"));
    }
    for name in &values {
        if one.meta(name)? != other.meta(name)? {
            return Ok(Some("a value of the token"));
        }
    }
    if counts(one)? != counts(other)? {
        return Ok(Some("the number of rows"));
    }
    let mut found = Ok(None);
    one.objects(&mut |row| {
        found = object_difference(&row, one, other);
        match found {
            Ok(None) => ControlFlow::Continue(()),
            Ok(Some(_)) | Err(_) => ControlFlow::Break(()),
        }
    })?;
    match found? {
        None => log_difference(one, other),
        found => Ok(found),
    }
}

fn counts(of: &Snapshot<'_>) -> Result<[u64; 3]> {
    Ok([
        of.count(&SearchConditions::default())?,
        of.posting_count()?,
        of.material_count()?,
    ])
}

fn object_difference(
    row: &Row,
    one: &Snapshot<'_>,
    other: &Snapshot<'_>,
) -> Result<Option<&'static str>> {
    let there = other.load(&row.uid)?;
    let Some((there, material)) = there.filter(|(there, _)| there == row) else {
        return Ok(Some("an object"));
    };
    if one.material(&row.uid)? != material {
        return Ok(Some("a key's material"));
    }
    let same = one.postings(&row.uid)? == other.postings(&there.uid)?;
    Ok((!same).then_some("an object's index rows"))
}

/// Compares audit records and archived objects.
fn log_difference(one: &Snapshot<'_>, other: &Snapshot<'_>) -> Result<Option<&'static str>> {
    let mut next = 0;
    loop {
        let records = one.audit(next, PAGE)?;
        if records != other.audit(next, PAGE)? {
            return Ok(Some("an audit record"));
        }
        let Some(last) = records.last() else {
            break;
        };
        next = last.seq + 1;
    }
    let mut after = None;
    loop {
        let objects = one.archived(after.as_ref(), PAGE)?;
        if objects != other.archived(after.as_ref(), PAGE)? {
            return Ok(Some("what archived records say of an object"));
        }
        let Some(last) = objects.last() else {
            return Ok(None);
        };
        after = Some(last.uid);
    }
}
