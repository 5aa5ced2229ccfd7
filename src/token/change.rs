//! The one way to change a token: an event, its objects, the clock mark and the audit record in one
//! transaction.

use crate::ck;
use crate::config::LogLevel;
use crate::error::{Error, Result, refuse};
use crate::log;
use crate::mechanism::Material;
use crate::rng::Rng;
use crate::secret::Secret;
use crate::store::{MaterialRow, Row, Snapshot, Tx, Uid};

use super::audit::{self, Doing, Entry, Event, Touch, Touched};
use super::material;
use super::object::Object;
use super::time::{MARK_ROW, Mark, Now};
use super::vault::{Record, Vault};
use super::{Identity, Keys, STORE_KEY_ROW, Token};

/// A change in progress.
pub(super) struct Change<'a> {
    tx: &'a Tx<'a>,
    token: &'a Token,
    vault: Vault<'a>,
    pub(super) now: Now,
    stored: Mark,
    /// The mark to commit.
    mark: Mark,
    entry: Entry,
}

impl Token {
    /// Runs `f` in one durable transaction; on an error nothing of it stays.
    pub(super) fn change<T>(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        f: impl FnOnce(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let (out, mark) = self.write(|tx| self.record(tx, keys, doing.into(), ck::CKR_OK, f))?;
        self.time.learn(mark);
        self.sweep_on(keys);
        Ok(out)
    }

    /// As `change`, on whatever file is there: see `Token::write_anyhow`.
    pub(super) fn change_anyhow<T>(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        f: impl FnOnce(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let (out, mark) =
            self.write_anyhow(|tx| self.record(tx, keys, doing.into(), ck::CKR_OK, f))?;
        self.time.learn(mark);
        Ok(out)
    }

    /// As `change`, for what takes space away: it is done on a full disk too.
    pub(super) fn reduce<T>(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        f: impl Fn(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let doing = doing.into();
        self.with_room(|| self.change(keys, doing, &f))
    }

    /// Runs `f`, which takes space away; where the disk is full, again with the space that the store
    /// keeps back for that.
    pub(super) fn with_room<T>(&self, f: impl Fn() -> Result<T>) -> Result<T> {
        match f() {
            Err(error) if error.rv == ck::CKR_DEVICE_MEMORY => self.store.with_reserve(&f),
            done => done,
        }
    }

    /// Records a refusal: the clock mark, and an audit record with `error`'s return value.
    pub(super) fn record_refusal(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        error: &Error,
    ) -> Result<()> {
        if self.config.read_only {
            return Ok(());
        }
        let ((), mark) =
            self.write_anyhow(|tx| self.record(tx, keys, doing.into(), error.rv, |_| Ok(())))?;
        self.time.learn(mark);
        Ok(())
    }

    /// Records that the use of a key begins, where such records are wanted.
    pub(super) fn record_use(
        &self,
        keys: &Keys,
        object: &Object,
        what: ck::CK_ATTRIBUTE_TYPE,
        mechanism: ck::CK_MECHANISM_TYPE,
    ) -> Result<()> {
        let secret = object.facts.key.as_ref().is_some_and(|key| key.secret);
        if !self.config.audit_use || self.config.read_only || !secret {
            return Ok(());
        }
        let doing = Event::Use.with(mechanism).and(what);
        self.change(keys, doing, |change| {
            let label = change.sealed_label(&object.uid, object.attributes.bytes(ck::CKA_LABEL))?;
            change.entry.objects.push(Touched {
                touch: Touch::Used,
                uid: object.uid,
                class: object.class(),
                version: 0,
                seal: [0; 16],
                sealed_label: label,
                label: None,
            });
            Ok(())
        })
    }

    /// Makes a change with its record in `tx`; also returns the clock mark to commit.
    pub(super) fn record<T>(
        &self,
        tx: &Tx<'_>,
        keys: &Keys,
        doing: Doing,
        rv: ck::CK_RV,
        f: impl FnOnce(&mut Change<'_>) -> Result<T>,
    ) -> Result<(T, Mark)> {
        check_identity(tx, &keys.identity)?;
        let public = &keys.identity.public;
        let stored = Mark::decode(public, tx.meta(MARK_ROW)?.as_deref())?;
        let now = self.time.now();
        let mut change = Change {
            tx,
            token: self,
            vault: keys.vault(),
            now,
            stored,
            mark: self.time.advanced(stored, keys.logged_in()),
            entry: doing.entry(keys.login, now.at, rv),
        };
        let out = f(&mut change)?;
        if change.mark != stored {
            tx.set_meta(MARK_ROW, &change.mark.encode(public))?;
        }
        audit::append(tx, &change.entry)?;
        Ok((out, change.mark))
    }

    /// Stores the mark where uses alone have moved it, or where readings are in doubt, or no longer. It
    /// does not wait for the disk, and what the caller does goes on where it fails.
    pub(super) fn keep_time(&self, keys: &Keys, limited: bool) {
        if self.config.read_only || !self.time.overdue(keys.logged_in(), limited) {
            return;
        }
        match self.store.write_relaxed(|tx| self.store_mark(tx, keys)) {
            Ok(mark) => self.time.learn(mark),
            Err(error) => {
                self.time.store_failed();
                log::note(
                    LogLevel::Warning,
                    &format!("the clock mark was not stored: {error}"),
                );
            }
        }
    }

    /// Commits the clock's reading, so that turning the clock back revives nothing.
    pub(super) fn commit_mark(&self, keys: &Keys) -> Result<()> {
        if self.config.read_only {
            return Ok(());
        }
        let public = &keys.identity.public;
        let stored = self.store.read(|snapshot| {
            let row = snapshot.meta(MARK_ROW)?;
            Mark::decode(public, row.as_deref())
        })?;
        if self.time.advanced(stored, keys.logged_in()) == stored {
            return Ok(());
        }
        let mark = self.write(|tx| self.store_mark(tx, keys))?;
        self.time.learn(mark);
        Ok(())
    }

    /// Stores the mark as the clock has moved it, and returns it.
    pub(super) fn store_mark(&self, tx: &Tx<'_>, keys: &Keys) -> Result<Mark> {
        check_identity(tx, &keys.identity)?;
        let public = &keys.identity.public;
        let stored = Mark::decode(public, tx.meta(MARK_ROW)?.as_deref())?;
        let mark = self.time.advanced(stored, keys.logged_in());
        tx.set_meta(MARK_ROW, &mark.encode(public))?;
        Ok(mark)
    }
}

impl Change<'_> {
    /// Stores `record` as its next version, with its material where that is new.
    pub(super) fn put(&mut self, record: &mut Record, material: Option<&Material>) -> Result<()> {
        let material = match material {
            Some(material) => Some(self.seal_material(record, material)?),
            None => None,
        };
        record.version += 1;
        let hidden = super::external::hidden(&record.attributes);
        let (row, postings) = self.vault.seal(&*self.token.rng, record, hidden)?;
        self.touch(Touch::Put, &row, record.attributes.bytes(ck::CKA_LABEL))?;
        self.tx.put(&row, &postings)?;
        if let Some(material) = material {
            self.tx.put_material(&record.uid, &material)?;
        }
        Ok(())
    }

    /// The object as this transaction sees it.
    pub(super) fn get(&self, uid: &Uid) -> Result<Option<Record>> {
        self.tx
            .object(uid)?
            .map(|row| self.vault.open(&row))
            .transpose()
    }

    /// Removes the object with everything that belongs to it.
    pub(super) fn remove(&mut self, uid: &Uid) -> Result<()> {
        let Some(row) = self.tx.object(uid)? else {
            return Err(Error::new(
                ck::CKR_OBJECT_HANDLE_INVALID,
                "the object was destroyed meanwhile",
            ));
        };
        let record = self.vault.open(&row)?;
        self.touch(Touch::Removed, &row, record.attributes.bytes(ck::CKA_LABEL))?;
        self.tx.remove(uid)?;
        Ok(())
    }

    /// Seals material for the object, and names it in the record.
    fn seal_material(&self, record: &mut Record, material: &Material) -> Result<MaterialRow> {
        let id: [u8; 16] = crate::rng::random(&*self.token.rng);
        let clear = material::encode(material);
        let (data_key, sealed) =
            self.vault
                .seal_material(&*self.token.rng, &record.uid, &id, &clear)?;
        super::external::set_material_row(&mut record.attributes, Some(&id));
        Ok(MaterialRow { data_key, sealed })
    }

    /// Erases the material of the object; the record (which is `put` afterwards) names none.
    pub(super) fn erase_material(&mut self, record: &mut Record) -> Result<()> {
        self.tx.erase_material(&record.uid)?;
        super::external::set_material_row(&mut record.attributes, None);
        Ok(())
    }

    /// The store as this change sees it.
    pub(super) fn snapshot(&self) -> &Snapshot<'_> {
        self.tx
    }

    pub(super) fn vault(&self) -> &Vault<'_> {
        &self.vault
    }

    pub(super) fn rng(&self) -> &dyn Rng {
        self.token.rng()
    }

    /// Sets a value that belongs to the token itself.
    pub(super) fn set_value(&self, name: &str, value: &[u8]) -> Result<()> {
        Ok(self.tx.set_meta(name, value)?)
    }

    /// The committed clock mark.
    pub(super) fn stored_mark(&self) -> Mark {
        self.stored
    }

    /// Commits `mark`, which the security officer has chosen.
    pub(super) fn set_mark(&mut self, mark: Mark) {
        self.mark = mark;
        self.entry.number = Some(mark.at);
    }

    fn touch(&mut self, touch: Touch, row: &Row, label: Option<&[u8]>) -> Result<()> {
        let sealed_label = self.sealed_label(&row.uid, label)?;
        self.entry.objects.push(Touched {
            touch,
            uid: row.uid,
            class: row.class,
            version: row.version,
            seal: audit::seal_of(row),
            sealed_label,
            label: None,
        });
        Ok(())
    }

    /// The label as the audit record has it: sealed under the master key, and nothing when nobody
    /// is logged in or there is none.
    fn sealed_label(&self, uid: &Uid, label: Option<&[u8]>) -> Result<Vec<u8>> {
        let label = label.unwrap_or_default();
        let label = &label[..label.len().min(audit::LABEL_MAX)];
        if label.is_empty() || self.vault.master.is_none() {
            return Ok(Vec::new());
        }
        self.vault.seal_label(self.rng(), uid, label)
    }
}

/// Another process may have initialized the token anew: nothing is sealed under keys of the old.
pub(super) fn check_identity(tx: &Tx<'_>, identity: &Identity) -> Result<()> {
    let stored = tx.meta(STORE_KEY_ROW)?.map(Secret::from);
    if stored.is_some_and(|key| identity.store_key.ct_eq(&key)) {
        return Ok(());
    }
    refuse(
        ck::CKR_DEVICE_REMOVED,
        "the token was initialized again by another process: open a new session",
    )
}
