//! Verifying: every record is genuine, and every object is as its last record left it.
//!
//! The walk keeps three counts and nothing of a record. An object's version grows by one at each
//! change and its uid is never used again, so each object of the store fits one record at most: the
//! last of its uid. As many fits as objects means that no object came otherwise; as many made and
//! not removed as objects, that none went otherwise.

use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::store::{ArchivedObject, Search, Snapshot, Uid};

use super::super::Token;
use super::super::vault::Vault;
use super::archive::Base;
use super::{Entry, Touch, Touched, chain, seal_of};

/// What was verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// Records in the token, all genuine.
    pub records: u64,
    /// Records that archives have; see `Token::verify_archives`.
    pub archived: u64,
    /// Objects, all as their last records left them.
    pub objects: u64,
}

impl Token {
    /// Checks the whole audit record and compares the objects with it. Needs a login; takes
    /// memory for some records at a time, however many there are.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN; CKR_DEVICE_ERROR naming the first record that was edited, removed or
    /// reordered, or the first object that is not as its record left it.
    pub fn verify_audit(&self) -> Result<Verified> {
        let keys = self.keys()?;
        let Some(master) = &keys.master else {
            return refuse(
                ck::CKR_USER_NOT_LOGGED_IN,
                "verifying the audit record needs a login",
            );
        };
        let vault = keys.vault();
        self.store.read(|snapshot| {
            let mut objects = Comparison::default();
            let base = Base::read(snapshot, &master.domain)?;
            let archived = base.link.position;
            base.objects(snapshot, &master.domain, |kept| {
                objects.compare_archived(snapshot, &vault, archived, kept)
            })?;
            let last = chain::walk(snapshot, &base.link, |seq, entry: Entry| {
                let mut touched = entry.objects.iter();
                touched.try_for_each(|object| objects.compare(snapshot, &vault, seq, object))
            })?;
            let objects = objects.finish(snapshot.count(&Search::default())?)?;
            Ok(Verified {
                records: last - archived,
                archived,
                objects,
            })
        })
    }
}

#[derive(Default)]
struct Comparison {
    /// Objects that came, by the records.
    made: u64,
    /// Objects that went.
    removed: u64,
    /// Objects of the store that are as a record left them.
    fitting: u64,
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
            class: 0,
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
        vault.open(&row)?;
        self.fitting += 1;
        Ok(())
    }

    fn finish(self, present: u64) -> Result<u64> {
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
        Ok(present)
    }
}

fn differs(uid: &Uid, seq: u64, how: &str) -> Error {
    let name: String = uid.iter().map(|byte| format!("{byte:02x}")).collect();
    broken(format!("object {name} {how} by audit record {seq}"))
}

fn broken(what: String) -> Error {
    Error::new(
        ck::CKR_DEVICE_ERROR,
        format!("{what}: an older state was put back, or the token's file was edited"),
    )
}
