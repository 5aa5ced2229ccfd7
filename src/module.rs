//! The module: its slots and sessions.
//!
//! A slot's number is in its token's file name, so slots never renumber; one slot without an
//! initialized token is always offered for C_InitToken.

use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

use crate::ck;
use crate::client;
use crate::clock::Clock;
use crate::config::{Config, LogLevel, LogTarget};
use crate::error::{Result, refuse};
use crate::log::{self, Trace};
use crate::mechanism::{self, Mechanism, Offered};
use crate::rng::Rng;
use crate::session::{Session, Sessions};
use crate::store::{self, Catalog, SLOT_LIMIT};
use crate::token::{SessionHandle, Token};

mod events;
mod init;
mod slots;

pub use init::NewToken;

use events::Events;
use slots::{Slot, Slots, unreadable};

pub(crate) const MANUFACTURER: &str = "Tenon";
/// Model of the tokens, and description of the library.
pub(crate) const MODEL: &str = "Tenon SoftHSM";

/// An initialized Cryptoki library.
pub struct Module {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    slots: Slots,
    offered: Offered,
    /// Held while a thread makes a token.
    making: Mutex<()>,
    sessions: Arc<Sessions>,
    events: Events,
}

impl Module {
    /// Opens the token folder of `config`. A folder that does not exist yet has no tokens.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the folder cannot be read.
    pub fn open(config: Config, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Result<Self> {
        let catalog = store::catalog(&config);
        Self::over(catalog, config, clock, rng)
    }

    /// As `open`, with the tokens of `catalog`.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the catalog cannot be read.
    pub fn over(
        catalog: Arc<dyn Catalog>,
        config: Config,
        clock: Arc<dyn Clock>,
        rng: Arc<dyn Rng>,
    ) -> Result<Self> {
        log::configure(config.log_target.clone(), config.log_level);
        log::configure_trace(Trace {
            target: config.trace.clone().unwrap_or(LogTarget::Off),
            json: config.trace_json,
            limit: config.trace_mib << 20,
        });
        client::set_actor(&config.actor);
        for warning in &config.warnings {
            log::note(LogLevel::Warning, warning);
        }
        let config = Arc::new(config);
        let slots = Slots::new(catalog, config.clone(), clock.clone(), rng.clone());
        slots.scan()?;
        slots.note_misnamed();
        slots.show_new();
        let events = Events::default();
        events.recognize(&slots);
        Ok(Self {
            offered: Offered::of(&config),
            config,
            clock,
            rng,
            slots,
            making: Mutex::default(),
            sessions: Arc::default(),
            events,
        })
    }

    /// The catalog of the module's tokens.
    #[must_use]
    pub fn catalog(&self) -> &Arc<dyn Catalog> {
        self.slots.catalog()
    }

    /// C_GetSlotList. Each slot holds a token: where no file is, one that C_InitToken initializes.
    #[must_use]
    pub fn slots(&self) -> Vec<ck::CK_SLOT_ID> {
        self.slots.list()
    }

    /// Why the token of a slot cannot be opened; `None` for a slot whose token can, or that is free.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn unreadable(&self, id: ck::CK_SLOT_ID) -> Result<Option<String>> {
        Ok(match self.slots.get(id)? {
            Slot::Unreadable(why) => Some(why.to_string()),
            Slot::Free | Slot::Token(_) => None,
        })
    }

