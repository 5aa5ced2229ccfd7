//! A token: its identity, who is logged in, its objects and their keys.
//!
//! From the bottom: `record` opens and seals what is stored, `cache` holds objects in memory,
//! `identity` knows PINs, time, anchor and audit record, `change` makes every change, `external`
//! carries out the life of external keys. Above them `access` reads objects and makes their keys ready,
//! and each other file is a call. Every change goes through `change`, so that none is without clock
//! mark and audit record.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use crate::ck;
use crate::clock::{Clock, utc_time};
use crate::config::{Config, LogLevel};
use crate::error::{Result, refuse};
use crate::log;
use crate::mechanism::{Mechanism, Offered};
use crate::policy::Login;
use crate::rng::Rng;
use crate::secret::Secret;
use crate::store::{self, Catalog, Store};

mod access;
mod anchor;
mod archive;
mod attributes;
mod audit;
mod backup;
mod cache;
mod change;
mod clock;
mod copy;
mod create;
mod derive;
mod derive_keys;
mod derive_several;
mod destroy;
mod encapsulate;
mod external;
mod find;
mod generate;
mod generate_external;
mod generate_job;
mod identity;
mod init;
mod key_end;
mod login;
mod make;
mod moving;
mod opening;
mod operation_state;
mod pair;
mod provided;
mod public_key;
mod read;
mod receipt;
mod record;
mod refused_blob;
mod rename;
mod rotate;
mod sessions;
mod sweep;
mod unwrap;
mod unwrap_job;
mod versions;
mod wrap;

pub use archive::{Archived, VerifiedArchives};
pub use audit::AuditExport;
pub use backup::{CopyStatus, TokenCopy, Undone};
pub use cache::object::Handle;
pub(crate) use cache::object::{Object, SessionHandle};
pub use derive_keys::DerivedKeys;
pub use derive_several::NoneDerived;
pub use external::approval::SIGNATURES as APPROVAL_SIGNATURES;
pub use external::monitor::{SealedKey, SealedVersion};
pub use external::sweep::Swept;
pub use external::version::Version;
pub(crate) use find::Search;
pub use identity::anchor::AnchorStatus;
pub use identity::audit::{Entry as AuditEntry, Event, Repeated, Touch, Touched, Verified};
pub(crate) use identity::creation::TokenCreation;
pub use identity::pin::check_new as check_new_pin;
pub(crate) use identity::sessions::Peers;
pub use identity::time::ClockStatus;
pub(crate) use init::{lock_catalog, made_meanwhile, slots};
pub use moving::{MoveState, Place};
pub(crate) use read::Answers;
pub(crate) use record::domain::Serial;
#[cfg(feature = "model")]
pub(crate) use record::facts::{facts, set_pieces};
pub use record::key_file::KeyFile;
pub use record::statement::{Receipt, approval_statement, material_proof};
#[cfg(feature = "model")]
pub(crate) use unwrap::implied as implied_by_unwrapping_key;

use change::transaction::Change;
use change::writer::Writer;
use external::sweep::Sweeper;
use identity::audit::Doing;
use identity::guess::Guesses;
use identity::pin::Role;
use identity::sessions::OpenSessions;
use identity::state::{CallKeys, Keys, LABEL_LEN, TokenState};
use record::uid::hex;

/// The session in which a call is made.
#[derive(Debug, Clone, Copy)]
pub struct CallingSession {
    /// The session to which session objects belong that the call makes.
    pub session: SessionHandle,
    pub read_write: bool,
}

/// An open token.
pub struct Token {
    state: Arc<TokenState>,
    writer: Arc<Writer>,
    guesses: Guesses,
    sweeper: Sweeper,
    offered: Offered,
    sessions: OpenSessions,
    /// The store's generation at which `is_as_last_shown` was last false.
    shown_at: AtomicU64,
    /// Seals saved states of operations; made when the first one is saved.
    state_key: OnceLock<Secret>,
}

/// What C_GetTokenInfo returns of the token itself.
#[derive(Debug, Clone)]
pub struct TokenStatus {
    /// Blank padded, UTF-8.
    pub label: [u8; LABEL_LEN],
    /// 16 hexadecimal digits.
    pub serial: String,
    /// CKF_ flags of token and PINs.
    pub flags: ck::CK_FLAGS,
    /// The token's time, as CK_TOKEN_INFO has it.
    pub utc_time: [u8; 16],
    /// Wrong guesses at the user's PIN that are answered before it is locked; `None` where it is not set.
    pub user_tries: Option<u32>,
    /// As `user_tries`, for the security officer's PIN.
    pub so_tries: Option<u32>,
}

