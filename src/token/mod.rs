//! A token: its identity, who is logged in, its objects and their keys.
//!
//! Reading goes through [`Token::object`], using through [`Token::usable_key`], and every change
//! through `change`, so that no caller can forget the clock mark or the audit record.

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
use crate::store::{self, Catalog, Snapshot, Store};

mod cache;
mod change;
mod create;
mod derive;
mod external;
mod find;
mod generate;
mod identity;
mod inspect;
mod modify;
mod read;
mod record;
mod sweep;
mod unwrap;
mod wrap;

pub use cache::object::{Handle, Object, SessionHandle};
pub use create::Caller;
pub use external::{Receipt, Version};
pub use external::{SealedKey, SealedVersion};
pub use identity::anchor::AnchorStatus;
pub use identity::audit::{Archived, VerifiedArchives};
pub use identity::audit::{Entry as AuditEntry, Event, Repeated, Touch, Touched, Verified};
pub use identity::copy::{CopyStatus, TokenCopy, Undone};
pub use identity::creation::{Birth, lock_catalog, made_meanwhile, slots};
pub use identity::time::ClockStatus;
pub use read::UsableKey;
pub use sweep::Swept;

use cache::objects::Objects;
use identity::audit::Refusals;
use identity::guess::Guesses;
use identity::pin::{self, Role};
use identity::time::{MARK_ROW, Mark, TokenTime};
use record::damaged::damaged;
use record::domain::{Domain, Serial};
use record::suspects::Suspects;
use record::vault::Vault;

/// Row of the store key, in clear.
const STORE_KEY_ROW: &str = "key.store";
/// Row of the serial number, in clear, and the sealed label.
const IDENTITY_ROW: &str = "token";
/// Length of a token's label: blank padded, not terminated.
const LABEL_LEN: usize = 32;

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
    /// What the login found not to be as the audit record left it.
    suspects: Suspects,
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
            suspects: self.master.as_deref().map(|master| &master.suspects),
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
    guesses: Guesses,
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
    /// Wrong guesses that the user's PIN stands until it is locked; `None` where there is no PIN.
    pub user_tries: Option<u32>,
    /// The same of the security officer's PIN.
    pub so_tries: Option<u32>,
}

impl Token {
    /// Greatest length of a PIN in bytes.
    pub const MAX_PIN_LENGTH: u64 = pin::MAX_LENGTH as u64;

    /// Opens the token of a slot.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED, CKR_DEVICE_ERROR.
    pub fn open(
        catalog: &dyn Catalog,
        slot: ck::CK_SLOT_ID,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self> {
        let options = store::Options {
            read_only: config.read_only,
            busy_timeout: config.busy_timeout,
        };
        let opened = match catalog.open(slot, &options) {
            Err(
                store::Error::ReadOnly
                | store::Error::PermissionsRefused(_)
                | store::Error::CannotOpen(_),
            ) if config.read_only_auto => Self::open_to_read(catalog, slot, &config, clock, rng),
            opened => Self::over(opened?, config, clock, rng),
        };
        let token = opened?;
        if token.identity.read().is_none() {
            return Err(Error::new(
                ck::CKR_TOKEN_NOT_RECOGNIZED,
                "there is no token in the file: restore it from a backup, or move it away",
            ));
        }
        Ok(token)
    }

    /// Opens a token whose file this process may not write, as `store.read_only = auto` has it.
    /// Whoever may read the file may guess PINs away from it, so counting wrong ones in memory gives
    /// nothing away.
    fn open_to_read(
        catalog: &dyn Catalog,
        slot: ck::CK_SLOT_ID,
        config: &Config,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self> {
        let options = store::Options {
            read_only: true,
            busy_timeout: config.busy_timeout,
        };
        let config = Config {
            read_only: true,
            read_only_login: true,
            ..config.clone()
        };
        let store = catalog.open(slot, &options)?;
        Self::over(store, Arc::new(config), clock, rng)
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
            guesses: Guesses::default(),
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

    /// Its serial number, in 16 hexadecimal digits.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED for a store without a token in it; CKR_DEVICE_ERROR.
    pub fn serial(&self) -> Result<String> {
        self.keep_up()?;
        Ok(self.identity()?.serial_text())
    }

    /// Who is logged in. Nobody is, once another process has initialized the token again.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn login_state(&self) -> Result<Login> {
        self.keep_up()?;
        Ok(role_of(self.login.read().as_ref()))
    }

    /// Whether the token's file is only read.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.config.read_only
    }

    /// Whether the token's file was replaced, removed or damaged by others while it was open: its
    /// sessions answer CKR_DEVICE_REMOVED.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.store.is_gone()
    }

    /// Whether the file that is there now can be opened as another token while this one, which is
    /// gone, still has sessions.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.store.is_replaced()
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
                user_tries: None,
                so_tries: None,
            });
        };
        let so = self.pin_status(Role::So)?;
        let user = self.pin_status(Role::User)?;
        flags |= ck::CKF_TOKEN_INITIALIZED;
        for (set, flag) in [
            (user.initialized, ck::CKF_USER_PIN_INITIALIZED),
            (user.count_low(), ck::CKF_USER_PIN_COUNT_LOW),
            (user.final_try(), ck::CKF_USER_PIN_FINAL_TRY),
            (user.locked(), ck::CKF_USER_PIN_LOCKED),
            (so.count_low(), ck::CKF_SO_PIN_COUNT_LOW),
            (so.final_try(), ck::CKF_SO_PIN_FINAL_TRY),
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
            user_tries: user.initialized.then_some(user.tries_left),
            so_tries: Some(so.tries_left),
        })
    }

    /// How many objects the token holds, private ones included.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn object_count(&self) -> Result<u64> {
        let every = store::Search::default();
        Ok(self.store.read(|snapshot| snapshot.count(&every))?)
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
