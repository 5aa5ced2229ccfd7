//! C_InitToken: a token begins, or begins anew.

use crate::ck;
use crate::config::Config;
use crate::error::{Result, refuse};
use crate::policy::Login;
use crate::rng::{self, Rng, random};
use crate::secret::Secret;

use super::attestation;
use super::audit::{self, Doing, Event};
use super::pin::{PinRow, Role};
use super::time::{MARK_ROW, Mark};
use super::vault::{Domain, KEY_LEN, Serial};
use super::{IDENTITY_ROW, LABEL_LEN, STORE_KEY_ROW, Token};

/// What a token begins with. Whatever can be refused was refused before there is one.
pub(super) struct Birth {
    serial: Serial,
    store_key: Secret,
    public: Domain,
    so: PinRow,
    audit_key: Secret,
    /// The audit record's first key, sealed under the master key.
    first: Vec<u8>,
    /// Rows of the attestation key: name and value.
    attestation: [(&'static str, Vec<u8>); 2],
}

impl Birth {
    /// New keys, under the security officer's PIN. Runs Argon2id: tens of milliseconds.
    ///
    /// # Errors
    /// CKR_TOKEN_WRITE_PROTECTED, CKR_PIN_LEN_RANGE; CKR_DEVICE_ERROR for the file of
    /// `pin.key_file`.
    pub(super) fn new(config: &Config, rng: &dyn Rng, so_pin: &[u8]) -> Result<Self> {
        if config.read_only {
            return refuse(ck::CKR_TOKEN_WRITE_PROTECTED, "`store.read_only` is set");
        }
        let serial: Serial = random(rng);
        let [store_key, master, audit_key] = [(); 3].map(|()| rng::secret(rng, KEY_LEN));
        let private = Domain::new(&master, &serial);
        let public = Domain::new(&store_key, &serial);
        Ok(Self {
            serial,
            attestation: attestation::rows(rng, &public, &private)?,
            public,
            so: PinRow::set(config, rng, &serial, Role::So, so_pin, &master)?,
            first: private.seal_value(rng, audit::FIRST_KEY_ROW, &audit_key)?,
            store_key,
            audit_key,
        })
    }
}

impl Token {
    /// Initializes the token, or empties and initializes it again: C_InitToken.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT or CKR_PIN_LOCKED where there is a token already, CKR_PIN_LEN_RANGE.
    pub fn init(&self, so_pin: &[u8], label: &[u8; LABEL_LEN]) -> Result<()> {
        self.refresh()?;
        if self.initialized()? {
            self.check_pin(Role::So, so_pin)?;
        }
        let birth = Birth::new(&self.config, &*self.rng, so_pin)?;
        self.begin(&birth, label)
    }

    pub(super) fn begin(&self, birth: &Birth, label: &[u8; LABEL_LEN]) -> Result<()> {
        let Birth { serial, public, .. } = birth;
        let now = self.time.now().at;
        let ended = self.identity.read().clone();
        self.store.write(|tx| {
            let mark = self.stored_mark(tx)?;
            tx.clear()?;
            tx.set_meta(STORE_KEY_ROW, &birth.store_key)?;
            let label = public.seal_value(&*self.rng, IDENTITY_ROW, label)?;
            tx.set_meta(IDENTITY_ROW, &[&serial[..], &label].concat())?;
            tx.set_meta(Role::So.row(), &birth.so.encode(public, Role::So))?;
            let unset = PinRow::unset().encode(public, Role::User);
            tx.set_meta(Role::User.row(), &unset)?;
            tx.set_meta(audit::KEY_ROW, &birth.audit_key)?;
            tx.set_meta(audit::FIRST_KEY_ROW, &birth.first)?;
            for (name, value) in &birth.attestation {
                tx.set_meta(name, value)?;
            }
            let first = Mark::vouched(now, 0);
            // The security officer's PIN was right, where there was a token before.
            let mark = mark.map_or(first, |mark| self.time.advanced(mark, true));
            tx.set_meta(MARK_ROW, &mark.encode(public))?;
            let entry = Doing::from(Event::InitToken).entry(Login::So, now, ck::CKR_OK);
            audit::append(tx, &entry)
        })?;
        if let Some(ended) = ended {
            self.end_anchor(&ended);
        }
        self.refresh()
    }
}