    /// C_GetSlotInfo.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn slot_info(&self, id: ck::CK_SLOT_ID) -> Result<ck::CK_SLOT_INFO> {
        let note = match self.slots.get(id)? {
            Slot::Unreadable(_) => " (unreadable)",
            Slot::Free | Slot::Token(_) => "",
        };
        let mut flags = ck::CKF_TOKEN_PRESENT;
        if self.config.removable {
            flags |= ck::CKF_REMOVABLE_DEVICE;
        }
        Ok(ck::CK_SLOT_INFO {
            slotDescription: padded(&format!("{MODEL} slot {id}{note}")),
            manufacturerID: padded(MANUFACTURER),
            flags,
            hardwareVersion: version(),
            firmwareVersion: version(),
        })
    }

    /// C_GetTokenInfo.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID, CKR_DEVICE_ERROR; CKR_TOKEN_NOT_RECOGNIZED for a token that cannot be
    /// opened.
    pub fn token_info(&self, id: ck::CK_SLOT_ID) -> Result<ck::CK_TOKEN_INFO> {
        let slot = self.slots.get(id)?;
        let status = match &slot {
            Slot::Free => None,
            Slot::Token(token) => Some(token.status()?),
            Slot::Unreadable(_) => return Err(unreadable()),
        };
        self.slots.show(id, &slot);
        let count = self.sessions.count(id);
        let time = status.as_ref().map_or([b' '; 16], |status| status.utc_time);
        Ok(ck::CK_TOKEN_INFO {
            label: status.as_ref().map_or([b' '; 32], |status| status.label),
            manufacturerID: padded(MANUFACTURER),
            model: padded(MODEL),
            serialNumber: padded(status.as_ref().map_or("", |status| &status.serial)),
            flags: status.map_or(ck::CKF_RNG | ck::CKF_LOGIN_REQUIRED, |status| status.flags),
            ulMaxSessionCount: ck::CK_EFFECTIVELY_INFINITE,
            ulSessionCount: count.all,
            ulMaxRwSessionCount: ck::CK_EFFECTIVELY_INFINITE,
            ulRwSessionCount: count.read_write,
            ulMaxPinLen: Token::MAX_PIN_LENGTH,
            ulMinPinLen: self.config.pin_min_length,
            ulTotalPublicMemory: ck::CK_UNAVAILABLE_INFORMATION,
            ulFreePublicMemory: ck::CK_UNAVAILABLE_INFORMATION,
            ulTotalPrivateMemory: ck::CK_UNAVAILABLE_INFORMATION,
            ulFreePrivateMemory: ck::CK_UNAVAILABLE_INFORMATION,
            hardwareVersion: version(),
            firmwareVersion: version(),
            // Blank where there is no token, which CKF_CLOCK_ON_TOKEN says too.
            utcTime: time,
        })
    }

    /// The initialized token of a slot, for what PKCS#11 has no function for: its audit record, its
    /// clock, its anchor, erasing what is due.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_RECOGNIZED, CKR_DEVICE_ERROR.
    pub fn token(&self, id: ck::CK_SLOT_ID) -> Result<Arc<Token>> {
        self.slots.get(id)?.token()
    }

    /// The place of a slot's token, as a person reads it. A slot without a token has one too.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID for a number that no slot has.
    pub fn location(&self, id: ck::CK_SLOT_ID) -> Result<String> {
        if id < SLOT_LIMIT {
            return Ok(self.catalog().location(id));
        }
        refuse(ck::CKR_SLOT_ID_INVALID, "slots are numbered 0 to 9999")
    }

    /// C_GetMechanismList.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn mechanisms(&self, id: ck::CK_SLOT_ID) -> Result<Vec<ck::CK_MECHANISM_TYPE>> {
        self.slots.get(id)?;
        Ok(mechanism::offered(&self.config).map(|row| row.id).collect())
    }

    /// C_GetMechanismInfo.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID, CKR_MECHANISM_INVALID.
    pub fn mechanism_info(
        &self,
        id: ck::CK_SLOT_ID,
        mechanism: ck::CK_MECHANISM_TYPE,
    ) -> Result<ck::CK_MECHANISM_INFO> {
        self.slots.get(id)?;
        let mechanism = self.mechanism(mechanism)?;
        let mut info = mechanism.info();
        if mechanism.key_types == [ck::CKK_RSA] {
            info.ulMinKeySize = info.ulMinKeySize.max(self.config.rsa_min_bits);
        }
        Ok(info)
    }

    /// The row of a mechanism, if the configuration offers it.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID.
    pub fn mechanism(&self, id: ck::CK_MECHANISM_TYPE) -> Result<&'static Mechanism> {
        self.offered.row(id)
    }

    /// Removes the token of a slot with all its files, also where it cannot be read, and closes the
    /// module. No PIN is asked for: whoever may remove the files needs none.
    ///
    /// # Errors
    /// CKR_SESSION_EXISTS while a process has the token open, CKR_TOKEN_NOT_PRESENT,
    /// CKR_TOKEN_WRITE_PROTECTED, CKR_DEVICE_ERROR.
    pub fn remove_token(self, id: ck::CK_SLOT_ID) -> Result<()> {
        if self.config.read_only {
            return refuse(ck::CKR_TOKEN_WRITE_PROTECTED, "`store.read_only` is set");
        }
        let catalog = self.catalog().clone();
        // This process must not have the token open either.
        drop(self);
        Ok(catalog.remove(id)?)
    }

    /// C_WaitForSlotEvent, without waiting: a slot in which others made, removed or replaced a token. Each such
    /// event is told once.
    #[must_use]
    pub fn slot_event(&self) -> Option<ck::CK_SLOT_ID> {
        // Where the folder cannot be read the slots stay as they are.
        let _ = self.slots.scan();
        self.events.next(&self.slots)
    }

    /// C_Finalize: ends what waits in `closes_within`.
    pub fn close(&self) {
        self.events.close();
    }

    /// Waits for `close`, so long at most. Whether it was called.
    #[must_use]
    pub fn closes_within(&self, time: Duration) -> bool {
        self.events.wait(time)
    }

    /// C_OpenSession.
    ///
    /// # Errors
    /// CKR_SESSION_PARALLEL_NOT_SUPPORTED, CKR_SESSION_ASYNC_NOT_SUPPORTED, CKR_TOKEN_NOT_RECOGNIZED,
    /// CKR_TOKEN_WRITE_PROTECTED, CKR_SESSION_READ_WRITE_SO_EXISTS; CKR_DEVICE_REMOVED for a token whose files others changed in a way
    /// that loses something, while sessions from before are open or the files are not back; CKR_DEVICE_ERROR when the token's anchor tells that its file
    /// is not the right one.
    pub fn open_session(&self, id: ck::CK_SLOT_ID, flags: ck::CK_FLAGS) -> Result<SessionHandle> {
        let slot = self.slots.get_for_session(id)?;
        if flags & ck::CKF_SERIAL_SESSION == 0 {
            return refuse(
                ck::CKR_SESSION_PARALLEL_NOT_SUPPORTED,
                "CKF_SERIAL_SESSION must be set",
            );
        }
        if flags & ck::CKF_ASYNC_SESSION != 0 {
            return refuse(
                ck::CKR_SESSION_ASYNC_NOT_SUPPORTED,
                "the token answers every call at once: open the session without CKF_ASYNC_SESSION",
            );
        }
        let token = slot.open_token()?;
        if token.is_gone_since_lately() {
            return refuse(
                ck::CKR_DEVICE_REMOVED,
                "the token's file was replaced, removed or damaged while it was in use: close all sessions \
                 with the token, and put its files back if they are missing",
            );
        }
        self.slots.show(id, &slot);
        token.check_anchor()?;
        let read_write = flags & ck::CKF_RW_SESSION != 0;
        if read_write && token.is_read_only() {
            return refuse(
                ck::CKR_TOKEN_WRITE_PROTECTED,
                "the token is only read, as `store.read_only` says: open a read-only session",
            );
        }
        self.sessions.open(id, slot.token()?, read_write)
    }

    /// C_CloseSession.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    pub fn close_session(&self, session: SessionHandle) -> Result<()> {
        self.sessions.close(session)
    }

    /// C_CloseAllSessions.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn close_all_sessions(&self, id: ck::CK_SLOT_ID) -> Result<()> {
        self.slots.get(id)?;
        self.sessions.close_all(id);
        Ok(())
    }

    /// The session of a handle.
    ///
    /// # Errors
    /// CKR_SESSION_HANDLE_INVALID.
    pub fn session(&self, session: SessionHandle) -> Result<Arc<Session>> {
        self.sessions.get(session)
    }
}

/// `text`, padded with blanks and not terminated, as every text of the C structures is.
#[must_use]
pub fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [b' '; N];
    let len = text.len().min(N);
    out[..len].copy_from_slice(&text.as_bytes()[..len]);
    out
}

#[must_use]
pub(crate) fn version() -> ck::CK_VERSION {
    let part = |text: &str| text.parse().unwrap_or(0);
    ck::CK_VERSION {
        major: part(env!("CARGO_PKG_VERSION_MAJOR")),
        minor: part(env!("CARGO_PKG_VERSION_MINOR")),
    }
}
