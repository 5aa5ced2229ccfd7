//! Verifying: every record is genuine, and every object is as its last record left it.
//!
//! The walk keeps three counts and nothing of a record. An object's version grows by one at each
//! change and its uid is never used again, so each object of the store fits one record at most: the
//! last of its uid. As many fits as objects means that no object came otherwise; as many made and
//! not removed as objects, that none went otherwise.
//!
//! Beside the record, the index rows and the material of each object are held against the opened
//! object, the rows against their sum, and the file's pages and indexes are checked by SQLite.

use crate::ck;
use crate::error::{Error, Result};
use crate::store::{ArchivedObject, Posting, Row, Search, Snapshot, Uid};

use super::base::Base;
use super::{Entry, Touch, Touched, chain, seal_of};
use crate::token::identity::rows::Rows;
use crate::token::record::domain::Domain;
use crate::token::record::stored;
use crate::token::record::uid::shown;
use crate::token::record::vault::{Record, Vault};

/// What was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Records in the token, all genuine.
    pub records: u64,
    /// Records that archives have; see `Token::verify_archives`.
    pub archived: u64,
    /// Objects, all as their last records left them.
    pub objects: u64,
    /// Rows of the search index, all those of the objects and no others.
    pub index_rows: u64,
}

/// Checks the whole audit record and compares the objects with it, with their index rows and material,
/// and the file. Takes memory for some records at a time, however many there are.
///
/// # Errors
/// CKR_DEVICE_ERROR naming the first record that was edited, removed or reordered, the first object that
/// is not as its record left it, or what else is wrong.
pub(in crate::token) fn verify(
    snapshot: &Snapshot<'_>,
    vault: &Vault<'_>,
    master: &Domain,
) -> Result<Verified> {
    // Also what this login does not use is to be compared.
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
    /// Objects that came, by the records.
    made: u64,
    /// Objects that went.
    removed: u64,
    /// Objects of the store that are as a record left them.
    fitting: u64,
    /// Index rows of those.
    index_rows: u64,
    /// Materials of those.
    materials: u64,
    /// The first thing that is wrong beside the objects' own rows.
    beside: Option<Error>,
}

impl Comparison {
    /// As `compare`, for an object that was there when the records up to `seq` were archived.
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

    /// Holds what belongs to an object against its opened row: index rows and material. The clear
    /// columns are opened with it.
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

    /// Compares the counts, and returns that of the index rows.
    fn finish(mut self, snapshot: &Snapshot<'_>) -> Result<u64> {
        let present = snapshot.count(&Search::default())?;
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

/// Whether the object has material, which then opens.
fn has_material(snapshot: &Snapshot<'_>, vault: &Vault<'_>, record: &Record) -> Result<bool> {
    let attributes = &record.attributes;
    stored::read_material(vault, snapshot, &record.uid, attributes)
        .map(|material| material.is_some())
        .map_err(|error| error.at(format!("object {}", shown(&record.uid))))
}

/// Holds the rows against their sum.
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
