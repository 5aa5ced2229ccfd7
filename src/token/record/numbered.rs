//! Numbered keys, which lie outside the store: the data key of each material is wrapped under one of them besides.
//!
//! An engine's pages, logs, replicas and backups keep old rows. Once every data key is wrapped under a newer key and
//! the older one is destroyed, the old rows open nothing, whoever has them and the PIN.
//!
//! The token's row `key.number` says under which key new material is sealed, so that all processes go over to a new
//! key at one moment. A row of material names its key itself. A process reads the file again when it meets a number
//! that it does not know.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;

use crate::ck;
use crate::crypto::hash::hmac_sha256;
use crate::crypto::seal;
use crate::error::{Error, Result};
use crate::rng::{Rng, random};
use crate::secret::Secret;
use crate::store::{Snapshot, Tx, Uid};

use super::damaged::damaged;
use super::domain::{KEY_LEN, Serial, derive, framed};
use super::key_file::{self, Keys};

/// Row of the number under which new material is sealed (8) ‖ what tells that key from others of its number (32).
const NUMBER_ROW: &str = "key.number";
const CHECK_LEN: usize = 32;
const NUMBER_LEN: usize = 8;
/// Length of a data key that is wrapped under the master key alone.
const INNER_LEN: usize = KEY_LEN + seal::OVERHEAD;

/// One of the keys.
pub(in crate::token) struct NumberedKey {
    pub(in crate::token) number: u64,
    key: Arc<Secret>,
}

impl NumberedKey {
    fn check(&self, serial: &Serial) -> [u8; CHECK_LEN] {
        let number = self.number.to_be_bytes();
        hmac_sha256(
            &self.key,
            &[&framed(&[b"tenon numbered key 1", serial, &number])],
        )
    }

    /// What the data keys that are wrapped under this key begin with.
    pub(in crate::token) fn prefix(&self) -> [u8; NUMBER_LEN] {
        self.number.to_be_bytes()
    }

    /// Wraps a data key besides: number (8) ‖ sealed.
    pub(in crate::token) fn wrap(
        &self,
        rng: &dyn Rng,
        serial: &Serial,
        uid: &Uid,
        inner: &[u8],
    ) -> Result<Vec<u8>> {
        let place = place(serial, uid, self.number);
        let wrapping = derive(&self.key, uid, &[b"numbered", serial]);
        let sealed = seal::seal(&wrapping, random(rng), &place, inner)?;
        Ok([&self.prefix()[..], &sealed].concat())
    }

    /// Makes new material of the token be sealed under this key.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub(in crate::token) fn begin(&self, tx: &Tx<'_>, serial: &Serial) -> Result<()> {
        let row = [&self.prefix()[..], &self.check(serial)].concat();
        Ok(tx.set_meta(NUMBER_ROW, &row)?)
    }
}

/// The keys of `store.key_file`, as far as this process has read them.
pub(in crate::token) struct NumberedKeys {
    path: Option<PathBuf>,
    known: Mutex<Keys>,
}

impl NumberedKeys {
    pub(in crate::token) fn new(path: Option<&Path>) -> Self {
        Self {
            path: path.map(Path::to_owned),
            known: Mutex::default(),
        }
    }

    /// The key of this number. The file is read where it is not known.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR where the file does not have it, or cannot be read.
    pub(in crate::token) fn get(&self, number: u64) -> Result<NumberedKey> {
        let mut known = self.known.lock();
        let of = |keys: &Keys| {
            let key = Arc::clone(keys.get(&number)?);
            Some(NumberedKey { number, key })
        };
        if let Some(key) = of(&known) {
            return Ok(key);
        }
        let Some(path) = &self.path else {
            return Err(Error::new(
                ck::CKR_DEVICE_ERROR,
                format!(
                    "the token's keys are sealed under key {number} of a file that `store.key_file` has to name"
                ),
            ));
        };
        *known = key_file::read(path)?;
        of(&known).ok_or_else(|| {
            Error::new(
                ck::CKR_DEVICE_ERROR,
                format!(
                    "the file of `store.key_file` has no key {number}, under which keys of the token are sealed: it is not \
                     the token's, or an older copy of it; or the token was put back from before `tenon store rotate`"
                ),
            )
            .at(path.display().to_string())
        })
    }

