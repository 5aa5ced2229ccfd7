//! The one way to change a token: an event, its objects, the clock mark and the audit record in one
//! transaction.

use crate::ck;
use crate::config::LogLevel;
use crate::error::{Error, Result, refuse};
use crate::keytype::Material;
use crate::log;
use crate::rng::Rng;
use crate::secret::Secret;
use crate::store::{self, MaterialRow, Row, Snapshot, Tx, Uid};

use crate::token::cache::object::Object;
use crate::token::identity::audit::{
    self, Doing, Entry, Event, QUOTA_ROW, Quota, Refusal, Touch, Touched,
};
use crate::token::identity::rows::Moved;
use crate::token::identity::time::{MARK_ROW, Mark, Now};
use crate::token::record::material;
use crate::token::record::vault::{Record, Vault};
use crate::token::{Identity, Keys, STORE_KEY_ROW, Token};

/// Objects that callers without a login can have in the token, and their bytes.
const UNVOUCHED_OBJECTS: u64 = 10_000;
const UNVOUCHED_BYTES: u64 = 64 << 20;

/// A change in progress.
pub(in crate::token) struct Change<'a> {
    tx: &'a Tx<'a>,
    token: &'a Token,
    vault: Vault<'a>,
    pub(in crate::token) now: Now,
    stored: Mark,
    /// The mark to commit.
    mark: Mark,
    entry: Entry,
    /// What it does to the sum of the rows.
    pub(in crate::token) moved: Moved,
}

