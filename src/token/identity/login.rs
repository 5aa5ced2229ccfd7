//! Logging in and out, and setting PINs.

use std::sync::Arc;

use crate::ck;
use crate::config::LogLevel;
use crate::error::{Result, refuse};
use crate::log;
use crate::policy::Login;
use crate::secret::{self, Secret};

use crate::token::identity::audit::Event;
use crate::token::identity::pin::{self, PinRow, Role};
use crate::token::record::domain::Domain;
use crate::token::{LoggedIn, Master, Swept, Token};

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
        let master = self.check_pin_while(role, pin, || self.not_logged_in(role))?;
        self.record_login(role)?;
        let identity = self.identity()?;
        let domain = Domain::new(&master, &identity.serial);
        let suspects = self.suspects(&domain)?;
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
                    domain,
                    key: master,
                    suspects,
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
        pin::check_new(&self.config, new)?;
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
}
