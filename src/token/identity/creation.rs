//! C_InitToken: a token begins, or begins anew.

use std::time::Duration;

use crate::ck;
use crate::clock::UnixTime;
use crate::config::Config;
use crate::error::{Error, Result, refuse};
use crate::policy::Login;
use crate::rng::{self, Rng, random};
use crate::secret::Secret;
use crate::store::{self, Catalog, Ticket, Tx};

use crate::token::identity::attestation;
use crate::token::identity::audit::{self, Doing, Event};
use crate::token::identity::pin::{PinRow, Role};
use crate::token::identity::rows::Rows;
use crate::token::identity::time::{MARK_ROW, Mark};
use crate::token::record::domain::{Domain, KEY_LEN, Serial};
use crate::token::{IDENTITY_ROW, LABEL_LEN, STORE_KEY_ROW, Token};

/// What a token begins with. Whatever can be refused was refused before there is one.
pub struct Birth {
    label: [u8; LABEL_LEN],
    serial: Serial,
    store_key: Secret,
    public: Domain,
    /// Keys of the master key's domain, which make the sum of no rows.
    private: Domain,
    so: PinRow,
    /// The user's PIN; not set by C_InitToken.
    user: Option<PinRow>,
    audit_key: Secret,
    /// The audit record's first key, sealed under the master key.
    first: Vec<u8>,
    /// Rows of the attestation key: name and value.
    attestation: [(&'static str, Vec<u8>); 2],
}

impl Birth {
    /// New keys, under the security officer's PIN and, where it is given, the user's. Runs Argon2id:
    /// tens of milliseconds for each PIN.
    ///
    /// # Errors
    /// CKR_TOKEN_WRITE_PROTECTED, CKR_PIN_LEN_RANGE; CKR_DEVICE_ERROR for the file of
    /// `pin.key_file`.
    pub fn new(
        config: &Config,
        rng: &dyn Rng,
        label: &[u8; LABEL_LEN],
        so_pin: &[u8],
        user_pin: Option<&[u8]>,
    ) -> Result<Self> {
        if config.read_only {
            return refuse(ck::CKR_TOKEN_WRITE_PROTECTED, "`store.read_only` is set");
        }
        let serial: Serial = random(rng);
        let [store_key, master, audit_key] = [(); 3].map(|()| rng::secret(rng, KEY_LEN));
        let private = Domain::new(&master, &serial);
        let public = Domain::new(&store_key, &serial);
        let pin = |role, pin: &[u8]| PinRow::set(config, rng, &serial, role, pin, &master);
        Ok(Self {
            label: *label,
            so: pin(Role::So, so_pin)?,
            user: user_pin.map(|user| pin(Role::User, user)).transpose()?,
            serial,
            attestation: attestation::rows(rng, &public, &private)?,
            public,
            first: private.seal_value(rng, audit::FIRST_KEY_ROW, &audit_key)?,
            private,
            store_key,
            audit_key,
        })
    }

    /// Writes everything that the token begins with into an empty store.
    fn write(&self, tx: &Tx<'_>, rng: &dyn Rng, now: UnixTime, mark: Mark) -> Result<()> {
        let Self { serial, public, .. } = self;
        tx.set_meta(STORE_KEY_ROW, &self.store_key)?;
        let label = public.seal_value(rng, IDENTITY_ROW, &self.label)?;
        tx.set_meta(IDENTITY_ROW, &[&serial[..], &label].concat())?;
        tx.set_meta(Role::So.row(), &self.so.encode(public, Role::So))?;
        let unset = PinRow::unset();
        let user = self.user.as_ref().unwrap_or(&unset);
        tx.set_meta(Role::User.row(), &user.encode(public, Role::User))?;
        tx.set_meta(audit::KEY_ROW, &self.audit_key)?;
        tx.set_meta(audit::FIRST_KEY_ROW, &self.first)?;
        for (name, value) in &self.attestation {
            tx.set_meta(name, value)?;
        }
        tx.set_meta(MARK_ROW, &mark.encode(public))?;
        let record = |event| {
            let entry = Doing::from(event).entry(Login::So, now, ck::CKR_OK);
            audit::append(tx, &entry)
        };
        let mut last = record(Event::InitToken)?;
        if self.user.is_some() {
            last = record(Event::InitPin)?;
        }
        Rows::first(last).write(tx, &self.private)
    }
}

/// Lets no other process make a token in the catalog, for as long as the answer lives. Waits for one
/// that does for `wait`.
///
/// # Errors
/// CKR_DEVICE_ERROR.
pub fn lock_catalog(catalog: &dyn Catalog, wait: Duration) -> Result<Ticket> {
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

/// Slots that have a token, or whatever stands in its place.
///
/// # Errors
/// CKR_DEVICE_ERROR.
pub fn slots(catalog: &dyn Catalog) -> Result<Vec<ck::CK_SLOT_ID>> {
    catalog.slots().map_err(|error| {
        Error::new(
            ck::CKR_DEVICE_ERROR,
            "the token folder of `directories.tokendir` cannot be read, so it is not known which tokens there are",
        )
        .at(catalog.name())
        .because(error)
    })
}

impl Token {
    /// Makes the token of a slot. It appears with all that `birth` has, or not at all; false
    /// where something is in the slot already, which stays as it is.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR, CKR_DEVICE_MEMORY, CKR_TOKEN_WRITE_PROTECTED.
    pub fn make_in(
        catalog: &dyn Catalog,
        slot: ck::CK_SLOT_ID,
        rng: &dyn Rng,
        now: UnixTime,
        birth: &Birth,
    ) -> Result<bool> {
        let made = catalog.make(slot, |tx| {
            let mark = Mark::vouched(now, 0);
            birth.write(tx, rng, now, mark).map_err(NotMade::Token)
        });
        match made {
            Ok(()) => Ok(true),
            Err(NotMade::Store(store::Error::Exists(_))) => Ok(false),
            Err(NotMade::Store(error)) => Err(error.into()),
            Err(NotMade::Token(error)) => Err(error),
        }
    }

    /// C_InitToken on a token: empties it, and initializes it again. `shown` is the serial number of
    /// the token that the caller knows.
    ///
    /// # Errors
    /// CKR_FUNCTION_FAILED where another token is there than the caller knows; CKR_PIN_INCORRECT,
    /// CKR_PIN_LOCKED, CKR_PIN_LEN_RANGE.
    pub fn init(&self, shown: Option<&str>, so_pin: &[u8], label: &[u8; LABEL_LEN]) -> Result<()> {
        self.refresh()?;
        let ended = self.identity()?;
        if shown != Some(&ended.serial_text()) {
            return Err(made_meanwhile());
        }
        self.check_pin(Role::So, so_pin)?;
        let birth = Birth::new(&self.config, &*self.rng, label, so_pin, None)?;
        let now = self.time.now().at;
        self.store.write(|tx| {
            // The one whose PIN was checked, and no other that came since.
            let stored = tx.meta(STORE_KEY_ROW)?;
            if !stored.is_some_and(|key| ended.store_key.ct_eq(&key)) {
                return Err(made_meanwhile());
            }
            let mark = Mark::decode(&ended.public, tx.meta(MARK_ROW)?.as_deref())?;
            tx.clear()?;
            birth.write(tx, &*self.rng, now, self.time.advanced(mark, true))
        })?;
        self.end_anchor(&ended);
        self.refresh()
    }
}

/// Why a file was not made.
enum NotMade {
    Store(store::Error),
    Token(Error),
}

impl From<store::Error> for NotMade {
    fn from(error: store::Error) -> Self {
        Self::Store(error)
    }
}

/// What C_InitToken answers for a token that another program made, so that it is not erased by a
/// caller who does not know of it.
#[must_use]
pub fn made_meanwhile() -> Error {
    Error::new(
        ck::CKR_FUNCTION_FAILED,
        "another program has made a token in this slot meanwhile, which is not erased: look at it with C_GetTokenInfo first, or use another slot",
    )
}
