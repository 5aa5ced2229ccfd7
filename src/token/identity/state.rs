//! The state of an open token: its identity, who is logged in, and what is in memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use arc_swap::{ArcSwap, Guard};
use parking_lot::Mutex;

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
use crate::token::record::numbered::NumberedKeys;
use crate::token::record::suspects::Suspects;
use crate::token::record::uid::hex;
use crate::token::record::vault::Vault;

use super::passage::absent;
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
    /// The label as the store has it.
    sealed_label: Vec<u8>,
}

impl Identity {
    /// The row of a token with this serial number and label.
    pub(in crate::token) fn row(
        serial: &Serial,
        public: &Domain,
        rng: &dyn Rng,
        label: &[u8; LABEL_LEN],
    ) -> Result<Vec<u8>> {
        let label = public.seal_value(rng, IDENTITY_ROW, label)?;
        Ok([&serial[..], &label].concat())
    }

    /// The serial number in 16 hexadecimal digits.
    pub(in crate::token) fn serial_text(&self) -> String {
        hex(self.serial)
    }

    /// Refuses a store in which another process has initialized a new token since, so that nothing is
    /// sealed there under the old token's keys.
    ///
    /// # Errors
    /// CKR_DEVICE_REMOVED.
    pub(in crate::token) fn check(&self, snapshot: &Snapshot<'_>) -> Result<()> {
        if self.is_in(snapshot)? {
            return Ok(());
        }
        refuse(
            ck::CKR_DEVICE_REMOVED,
            "the token was initialized again by another process: open a new session",
        )
    }

    fn is_in(&self, snapshot: &Snapshot<'_>) -> Result<bool> {
        let stored = snapshot.meta(STORE_KEY_ROW)?.map(Secret::from);
        Ok(stored.is_some_and(|key| self.store_key.ct_eq(&key)))
    }

