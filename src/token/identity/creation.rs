//! Making a new token: its keys, PINs and first rows.

use crate::ck;
use crate::clock::UnixTime;
use crate::config::Config;
use crate::error::{Result, refuse};
use crate::policy::Login;
use crate::rng::{self, Rng, random};
use crate::secret::Secret;
use crate::store::Tx;

use super::state::{IDENTITY_ROW, Identity, LABEL_LEN, STORE_KEY_ROW};
use crate::token::identity::attestation;
use crate::token::identity::audit::{self, Doing, Event};
use crate::token::identity::pin::{PinRow, Role};
use crate::token::identity::rows::Rows;
use crate::token::identity::time::{ClockMark, MARK_ROW};
use crate::token::record::domain::{Domain, KEY_LEN, Serial};
use crate::token::record::numbered::{NumberedKey, NumberedKeys};

/// All rows of a new token. Whatever can be refused is refused when this is made, not when it is written.
pub struct TokenCreation {
    label: [u8; LABEL_LEN],
    serial: Serial,
    store_key: Secret,
    public: Domain,
    /// Keys of the master key's domain, needed for the first sum of the rows.
    private: Domain,
    so: PinRow,
    /// The user's PIN; C_InitToken does not set it.
    user: Option<PinRow>,
    audit_key: Secret,
    /// The audit record's first key, sealed under the master key.
    first: Vec<u8>,
    attestation: [(&'static str, Vec<u8>); 2],
    /// The key of `store.key_file` under which the token's keys are sealed besides.
    numbered: Option<NumberedKey>,
}

impl TokenCreation {
    /// Makes new keys, wrapped under the security officer's PIN and, if it is given, the user's. Runs
    /// Argon2id, which takes tens of milliseconds for each PIN.
    ///
    /// # Errors
    /// CKR_TOKEN_WRITE_PROTECTED, CKR_PIN_LEN_RANGE; CKR_DEVICE_ERROR for the files of
    /// `pin.key_file` and `store.key_file`.
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
        let numbered = NumberedKeys::new(config.store_key_file.as_deref()).newest()?;
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
            numbered,
        })
    }

    /// Writes all rows into an empty store.
    pub(in crate::token) fn write(
        &self,
        tx: &Tx<'_>,
        rng: &dyn Rng,
        now: UnixTime,
        mark: ClockMark,
    ) -> Result<()> {
        let Self { serial, public, .. } = self;
        tx.set_meta(STORE_KEY_ROW, &self.store_key)?;
        tx.set_meta(
            IDENTITY_ROW,
            &Identity::row(serial, public, rng, &self.label)?,
        )?;
        tx.set_meta(Role::So.row(), &self.so.encode(public, Role::So))?;
        let unset = PinRow::unset();
        let user = self.user.as_ref().unwrap_or(&unset);
        tx.set_meta(Role::User.row(), &user.encode(public, Role::User))?;
        if let Some(key) = &self.numbered {
            key.begin(tx, serial)?;
        }
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
