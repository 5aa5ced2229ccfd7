//! Going over to another key of `store.key_file`. Needs no PIN: a data key stays wrapped under the master key within.

use crate::ck;
use crate::error::{Result, refuse};
use crate::store::Uid;

use super::Token;
use super::identity::state::Keys;
use super::record::numbered::{self, NumberedKey};
use crate::token::identity::audit::{Doing, Event};

/// Data keys that one transaction wraps anew.
const BATCH: usize = 500;

impl Token {
    /// The number of the key under which the token's keys are sealed besides; `None` for none.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn numbered_key(&self) -> Result<Option<u64>> {
        self.state.store.read(numbered::number)
    }

    /// Refuses where the key of `store.key_file` that the token needs is not there.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub(super) fn check_numbered_key(&self) -> Result<()> {
        let keys = self.keys();
        let serial = &keys.identity.serial;
        let look = || {
            let store = &self.state.store;
            store.read(|snapshot| keys.numbered.check(snapshot, serial).map(drop))
        };
        // A rotation may have ended between the reading of the row and that of the file.
        look().or_else(|_| look())
    }

    /// How many keys the token holds, session objects aside.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn material_count(&self) -> Result<u64> {
        Ok(self
            .state
            .store
            .read(|snapshot| snapshot.material_count())?)
    }

    /// Seals all keys of the token under key `number` of `store.key_file`, and has new ones sealed under it. Others use
    /// the token meanwhile. `progress` is called with the number of keys that were sealed anew so far; returns it. To be
    /// called until it returns 0: a process that had the token open before `store.key_file` was set may make keys
    /// meanwhile that are sealed under none.
    ///
    /// # Errors
    /// CKR_TOKEN_WRITE_PROTECTED; CKR_FUNCTION_FAILED where the token has gone on to a later key; CKR_DEVICE_ERROR
    /// where a key is sealed under one that the file does not have.
    pub fn reseal(&self, number: u64, mut progress: impl FnMut(u64)) -> Result<u64> {
        self.check_writable()?;
        self.state.refresh()?;
        let keys = self.keys();
        let key = keys.numbered.get(number)?;
        self.begin_resealing(&keys, &key)?;
        let (mut sealed, mut after) = (0, None);
        while let Some((count, last)) = self.reseal_some(&keys, &key, after.as_ref())? {
            sealed += count;
            after = Some(last);
            progress(sealed);
        }
        self.state.store.finish_erasing()?;
        Ok(sealed)
    }

    fn begin_resealing(&self, keys: &Keys, key: &NumberedKey) -> Result<()> {
        let serial = &keys.identity.serial;
        let begun = self.state.store.read(|snapshot| {
            let is_current = numbered::number(snapshot)? == Some(key.number);
            if is_current {
                keys.numbered.check(snapshot, serial)?;
            }
            Ok::<_, crate::error::Error>(is_current)
        })?;
        if begun {
            return Ok(());
        }
        self.writer
            .change(keys, Doing::from(Event::Rekey).and(key.number), |change| {
                match numbered::number(change.snapshot())? {
                    Some(there) if there > key.number => refuse(
                        ck::CKR_FUNCTION_FAILED,
                        format!(
                            "the token's keys are sealed under key {there} already, which the file of `store.key_file` does not have as its newest: it is another file, or an older copy"
                        ),
                    ),
                    _ => change.begin_numbered_key(key),
                }
            })
    }

    /// Wraps some data keys anew, those of the objects after `after`. Returns how many, and the last object; `None`
    /// where there is none left.
    fn reseal_some(
        &self,
        keys: &Keys,
        key: &NumberedKey,
        after: Option<&Uid>,
    ) -> Result<Option<(u64, Uid)>> {
        let serial = &keys.identity.serial;
        // Read before the writer is taken, since it may read a whole table.
        let found = self
            .state
            .store
            .read(|snapshot| snapshot.data_keys_without(&key.prefix(), after, BATCH))?;
        let Some((last, _)) = found.last() else {
            return Ok(None);
        };
        let wrap =
            |(uid, old): &(Uid, Vec<u8>)| keys.numbered.rewrap(key, self.rng(), serial, uid, old);
        let wrapped = found.iter().map(wrap).collect::<Result<Vec<_>>>()?;
        self.writer.store.write(|tx| {
            keys.identity.check(tx)?;
            tx.postpone_emptying();
            for ((uid, old), new) in found.iter().zip(&wrapped) {
                tx.replace_data_key(uid, old, new)?;
            }
            Ok::<_, crate::error::Error>(())
        })?;
        Ok(Some((found.len() as u64, *last)))
    }
}
