//! Archiving: verified records move from the token to a file, and the chain goes on.
//!
//! The *base* is where the token's own records begin: the position, the authentication code and the
//! next key of the last archived record. Archived records are the last ones of many objects, so each
//! such object's version and fingerprint stay in the store, and the base has their number and a sum of
//! keyed tags over them. It is sealed under the master key.
//!
//! Records are written to the file and synced, and then removed in the transaction that moves the
//! base: a process that is killed in between leaves them in both. The last record always stays, and so
//! does the one that the anchor knows.

use std::path::Path;

use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::store::{ArchivedObject, AuditRow, Snapshot, Tx, Uid};

use super::archive_file::{Archive, Owner, Reader};
use super::chain::{self, FIRST_KEY_ROW, Link};
use super::{Entry, Event, Touch, Touched};
use crate::token::record::damaged::damaged;
use crate::token::record::domain::Domain;
use crate::token::{Keys, Token};

/// Row of the base; absent while nothing was archived.
const BASE_ROW: &str = "audit.base";
/// Records that one transaction moves: other writers get their turn between two.
const BATCH: usize = 500;
/// Objects that are read at a time.
const PAGE: usize = 1000;

/// What was archived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Archived {
    /// Records that were moved now.
    pub records: u64,
    /// Position of the last record in archives.
    pub up_to: u64,
    /// SHA-256 of the file; `None` where there was nothing to move.
    pub digest: Option<[u8; 32]>,
}

/// What archives have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VerifiedArchives {
    /// Position of their first record.
    pub first: u64,
    /// Position of their last record that the token has no more.
    pub last: u64,
}

/// Where the token's own records begin, and what was archived of objects.
pub(super) struct Base {
    pub(super) link: Link,
    objects: u64,
    sum: [u8; 32],
}

impl Base {
    /// # Errors
    /// CKR_DEVICE_ERROR where the row is missing or damaged.
    pub(super) fn read(snapshot: &Snapshot<'_>, master: &Domain) -> Result<Self> {
        let Some(row) = snapshot.meta(BASE_ROW)? else {
            let first = snapshot.meta(FIRST_KEY_ROW)?;
            let first = first.ok_or_else(|| damaged("the audit record's key"))?;
            return Ok(Self {
                link: Link::first(master.open_value(FIRST_KEY_ROW, &first)?),
                objects: 0,
                sum: [0; 32],
            });
        };
        let value = master.open_value(BASE_ROW, &row)?;
        value
            .split_first_chunk()
            .and_then(|(objects, rest)| {
                let (sum, link) = rest.split_first_chunk()?;
                Some(Self {
                    objects: u64::from_be_bytes(*objects),
                    sum: *sum,
                    link: Link::decode(link)?,
                })
            })
            .ok_or_else(|| damaged("the base of the audit record"))
    }

    fn write(&self, tx: &Tx<'_>, token: &Token, master: &Domain) -> Result<()> {
        let clear = [
            &self.objects.to_be_bytes()[..],
            &self.sum,
            &self.link.encode(),
        ]
        .concat();
        let clear = crate::secret::Secret::from(clear);
        let sealed = master.seal_value(token.rng(), BASE_ROW, &clear)?;
        Ok(tx.set_meta(BASE_ROW, &sealed)?)
    }

    /// Takes an archived record's part in what is kept of objects.
    fn take(&mut self, tx: &Tx<'_>, master: &Domain, object: &Touched) -> Result<()> {
        let before = match object.touch {
            Touch::Used => return Ok(()),
            Touch::Removed => tx.remove_archived(&object.uid)?,
            Touch::Put => {
                let kept = ArchivedObject {
                    uid: object.uid,
                    class: object.class,
                    version: object.version,
                    seal: object.seal,
                };
                self.objects += 1;
                self.toggle(master, &kept);
                tx.put_archived(&kept)?
            }
        };
        if let Some(before) = before {
            self.objects = self.objects.saturating_sub(1);
            self.toggle(master, &before);
        }
        Ok(())
    }

    /// Adds an object to the sum, or takes it out: each is in it once at most.
    fn toggle(&mut self, master: &Domain, kept: &ArchivedObject) {
        let tag = master.tag(&[
            b"archived object",
            &kept.uid,
            &kept.class.to_be_bytes(),
            &kept.version.to_be_bytes(),
            &kept.seal,
        ]);
        for (sum, part) in self.sum.iter_mut().zip(tag) {
            *sum ^= part;
        }
    }

    /// Passes on what archived records say of the objects that were there at the base, once each.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR where that was edited; those of `each`.
    pub(super) fn objects(
        &self,
        snapshot: &Snapshot<'_>,
        master: &Domain,
        mut each: impl FnMut(&ArchivedObject) -> Result<()>,
    ) -> Result<()> {
        let mut found = Self {
            link: self.link.clone(),
            objects: 0,
            sum: [0; 32],
        };
        each_archived(snapshot, |kept| {
            found.objects += 1;
            found.toggle(master, kept);
            Ok(())
        })?;
        if (found.objects, found.sum) != (self.objects, self.sum) {
            return Err(damaged("what archived audit records say of objects"));
        }
        each_archived(snapshot, &mut each)
    }
}

