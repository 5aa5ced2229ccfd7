//! One change of a token: its objects, the clock mark and the audit record, all in one transaction.

use crate::ck;
use crate::error::{Result, refuse};
use crate::keytype::Material;
use crate::rng::Rng;
use crate::store::{MaterialRow, Row, Snapshot, Tx, Uid};

use crate::token::identity::audit::{self, Doing, Entry, Touch, Touched};
use crate::token::identity::rows::Moved;
use crate::token::identity::state::{Keys, TokenState};
use crate::token::identity::time::{ClockMark, MARK_ROW, Now};
use crate::token::record::material;
use crate::token::record::numbered::NumberedKey;
use crate::token::record::vault::{Record, Vault};

/// The most objects that callers without a login can have in the token, and the most bytes of them.
const UNVOUCHED_OBJECTS: u64 = 10_000;
const UNVOUCHED_BYTES: u64 = 64 << 20;

/// A change that is being made.
pub(in crate::token) struct Change<'a> {
    pub(super) tx: &'a Tx<'a>,
    state: &'a TokenState,
    pub(in crate::token) vault: Vault<'a>,
    pub(in crate::token) now: Now,
    pub(in crate::token) stored: ClockMark,
    pub(in crate::token) mark: ClockMark,
    pub(in crate::token) entry: Entry,
    /// What the change adds to and takes from the sum of the rows.
    pub(in crate::token) moved: Moved,
}

impl<'a> Change<'a> {
    /// A change in `tx` whose record is `doing` with the answer `rv`.
    pub(in crate::token) fn new(
        tx: &'a Tx<'a>,
        state: &'a TokenState,
        keys: &'a Keys,
        doing: Doing,
        rv: ck::CK_RV,
    ) -> Result<Self> {
        keys.identity.check(tx)?;
        let public = &keys.identity.public;
        let stored = ClockMark::decode(public, tx.meta(MARK_ROW)?.as_deref())?;
        let now = state.time.now();
        Ok(Self {
            tx,
            state,
            vault: keys.vault(),
            now,
            stored,
            mark: state.time.advanced(stored, keys.logged_in()),
            entry: doing.entry(keys.login, now.at, rv),
            moved: Moved::default(),
        })
    }

    /// Appends the audit record, and stores the clock mark and the sum of the rows; returns the mark.
    pub(in crate::token) fn finish(self, keys: &Keys) -> Result<ClockMark> {
        if self.mark != self.stored {
            let mark = self.mark.encode(&keys.identity.public);
            self.tx.set_meta(MARK_ROW, &mark)?;
        }
        let record = audit::append(self.tx, &self.entry)?;
        self.moved.store(self.tx, self.vault.master, record)?;
        Ok(self.mark)
    }

    /// See `ChangeRows::accept_loss`.
    pub(in crate::token) fn accept_loss(&self) -> Result<()> {
        Ok(self.tx.accept_loss()?)
    }

    /// Stores `record` as its next version; its material only where `material` is new.
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
        let (row, postings) = self.vault.seal(&*self.state.rng, record, hidden)?;
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

    /// Refuses more objects of callers without a login than there may be. Such an object has no tag under
    /// the master key.
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

    /// The object, as changed so far by this transaction.
    pub(in crate::token) fn get(&self, uid: &Uid) -> Result<Option<Record>> {
        self.tx
            .object(uid)?
            .map(|row| self.vault.open(&row))
            .transpose()
    }

    /// Seals material for the object, and stores its identifier in the record.
    fn seal_material(&self, record: &mut Record, material: &Material) -> Result<MaterialRow> {
        let id: [u8; 16] = crate::rng::random(&*self.state.rng);
        let clear = material::encode(material)?;
        let vault = &self.vault;
        let besides = vault.numbered.current(self.tx, &vault.serial)?;
        let (data_key, sealed) =
            vault.seal_material(&*self.state.rng, &record.uid, &id, &clear, besides.as_ref())?;
        crate::token::record::external::set_material_row(&mut record.attributes, Some(&id));
        Ok(MaterialRow { data_key, sealed })
    }

    /// Erases the material of the object and its identifier in `record`, which the caller stores by `put`.
    pub(in crate::token) fn erase_material(&mut self, record: &mut Record) -> Result<()> {
        self.tx.erase_material(&record.uid)?;
        crate::token::record::external::set_material_row(&mut record.attributes, None);
        Ok(())
    }

    /// The store, as changed so far by this transaction.
    pub(in crate::token) fn snapshot(&self) -> &Snapshot<'_> {
        self.tx
    }

    pub(in crate::token) fn vault(&self) -> &Vault<'_> {
        &self.vault
    }

    pub(in crate::token) fn rng(&self) -> &dyn Rng {
        &*self.state.rng
    }

    /// Stores a value of the token itself.
    pub(in crate::token) fn set_value(&self, name: &str, value: &[u8]) -> Result<()> {
        Ok(self.tx.set_meta(name, value)?)
    }

    /// Makes new material be sealed under this key of `store.key_file`.
    pub(in crate::token) fn begin_numbered_key(&self, key: &NumberedKey) -> Result<()> {
        key.begin(self.tx, &self.vault.serial)
    }

    /// The clock mark that was committed before this change.
    pub(in crate::token) fn stored_mark(&self) -> ClockMark {
        self.stored
    }

    /// Commits `mark`, which the security officer has accepted, in place of the clock's.
    pub(in crate::token) fn set_mark(&mut self, mark: ClockMark) {
        self.mark = mark;
        self.entry.number = Some(mark.at);
    }

    /// Replaces the object's row by `new` in the sum of the rows; `None` removes it.
    pub(super) fn replace(&mut self, uid: &Uid, new: Option<&Row>) -> Result<()> {
        let old = self.tx.object(uid)?;
        self.moved.replace(self.vault.master, old.as_ref(), new)
    }

    pub(super) fn touch(&mut self, touch: Touch, row: &Row, label: Option<&[u8]>) -> Result<()> {
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

    /// The label as the audit record stores it: sealed under the master key; empty when nobody is logged
    /// in or there is no label.
    pub(in crate::token) fn sealed_label(
        &self,
        uid: &Uid,
        label: Option<&[u8]>,
    ) -> Result<Vec<u8>> {
        let label = label.unwrap_or_default();
        let label = &label[..label.len().min(audit::LABEL_MAX)];
        if label.is_empty() || self.vault.master.is_none() {
            return Ok(Vec::new());
        }
        self.vault.seal_label(self.rng(), uid, label)
    }
}
