//! PINs: guessing them, setting them, logging in and out.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::ck;
use crate::config::LogLevel;
use crate::error::{Error, Result, refuse};
use crate::log;
use crate::policy::Login;
use crate::secret::{self, Secret};

use super::audit::Event;
use super::pin::{self, PinRow, PinStatus, Role};
use super::vault::{Domain, Serial};
use super::{LoggedIn, Master, Swept, Token};

/// Wrong guesses at the PINs of tokens that cannot be written. They outlive the token, so that
/// opening it again gives no more of them.
static READ_ONLY_FAILURES: Mutex<BTreeMap<(Serial, Role), u32>> = Mutex::new(BTreeMap::new());

impl Token {
    /// C_Login as the normal user or the security officer. What the user's login has swept.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_USER_PIN_NOT_INITIALIZED, CKR_USER_ALREADY_LOGGED_IN,
    /// CKR_USER_ANOTHER_ALREADY_LOGGED_IN.
    pub fn login(&self, so: bool, pin: &[u8]) -> Result<Swept> {
        let role = if so { Role::So } else { Role::User };
        self.refresh()?;
        self.not_logged_in(role)?;
        self.check_anchor()?;
        let master = self.check_pin(role, pin)?;
        self.record_login(role)?;
        let identity = self.identity()?;
        {
            let mut login = self.login.write();
            if login.is_some() {
                drop(login);
                self.not_logged_in(role)?;
                return Ok(Swept::default());
            }
            self.objects.forget_read();
            *login = Some(LoggedIn {
                role,
                master: Arc::new(Master {
                    domain: Domain::new(&master, &identity.serial),
                    key: master,
                }),
            });
        }
        if secret::take_spill_notice() {
            log::note(
                LogLevel::Warning,
                "some secrets are not in locked memory: raise RLIMIT_MEMLOCK to 4 MiB or more",
            );
        }
        // A reading in doubt is noted, or taken, before anything is erased by it.
        self.keep_time(&self.keys()?, true);
        if let Err(error) = self.flush_refusals(&self.keys()?) {
            log::note(
                LogLevel::Error,
                &format!("earlier refusals were not recorded: {error}"),
            );
        }
        match role {
            Role::User => Ok(self.sweep_at_login()),
            Role::So => Ok(Swept::default()),
        }
    }

    fn not_logged_in(&self, role: Role) -> Result<()> {
        match (self.login_state()?, role) {
            (Login::Public, _) => Ok(()),
            (Login::User, Role::User) | (Login::So, Role::So) => {
                refuse(ck::CKR_USER_ALREADY_LOGGED_IN, "already logged in")
            }
            (Login::User, Role::So) | (Login::So, Role::User) => refuse(
                ck::CKR_USER_ANOTHER_ALREADY_LOGGED_IN,
                "another user is logged in: log out first",
            ),
        }
    }

    /// C_Login with CKU_CONTEXT_SPECIFIC: the logged-in user's PIN once more.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_USER_NOT_LOGGED_IN.
    pub fn login_again(&self, pin: &[u8]) -> Result<()> {
        let role = self.login.read().as_ref().map(|state| state.role);
        let Some(role) = role else {
            return refuse(ck::CKR_USER_NOT_LOGGED_IN, "nobody is logged in");
        };
        self.check_pin(role, pin)?;
        self.record_login(role)
    }

    /// Records a login, where such records are wanted.
    fn record_login(&self, role: Role) -> Result<()> {
        if !self.config.audit_use || self.config.read_only {
            return Ok(());
        }
        let doing = Event::Login.of(role.login());
        self.change(&self.keys()?, doing, |_| Ok(()))
    }

    /// C_Logout: the master key and every private object go; handles of private objects die.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN.
    pub fn logout(&self) -> Result<()> {
        if self.end_login() {
            return Ok(());
        }
        refuse(ck::CKR_USER_NOT_LOGGED_IN, "nobody is logged in")
    }

    /// Whoever is logged in is so no more; false when nobody was. The last session of a slot takes
    /// the login with it.
    pub fn end_login(&self) -> bool {
        let was = self.login.write().take().is_some();
        if was {
            self.objects.forget_private();
        }
        was
    }

    /// C_InitPIN: the security officer sets the user's PIN, and unlocks it.
    ///
    /// # Errors
    /// CKR_PIN_LEN_RANGE, CKR_USER_NOT_LOGGED_IN.
    pub fn init_pin(&self, pin: &[u8]) -> Result<()> {
        let master = match &*self.login.read() {
            Some(state) if state.role == Role::So => state.master.clone(),
            Some(_) | None => {
                return refuse(
                    ck::CKR_USER_NOT_LOGGED_IN,
                    "setting the user's PIN needs the security officer's login",
                );
            }
        };
        self.set_pin_row(Role::User, pin, &master.key, Event::InitPin)
    }

