//! C_InitToken: making a token, or initializing it again.

use std::time::Duration;

use crate::ck;
use crate::clock::UnixTime;
use crate::error::{Error, Result};
use crate::rng::Rng;
use crate::store::{self, Catalog, Ticket};

use super::Token;
use super::change::counter::Counter;
use super::identity::creation::TokenCreation;
use super::identity::pin::Role;
use super::identity::state::{LABEL_LEN, STORE_KEY_ROW};
use super::identity::time::{ClockMark, MARK_ROW};
use super::record::domain::Serial;

/// Keeps other processes from making a token in the catalog until the ticket is dropped. Waits up to
/// `wait` for a process that does so.
///
/// # Errors
/// CKR_DEVICE_ERROR.
pub(crate) fn lock_catalog(catalog: &dyn Catalog, wait: Duration) -> Result<Ticket> {
    catalog.lock(wait).map_err(|error| {
        let what = match error {
            store::Error::Busy => "another process has been making a token there for long",
            _ => "no token can be made in the folder of `directories.tokendir`",
        };
        Error::new(ck::CKR_DEVICE_ERROR, what)
            .at(catalog.name())
            .because(error)
    })
}

/// Numbers of the slots that have a token, sound or not.
///
/// # Errors
/// CKR_DEVICE_ERROR.
pub(crate) fn slots(catalog: &dyn Catalog) -> Result<Vec<ck::CK_SLOT_ID>> {
    catalog.slots().map_err(|error| {
        let what = match catalog.is_of_files() {
            true => "the token folder of `directories.tokendir` cannot be read, so it is not known which tokens there are",
            false => "the database of `store.url` does not tell which tokens there are",
        };
        Error::new(ck::CKR_DEVICE_ERROR, what)
            .at(catalog.name())
            .because(error)
    })
}

impl Token {
    /// Makes the token of a slot, whole or not at all. Returns false where something is in the slot
    /// already, which stays as it is.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_TOKEN_WRITE_PROTECTED.
    pub fn make_in(
        catalog: &dyn Catalog,
        slot: ck::CK_SLOT_ID,
        rng: &dyn Rng,
        now: UnixTime,
        creation: &TokenCreation,
    ) -> Result<bool> {
        let made = catalog.make(slot, |tx| {
            let mark = ClockMark::vouched(now, 0);
            creation.write(tx, rng, now, mark).map_err(NotMade::Token)
        });
        match made {
            Ok(()) => Ok(true),
            Err(NotMade::Store(store::Error::Exists(_))) => Ok(false),
            Err(NotMade::Store(error)) => Err(error.into()),
            Err(NotMade::Token(error)) => Err(error),
        }
    }

    /// C_InitToken on a token: empties the store and initializes it again. `shown` is the serial number of
    /// the token that the caller was shown.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED where the token is not the one that was shown; CKR_PIN_INCORRECT,
    /// CKR_PIN_LOCKED, CKR_PIN_LEN_RANGE.
    pub(crate) fn init(
        &self,
        shown: Option<Serial>,
        so_pin: &[u8],
        label: &[u8; LABEL_LEN],
    ) -> Result<()> {
        self.state.refresh()?;
        let ended = self.state.identity();
        if shown != Some(ended.serial) {
            return Err(made_meanwhile());
        }
        self.check_pin(Role::So, so_pin)?;
        let creation = TokenCreation::new(&self.state.config, self.rng(), label, so_pin, None)?;
        let now = self.state.time.now().at;
        self.state.store.write(|tx| {
            // Only the token whose PIN was checked may be emptied, not one that was made since.
            let stored = tx.meta(STORE_KEY_ROW)?;
            if !stored.is_some_and(|key| ended.store_key.ct_eq(&key)) {
                return Err(made_meanwhile());
            }
            let mark = ClockMark::decode(&ended.public, tx.meta(MARK_ROW)?.as_deref())?;
            let counter = Counter::read(tx)?;
            tx.clear()?;
            counter.write(tx)?;
            creation.write(tx, self.rng(), now, self.state.time.advanced(mark, true))
        })?;
        self.writer.store.end(&ended);
        self.state.refresh()
    }
}

/// Why a token was not made.
enum NotMade {
    Store(store::Error),
    Token(Error),
}

impl From<store::Error> for NotMade {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// The error of C_InitToken where another program made a token in the slot meanwhile: the caller does not
/// know of that token, so it is not erased.
#[must_use]
pub(crate) fn made_meanwhile() -> Error {
    Error::new(
        ck::CKR_FUNCTION_FAILED,
        "another program has made a token in this slot meanwhile, which is not erased: look at it with C_GetTokenInfo first, or use another slot",
    )
}
