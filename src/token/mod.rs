//! A token: its identity, who is logged in, its objects and their keys.
//!
//! Reading goes through [`Token::object`], using through [`Token::usable_key`], and every change
//! through `change`, so that no caller can forget the clock mark or the audit record.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use parking_lot::{Mutex, RwLock};

use crate::ck;
use crate::clock::Clock;
use crate::config::{Config, LogLevel};
use crate::error::{Error, Result};
use crate::log;
use crate::policy::{self, Login};
use crate::rng::Rng;
use crate::secret::Secret;
use crate::store::{self, Snapshot, Store, Tx};

mod anchor;
mod attestation;
mod audit;
mod birth;
mod change;
mod clock;
mod derive;
mod external;
mod find;
mod generate;
mod key;
mod login;
mod make;
mod material;
mod modify;
mod object;
mod objects;
mod pin;
mod read;
mod sweep;
mod time;
mod unwrap;
mod vault;
mod wrap;

pub use anchor::AnchorStatus;
pub use audit::{Archived, VerifiedArchives};
pub use audit::{Entry as AuditEntry, Event, Repeated, Touch, Touched, Verified};
pub use external::{Receipt, Version};
pub use make::Caller;
pub use object::{Handle, Object};
pub use read::UsableKey;
pub use sweep::Swept;
pub use time::ClockStatus;

use audit::Refusals;
use birth::Birth;
use objects::Objects;
use pin::{PinStatus, Role};
use time::{MARK_ROW, Mark, TokenTime};
use vault::{Domain, Serial, Vault, damaged};

/// Row of the store key, in clear.
const STORE_KEY_ROW: &str = "key.store";
/// Row of the serial number, in clear, and the sealed label.
const IDENTITY_ROW: &str = "token";
/// Length of a token's label: blank padded, not terminated.
const LABEL_LEN: usize = 32;

/// A session's handle, as far as the token needs it: session objects belong to one.
pub type SessionHandle = ck::CK_SESSION_HANDLE;

/// What a token's file says of it.
struct Identity {
    serial: Serial,
    label: [u8; LABEL_LEN],
    store_key: Secret,
    public: Domain,
}

impl Identity {
    /// The serial number in 16 hexadecimal digits.
    fn serial_text(&self) -> String {
        self.serial.iter().map(|b| format!("{b:02x}")).collect()
    }
}

/// The master key, while somebody is logged in.
struct Master {
    key: Secret,
    domain: Domain,
}

struct LoggedIn {
    role: Role,
    master: Arc<Master>,
}

/// The keys that a call works with; a logout meanwhile does not pull them away.
struct Keys {
    identity: Arc<Identity>,
    master: Option<Arc<Master>>,
    login: Login,
}

impl Keys {
    fn vault(&self) -> Vault<'_> {
        Vault {
            serial: self.identity.serial,
            public: &self.identity.public,
            master: self.master.as_deref().map(|master| &master.domain),
        }
    }

    fn logged_in(&self) -> bool {
        self.login != Login::Public
    }

    fn caller(&self, read_write: bool) -> policy::Caller {
        policy::Caller {
            login: self.login,
            read_write,
        }
    }
}

/// A token in its slot.
pub struct Token {
    store: Store,
    config: Arc<Config>,
    rng: Arc<dyn Rng>,
    time: TokenTime,
    /// `None` until C_InitToken.
    identity: RwLock<Option<Arc<Identity>>>,
    /// The store's generation at which `identity` was read last.
    seen: AtomicU64,
    login: RwLock<Option<LoggedIn>>,
    objects: Objects,
    /// Held while a change is noted in the anchor.
    noting: Mutex<()>,
    /// A login has not erased all that was due.
    due_left: AtomicBool,
    refusals: Refusals,
}