impl Token {
    /// Greatest length of a PIN in bytes.
    pub const MAX_PIN_LENGTH: u64 = identity::pin::MAX_LENGTH as u64;

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
        match catalog.open(slot, &options) {
            Err(
                store::Error::ReadOnly
                | store::Error::PermissionsRefused(_)
                | store::Error::CannotOpen(_),
            ) if config.read_only_auto => Self::open_to_read(catalog, slot, &config, clock, rng),
            opened => Self::over(opened?, config, clock, rng),
        }
    }

    /// Opens a token whose file this process may not write, for `store.read_only = auto`. Whoever may read
    /// the file can guess PINs outside of Tenon, so counting wrong guesses in memory gives nothing away.
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
        let state = Arc::new(TokenState::new(store, config, clock, rng)?);
        Ok(Self {
            writer: Arc::new(Writer::new(state.clone())),
            guesses: Guesses::new(state.clone()),
            sweeper: Sweeper::new(state.clone()),
            offered: Offered::of(&state.config),
            sessions: OpenSessions::default(),
            shown_at: AtomicU64::new(u64::MAX),
            state_key: OnceLock::new(),
            state,
        })
    }

    /// The row of a mechanism, if the configuration offers it.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID.
    pub fn mechanism(&self, id: ck::CK_MECHANISM_TYPE) -> Result<&'static Mechanism> {
        self.offered.row(id)
    }

    fn keys(&self) -> CallKeys {
        self.state.keys()
    }

    /// Runs `f` in one durable transaction; on an error nothing of it is kept. Then erases more of what a
    /// login has left.
    fn change<T>(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        f: impl Fn(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let out = self.writer.change(keys, doing, f)?;
        self.sweeper.sweep_on(&self.writer, keys);
        Ok(out)
    }

    /// As `change`, for a change that frees space: it works on a full disk too.
    fn reduce<T>(
        &self,
        keys: &Keys,
        doing: impl Into<Doing>,
        f: impl Fn(&mut Change<'_>) -> Result<T>,
    ) -> Result<T> {
        let doing = doing.into();
        self.state
            .on_a_full_disk_too(|| self.change(keys, doing, &f))
    }

    /// # Errors
    /// CKR_TOKEN_WRITE_PROTECTED.
    fn check_writable(&self) -> Result<()> {
        if self.state.config.read_only {
            return refuse(ck::CKR_TOKEN_WRITE_PROTECTED, "`store.read_only` is set");
        }
        Ok(())
    }

    /// The serial number, in 16 hexadecimal digits.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED for a store without a token in it; CKR_DEVICE_ERROR.
    pub fn serial(&self) -> Result<String> {
        Ok(hex(self.serial_number()?))
    }

    /// The 8 bytes that `serial` shows.
    ///
    /// # Errors
    /// As `serial`.
    pub(crate) fn serial_number(&self) -> Result<Serial> {
        self.state.keep_up()?;
        Ok(self.state.keys().identity.serial)
    }

    /// Whether nothing in the store has changed since this was last asked, so that the serial number which was read
    /// then is still the token's.
    pub(crate) fn is_as_last_shown(&self) -> bool {
        let store::Generation::Settled(now) = self.state.store.generation() else {
            return false;
        };
        self.shown_at.load(Ordering::Relaxed) == now
            || self.shown_at.swap(now, Ordering::Relaxed) == now
    }

    /// Who is logged in. Nobody is, once another process has initialized the token again.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn login_state(&self) -> Result<Login> {
        self.state.login_state()
    }

    /// Whether this process does not write the token's file.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.state.config.read_only
    }

    /// Whether others replaced, removed or damaged the token's file while it was open. Its sessions answer
    /// CKR_DEVICE_REMOVED then.
    #[must_use]
    pub fn is_gone(&self) -> bool {
        self.state.store.is_gone()
    }

    /// As `is_gone`, but relies on a look of a few milliseconds ago, where there was one.
    #[must_use]
    pub fn is_gone_since_lately(&self) -> bool {
        !self.state.store.was_there_lately() && self.state.store.is_gone()
    }

    /// Whether the file that is there now can be opened as another token although this one, which is
    /// gone, still has sessions.
    #[must_use]
    pub fn is_replaced(&self) -> bool {
        self.state.store.is_replaced()
    }

    /// What C_GetTokenInfo returns.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn status(&self) -> Result<TokenStatus> {
        self.state.keep_up()?;
        let mut flags = ck::CKF_RNG
            | ck::CKF_LOGIN_REQUIRED
            | ck::CKF_CLOCK_ON_TOKEN
            | ck::CKF_DUAL_CRYPTO_OPERATIONS;
        let utc_time = utc_time(self.state.time.now().at);
        if self.state.config.read_only {
            flags |= ck::CKF_WRITE_PROTECTED;
        }
        let identity = self.state.identity();
        let so = self.guesses.status(Role::So)?;
        let user = self.guesses.status(Role::User)?;
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
            utc_time,
            user_tries: user.initialized.then_some(user.tries_left),
            so_tries: Some(so.tries_left),
        })
    }

    /// The private external keys, as far as they are known without a login.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn sealed_keys(&self) -> Result<Vec<SealedKey>> {
        external::monitor::sealed_keys(&self.state)
    }

    /// How many objects the token holds, private ones included.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR.
    pub fn object_count(&self) -> Result<u64> {
        let every = store::SearchConditions::default();
        Ok(self.state.store.read(|snapshot| snapshot.count(&every))?)
    }

    /// Fills `out` with random bytes.
    pub fn random(&self, out: &mut [u8]) {
        self.state.rng.fill(out);
    }

    /// Mixes a caller's seed into the random source.
    pub fn seed(&self, seed: &[u8]) {
        self.state.rng.seed(seed);
    }

    /// The random source, for operations that need one.
    #[must_use]
    pub fn rng(&self) -> &dyn Rng {
        &*self.state.rng
    }

    /// As `Objects::kept_ended`.
    pub(crate) fn kept_ended(&self) -> bool {
        self.state.objects.kept_ended()
    }

    /// As `Objects::note_keyless_dropped`.
    pub(crate) fn note_keyless_dropped(&self) {
        self.state.objects.note_keyless_dropped();
    }
}

impl Drop for Token {
    /// Records the refusals that were only counted so far, unless this is a forked child.
    fn drop(&mut self) {
        if !self.state.store.is_of_this_process() || self.writer.has_no_refusals() {
            return;
        }
        if let Err(error) = self.writer.flush_refusals(&self.keys()) {
            log::note(
                LogLevel::Error,
                &format!("the last refusals were not recorded: {error}"),
            );
        }
    }
}
