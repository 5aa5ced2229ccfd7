//! The rows by which a token that moves to another place is closed: its store key, without which no release and no
//! process uses the token, stands in a row of another name beside the place.

use std::fmt::Display;

use crate::ck;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::store::{Snapshot, Tx};
use crate::token::record::damaged::damaged;
use crate::token::record::domain::KEY_LEN;

/// Row of a token that was moved away, to the place in it.
pub(in crate::token) const MOVED_ROW: &str = "moved";
/// Row of a token that comes from the place in it, and has not all come.
pub(in crate::token) const ARRIVING_ROW: &str = "arriving";

/// What such a row holds: the store key (32) ‖ the other place, UTF-8.
pub(in crate::token) struct Passage {
    pub(in crate::token) store_key: Secret,
    /// As `Catalog::location` names it.
    pub(in crate::token) place: String,
}

impl Passage {
    pub(in crate::token) fn read(snapshot: &Snapshot<'_>, row: &str) -> Result<Option<Self>> {
        let Some(value) = snapshot.meta(row)?.map(Secret::from) else {
            return Ok(None);
        };
        let (key, place) = value
            .split_at_checked(KEY_LEN)
            .ok_or_else(|| damaged(format!("the token's row {row}")))?;
        Ok(Some(Self {
            store_key: Secret::copy(key),
            place: String::from_utf8_lossy(place).into_owned(),
        }))
    }

    pub(in crate::token) fn write(
        tx: &Tx<'_>,
        row: &str,
        store_key: &Secret,
        place: impl Display,
    ) -> crate::store::Result<()> {
        let place = place.to_string();
        let mut value = Secret::zeroed(KEY_LEN + place.len());
        let (key, name) = value.split_at_mut(KEY_LEN);
        key.copy_from_slice(store_key);
        name.copy_from_slice(place.as_bytes());
        tx.set_meta(row, &value)
    }
}

/// Why a store has no token that can be used.
///
/// # Errors
/// CKR_DEVICE_ERROR where the store cannot be read.
pub(in crate::token) fn absent(snapshot: &Snapshot<'_>) -> Result<Error> {
    let what = if let Some(passage) = Passage::read(snapshot, MOVED_ROW)? {
        format!(
            "the token was moved to {}, and is used there",
            passage.place
        )
    } else if let Some(passage) = Passage::read(snapshot, ARRIVING_ROW)? {
        format!(
            "the token is on its way here from {}: `tenon store move`, once more where it was cut off, ends that",
            passage.place
        )
    } else {
        "there is no token in the file: restore it from a backup, or move it away".to_owned()
    };
    Ok(Error::new(ck::CKR_TOKEN_NOT_RECOGNIZED, what))
}