/// What C_GetTokenInfo tells of the token itself.
#[derive(Debug, Clone)]
pub struct TokenStatus {
    /// Blank padded, UTF-8.
    pub label: [u8; LABEL_LEN],
    /// 16 hexadecimal digits.
    pub serial: String,
    /// CKF_ flags of token and PINs.
    pub flags: ck::CK_FLAGS,
}

impl Token {
    /// Greatest length of a PIN in bytes.
    pub const MAX_PIN_LENGTH: u64 = pin::MAX_LENGTH as u64;

    /// Opens the token of the file at `path`, which may not be initialized yet.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED, CKR_DEVICE_ERROR.
    pub fn open(
        path: &Path,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self> {
        let options = store::Options {
            read_only: config.read_only,
            busy_timeout: config.busy_timeout,
        };
        Self::over(Store::open(path, &options)?, config, clock, rng)
    }

    /// Makes a token, and its file at `path`: C_InitToken for a free slot. What is refused leaves no
    /// file behind.
    ///
    /// # Errors
    /// CKR_TOKEN_WRITE_PROTECTED, CKR_PIN_LEN_RANGE, CKR_DEVICE_ERROR.
    pub fn init_file(
        path: &Path,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
        so_pin: &[u8],
        label: &[u8; LABEL_LEN],
    ) -> Result<Self> {
        let birth = Birth::new(&config, &*rng, so_pin)?;
        let token = Self::over(Store::create(path)?, config, clock, rng)?;
        token.begin(&birth, label)?;
        Ok(token)
    }

    fn over(
        store: Store,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self> {
        let token = Self {
            store,
            rng,
            time: TokenTime::new(clock, config.clock_leap),
            config,
            identity: RwLock::new(None),
            seen: AtomicU64::new(u64::MAX),
            login: RwLock::new(None),
            objects: Objects::default(),
            noting: Mutex::default(),
            due_left: AtomicBool::new(false),
            refusals: Refusals::default(),
        };
        token.refresh()?;
        Ok(token)
    }

    /// Reads identity and clock mark anew; when another process has initialized the token
    /// meanwhile, everything that was known of the old one is dropped.
    fn refresh(&self) -> Result<()> {
        let (fresh, generation) = self.store.read(|snapshot| {
            Ok::<_, Error>((self.read_identity(snapshot)?, snapshot.generation()?))
        })?;
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

    /// As `refresh`, for the price of one atomic load while the store has not changed.
    fn keep_up(&self) -> Result<()> {
        let seen = self.seen.load(Ordering::Acquire);
        if self.store.generation() == store::Generation::Settled(seen) {
            return Ok(());
        }
        self.refresh()
    }

    fn read_identity(&self, snapshot: &Snapshot<'_>) -> Result<Option<(Identity, Mark)>> {
        let Some(store_key) = snapshot.meta(STORE_KEY_ROW)?.map(Secret::from) else {
            return Ok(None);
        };
        let sealed = snapshot
            .meta(IDENTITY_ROW)?
            .ok_or_else(|| damaged("the token's identity"))?;
        // The serial is part of the derivation, so it leads the row in clear.
        let (serial, sealed) = sealed
            .split_first_chunk()
            .ok_or_else(|| damaged("the token's identity"))?;
        let public = Domain::new(&store_key, serial);
        let label = public.open_value(IDENTITY_ROW, sealed)?;
        let label = (*label)
            .try_into()
            .map_err(|_| damaged("the token's identity"))?;
        let identity = Identity {
            serial: *serial,
            label,
            store_key,
            public,
        };
        let mark = Mark::decode(&identity.public, snapshot.meta(MARK_ROW)?.as_deref())?;
        Ok(Some((identity, mark)))
    }

    /// The mark in the store, where there is a token already.
    fn stored_mark(&self, tx: &Tx<'_>) -> Result<Option<Mark>> {
        match &*self.identity.read() {
            Some(identity) => {
                Mark::decode(&identity.public, tx.meta(MARK_ROW)?.as_deref()).map(Some)
            }
            None => Ok(None),
        }
    }

    fn identity(&self) -> Result<Arc<Identity>> {
        self.identity.read().clone().ok_or_else(|| {
            Error::new(
                ck::CKR_TOKEN_NOT_RECOGNIZED,
                "the token is not initialized: use C_InitToken or `tenon init`",
            )
        })
    }

    fn keys(&self) -> Result<Keys> {
        let identity = self.identity()?;
        let login = self.login.read();
        Ok(Keys {
            identity,
            master: login.as_ref().map(|state| state.master.clone()),
            login: role_of(login.as_ref()),
        })
    }

    /// Whether C_InitToken has been called, by whichever process.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn initialized(&self) -> Result<bool> {
        self.keep_up()?;
        Ok(self.identity.read().is_some())
    }

    /// Who is logged in. Nobody is, once another process has initialized the token again.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn login_state(&self) -> Result<Login> {
        self.keep_up()?;
        Ok(role_of(self.login.read().as_ref()))
    }

    /// What C_GetTokenInfo tells.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn status(&self) -> Result<TokenStatus> {
        self.keep_up()?;
        let mut flags = ck::CKF_RNG | ck::CKF_LOGIN_REQUIRED;
        if self.config.read_only {
            flags |= ck::CKF_WRITE_PROTECTED;
        }
        let Some(identity) = self.identity.read().clone() else {
            return Ok(TokenStatus {
                label: [b' '; LABEL_LEN],
                serial: String::new(),
                flags,
            });
        };
        let so = self.pin_status(Role::So)?;
        let user = self.pin_status(Role::User)?;
        flags |= ck::CKF_TOKEN_INITIALIZED;
        for (set, flag) in [
            (user.initialized, ck::CKF_USER_PIN_INITIALIZED),
            (count_low(user), ck::CKF_USER_PIN_COUNT_LOW),
            (final_try(user), ck::CKF_USER_PIN_FINAL_TRY),
            (user.locked(), ck::CKF_USER_PIN_LOCKED),
            (count_low(so), ck::CKF_SO_PIN_COUNT_LOW),
            (final_try(so), ck::CKF_SO_PIN_FINAL_TRY),
            (so.locked(), ck::CKF_SO_PIN_LOCKED),
        ] {
            if set {
                flags |= flag;
            }
        }
        Ok(TokenStatus {
            label: identity.label,
            serial: identity.serial_text(),
            flags,
        })
    }

