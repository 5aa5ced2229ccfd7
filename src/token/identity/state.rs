//! The state of an open token: its identity, who is logged in, and what is in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::attr::Requester;
use crate::ck;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result, refuse};
use crate::policy::{self, Login};
use crate::rng::Rng;
use crate::secret::Secret;
use crate::store::{self, Snapshot, Store};
use crate::token::cache::objects::Objects;
use crate::token::record::damaged::damaged;
use crate::token::record::domain::{Domain, Serial};
use crate::token::record::suspects::Suspects;
use crate::token::record::vault::Vault;

use super::pin::Role;
use super::time::{ClockMark, MARK_ROW, TokenTime};

/// Row of the store key, which is in clear.
pub(in crate::token) const STORE_KEY_ROW: &str = "key.store";
/// Row of the serial number in clear, followed by the sealed label.
pub(in crate::token) const IDENTITY_ROW: &str = "token";
/// Length of a token's label in bytes: blank padded, not terminated.
pub(in crate::token) const LABEL_LEN: usize = 32;

/// Serial number, label and store key of a token, with the keys derived from the store key.
pub(in crate::token) struct Identity {
    pub(in crate::token) serial: Serial,
    pub(in crate::token) label: [u8; LABEL_LEN],
    pub(in crate::token) store_key: Secret,
    pub(in crate::token) public: Domain,
}

impl Identity {
    /// The serial number in 16 hexadecimal digits.
    pub(in crate::token) fn serial_text(&self) -> String {
        self.serial.iter().map(|b| format!("{b:02x}")).collect()
    }

    /// Refuses a store in which another process has initialized a new token since, so that nothing is
    /// sealed there under the old token's keys.
    ///
    /// # Errors
    /// CKR_DEVICE_REMOVED.
    pub(in crate::token) fn check(&self, snapshot: &Snapshot<'_>) -> Result<()> {
        let stored = snapshot.meta(STORE_KEY_ROW)?.map(Secret::from);
        if stored.is_some_and(|key| self.store_key.ct_eq(&key)) {
            return Ok(());
        }
        refuse(
            ck::CKR_DEVICE_REMOVED,
            "the token was initialized again by another process: open a new session",
        )
    }

    fn read(snapshot: &Snapshot<'_>) -> Result<Option<(Self, ClockMark)>> {
        let Some(store_key) = snapshot.meta(STORE_KEY_ROW)?.map(Secret::from) else {
            return Ok(None);
        };
        let damaged = || damaged("the token's identity");
        let sealed = snapshot.meta(IDENTITY_ROW)?.ok_or_else(damaged)?;
        // The label's key is derived with the serial number, so that is in clear before it.
        let (serial, sealed) = sealed.split_first_chunk().ok_or_else(damaged)?;
        let public = Domain::new(&store_key, serial);
        let label = public.open_value(IDENTITY_ROW, sealed)?;
        let label = (*label).try_into().map_err(|_| damaged())?;
        let identity = Self {
            serial: *serial,
            label,
            store_key,
            public,
        };
        let mark = ClockMark::decode(&identity.public, snapshot.meta(MARK_ROW)?.as_deref())?;
        Ok(Some((identity, mark)))
    }
}

pub(in crate::token) struct Master {
    pub(in crate::token) key: Secret,
    pub(in crate::token) domain: Domain,
    /// Objects that the login found not to be as the audit record left them.
    pub(in crate::token) suspects: Suspects,
}

/// Who is logged in, with the master key.
#[derive(Clone)]
pub(in crate::token) struct LoggedIn {
    pub(in crate::token) role: Role,
    pub(in crate::token) master: Arc<Master>,
}

/// The keys with which one call works. They stay valid for the call after a logout.
pub(in crate::token) struct Keys {
    pub(in crate::token) identity: Arc<Identity>,
    pub(in crate::token) master: Option<Arc<Master>>,
    pub(in crate::token) login: Login,
}

impl Keys {
    pub(in crate::token) fn vault(&self) -> Vault<'_> {
        Vault {
            serial: self.identity.serial,
            public: &self.identity.public,
            master: self.master.as_deref().map(|master| &master.domain),
            suspects: self.master.as_deref().map(|master| &master.suspects),
        }
    }

    pub(in crate::token) fn logged_in(&self) -> bool {
        self.login != Login::Public
    }

    /// The caller, as policy judges it.
    pub(in crate::token) fn caller(&self, read_write: bool) -> policy::Caller {
        policy::Caller {
            login: self.login,
            read_write,
        }
    }

    /// The caller, as the rules of attributes see it.
    pub(in crate::token) fn requester(&self) -> Requester {
        Requester {
            is_so: self.login == Login::So,
        }
    }

    /// The master key. `what` is the error's text: what needs the login.
    ///
    /// # Errors
    /// CKR_USER_NOT_LOGGED_IN.
    pub(in crate::token) fn master(&self, what: &'static str) -> Result<&Domain> {
        match &self.master {
            Some(master) => Ok(&master.domain),
            None => refuse(ck::CKR_USER_NOT_LOGGED_IN, what),
        }
    }
}

