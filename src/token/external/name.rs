//! The names of external keys: (class, key type, CKA_ID), by which an import finds its binding.
//!
//! The uid of an external key with a CKA_ID follows from that name under the master key, so an
//! import asks for the object itself, and no index row or other row stands between a name and its
//! binding. A uid is never used twice: a key that is gone leaves its name to a next *life*, which has
//! another uid. Lives count from 0, and an import asks for each up to the greatest that any name of
//! the token has come to, which the sum of the rows states.

use crate::attr::Attributes;
use crate::byok;
use crate::ck;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::Uid;
use crate::token::change::Change;
use crate::token::identity::rows::Rows;
use crate::token::identity::time::Now;
use crate::token::record::damaged::damaged;
use crate::token::record::domain::Domain;
use crate::token::record::vault::{Record, Vault};
use crate::token::{Keys, Token};

use crate::token::record::external::{gone_at, is_external};
use crate::token::record::stored;

/// Lives that a name has at most, so that asking for each of them stays cheap: every import and every
/// new key with a CKA_ID does, by as many reads as the greatest life of any name.
const MOST_LIVES: u64 = 256;

/// The name of an external key.
struct Name {
    class: ck::CK_OBJECT_CLASS,
    key_type: ck::CK_KEY_TYPE,
    id: Vec<u8>,
}

impl Name {
    /// The name that an object with these attributes has or would have; `None` without a CKA_ID, and
    /// for what is no private or secret key.
    fn of(attributes: &Attributes) -> Option<Self> {
        let class = attributes.class();
        let id = attributes.bytes(ck::CKA_ID).unwrap_or_default();
        let key = matches!(class, ck::CKO_PRIVATE_KEY | ck::CKO_SECRET_KEY);
        (key && !id.is_empty()).then_some(Self {
            class,
            key_type: attributes.key_type()?,
            id: id.to_vec(),
        })
    }

    /// The uid of its key in this life.
    fn uid(&self, master: &Domain, life: u64) -> Uid {
        let code = master.fingerprint(&[
            b"tenon name 1",
            &self.class.to_be_bytes(),
            &self.key_type.to_be_bytes(),
            &self.id,
            &life.to_be_bytes(),
        ]);
        let mut uid = Uid::default();
        for (to, from) in uid.iter_mut().zip(code) {
            *to = from;
        }
        uid
    }

    /// Name in `meta` of the count of its lives that have ended; there once one has.
    fn row(&self, master: &Domain) -> String {
        let digits = self.uid(master, 0).map(|byte| format!("{byte:02x}"));
        format!("name.{}", digits.concat())
    }

    /// Lives that have ended. Of a row that was edited, as many as any name can have had.
    fn ended(&self, change: &Change<'_>, master: &Domain) -> Result<u64> {
        let name = self.row(master);
        let Some(row) = change.snapshot().meta(&name)? else {
            return Ok(0);
        };
        let genuine = row.split_first_chunk().filter(|(count, tag)| {
            let expected = master.tag(&[b"tenon name 1", name.as_bytes(), *count]);
            Secret::copy(&expected).ct_eq(tag)
        });
        match genuine {
            Some((count, _)) => Ok(u64::from_be_bytes(*count)),
            None => Ok(change.lives(master)?.saturating_add(1)),
        }
    }

    /// The living key of this name. One whose scheduled deletion has come leaves its name to the next,
    /// unless the clock may be wrong about that.
    fn find(
        &self,
        (vault, lives, now): (&Vault<'_>, u64, Now),
        get: impl Fn(&Uid) -> Result<Option<Record>>,
    ) -> Result<Option<Record>> {
        let Some(master) = vault.master else {
            return Ok(None);
        };
        for life in 0..=lives {
            let uid = self.uid(master, life);
            if let Some(suspects) = vault.suspects {
                suspects.refuse(&uid)?;
            }
            let Some(record) = get(&uid)? else {
                continue;
            };
            if !is_external(&record.attributes) {
                return Err(damaged("the external key of this CKA_ID"));
            }
            let gone = byok::expired(gone_at(&record.attributes), now.at);
            if !(gone && now.believed) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}

impl Token {
    /// The external key that an unwrap with these attributes binds to, if there is one: the same
    /// class, key type and CKA_ID.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the key of that name, or the sum of the rows, is damaged.
    pub(in crate::token) fn bound_by_id(
        &self,
        keys: &Keys,
        attributes: &Attributes,
    ) -> Result<Option<Record>> {
        let vault = keys.vault();
        let (Some(name), Some(master)) = (Name::of(attributes), vault.master) else {
            return Ok(None);
        };
        let now = self.time.now();
        self.store.read(|snapshot| {
            let lives = Rows::lives(snapshot, master)?;
            name.find((&vault, lives, now), |uid| {
                stored::read(&vault, snapshot, uid)
            })
        })
    }
}

impl Change<'_> {
    /// As `Token::bound_by_id`, within this change.
    pub(in crate::token) fn bound_by_id(&self, attributes: &Attributes) -> Result<Option<Record>> {
        let vault = self.vault();
        let (Some(name), Some(master)) = (Name::of(attributes), vault.master) else {
            return Ok(None);
        };
        let lives = self.lives(master)?;
        name.find((vault, lives, self.now), |uid| self.get(uid))
    }

    /// The uid of a new external key with these attributes, whose name no living key has; `None` for
    /// a key without a name.
    ///
    /// # Errors
    /// CKR_ATTRIBUTE_VALUE_INVALID when the name has had as many lives as it may.
    pub(super) fn begin_life(&mut self, attributes: &Attributes) -> Result<Option<Uid>> {
        let Some(name) = Name::of(attributes) else {
            return Ok(None);
        };
        let master = self.vault().master.ok_or_else(|| {
            Error::new(
                ck::CKR_USER_NOT_LOGGED_IN,
                "an external key is made by the user: log in first",
            )
        })?;
        let mut life = name.ended(self, master)?;
        let mut uid = name.uid(master, life);
        // A key whose scheduled deletion has come, and that is not erased yet.
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

    /// Counts the life of the external key that is removed, so that its uid is never used again.
    pub(in crate::token) fn end_life(&mut self, record: &Record) -> Result<()> {
        let name = Name::of(&record.attributes).filter(|_| is_external(&record.attributes));
        let (Some(name), Some(master)) = (name, self.vault().master) else {
            return Ok(());
        };
        // A damaged sum keeps nothing from being removed.
        let lives = self.lives(master).unwrap_or_default();
        let Some(life) = (0..=lives).find(|life| name.uid(master, *life) == record.uid) else {
            return Ok(());
        };
        let ended = name.ended(self, master).unwrap_or_default();
        let count = ended.max(life + 1).to_be_bytes();
        let row = name.row(master);
        let tag = master.tag(&[b"tenon name 1", row.as_bytes(), &count]);
        self.set_value(&row, &[&count[..], &tag].concat())
    }

    /// The greatest life of any name, with those that this change begins.
    fn lives(&self, master: &Domain) -> Result<u64> {
        Ok(Rows::lives(self.snapshot(), master)?.max(self.moved.life()))
    }
}