    /// Fills `out` with random bytes.
    pub fn random(&self, out: &mut [u8]) {
        self.rng.fill(out);
    }

    /// Mixes a caller's seed into the random source.
    pub fn seed(&self, seed: &[u8]) {
        self.rng.seed(seed);
    }

    /// The random source, for operations that need one.
    #[must_use]
    pub fn rng(&self) -> &dyn Rng {
        &*self.rng
    }

    /// Leaves the store's handles alone for ever: what a forked child does with its parent's token.
    pub fn forget(self: Arc<Self>) {
        std::mem::forget(self);
    }
}

impl Drop for Token {
    /// Records the refusals that were counted last, unless this is a forked child's copy.
    fn drop(&mut self) {
        if !self.store.is_of_this_process() || self.refusals.is_empty() {
            return;
        }
        let flushed = self.keys().and_then(|keys| self.flush_refusals(&keys));
        if let Err(error) = flushed {
            log::note(
                LogLevel::Error,
                &format!("the last refusals were not recorded: {error}"),
            );
        }
    }
}

fn role_of(login: Option<&LoggedIn>) -> Login {
    match login.map(|state| state.role) {
        None => Login::Public,
        Some(Role::User) => Login::User,
        Some(Role::So) => Login::So,
    }
}

fn count_low(pin: PinStatus) -> bool {
    pin.failures > 0 && !pin.locked()
}

fn final_try(pin: PinStatus) -> bool {
    pin.failures + 1 == pin::LIMIT
}
