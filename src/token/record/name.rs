//! The names of external keys: (class, key type, CKA_ID), by which an import finds its binding.
//!
//! The uid of an external key with a CKA_ID is derived from that name under the master key. So an import
//! reads the key itself by its uid, and no unauthenticated row stands between a name and its binding. A
//! uid is never used twice: when a key is gone, the next key of its name has the next *life*, and
//! with it another uid. Lives count from 0. An import reads each life up to the highest that any name of
//! the token has reached, which the sum of the rows states.

use crate::attr::Attributes;
use crate::ck;
use crate::error::Result;
use crate::store::Uid;

use super::damaged::damaged;
use super::domain::Domain;
use super::external::is_external;
use super::vault::{Record, Vault};

pub(in crate::token) struct Name {
    class: ck::CK_OBJECT_CLASS,
    key_type: ck::CK_KEY_TYPE,
    id: Vec<u8>,
}

impl Name {
    /// The name of an object with these attributes; `None` without a CKA_ID, and for objects that are
    /// neither private nor secret keys.
    pub(in crate::token) fn of(attributes: &Attributes) -> Option<Self> {
        let class = attributes.class();
        let id = attributes.bytes(ck::CKA_ID).unwrap_or_default();
        let key = ck::holds_secret(class);
        (key && !id.is_empty()).then_some(Self {
            class,
            key_type: attributes.key_type()?,
            id: id.to_vec(),
        })
    }

    /// The uid of the key with this name in this life.
    pub(in crate::token) fn uid(&self, master: &Domain, life: u64) -> Uid {
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

    /// Name in `meta` of the number of ended lives of this name. The row exists once a life has ended.
    pub(in crate::token) fn row(&self, master: &Domain) -> String {
        let digits = self.uid(master, 0).map(|byte| format!("{byte:02x}"));
        format!("name.{}", digits.concat())
    }

    /// The present key of this name, where names have had the lives 0 to `lives`. `is_gone` tells whether a
    /// key has given up its name.
    pub(in crate::token) fn find(
        &self,
        vault: &Vault<'_>,
        lives: u64,
        is_gone: impl Fn(&Record) -> bool,
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
            if !is_gone(&record) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }
}
