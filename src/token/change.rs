//! The one way to change a token: an event, its objects, the clock mark and the audit record in one
//! transaction.

use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::mechanism::Material;
use crate::rng::Rng;
use crate::secret::Secret;
use crate::store::{MaterialRow, Row, Snapshot, Tx, Uid};

use super::audit::{self, Event, Touched};
use super::material;
use super::read::end_of;
use super::time::Now;
use super::vault::{Domain, Record, Vault, damaged};
use super::{CLOCK_ROW, Keys, STORE_KEY_ROW, Token, opened_mark, sealed_mark};

/// Audit entries read at a time.
const AUDIT_PAGE: usize = 1000;

/// A change in progress.
pub(super) struct Change<'a> {
    tx: &'a Tx<'a>,
    token: &'a Token,
    vault: Vault<'a>,
    pub(super) now: Now,
    touched: Vec<Touched>,
}

impl Token {
    /// Runs `f` in one durable transaction; on an error nothing of it stays.
    pub(super) fn change<T>(
        &self,
        keys: &Keys,
        event: Event,
        f: impl FnOnce(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let now = self.time.now();
        self.store.write(|tx| {
            let mut change = Change {
                tx,
                token: self,
                vault: keys.vault(),
                now,
                touched: Vec::new(),
            };
            change.check_identity(keys)?;
            let out = f(&mut change)?;
            change.advance_mark(&keys.identity.public)?;
            audit::append(tx, event, now.at, ck::CKR_OK, &change.touched)?;
            Ok(out)
        })
    }

    /// As `change`, for what takes space away: it is done on a full disk too.
    pub(super) fn reduce(
        &self,
        keys: &Keys,
        event: Event,
        f: impl Fn(&mut Change<'_>) -> Result<()>,
    ) -> Result<()> {
        match self.change(keys, event, &f) {
            Err(error) if error.rv == ck::CKR_DEVICE_MEMORY => {
                self.store.with_reserve(|| self.change(keys, event, &f))
            }
            done => done,
        }
    }

    /// Records a refusal: the clock mark, and an audit record with `error`'s return value.
    pub(super) fn record_refusal(&self, keys: &Keys, event: Event, error: &Error) -> Result<()> {
        if self.config.read_only {
            return Ok(());
        }
        let now = self.time.now();
        self.store.write(|tx| {
            let change = Change {
                tx,
                token: self,
                vault: keys.vault(),
                now,
                touched: Vec::new(),
            };
            change.advance_mark(&keys.identity.public)?;
            audit::append(tx, event, now.at, error.rv, &[])
        })
    }

    /// Checks the whole audit record, and returns the number of its entries. Needs a login.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN; CKR_DEVICE_ERROR naming the first entry that does not fit.
    pub fn verify_audit(&self) -> Result<u64> {
        let keys = self.keys()?;
        let Some(master) = &keys.master else {
            return refuse(
                ck::CKR_USER_NOT_LOGGED_IN,
                "verifying the audit record needs a login",
            );
        };
        self.store.read(|snapshot| {
            let value = |name| {
                snapshot
                    .meta(name)?
                    .ok_or_else(|| damaged("the audit record's key"))
            };
            let first = master
                .domain
                .open_value(audit::FIRST_KEY_ROW, &value(audit::FIRST_KEY_ROW)?)?;
            let last = Secret::from(value(audit::KEY_ROW)?);
            audit::verify(first, &last, |from| Ok(snapshot.audit(from, AUDIT_PAGE)?))
        })
    }

    /// Commits the clock's reading, so that turning the clock back revives nothing.
    pub(super) fn commit_mark(&self, keys: &Keys) -> Result<()> {
        if self.config.read_only {
            return Ok(());
        }
        let public = &keys.identity.public;
        let stored = self.store.read(|snapshot| {
            let row = snapshot.meta(CLOCK_ROW)?;
            opened_mark(public, row)
        })?;
        let mark = self.time.advanced(stored);
        if mark == stored {
            return Ok(());
        }
        self.store.write(|tx| {
            tx.set_meta(CLOCK_ROW, &sealed_mark(public, mark))
                .map_err(Error::from)
        })?;
        self.time.learn(mark);
        Ok(())
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
        self.touch(&row);
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
        if let Some(row) = self.tx.object(uid)? {
            self.touch(&row);
        }
        self.tx.erase_material(uid)?;
        if !self.tx.remove(uid)? {
            return Err(Error::new(
                ck::CKR_OBJECT_HANDLE_INVALID,
                "the object was destroyed meanwhile",
            ));
        }
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

    fn advance_mark(&self, public: &Domain) -> Result<()> {
        let stored = opened_mark(public, self.tx.meta(CLOCK_ROW)?)?;
        let mark = self.token.time.advanced(stored);
        self.token.time.learn(stored);
        if mark != stored {
            self.tx.set_meta(CLOCK_ROW, &sealed_mark(public, mark))?;
        }
        Ok(())
    }

    /// Another process may have initialized the token anew: nothing is sealed under keys of the old.
    fn check_identity(&self, keys: &Keys) -> Result<()> {
        let stored = self.tx.meta(STORE_KEY_ROW)?.map(Secret::from);
        if stored.is_some_and(|key| keys.identity.store_key.ct_eq(&key)) {
            return Ok(());
        }
        refuse(
            ck::CKR_DEVICE_REMOVED,
            "the token was initialized again by another process: open a new session",
        )
    }

    fn touch(&mut self, row: &Row) {
        self.touched.push(Touched {
            uid: row.uid,
            version: row.version,
            seal: end_of(row),
        });
    }
}
