//! The lives of a name: which external key has the name now, and how many had it before.

use crate::attr::Attributes;
use crate::byok;
use crate::ck;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::Uid;
use crate::token::identity::rows::Rows;
use crate::token::identity::state::{Keys, TokenState};
use crate::token::identity::time::Now;
use crate::token::record::domain::Domain;
use crate::token::record::external::{gone_at, is_external};
use crate::token::record::name::Name;
use crate::token::record::stored;
use crate::token::record::vault::Record;

use super::transaction::Change;
use crate::token::identity::audit::Touch;

/// The most lives of a name. Every import and every new key with a CKA_ID reads as many objects as the
/// highest life of any name, so this bounds its cost.
const MOST_LIVES: u64 = 256;

/// The external key to which an unwrap with these attributes binds, if there is one: it has the same
/// class, key type and CKA_ID.
///
/// # Errors
/// CKR_DEVICE_ERROR when that key, or the sum of the rows, is damaged.
pub(in crate::token) fn bound_by_id(
    state: &TokenState,
    keys: &Keys,
    attributes: &Attributes,
) -> Result<Option<Record>> {
    let vault = keys.vault();
    let (Some(name), Some(master)) = (Name::of(attributes), vault.master) else {
        return Ok(None);
    };
    let now = state.time.now();
    state.store.read(|snapshot| {
        let lives = Rows::lives(snapshot, master)?;
        let is_gone = |record: &Record| is_gone(record, now);
        name.find(&vault, lives, is_gone, |uid| {
            stored::read(&vault, snapshot, uid)
        })
    })
}

/// Whether the key has given up its name: the time of its scheduled deletion has come, by a clock that
/// is not in doubt.
fn is_gone(record: &Record, now: Now) -> bool {
    now.believed && byok::expired(gone_at(&record.attributes), now.at)
}

impl Change<'_> {
    /// See [`bound_by_id`]; reads what this change has done so far.
    pub(in crate::token) fn bound_by_id(&self, attributes: &Attributes) -> Result<Option<Record>> {
        let vault = self.vault();
        let (Some(name), Some(master)) = (Name::of(attributes), vault.master) else {
            return Ok(None);
        };
        let lives = self.lives(master)?;
        let is_gone = |record: &Record| is_gone(record, self.now);
        name.find(vault, lives, is_gone, |uid| self.get(uid))
    }

    /// The uid of a new external key with these attributes, in the next life of their name; `None` for a
    /// key without a name. No key that is still there may have the name.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID when the name has had `MOST_LIVES` lives.
    pub(in crate::token) fn begin_life(&mut self, attributes: &Attributes) -> Result<Option<Uid>> {
        let Some(name) = Name::of(attributes) else {
            return Ok(None);
        };
        let master = self.vault().master.ok_or_else(|| {
            Error::new(
                ck::CKR_USER_NOT_LOGGED_IN,
                "an external key is made by the user: log in first",
            )
        })?;
        let mut life = self.ended_lives(&name, master)?;
        let mut uid = name.uid(master, life);
        // The time of this key's scheduled deletion has come, and it is not erased yet.
        while self.snapshot().object(&uid)?.is_some() {
            life += 1;
            uid = name.uid(master, life);
        }
        if life >= MOST_LIVES {
            return Err(Error::new(
                ck::CKR_ATTRIBUTE_VALUE_INVALID,
                format!(
                    "this token has had {MOST_LIVES} external keys of this CKA_ID: use another CKA_ID"
                ),
            )
            .at("CKA_ID"));
        }
        self.moved.begin_life(life);
        Ok(Some(uid))
    }

    /// Removes the object, its material and its index rows.
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

    /// Counts the ended life of an external key that is removed, so that its uid is never used again.
    fn end_life(&mut self, record: &Record) -> Result<()> {
        let name = Name::of(&record.attributes).filter(|_| is_external(&record.attributes));
        let (Some(name), Some(master)) = (name, self.vault().master) else {
            return Ok(());
        };
        // Removing a key works with a damaged sum too.
        let lives = self.lives(master).unwrap_or_default();
        let Some(life) = (0..=lives).find(|life| name.uid(master, *life) == record.uid) else {
            return Ok(());
        };
        let ended = self.ended_lives(&name, master).unwrap_or_default();
        let count = ended.max(life + 1).to_be_bytes();
        let row = name.row(master);
        let tag = master.tag(&[b"tenon name 1", row.as_bytes(), &count]);
        self.set_value(&row, &[&count[..], &tag].concat())
    }

    /// The highest life of any name, including those that this change begins.
    fn lives(&self, master: &Domain) -> Result<u64> {
        Ok(Rows::lives(self.snapshot(), master)?.max(self.moved.life()))
    }

    /// How many lives of this name have ended. Where the row was edited, the most that any name can have.
    fn ended_lives(&self, name: &Name, master: &Domain) -> Result<u64> {
        let row_name = name.row(master);
        let Some(row) = self.snapshot().meta(&row_name)? else {
            return Ok(0);
        };
        let genuine = row.split_first_chunk().filter(|(count, tag)| {
            let expected = master.tag(&[b"tenon name 1", row_name.as_bytes(), *count]);
            Secret::copy(&expected).ct_eq(tag)
        });
        match genuine {
            Some((count, _)) => Ok(u64::from_be_bytes(*count)),
            None => Ok(self.lives(master)?.saturating_add(1)),
        }
    }
}