/// Passes on what archived records say of objects, then every record of the token, each known to be
/// genuine; returns the last one's position.
///
/// # Errors
/// Those of `chain::walk`, and CKR_DEVICE_ERROR where what was archived was edited.
pub(in crate::token) fn walk(
    snapshot: &Snapshot<'_>,
    master: &Domain,
    archived: impl FnMut(&ArchivedObject) -> Result<()>,
    each: impl FnMut(u64, Entry) -> Result<()>,
) -> Result<u64> {
    let base = Base::read(snapshot, master)?;
    base.objects(snapshot, master, archived)?;
    chain::walk(snapshot, &base.link, each)
}

fn each_archived(
    snapshot: &Snapshot<'_>,
    mut each: impl FnMut(&ArchivedObject) -> Result<()>,
) -> Result<()> {
    let mut after: Option<Uid> = None;
    loop {
        let page = snapshot.archived(after.as_ref(), PAGE)?;
        let Some(last) = page.last() else {
            return Ok(());
        };
        after = Some(last.uid);
        page.iter().try_for_each(&mut each)?;
    }
}

impl Token {
    /// Moves all records but the last to the file at `path`, which is made, or goes on from an earlier
    /// archiving. Everything is verified first. `progress` hears how many records have moved.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN; CKR_TOKEN_WRITE_PROTECTED; those of `verify_audit`; CKR_ACTION_PROHIBITED
    /// for a file that the token's records do not go on from, or while another process archives;
    /// CKR_DEVICE_ERROR for a file that cannot be written: no record is lost.
    pub fn archive_audit(&self, path: &Path, mut progress: impl FnMut(u64)) -> Result<Archived> {
        if self.config.read_only {
            return refuse(ck::CKR_TOKEN_WRITE_PROTECTED, "`store.read_only` is set");
        }
        self.verify_audit()?;
        let keys = self.keys()?;
        let master = master(&keys)?;
        let stay = match self.anchored_records()? {
            Some(noted) => noted.min(self.audit_end()?),
            None => self.audit_end()?,
        };
        let up_to = stay.saturating_sub(1);
        let base = self.store.read(|snapshot| Base::read(snapshot, master))?;
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
        self.store.give_back_space()?;
        Ok(done)
    }

    /// Moves the next records behind position `from`, to `up_to` at most.
    fn move_records(
        &self,
        keys: &Keys,
        master: &Domain,
        file: &mut Archive,
        (from, up_to): (u64, u64),
    ) -> Result<Archived> {
        let limit = usize::try_from(up_to - from).map_or(BATCH, |left| left.min(BATCH));
        let (base, rows) = self.store.read(|snapshot| {
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
        let mark = self.write(|tx| {
            let mut base = Base::read(tx, master)?;
            if base.link.position != from {
                return another();
            }
            base.link = link.clone();
            for object in entries.iter().flat_map(|entry| &entry.objects) {
                base.take(tx, master, object)?;
            }
            tx.remove_audit(last)?;
            base.write(tx, self, master)?;
            let Some(digest) = digest else {
                return self.store_mark(tx, keys);
            };
            let doing = super::Doing::from(Event::Archive)
                .and(last)
                .with_digest(digest);
            let ((), mark) = self.record(tx, keys, doing, ck::CKR_OK, |_| Ok(()))?;
            Ok(mark)
        })?;
        self.time.learn(mark);
        Ok(Archived {
            records: last - from,
            up_to: last,
            digest,
        })
    }

    /// Checks archives, in the order in which they were made, and that each goes on where the one before
    /// it ends, and the token's own records where the last one ends.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN; CKR_DEVICE_ERROR naming a record that was edited, removed or reordered,
    /// or the records that are in none of the files.
    pub fn verify_archives(&self, paths: &[impl AsRef<Path>]) -> Result<VerifiedArchives> {
        let keys = self.keys()?;
        let master = master(&keys)?;
        let owner = self.owner(&keys, master);
        let base = self.store.read(|snapshot| Base::read(snapshot, master))?;
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
            token: self.store.file(),
        }
    }

    /// Passes on the records of an archive, each once it is known to be genuine.
    ///
    /// # Errors
    /// Those of `verify_archives`, and of `each`.
    pub fn read_archive<E: From<Error>>(
        &self,
        path: &Path,
        mut each: impl FnMut(u64, Entry) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let keys = self.keys()?;
        let mut reader = Reader::open(path, &self.owner(&keys, master(&keys)?))?;
        while let Some((position, mut entry)) = reader.next()? {
            entry.open_labels(&keys.vault())?;
            each(position, entry)?;
        }
        Ok(())
    }
}

fn master(keys: &Keys) -> Result<&Domain> {
    match &keys.master {
        Some(master) => Ok(&master.domain),
        None => refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            "archives of audit records need a login",
        ),
    }
}

fn another<T>() -> Result<T> {
    refuse(
        ck::CKR_ACTION_PROHIBITED,
        "another process archives audit records of this token",
    )
}