    /// C_SetPIN: the security officer's own PIN in its session, else the user's.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_LEN_RANGE, CKR_USER_PIN_NOT_INITIALIZED.
    pub fn set_pin(&self, old: &[u8], new: &[u8]) -> Result<()> {
        let role = match self.login_state()? {
            Login::So => Role::So,
            Login::User | Login::Public => Role::User,
        };
        pin::check_length(&self.config, new)?;
        let master = self.check_pin(role, old)?;
        self.set_pin_row(role, new, &master, Event::SetPin)
    }

    fn set_pin_row(&self, role: Role, pin: &[u8], master: &Secret, event: Event) -> Result<()> {
        let identity = self.identity()?;
        let row = PinRow::set(
            &self.config,
            &*self.rng,
            &identity.serial,
            role,
            pin,
            master,
        )?;
        let keys = self.keys()?;
        self.change(&keys, event.of(role.login()), |change| {
            change.set_value(role.row(), &row.encode(&identity.public, role))
        })
    }

    /// The master key, when `pin` is right; a refusal is recorded.
    pub(super) fn check_pin(&self, role: Role, pin: &[u8]) -> Result<Secret> {
        let checked = self.guess_pin(role, pin);
        if let Err(refused) = &checked {
            let of_pin = matches!(
                refused.rv,
                ck::CKR_PIN_INCORRECT | ck::CKR_PIN_LOCKED | ck::CKR_USER_PIN_NOT_INITIALIZED
            );
            if of_pin {
                let doing = Event::LoginRefused.of(role.login());
                self.record_refusal(&self.keys()?, doing, refused)?;
            }
        }
        checked
    }

    /// The guess is counted, durably, before it is tried; the count is taken back, without waiting
    /// for the disk, when it was right.
    fn guess_pin(&self, role: Role, pin: &[u8]) -> Result<Secret> {
        let identity = self.identity()?;
        let guess = |row: &PinRow| row.open(&self.config, &identity.serial, role, pin);
        if self.config.read_only {
            let row = self.pin_row(&identity.public, role)?;
            return self.guess_without_store((identity.serial, role), &row, guess);
        }
        let row = self.write_anyhow(|tx| {
            let mut row = PinRow::decode(&identity.public, role, tx.meta(role.row())?.as_deref())?;
            if row.status().locked() {
                return Err(locked());
            }
            if !row.status().initialized {
                return Err(pin::not_initialized());
            }
            row.failures += 1;
            tx.set_meta(role.row(), &row.encode(&identity.public, role))?;
            Ok(row)
        })?;
        let master = guess(&row)?;
        self.store.write_relaxed(|tx| {
            let stored = tx.meta(role.row())?;
            let mut row = PinRow::decode(&identity.public, role, stored.as_deref())?;
            row.failures = 0;
            tx.set_meta(role.row(), &row.encode(&identity.public, role))
                .map_err(Error::from)
        })?;
        Ok(master)
    }

    fn guess_without_store(
        &self,
        whose: (Serial, Role),
        row: &PinRow,
        guess: impl FnOnce(&PinRow) -> Result<Secret>,
    ) -> Result<Secret> {
        if !self.config.read_only_login {
            return refuse(
                ck::CKR_TOKEN_WRITE_PROTECTED,
                "wrong PINs cannot be counted in a read-only store: set `policy.read_only_login` to allow it",
            );
        }
        {
            let mut counts = READ_ONLY_FAILURES.lock();
            let failures = counts.entry(whose).or_default();
            if row.status().locked() || row.failures + *failures >= pin::LIMIT {
                return Err(locked());
            }
            *failures += 1;
        }
        let master = guess(row)?;
        READ_ONLY_FAILURES.lock().remove(&whose);
        Ok(master)
    }

    fn pin_row(&self, public: &Domain, role: Role) -> Result<PinRow> {
        let row = self
            .store
            .read(|snapshot| snapshot.meta(role.row()).map_err(Error::from))?;
        PinRow::decode(public, role, row.as_deref())
    }

    pub(super) fn pin_status(&self, role: Role) -> Result<PinStatus> {
        let identity = self.identity()?;
        match self.pin_row(&identity.public, role) {
            Ok(row) => Ok(row.status()),
            Err(error) if error.rv == ck::CKR_PIN_LOCKED => Ok(PinStatus {
                initialized: true,
                failures: pin::LIMIT,
            }),
            Err(error) => Err(error),
        }
    }
}

fn locked() -> Error {
    Error::new(
        ck::CKR_PIN_LOCKED,
        "too many wrong PINs: the security officer unlocks the user's PIN with C_InitPIN",
    )
}