    /// The newest key of the file, where `store.key_file` names one.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR where the file is missing or cannot be read.
    pub(in crate::token) fn newest(&self) -> Result<Option<NumberedKey>> {
        let Some(path) = &self.path else {
            return Ok(None);
        };
        let keys = key_file::read(path)?;
        let newest = keys.last_key_value().map(|(number, key)| NumberedKey {
            number: *number,
            key: Arc::clone(key),
        });
        *self.known.lock() = keys;
        Ok(newest)
    }

    /// The key under which new material of the token is sealed. Without `store.key_file` the token is not asked:
    /// `check` was, at the login.
    ///
    /// # Errors
    /// Those of `check`.
    pub(in crate::token) fn current(
        &self,
        snapshot: &Snapshot<'_>,
        serial: &Serial,
    ) -> Result<Option<NumberedKey>> {
        match &self.path {
            Some(_) => self.check(snapshot, serial),
            None => Ok(None),
        }
    }

    /// As `current`, and refuses where `store.key_file` is not set and the token needs it.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR where the key is not there or is another one of its number.
    pub(in crate::token) fn check(
        &self,
        snapshot: &Snapshot<'_>,
        serial: &Serial,
    ) -> Result<Option<NumberedKey>> {
        let Some(row) = snapshot.meta(NUMBER_ROW)? else {
            return Ok(None);
        };
        let (number, check) = decode(&row)?;
        let key = self.get(number)?;
        if key.check(serial) != check {
            let path = self.path.as_deref().unwrap_or(Path::new(""));
            return Err(Error::new(
                ck::CKR_DEVICE_ERROR,
                format!("key {number} of the file of `store.key_file` is not the one of the token: it is another file's"),
            )
            .at(path.display().to_string()));
        }
        Ok(Some(key))
    }

    /// The data key as it is wrapped under the master key alone.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub(super) fn unwrap<'a>(
        &self,
        serial: &Serial,
        uid: &Uid,
        data_key: &'a [u8],
    ) -> Result<Cow<'a, [u8]>> {
        let Some((number, sealed)) = split(data_key) else {
            return Ok(Cow::Borrowed(data_key));
        };
        let key = self.get(number)?;
        let wrapping = derive(&key.key, uid, &[b"numbered", serial]);
        let inner = seal::open(&wrapping, &place(serial, uid, number), sealed);
        let damaged =
            |error| damaged("a key's data key, or the file of `store.key_file`,").because(error);
        Ok(Cow::Owned(inner.map_err(damaged)?.to_vec()))
    }

    /// The data key wrapped under `to` instead.
    ///
    /// # Errors
    /// Those of `unwrap`.
    pub(in crate::token) fn rewrap(
        &self,
        to: &NumberedKey,
        rng: &dyn Rng,
        serial: &Serial,
        uid: &Uid,
        data_key: &[u8],
    ) -> Result<Vec<u8>> {
        to.wrap(rng, serial, uid, &self.unwrap(serial, uid, data_key)?)
    }

    /// Whether the key under which the data key is wrapped is there: a row that was read before a rotation may
    /// name one that was destroyed since.
    pub(in crate::token) fn can_open(&self, data_key: &[u8]) -> bool {
        split(data_key).is_none_or(|(number, _)| self.get(number).is_ok())
    }
}

/// The number of the key under which new material of the token is sealed; `None` for none.
///
/// # Errors
/// CKR_DEVICE_ERROR.
pub(in crate::token) fn number(snapshot: &Snapshot<'_>) -> Result<Option<u64>> {
    let row = snapshot.meta(NUMBER_ROW)?;
    row.map(|row| Ok(decode(&row)?.0)).transpose()
}

fn decode(row: &[u8]) -> Result<(u64, [u8; CHECK_LEN])> {
    let parts = row.split_first_chunk::<NUMBER_LEN>();
    let decoded = parts
        .and_then(|(number, check)| Some((u64::from_be_bytes(*number), check.try_into().ok()?)));
    decoded.ok_or_else(|| damaged("the number of the token's key of `store.key_file`"))
}

/// The number and the sealed rest of a data key that is wrapped under a numbered key.
fn split(data_key: &[u8]) -> Option<(u64, &[u8])> {
    if data_key.len() == INNER_LEN {
        return None;
    }
    let (number, sealed) = data_key.split_first_chunk()?;
    Some((u64::from_be_bytes(*number), sealed))
}

fn place(serial: &Serial, uid: &Uid, number: u64) -> Vec<u8> {
    framed(&[b"data key", serial, uid, &number.to_be_bytes()])
}