    /// As `read`, without deriving the keys anew where this is the identity in the store, with its label.
    fn read_again(
        self: &Arc<Self>,
        snapshot: &Snapshot<'_>,
    ) -> Result<Option<(Arc<Self>, ClockMark)>> {
        let row = snapshot.meta(IDENTITY_ROW)?;
        let is_named = row.is_some_and(|row| row.ends_with(&self.sealed_label));
        if is_named && self.is_in(snapshot)? {
            let mark = ClockMark::decode(&self.public, snapshot.meta(MARK_ROW)?.as_deref())?;
            return Ok(Some((Arc::clone(self), mark)));
        }
        let found = Self::read(snapshot)?;
        Ok(found.map(|(identity, mark)| (Arc::new(identity), mark)))
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
            sealed_label: sealed.to_vec(),
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

/// Who the token is and who is logged in, with their keys.
pub(in crate::token) struct Keys {
    pub(in crate::token) identity: Arc<Identity>,
    /// Only while somebody is logged in.
    pub(in crate::token) master: Option<Arc<Master>>,
    pub(in crate::token) login: Login,
    /// Those of `store.key_file`.
    pub(in crate::token) numbered: Arc<NumberedKeys>,
}

/// The keys with which one call works. They stay valid for the call after a logout.
pub(in crate::token) type CallKeys = Guard<Arc<Keys>>;

impl Keys {
    /// Before a login.
    fn public(identity: Arc<Identity>, numbered: Arc<NumberedKeys>) -> Self {
        Self {
            identity,
            master: None,
            login: Login::Public,
            numbered,
        }
    }

    pub(in crate::token) fn vault(&self) -> Vault<'_> {
        Vault {
            serial: self.identity.serial,
            public: &self.identity.public,
            master: self.master.as_deref().map(|master| &master.domain),
            suspects: self.master.as_deref().map(|master| &master.suspects),
            numbered: &self.numbered,
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

    /// The caller, as the rules of attributes see it; `Token::maker` where an ordinary key is made.
    pub(in crate::token) fn requester(&self) -> Requester {
        Requester {
            is_so: self.login == Login::So,
            every_use: false,
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

const LOGINS: [Login; 3] = [Login::Public, Login::User, Login::So];

pub(in crate::token) struct TokenState {
    pub(in crate::token) store: Store,
    pub(in crate::token) config: Arc<Config>,
    pub(in crate::token) rng: Arc<dyn Rng>,
    pub(in crate::token) time: TokenTime,
    pub(in crate::token) objects: Objects,
    keys: ArcSwap<Keys>,
    /// The place of `keys`' login in `LOGINS`, for a call that needs nothing else of the keys.
    login: AtomicU8,
    /// Held while `keys` change.
    changing: Mutex<()>,
    /// The store's generation at which the identity was last read.
    seen: AtomicU64,
}

impl TokenState {
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED for a store without a token; CKR_DEVICE_ERROR.
    pub(in crate::token) fn new(
        store: Store,
        config: Arc<Config>,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self> {
        let ((identity, mark), generation) = store.read(|snapshot| {
            let found = Identity::read(snapshot)?;
            let found = found.map_or_else(|| Err(absent(snapshot)?), Ok)?;
            Ok::<_, Error>((found, snapshot.generation()?))
        })?;
        let time = TokenTime::new(clock, config.clock_leap)
            .beside(store.shared_clock(), config.clock_skew);
        time.learn(mark);
        let numbered = Arc::new(NumberedKeys::new(config.store_key_file.as_deref()));
        Ok(Self {
            store,
            rng,
            time,
            config,
            objects: Objects::default(),
            keys: ArcSwap::from_pointee(Keys::public(Arc::new(identity), numbered)),
            login: AtomicU8::new(0),
            changing: Mutex::default(),
            seen: AtomicU64::new(generation),
        })
    }

    /// Reads identity and clock mark again. Where another process has initialized the token since, all
    /// that was known of the old one is dropped.
    ///
    /// # Errors
    /// CKR_TOKEN_NOT_RECOGNIZED where the token is no longer in its store; CKR_DEVICE_ERROR.
    pub(in crate::token) fn refresh(&self) -> Result<()> {
        let known = self.identity();
        let (found, generation) = self.store.read(|snapshot| {
            let found = match known.read_again(snapshot)? {
                Some(found) => Ok(found),
                None => Err(absent(snapshot)?),
            };
            Ok::<_, Error>((found, snapshot.generation()?))
        })?;
        let _changing = self.changing.lock();
        let known = self.identity();
        let (identity, mark) = found.inspect_err(|_| self.begin_anew(known.clone()))?;
        self.time.learn(mark);
        if !known.store_key.ct_eq(&identity.store_key) {
            self.begin_anew(identity);
        } else if known.sealed_label != identity.sealed_label {
            let keys = self.keys();
            self.set_keys(Keys {
                identity,
                master: keys.master.clone(),
                login: keys.login,
                numbered: Arc::clone(&keys.numbered),
            });
        }
        self.seen.store(generation, Ordering::Release);
        Ok(())
    }

    /// Ends the login and makes every handle invalid. Call it with `changing` held.
    fn begin_anew(&self, identity: Arc<Identity>) {
        self.objects.clear();
        let numbered = Arc::clone(&self.keys().numbered);
        self.set_keys(Keys::public(identity, numbered));
    }

    /// Call it with `changing` held.
    fn set_keys(&self, keys: Keys) {
        let login = LOGINS.iter().zip(0..).find(|(of, _)| **of == keys.login);
        self.keys.store(Arc::new(keys));
        self.login
            .store(login.map_or(0, |(_, place)| place), Ordering::SeqCst);
    }

    /// As `refresh`, but reads the store only where the token's identity or clock mark may have changed.
    pub(in crate::token) fn keep_up(&self) -> Result<()> {
        let seen = self.seen.load(Ordering::Acquire);
        if self.store.generation() == store::Generation::Settled(seen) {
            return Ok(());
        }
        let rows = [STORE_KEY_ROW, IDENTITY_ROW, MARK_ROW].map(str::as_bytes);
        match self.store.untouched(&rows, seen) {
            Some(generation) => {
                self.seen.store(generation, Ordering::Release);
                Ok(())
            }
            None => self.refresh(),
        }
    }

    /// The identity as last read.
    pub(in crate::token) fn identity(&self) -> Arc<Identity> {
        self.keys.load().identity.clone()
    }

    /// The keys of this moment. Nothing is written that other threads read.
    pub(in crate::token) fn keys(&self) -> CallKeys {
        self.keys.load()
    }

    /// Who is logged in, as far as this process knows.
    pub(in crate::token) fn login(&self) -> Login {
        let place = usize::from(self.login.load(Ordering::SeqCst));
        LOGINS.get(place).copied().unwrap_or(Login::Public)
    }

    /// Who is logged in. Nobody is, once another process has initialized the token again.
    pub(in crate::token) fn login_state(&self) -> Result<Login> {
        self.keep_up()?;
        Ok(self.login())
    }

    /// Logs in, unless somebody is logged in by then: returns false then. Drops objects that were read
    /// without a login, since their tag under the master key was not checked.
    pub(in crate::token) fn begin_login(&self, login: Login, master: Arc<Master>) -> bool {
        let _changing = self.changing.lock();
        let known = self.keys();
        if known.logged_in() {
            return false;
        }
        self.objects.forget_read();
        self.set_keys(Keys {
            identity: known.identity.clone(),
            master: Some(master),
            login,
            numbered: Arc::clone(&known.numbered),
        });
        true
    }

    /// Ends the login; false when nobody was logged in. Handles of private objects become invalid.
    pub(in crate::token) fn end_login(&self) -> bool {
        let _changing = self.changing.lock();
        let known = self.keys();
        if !known.logged_in() {
            return false;
        }
        let numbered = Arc::clone(&known.numbered);
        self.set_keys(Keys::public(known.identity.clone(), numbered));
        self.objects.forget_private();
        true
    }

    /// Runs `remember`, unless a login has begun or ended since `keys` were taken.
    pub(in crate::token) fn while_login_lasts(&self, keys: &Keys, remember: impl FnOnce()) {
        let _changing = self.changing.lock();
        if std::ptr::eq(&raw const **self.keys(), keys) {
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
