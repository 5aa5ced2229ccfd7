//! Logging in and out, and setting PINs.

use std::sync::Arc;

use crate::ck;
use crate::config::{AuditUse, LogLevel};
use crate::error::{Result, refuse};
use crate::log;
use crate::policy::{Login, TokenAction, decide_on_token};
use crate::secret::{self, Secret};

use super::identity::rows::suspects;
use super::identity::state::Master;
use super::{Swept, Token};
use crate::token::identity::audit::Event;
use crate::token::identity::pin::{self, PinRow, Role};
use crate::token::record::domain::Domain;

impl Token {
    /// C_Login as the normal user or the security officer. Returns what the user's login has erased.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_USER_PIN_NOT_INITIALIZED, CKR_USER_ALREADY_LOGGED_IN,
    /// CKR_USER_ANOTHER_ALREADY_LOGGED_IN.
    pub fn login(&self, so: bool, pin: &[u8]) -> Result<Swept> {
        let role = if so { Role::So } else { Role::User };
        self.state.refresh()?;
        self.may_log_in(role)?;
        self.writer.store.check()?;
        if role == Role::User {
            self.check_numbered_key()?;
        }
        let master = self.check_pin_while(role, pin, || self.may_log_in(role))?;
        self.record_login(role)?;
        let identity = self.state.identity();
        let domain = Domain::new(&master, &identity.serial);
        let suspects = suspects(&self.state, &domain)?;
        let master = Arc::new(Master {
            domain,
            key: master,
            suspects,
        });
        if !self.state.begin_login(role.login(), master) {
            self.may_log_in(role)?;
            return Ok(Swept::default());
        }
        if secret::take_spill_notice() {
            log::note(
                LogLevel::Warning,
                "some secrets are not in locked memory: raise RLIMIT_MEMLOCK to 4 MiB or more",
            );
        }
        // A reading in doubt is noted, or becomes the mark, before anything is erased by it.
        let reading = self.state.time.reading();
        self.writer.keep_time(reading, &self.keys(), true);
        if let Err(error) = self.writer.flush_refusals(&self.keys()) {
            log::note(
                LogLevel::Error,
                &format!("earlier refusals were not recorded: {error}"),
            );
        }
        match role {
            Role::User => Ok(self.sweeper.sweep_at_login(&self.writer)),
            Role::So => Ok(Swept::default()),
        }
    }

    fn may_log_in(&self, role: Role) -> Result<()> {
        decide_on_token(TokenAction::LogIn(role.login()), self.login_state()?)
    }

    /// C_Login with CKU_CONTEXT_SPECIFIC: checks the PIN of whoever is logged in again.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_USER_NOT_LOGGED_IN.
    pub fn login_again(&self, pin: &[u8]) -> Result<()> {
        let login = self.login_state()?;
        decide_on_token(TokenAction::LogInAgain, login)?;
        let role = role_of(login);
        self.check_pin(role, pin)?;
        self.record_login(role)
    }

    /// Records a login, if `audit.use` is set.
    fn record_login(&self, role: Role) -> Result<()> {
        if self.state.config.audit_use == AuditUse::Off || self.state.config.read_only {
            return Ok(());
        }
        let doing = Event::Login.of(role.login());
        self.change(&self.keys(), doing, |_| Ok(()))
    }

    /// C_Logout: drops the master key and every private object, whose handles become invalid.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN.
    pub fn logout(&self) -> Result<()> {
        // Not `login_state`, which reads the store: whoever logs out does so whatever has become of that.
        decide_on_token(TokenAction::LogOut, self.keys().login)?;
        self.end_login();
        Ok(())
    }

    /// Ends the login; false when nobody was logged in. Called when the last session of a slot closes.
    pub fn end_login(&self) -> bool {
        self.state.end_login()
    }

    /// C_InitPIN: the security officer sets and unlocks the user's PIN.
    ///
    /// # Errors
    /// CKR_PIN_LEN_RANGE, CKR_USER_NOT_LOGGED_IN.
    pub fn init_pin(&self, pin: &[u8]) -> Result<()> {
        let keys = self.keys();
        decide_on_token(TokenAction::SetUserPin, keys.login)?;
        let Some(master) = &keys.master else {
            return refuse(ck::CKR_USER_NOT_LOGGED_IN, "nobody is logged in");
        };
        self.set_pin_row(Role::User, pin, &master.key, Event::InitPin)
    }

    /// C_SetPIN: changes the security officer's PIN while that is logged in, else the user's.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_PIN_LOCKED, CKR_PIN_LEN_RANGE, CKR_USER_PIN_NOT_INITIALIZED.
    pub fn set_pin(&self, old: &[u8], new: &[u8]) -> Result<()> {
        let role = role_of(self.login_state()?);
        pin::check_new(&self.state.config, new)?;
        let master = self.check_pin(role, old)?;
        self.set_pin_row(role, new, &master, Event::SetPin)
    }

    fn set_pin_row(&self, role: Role, pin: &[u8], master: &Secret, event: Event) -> Result<()> {
        let identity = self.state.identity();
        let row = PinRow::set(
            &self.state.config,
            self.rng(),
            &identity.serial,
            role,
            pin,
            master,
        )?;
        let keys = self.keys();
        self.change(&keys, event.of(role.login()), |change| {
            change.set_value(role.row(), &row.encode(&identity.public, role))
        })
    }

    /// The master key, if `pin` is right; a refusal is recorded.
    ///
    /// # Errors
    /// Those of `Guesses::guess`.
    pub(super) fn check_pin(&self, role: Role, pin: &[u8]) -> Result<Secret> {
        self.check_pin_while(role, pin, || Ok(()))
    }

    /// As `check_pin`; no guess is made if `wanted` returns an error once the guess's turn has come.
    fn check_pin_while(
        &self,
        role: Role,
        pin: &[u8],
        wanted: impl Fn() -> Result<()>,
    ) -> Result<Secret> {
        let checked = self.guesses.guess(&self.writer.store, role, pin, wanted);
        if let Err(refused) = &checked {
            let of_pin = matches!(
                refused.rv,
                ck::CKR_PIN_INCORRECT | ck::CKR_PIN_LOCKED | ck::CKR_USER_PIN_NOT_INITIALIZED
            );
            if of_pin {
                let doing = Event::LoginRefused.of(role.login());
                let keys = self.keys();
                // The limit bounds the number of wrong PINs that are counted.
                let bounded = refused.rv == ck::CKR_PIN_INCORRECT && !pin::is_blank(pin);
                self.writer.record_refusal(&keys, doing, refused, bounded)?;
            }
        }
        checked
    }
}

/// Whose PIN it is that a caller of this login has.
fn role_of(login: Login) -> Role {
    match login {
        Login::So => Role::So,
        Login::User | Login::Public => Role::User,
    }
}