pub(in crate::token) struct TokenState {
    pub(in crate::token) store: Store,
    pub(in crate::token) config: Arc<Config>,
    pub(in crate::token) rng: Arc<dyn Rng>,
    pub(in crate::token) time: TokenTime,
    pub(in crate::token) objects: Objects,
    /// `None` until C_InitToken.
    identity: RwLock<Option<Arc<Identity>>>,
    /// The store's generation at which `identity` was last read.
    seen: AtomicU64,
    login: RwLock<Option<LoggedIn>>,
}

impl TokenState {
    pub(in crate::token) fn new(
        store: Store,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self> {
        let state = Self {
            store,
            rng,
            time: TokenTime::new(clock, config.clock_leap),
            config,
            objects: Objects::default(),
            identity: RwLock::new(None),
            seen: AtomicU64::new(u64::MAX),
            login: RwLock::new(None),
        };
        state.refresh()?;
        Ok(state)
    }

    /// Reads identity and clock mark again. Where another process has initialized the token since, all
    /// that was known of the old one is dropped.
    pub(in crate::token) fn refresh(&self) -> Result<()> {
        let (fresh, generation) = self
            .store
            .read(|snapshot| Ok::<_, Error>((Identity::read(snapshot)?, snapshot.generation()?)))?;
        let mut identity = self.identity.write();
        let same = match (&*identity, &fresh) {
            (Some(old), Some((new, _))) => old.store_key.ct_eq(&new.store_key),
            (None, None) => true,
            (None, Some(_)) | (Some(_), None) => false,
        };
        if let Some((_, mark)) = &fresh {
            self.time.learn(*mark);
        }
        if !same {
            *self.login.write() = None;
            self.objects.clear();
            *identity = fresh.map(|(new, _)| Arc::new(new));
        }
        self.seen.store(generation, Ordering::Release);
        Ok(())
    }

    /// As `refresh`, but costs one atomic load while the store has not changed.
    pub(in crate::token) fn keep_up(&self) -> Result<()> {
        let seen = self.seen.load(Ordering::Acquire);
        if self.store.generation() == store::Generation::Settled(seen) {
            return Ok(());
        }
        self.refresh()
    }

    /// The identity as last read; `None` until C_InitToken.
    pub(in crate::token) fn known(&self) -> Option<Arc<Identity>> {
        self.identity.read().clone()
    }

    /// The identity as last read.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED until C_InitToken.
    pub(in crate::token) fn identity(&self) -> Result<Arc<Identity>> {
        self.known().ok_or_else(|| {
            Error::new(
                ck::CKR_TOKEN_NOT_RECOGNIZED,
                "the token is not initialized: use C_InitToken or `tenon init`",
            )
        })
    }

    pub(in crate::token) fn keys(&self) -> Result<Keys> {
        let identity = self.identity()?;
        let login = self.login();
        Ok(Keys {
            identity,
            login: login_of(login.as_ref()),
            master: login.map(|state| state.master),
        })
    }

    /// Who is logged in. Nobody is, once another process has initialized the token again.
    pub(in crate::token) fn login_state(&self) -> Result<Login> {
        self.keep_up()?;
        Ok(login_of(self.login.read().as_ref()))
    }

    pub(in crate::token) fn login(&self) -> Option<LoggedIn> {
        self.login.read().clone()
    }

    /// Logs in, unless somebody is logged in by then: returns false then. Drops objects that were read
    /// without a login, since their tag under the master key was not checked.
    pub(in crate::token) fn begin_login(&self, new: LoggedIn) -> bool {
        let mut login = self.login.write();
        if login.is_some() {
            return false;
        }
        self.objects.forget_read();
        *login = Some(new);
        true
    }

    /// Ends the login; false when nobody was logged in. Handles of private objects become invalid.
    pub(in crate::token) fn end_login(&self) -> bool {
        let was = self.login.write().take().is_some();
        if was {
            self.objects.forget_private();
        }
        was
    }

    /// Runs `remember`, unless a login has begun or ended since `keys` were taken.
    pub(in crate::token) fn while_login_lasts(&self, keys: &Keys, remember: impl FnOnce()) {
        let login = self.login.read();
        if login.is_some() == keys.master.is_some() {
            remember();
        }
    }

    /// Runs `work`; where the disk is full, runs it again with the store's reserve of disk space. For
    /// changes that free space, and for those that a full disk must not prevent and that need little.
    pub(in crate::token) fn on_a_full_disk_too<T>(
        &self,
        work: impl Fn() -> Result<T>,
    ) -> Result<T> {
        match work() {
            Err(error) if lacked_room(&error) => self.store.with_reserve(work),
            done => done,
        }
    }
}

/// Whether the disk was full, for this change or for one that shared its transaction.
fn lacked_room(error: &Error) -> bool {
    let source = error.source.as_deref();
    let shared = source.and_then(|source| source.downcast_ref::<store::Error>());
    error.rv == ck::CKR_DEVICE_MEMORY || shared == Some(&store::Error::RolledBack)
}

fn login_of(login: Option<&LoggedIn>) -> Login {
    login.map_or(Login::Public, |state| state.role.login())
}
