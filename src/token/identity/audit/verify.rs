//! Verifying that every record is genuine and every object is as its last record left it.
//!
//! The walk keeps counts and no records. An object's version grows by one with each change and its uid
//! is never used again, so each object of the store agrees with at most one record, the last of its
//! uid. If as many records agree as there are objects, no object was added without a record; if as many
//! were made and not removed as there are, none was removed without one.
//!
//! Besides, index rows and material of each object are compared with the opened object, the rows with
//! their sum, and SQLite checks the file's pages and indexes.

use crate::ck;
use crate::error::{Error, Result};
use crate::store::{ArchivedObject, Posting, Row, SearchConditions, Snapshot, Uid};

use super::base::Base;
use super::{Entry, Touch, Touched, chain, seal_of};
use crate::token::identity::rows::Rows;
use crate::token::record::domain::Domain;
use crate::token::record::stored;
use crate::token::record::uid::shown;
use crate::token::record::vault::{Record, Vault};

/// What was verified and found sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Records in the token.
    pub records: u64,
    /// Records that are in archives alone; see `Token::verify_archives`.
    pub archived: u64,
    /// Objects in the token.
    pub objects: u64,
    /// Rows of the search index.
    pub index_rows: u64,
}

/// See `Token::verify_audit`.
pub(in crate::token) fn verify(
    snapshot: &Snapshot<'_>,
    vault: &Vault<'_>,
    master: &Domain,
) -> Result<Verified> {
    // The objects that this login does not use are compared too.
    let vault = &Vault {
        suspects: None,
        ..*vault
    };
    let mut objects = Comparison::default();
    let base = Base::read(snapshot, master)?;
    let archived = base.link.position;
    base.objects(snapshot, master, |kept| {
        objects.compare_archived(snapshot, vault, archived, kept)
    })?;
    let last = chain::walk(snapshot, &base.link, |seq, entry: Entry| {
        let mut touched = entry.objects.iter();
        touched.try_for_each(|object| objects.compare(snapshot, vault, seq, object))
    })?;
    let fitting = objects.fitting;
    let index_rows = objects.finish(snapshot)?;
    check_sum(snapshot, master)?;
    if let Some(fault) = snapshot.faults()?.first() {
        return Err(broken(format!("SQLite's check of the file says: {fault}")));
    }
    Ok(Verified {
        records: last - archived,
        archived,
        objects: fitting,
        index_rows,
    })
}

#[derive(Default)]
struct Comparison {
    /// Objects that were made, according to the records.
    made: u64,
    /// Objects that were removed, according to the records.
    removed: u64,
    /// Objects of the store that agree with a record.
    fitting: u64,
    /// Index rows of those objects.
    index_rows: u64,
    /// Materials of those objects.
    materials: u64,
    /// The first error in an object's index rows or material.
    beside: Option<Error>,
}

impl Comparison {
    /// As `compare`, for an object that existed when the records up to `seq` were archived.
    fn compare_archived(
        &mut self,
        snapshot: &Snapshot<'_>,
        vault: &Vault<'_>,
        seq: u64,
        kept: &ArchivedObject,
    ) -> Result<()> {
        let object = Touched {
            touch: Touch::Put,
            uid: kept.uid,
            class: kept.class,
            version: kept.version,
            seal: kept.seal,
            sealed_label: Vec::new(),
            label: None,
        };
        self.made += u64::from(kept.version != 1);
        self.compare(snapshot, vault, seq, &object)
    }

    fn compare(
        &mut self,
        snapshot: &Snapshot<'_>,
        vault: &Vault<'_>,
        seq: u64,
        object: &Touched,
    ) -> Result<()> {
        if object.touch == Touch::Used {
            return Ok(());
        }
        let row = snapshot.object(&object.uid)?;
        if object.touch == Touch::Removed {
            self.removed += 1;
            return match row {
                None => Ok(()),
                Some(_) => Err(differs(&object.uid, seq, "is there again, and was removed")),
            };
        }
        self.made += u64::from(object.version == 1);
        let Some(row) = row else {
            return Ok(());
        };
        if row.version < object.version {
            return Err(differs(&object.uid, seq, "is an older one than"));
        }
        if row.version > object.version {
            return Ok(());
        }
        if seal_of(&row) != object.seal {
            return Err(differs(&object.uid, seq, "is another one than"));
        }
        self.fitting += 1;
        if let Err(error) = self.check(snapshot, vault, &row) {
            self.beside.get_or_insert(error);
        }
        Ok(())
    }

    /// Compares index rows and material of an object with its opened row. Opening the row checks its clear
    /// columns.
    fn check(&mut self, snapshot: &Snapshot<'_>, vault: &Vault<'_>, row: &Row) -> Result<()> {
        let record = vault.open(row)?;
        let expected = vault.postings_of(&record)?;
        let present = snapshot.postings(&row.uid)?;
        if present != expected {
            let count = |of: &[Posting], among: &[Posting]| {
                of.iter().filter(|one| !among.contains(one)).count()
            };
            let (missing, extra) = (count(&expected, &present), count(&present, &expected));
            return Err(broken(format!(
                "the search index of object {} is wrong: {missing} rows are missing, and {extra} are of other values",
                shown(&row.uid)
            )));
        }
        self.index_rows += expected.len() as u64;
        self.materials += u64::from(has_material(snapshot, vault, &record)?);
        Ok(())
    }

    /// Compares the counts with the store, and returns the number of index rows.
    fn finish(mut self, snapshot: &Snapshot<'_>) -> Result<u64> {
        let present = snapshot.count(&SearchConditions::default())?;
        let foreign = present.saturating_sub(self.fitting);
        if foreign != 0 {
            return Err(broken(format!(
                "{foreign} of {present} objects are newer than every record of them"
            )));
        }
        let expected = self.made.saturating_sub(self.removed);
        if expected != present {
            return Err(broken(format!(
                "{present} objects are there, and {expected} by the audit record"
            )));
        }
        if let Some(error) = self.beside.take() {
            return Err(error);
        }
        for (what, there, of_objects) in [
            ("index rows", snapshot.posting_count()?, self.index_rows),
            ("materials", snapshot.material_count()?, self.materials),
        ] {
            if there != of_objects {
                return Err(broken(format!(
                    "{there} {what} are there, and the objects have {of_objects}"
                )));
            }
        }
        Ok(self.index_rows)
    }
}

/// Whether the object has material. Material that does not open is an error.
fn has_material(snapshot: &Snapshot<'_>, vault: &Vault<'_>, record: &Record) -> Result<bool> {
    let attributes = &record.attributes;
    stored::read_material(vault, snapshot, &record.uid, attributes)
        .map(|material| material.is_some())
        .map_err(|error| error.at(format!("object {}", shown(&record.uid))))
}

/// Compares the rows with their sum.
fn check_sum(snapshot: &Snapshot<'_>, master: &Domain) -> Result<()> {
    let Some(rows) = Rows::read(snapshot, master)? else {
        return Err(broken(
            "the sum of the rows is missing or not genuine".into(),
        ));
    };
    match rows.fault(snapshot, master)? {
        Some(fault) => Err(broken(fault.into())),
        None => Ok(()),
    }
}

fn differs(uid: &Uid, seq: u64, how: &str) -> Error {
    broken(format!("object {} {how} by audit record {seq}", shown(uid)))
}

fn broken(what: String) -> Error {
    Error::new(
        ck::CKR_DEVICE_ERROR,
        format!("{what}: an older state was put back, or the token's file was edited"),
    )
}
