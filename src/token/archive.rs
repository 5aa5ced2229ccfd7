//! Archiving: verified records move from the token to a file, and the chain goes on.
//!
//! Records are written to the file and synced, and then removed in the transaction that moves the base
//! (`identity/audit/base.rs`). A process that is killed in between leaves them in both. The last record
//! and the one that the anchor knows always stay in the token.

use std::path::Path;

use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::store::AuditRow;

use super::Token;
use super::identity::audit::archive_file::{Archive, Owner, Reader};
use super::identity::audit::{Base, Doing, Entry, Event, Link};
use super::identity::state::Keys;
use super::record::domain::Domain;

/// The most records that one transaction moves, so that other writers get their turn in between.
const BATCH: usize = 500;

/// Part of the error where archives are made or read without a login.
const NEEDS_LOGIN: &str = "archives of audit records need a login";

/// The outcome of archiving.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archived {
    /// How many records this call moved.
    pub records: u64,
    /// Position of the last record that is in archives.
    pub up_to: u64,
    /// SHA-256 of the file; `None` where there was nothing to move.
    pub digest: Option<[u8; 32]>,
}

/// The range of records in verified archives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedArchives {
    /// Position of the first record in the archives.
    pub first: u64,
    /// Position of the last record that is in the archives alone.
    pub last: u64,
}

impl Token {
    /// Moves all records but the last to the file at `path`, which is made or, after an earlier
    /// archiving, appended to. Everything is verified first. `progress` is called with the number of
    /// records moved so far.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN; CKR_TOKEN_WRITE_PROTECTED; those of `verify_audit`; CKR_ACTION_PROHIBITED
    /// for a file that the token's records do not continue, or while another process archives;
    /// CKR_DEVICE_ERROR for a file that cannot be written: no record is lost.
    pub fn archive_audit(&self, path: &Path, mut progress: impl FnMut(u64)) -> Result<Archived> {
        self.check_writable()?;
        self.verify_audit()?;
        let keys = self.keys();
        let master = keys.master(NEEDS_LOGIN)?;
        let stay = match self.writer.store.noted_records()? {
            Some(noted) => noted.min(self.audit_end()?),
            None => self.audit_end()?,
        };
        let up_to = stay.saturating_sub(1);
        let base = self
            .state
            .store
            .read(|snapshot| Base::read(snapshot, master))?;
        let mut done = Archived {
            records: 0,
            up_to: base.link.position,
            digest: None,
        };
        if base.link.position >= up_to {
            return Ok(done);
        }
        let owner = self.owner(&keys, master);
        let mut file = Archive::open(path, &owner, self.rng(), &base.link)?;
        while done.up_to < up_to {
            let moved = self.move_records(&keys, master, &mut file, (done.up_to, up_to))?;
            done.records += moved.up_to - done.up_to;
            done.up_to = moved.up_to;
            done.digest = moved.digest;
            progress(done.records);
        }
        self.state.store.give_back_space()?;
        Ok(done)
    }

    /// Moves the next records after position `from`, up to and including `up_to`.
    fn move_records(
        &self,
        keys: &Keys,
        master: &Domain,
        file: &mut Archive,
        (from, up_to): (u64, u64),
    ) -> Result<Archived> {
        let limit = usize::try_from(up_to - from).map_or(BATCH, |left| left.min(BATCH));
        let (base, rows) = self.state.store.read(|snapshot| {
            let base = Base::read(snapshot, master)?;
            Ok::<_, Error>((base, snapshot.audit(from + 1, limit)?))
        })?;
        if base.link.position != from || rows.is_empty() {
            return another();
        }
        let mut link = base.link;
        let entries: Vec<Entry> = rows
            .iter()
            .map(|row: &AuditRow| link.step(row))
            .collect::<Result<_>>()?;
        file.append(&rows)?;
        let last = link.position;
        let digest = if last == up_to {
            Some(file.digest()?)
        } else {
            None
        };
        let mark = self.writer.store.write(|tx| {
            let mut base = Base::read(tx, master)?;
            if base.link.position != from {
                return another();
            }
            base.link = link.clone();
            for object in entries.iter().flat_map(|entry| &entry.objects) {
                base.take(tx, master, object)?;
            }
            tx.remove_audit(last)?;
            base.write(tx, self.rng(), master)?;
            let Some(digest) = digest else {
                return self.writer.store_mark(tx, keys);
            };
            let doing = Doing::from(Event::Archive).and(last).with_digest(digest);
            let ((), mark) = self
                .writer
                .record(tx, keys, doing, ck::CKR_OK, |_| Ok(()))?;
            Ok(mark)
        })?;
        self.state.time.learn(mark);
        Ok(Archived {
            records: last - from,
            up_to: last,
            digest,
        })
    }

    /// Checks archives in the order in which they were made: each continues the one before it, and the
    /// token's own records continue the last one.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN; CKR_DEVICE_ERROR naming a record that was edited, removed or reordered,
    /// or the records that are in none of the files.
    pub fn verify_archives(&self, paths: &[impl AsRef<Path>]) -> Result<VerifiedArchives> {
        let keys = self.keys();
        let master = keys.master(NEEDS_LOGIN)?;
        let owner = self.owner(&keys, master);
        let base = self
            .state
            .store
            .read(|snapshot| Base::read(snapshot, master))?;
        let mut readers = paths
            .iter()
            .map(|path| Reader::open(path.as_ref(), &owner))
            .collect::<Result<Vec<_>>>()?;
        let first = readers
            .first()
            .map_or(base.link.position, |reader| reader.link.position);
        let mut joints: Vec<Link> = readers
            .iter()
            .skip(1)
            .map(|reader| reader.link.clone())
            .collect();
        joints.push(base.link.clone());
        for ((reader, joint), path) in readers.iter_mut().zip(&joints).zip(paths) {
            let reached = reader.go_to(joint.position)?;
            if !reached || reader.link != *joint {
                return Err(Error::new(
                    ck::CKR_DEVICE_ERROR,
                    format!(
                        "the archive's records end at {}, and what comes after it begins behind {}: another file is missing, or they are out of order",
                        reader.link.position, joint.position
                    ),
                )
                .at(path.as_ref().display().to_string()));
            }
        }
        Ok(VerifiedArchives {
            first: first + 1,
            last: base.link.position,
        })
    }

    fn owner<'a>(&'a self, keys: &Keys, master: &'a Domain) -> Owner<'a> {
        Owner {
            serial: keys.identity.serial,
            master,
            store: &self.state.store,
        }
    }

    /// Passes each record of an archive to `each`, once the record is known to be genuine.
    ///
    /// # Errors
    /// Those of `verify_archives`, and of `each`.
    pub fn read_archive<E: From<Error>>(
        &self,
        path: &Path,
        mut each: impl FnMut(u64, Entry) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let keys = self.keys();
        let mut reader = Reader::open(path, &self.owner(&keys, keys.master(NEEDS_LOGIN)?))?;
        while let Some((position, mut entry)) = reader.next()? {
            entry.open_labels(&keys.vault())?;
            each(position, entry)?;
        }
        Ok(())
    }
}

fn another<T>() -> Result<T> {
    refuse(
        ck::CKR_ACTION_PROHIBITED,
        "another process archives audit records of this token",
    )
}