impl Token {
    /// Runs `f` in one durable transaction; on an error nothing of it stays.
    pub(in crate::token) fn change<T>(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        f: impl Fn(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let doing = doing.into();
        let counted = self.refusals.take(self.time.now().at);
        let done = self.write(|tx| {
            self.append_refusals(tx, keys, &counted)?;
            if !keys.logged_in() && doing.is_of_objects() {
                self.count_public_change(tx, keys)?;
            }
            self.record(tx, keys, doing, ck::CKR_OK, &f)
        });
        if done.is_err() {
            self.refusals.give_back(counted);
        }
        let (out, mark) = done?;
        self.time.learn(mark);
        self.sweep_on(keys);
        Ok(out)
    }

    /// As `change`, on whatever file is there: see `Token::write_anyhow`.
    pub(in crate::token) fn change_anyhow<T>(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        f: impl Fn(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let doing = doing.into();
        let (out, mark) = self.write_anyhow(|tx| self.record(tx, keys, doing, ck::CKR_OK, &f))?;
        self.time.learn(mark);
        Ok(out)
    }

    /// As `change`, for what takes space away: it is done on a full disk too.
    pub(in crate::token) fn reduce<T>(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        f: impl Fn(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let doing = doing.into();
        self.on_a_full_disk_too(|| self.change(keys, doing, &f))
    }

    /// Runs `work`, and where the disk is full once more with the space that the store keeps back:
    /// for what takes space away, and for what must be done on a full disk and takes next to none.
    pub(in crate::token) fn on_a_full_disk_too<T>(
        &self,
        work: impl Fn() -> Result<T>,
    ) -> Result<T> {
        match work() {
            Err(error) if lacked_room(&error) => self.store.with_reserve(work),
            done => done,
        }
    }

    /// Records a refusal, or counts one that repeats: see `audit::Refusals`.
    pub(in crate::token) fn record_refusal(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        error: &Error,
        bounded: bool,
    ) -> Result<()> {
        if self.config.read_only {
            return Ok(());
        }
        let now = self.time.now().at;
        let refusal = Refusal {
            entry: doing.into().entry(keys.login, now, error.rv),
            public: !keys.logged_in(),
            bounded,
        };
        let due = self.refusals.note(refusal);
        if due.is_empty() {
            return Ok(());
        }
        self.write_refusals(keys, due, bounded)
    }

    /// Records the refusals that are counted and not recorded, and those that were omitted.
    pub(in crate::token) fn flush_refusals(&self, keys: &Keys) -> Result<()> {
        if self.config.read_only {
            return Ok(());
        }
        let counted = self.refusals.take(self.time.now().at);
        if counted.is_empty() && !self.refusals_omitted(keys)? {
            return Ok(());
        }
        self.write_refusals(keys, counted, false)
    }

    fn refusals_omitted(&self, keys: &Keys) -> Result<bool> {
        let row = self.store.read(|snapshot| snapshot.meta(QUOTA_ROW))?;
        let mut quota = Quota::decode(&keys.identity.public, row.as_deref())?;
        let now = self.time.now().at;
        Ok(quota.take_omitted(keys.logged_in(), now).is_some())
    }

    /// On a full disk the space that is kept back takes refusals of which there can be only so many;
    /// others are in the log alone, since refusals without end would use that space up.
    fn write_refusals(&self, keys: &Keys, refusals: Vec<Refusal>, bounded: bool) -> Result<()> {
        let write = || {
            self.write_anyhow(|tx| {
                let mark = self.store_mark(tx, keys)?;
                self.append_refusals(tx, keys, &refusals)?;
                Ok(mark)
            })
        };
        let done = if bounded {
            self.on_a_full_disk_too(write)
        } else {
            write()
        };
        match done {
            Ok(mark) => {
                self.time.learn(mark);
                Ok(())
            }
            Err(error) => {
                self.refusals.give_back(refusals);
                if error.rv != ck::CKR_DEVICE_MEMORY || bounded {
                    return Err(error);
                }
                log::note(
                    LogLevel::Error,
                    &format!(
                        "refusals are not in the audit record, since the disk is full: {error}"
                    ),
                );
                Ok(())
            }
        }
    }

    /// Appends a record for each refusal, as far as the quota of callers without a login goes.
    fn append_refusals(&self, tx: &Tx<'_>, keys: &Keys, refusals: &[Refusal]) -> Result<()> {
        if refusals.is_empty() && !keys.logged_in() {
            return Ok(());
        }
        let public = &keys.identity.public;
        let row = tx.meta(QUOTA_ROW)?;
        let stored = Quota::decode(public, row.as_deref())?;
        let mut quota = stored;
        let now = self.time.now();
        if refusals.iter().any(|refusal| refusal.public) {
            quota.at(now.at, now.believed);
        }
        if let Some(omitted) = quota.take_omitted(keys.logged_in(), now.at) {
            audit::append(tx, &omitted)?;
        }
        for refusal in refusals {
            if !refusal.public || quota.admit(refusal) {
                audit::append(tx, &refusal.entry)?;
            }
        }
        if quota != stored {
            tx.set_meta(QUOTA_ROW, &quota.encode(public))?;
        }
        Ok(())
    }

    /// Counts a change of a caller without a login, each of which makes a record.
    fn count_public_change(&self, tx: &Tx<'_>, keys: &Keys) -> Result<()> {
        let public = &keys.identity.public;
        let mut quota = Quota::decode(public, tx.meta(QUOTA_ROW)?.as_deref())?;
        let now = self.time.now();
        quota.at(now.at, now.believed);
        let limit = self.config.public_changes;
        if !quota.admit_change(limit) {
            return refuse(
                ck::CKR_USER_NOT_LOGGED_IN,
                format!(
                    "callers without a login make {limit} changes a day (`policy.public_changes`): log in"
                ),
            );
        }
        Ok(tx.set_meta(QUOTA_ROW, &quota.encode(public))?)
    }

    /// Records that the use of a key begins, where such records are wanted.
    pub(in crate::token) fn record_use(
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
    pub(in crate::token) fn record<T>(
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
            moved: Moved::default(),
        };
        let out = f(&mut change)?;
        if change.mark != stored {
            tx.set_meta(MARK_ROW, &change.mark.encode(public))?;
        }
        let record = audit::append(tx, &change.entry)?;
        change.moved.store(tx, change.vault.master, record)?;
        Ok((out, change.mark))
    }

    /// Stores the mark where uses alone have moved it, or where readings are in doubt, or no longer. It
    /// does not wait for the disk, and what the caller does goes on where it fails.
    pub(in crate::token) fn keep_time(&self, keys: &Keys, limited: bool) {
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
    pub(in crate::token) fn commit_mark(&self, keys: &Keys) -> Result<()> {
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
        let mark = self.on_a_full_disk_too(|| self.write(|tx| self.store_mark(tx, keys)))?;
        self.time.learn(mark);
        Ok(())
    }

    /// Stores the mark as the clock has moved it, and returns it.
    pub(in crate::token) fn store_mark(&self, tx: &Tx<'_>, keys: &Keys) -> Result<Mark> {
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
    pub(in crate::token) fn put(
        &mut self,
        record: &mut Record,
        material: Option<&Material>,
    ) -> Result<()> {
        let material = match material {
            Some(material) => Some(self.seal_material(record, material)?),
            None => None,
        };
        record.version += 1;
        let hidden = crate::token::record::external::hidden(&record.attributes);
        let (row, postings) = self.vault.seal(&*self.token.rng, record, hidden)?;
        self.touch(Touch::Put, &row, record.attributes.bytes(ck::CKA_LABEL))?;
        self.replace(&row.uid, Some(&row))?;
        self.tx.put(&row, &postings)?;
        if self.vault.master.is_none() {
            self.check_unvouched()?;
        }
        if let Some(material) = material {
            self.tx.put_material(&record.uid, &material)?;
        }
        Ok(())
    }

    /// Whether the objects that callers without a login have made are not too many now. Such an object
    /// has no tag under the master key.
    fn check_unvouched(&self) -> Result<()> {
        let (count, bytes) = self.tx.without_mac()?;
        if count <= UNVOUCHED_OBJECTS && bytes <= UNVOUCHED_BYTES {
            return Ok(());
        }
        refuse(
            ck::CKR_USER_NOT_LOGGED_IN,
            format!(
                "without a login {UNVOUCHED_OBJECTS} objects of {UNVOUCHED_BYTES} bytes in all can be made, and there would be {count} of {bytes}: log in"
            ),
        )
    }

    /// The object as this transaction sees it.
    pub(in crate::token) fn get(&self, uid: &Uid) -> Result<Option<Record>> {
        self.tx
            .object(uid)?
            .map(|row| self.vault.open(&row))
            .transpose()
    }

    /// Removes the object with everything that belongs to it.
    pub(in crate::token) fn remove(&mut self, uid: &Uid) -> Result<()> {
        let Some(row) = self.tx.object(uid)? else {
            return Err(Error::new(
                ck::CKR_OBJECT_HANDLE_INVALID,
                "the object was destroyed meanwhile",
            ));
        };
        let record = self.vault.open(&row)?;
        self.touch(Touch::Removed, &row, record.attributes.bytes(ck::CKA_LABEL))?;
        self.replace(uid, None)?;
        self.end_life(&record)?;
        self.tx.remove(uid)?;
        Ok(())
    }

    /// Seals material for the object, and names it in the record.
    fn seal_material(&self, record: &mut Record, material: &Material) -> Result<MaterialRow> {
        let id: [u8; 16] = crate::rng::random(&*self.token.rng);
        let clear = material::encode(material)?;
        let (data_key, sealed) =
            self.vault
                .seal_material(&*self.token.rng, &record.uid, &id, &clear)?;
        crate::token::record::external::set_material_row(&mut record.attributes, Some(&id));
        Ok(MaterialRow { data_key, sealed })
    }

    /// Erases the material of the object; the record (which is `put` afterwards) names none.
    pub(in crate::token) fn erase_material(&mut self, record: &mut Record) -> Result<()> {
        self.tx.erase_material(&record.uid)?;
        crate::token::record::external::set_material_row(&mut record.attributes, None);
        Ok(())
    }

    /// The store as this change sees it.
    pub(in crate::token) fn snapshot(&self) -> &Snapshot<'_> {
        self.tx
    }

    pub(in crate::token) fn vault(&self) -> &Vault<'_> {
        &self.vault
    }

    pub(in crate::token) fn rng(&self) -> &dyn Rng {
        self.token.rng()
    }

    /// Sets a value that belongs to the token itself.
    pub(in crate::token) fn set_value(&self, name: &str, value: &[u8]) -> Result<()> {
        Ok(self.tx.set_meta(name, value)?)
    }

    /// The committed clock mark.
    pub(in crate::token) fn stored_mark(&self) -> Mark {
        self.stored
    }

    /// Commits `mark`, which the security officer has chosen.
    pub(in crate::token) fn set_mark(&mut self, mark: Mark) {
        self.mark = mark;
        self.entry.number = Some(mark.at);
    }

    /// Notes for the sum of the rows that `new` takes the place of the object's row.
    fn replace(&mut self, uid: &Uid, new: Option<&Row>) -> Result<()> {
        let old = self.tx.object(uid)?;
        self.moved.replace(self.vault.master, old.as_ref(), new)
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

/// Whether the disk was full, for this change or for another one that shared its transaction.
fn lacked_room(error: &Error) -> bool {
    let source = error.source.as_deref();
    let shared = source.and_then(|source| source.downcast_ref::<store::Error>());
    error.rv == ck::CKR_DEVICE_MEMORY || shared == Some(&store::Error::RolledBack)
}

/// Another process may have initialized the token anew: nothing is sealed under keys of the old.
pub(in crate::token) fn check_identity(tx: &Tx<'_>, identity: &Identity) -> Result<()> {
    let stored = tx.meta(STORE_KEY_ROW)?.map(Secret::from);
    if stored.is_some_and(|key| identity.store_key.ct_eq(&key)) {
        return Ok(());
    }
    refuse(
        ck::CKR_DEVICE_REMOVED,
        "the token was initialized again by another process: open a new session",
    )
}
