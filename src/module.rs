//! The module: its slots and sessions.
//!
//! A slot's number is in its token's file name, so slots never renumber; one slot without an
//! initialized token is always offered for C_InitToken.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::RwLock;

use crate::ck;
use crate::clock::Clock;
use crate::config::Config;
use crate::error::{Error, Result, refuse};
use crate::log;
use crate::mechanism::{self, Mechanism};
use crate::rng::Rng;
use crate::session::{Session, Sessions};
use crate::token::{SessionHandle, Token};

/// Manufacturer of module, slots and tokens.
pub const MANUFACTURER: &str = "Tenon";
/// Model of the tokens, and description of the library.
pub const MODEL: &str = "Tenon SoftHSM";
/// An initialized Cryptoki library.
pub struct Module {
    config: Arc<Config>,
    clock: Arc<dyn Clock>,
    rng: Arc<dyn Rng>,
    slots: RwLock<BTreeMap<ck::CK_SLOT_ID, Slot>>,
    sessions: Arc<Sessions>,
}

/// A slot: the token of its file, or none yet.
#[derive(Clone, Default)]
struct Slot {
    token: Option<Arc<Token>>,
}

impl Slot {
    fn initialized(&self) -> Result<bool> {
        self.token
            .as_ref()
            .map_or(Ok(false), |token| token.initialized())
    }

    fn initialized_token(self) -> Result<Arc<Token>> {
        let initialized = self.initialized()?;
        self.token.filter(|_| initialized).ok_or_else(|| {
            Error::new(
                ck::CKR_TOKEN_NOT_RECOGNIZED,
                "the slot's token is not initialized: use C_InitToken or `tenon init`",
            )
        })
    }
}

impl Module {
    /// Opens the token folder of `config`. A folder that does not exist yet has no tokens.
    ///
    /// # Errors
    /// CKR_DEVICE_ERROR when the folder cannot be read.
    pub fn open(config: Config, clock: Arc<dyn Clock>, rng: Arc<dyn Rng>) -> Result<Self> {
        log::configure(config.log_target.clone(), config.log_level);
        let module = Self {
            config: Arc::new(config),
            clock,
            rng,
            slots: RwLock::default(),
            sessions: Arc::default(),
        };
        module.scan()?;
        Ok(module)
    }

    /// Looks for tokens that other processes have made, and offers a free slot.
    fn scan(&self) -> Result<()> {
        let mut slots = self.slots.write();
        for id in self.files()? {
            if slots.get(&id).is_some_and(|slot| slot.token.is_some()) {
                continue;
            }
            let opened = Token::open(
                &self.path(id),
                self.config.clone(),
                self.clock.clone(),
                self.rng.clone(),
            );
            match opened {
                Ok(token) => {
                    let token = Some(Arc::new(token));
                    slots.insert(id, Slot { token });
                }
                // One damaged file must not take the other tokens away.
                Err(error) => log::refused(
                    "opening a token",
                    &error.at(self.path(id).display().to_string()),
                ),
            }
        }
        let free = |slot: &Slot| !slot.initialized().unwrap_or(true);
        if !slots.values().any(free) {
            let taken = |id: &ck::CK_SLOT_ID| slots.contains_key(id) || self.path(*id).exists();
            if let Some(id) = (0..self.config.slot_limit).find(|id| !taken(id)) {
                slots.insert(id, Slot::default());
            }
        }
        Ok(())
    }

    fn files(&self) -> Result<Vec<ck::CK_SLOT_ID>> {
        let folder = &self.config.token_dir;
        let entries = match std::fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => {
                return Err(Error::new(
                    ck::CKR_DEVICE_ERROR,
                    "the token folder of `directories.tokendir` cannot be read",
                )
                .at(folder.display().to_string())
                .because(e));
            }
        };
        let mut ids: Vec<_> = entries
            .filter_map(|entry| slot_number(entry.ok()?.file_name().to_str()?))
            .collect();
        ids.sort_unstable();
        Ok(ids)
    }

    fn path(&self, id: ck::CK_SLOT_ID) -> PathBuf {
        self.config.token_dir.join(format!("slot-{id:04}.tenon"))
    }

    /// C_GetSlotList. Every slot has a token in it, if only one that waits for C_InitToken.
    #[must_use]
    pub fn slots(&self) -> Vec<ck::CK_SLOT_ID> {
        if let Err(error) = self.scan() {
            log::refused("C_GetSlotList", &error);
        }
        self.slots.read().keys().copied().collect()
    }

    /// C_GetSlotInfo.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn slot_info(&self, id: ck::CK_SLOT_ID) -> Result<ck::CK_SLOT_INFO> {
        self.slot(id)?;
        let mut flags = ck::CKF_TOKEN_PRESENT;
        if self.config.removable {
            flags |= ck::CKF_REMOVABLE_DEVICE;
        }
        Ok(ck::CK_SLOT_INFO {
            slotDescription: padded(&format!("{MODEL} slot {id}")),
            manufacturerID: padded(MANUFACTURER),
            flags,
            hardwareVersion: version(),
            firmwareVersion: version(),
        })
    }

    /// C_GetTokenInfo.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID, CKR_DEVICE_ERROR.
    pub fn token_info(&self, id: ck::CK_SLOT_ID) -> Result<ck::CK_TOKEN_INFO> {
        let slot = self.slot(id)?;
        let status = slot.token.map(|token| token.status()).transpose()?;
        let count = self.sessions.count(id);
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
            // CKF_CLOCK_ON_TOKEN is not set: the field is not used.
            utcTime: [b' '; 16],
        })
    }

    /// The initialized token of a slot, for what PKCS#11 has no function for: its audit record, its
    /// clock, its anchor, erasing what is due.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID, CKR_TOKEN_NOT_RECOGNIZED, CKR_DEVICE_ERROR.
    pub fn token(&self, id: ck::CK_SLOT_ID) -> Result<Arc<Token>> {
        self.slot(id)?.initialized_token()
    }

    /// C_GetMechanismList.
    ///
    /// # Errors
    /// CKR_SLOT_ID_INVALID.
    pub fn mechanisms(&self, id: ck::CK_SLOT_ID) -> Result<Vec<ck::CK_MECHANISM_TYPE>> {
        self.slot(id)?;
        Ok(mechanism::all()
            .filter(|row| self.config.mechanisms.offers(row.name))
            .map(|row| row.id)
            .collect())
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
        self.slot(id)?;
        Ok(self.mechanism(mechanism)?.info())
    }

    /// The row of a mechanism, if the configuration offers it.
    ///
    /// # Errors
    /// CKR_MECHANISM_INVALID.
    pub fn mechanism(&self, id: ck::CK_MECHANISM_TYPE) -> Result<&'static Mechanism> {
        let row = match id {
            ck::CKM_AES_KEY_WRAP_PAD if self.config.key_wrap_pad_pkcs7 => {
                Some(mechanism::KEY_WRAP_PAD_PKCS7)
            }
            _ => mechanism::find(id),
        };
        row.filter(|row| self.config.mechanisms.offers(row.name))
            .ok_or_else(|| {
                Error::new(ck::CKR_MECHANISM_INVALID, "the mechanism is not offered")
                    .at(format!("{id:#x}"))
            })
    }

    /// C_InitToken: makes the token of a free slot, or empties the one that is there.
    ///
    /// # Errors
    /// CKR_SESSION_EXISTS, and as `Token::init`.
    pub fn init_token(&self, id: ck::CK_SLOT_ID, so_pin: &[u8], label: &[u8; 32]) -> Result<()> {
        if self.sessions.count(id).all != 0 {
            return refuse(
                ck::CKR_SESSION_EXISTS,
                "a session is open with the token: close it first",
            );
        }
        // Another process may have taken the free slot meanwhile.
        self.scan()?;
        let slot = self.slot(id)?;
        match slot.token {
            Some(token) => token.init(so_pin, label)?,
            None => self.create_token(id, so_pin, label)?,
        }
        self.scan()
    }

    fn create_token(&self, id: ck::CK_SLOT_ID, so_pin: &[u8], label: &[u8; 32]) -> Result<()> {
        let mut slots = self.slots.write();
        let slot = slots.entry(id).or_default();
        // Another thread may have taken the free slot meanwhile.
        if let Some(token) = slot.token.clone() {
            drop(slots);
            return token.init(so_pin, label);
        }
        let token = Token::init_file(
            &self.path(id),
            self.config.clone(),
            self.clock.clone(),
            self.rng.clone(),
            so_pin,
            label,
        )?;
        slot.token = Some(Arc::new(token));
        Ok(())
    }

    /// C_WaitForSlotEvent, without waiting: tokens do not come and go.
    ///
    /// # Errors
    /// CKR_NO_EVENT; CKR_FUNCTION_NOT_SUPPORTED for a call that would wait.
    pub fn wait_for_slot_event(&self, flags: ck::CK_FLAGS) -> Result<ck::CK_SLOT_ID> {
        if flags & ck::CKF_DONT_BLOCK != 0 {
            return refuse(ck::CKR_NO_EVENT, "no slot has changed");
        }
        refuse(
            ck::CKR_FUNCTION_NOT_SUPPORTED,
            "waiting for a slot to change would never end: set CKF_DONT_BLOCK",
        )
    }

    /// C_OpenSession.
    ///
    /// # Errors
    /// CKR_SESSION_PARALLEL_NOT_SUPPORTED, CKR_TOKEN_NOT_RECOGNIZED, CKR_TOKEN_WRITE_PROTECTED,
    /// CKR_SESSION_READ_WRITE_SO_EXISTS; CKR_DEVICE_ERROR when the token's anchor tells that its file
    /// is not the right one.
    pub fn open_session(&self, id: ck::CK_SLOT_ID, flags: ck::CK_FLAGS) -> Result<SessionHandle> {
        let slot = self.slot(id)?;
        if flags & ck::CKF_SERIAL_SESSION == 0 {
            return refuse(
                ck::CKR_SESSION_PARALLEL_NOT_SUPPORTED,
                "CKF_SERIAL_SESSION must be set",
            );
        }
        let token = slot.initialized_token()?;
        token.check_anchor()?;
        let read_write = flags & ck::CKF_RW_SESSION != 0;
        if read_write && self.config.read_only {
            return refuse(
                ck::CKR_TOKEN_WRITE_PROTECTED,
                "`store.read_only` is set: only read-only sessions can be opened",
            );
        }
        self.sessions.open(id, token, read_write)
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
        self.slot(id)?;
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

    /// The slot of a number. Where no token is known, another process may have made one.
    fn slot(&self, id: ck::CK_SLOT_ID) -> Result<Slot> {
        let known = || self.slots.read().get(&id).cloned();
        let mut slot = known();
        if slot.as_ref().is_none_or(|slot| slot.token.is_none()) && self.path(id).exists() {
            self.scan()?;
            slot = known();
        }
        slot.ok_or_else(|| Error::new(ck::CKR_SLOT_ID_INVALID, "no such slot").at(id.to_string()))
    }

    /// Leaves everything alone for ever: what a forked child does with its parent's module. Closing
    /// the parent's database handle here would drop the parent's locks.
    pub fn forget(self: Arc<Self>) {
        std::mem::forget(self);
    }
}

/// Number of the slot that a file name stands for.
fn slot_number(name: &str) -> Option<ck::CK_SLOT_ID> {
    let digits = name.strip_prefix("slot-")?.strip_suffix(".tenon")?;
    let four = digits.len() == 4 && digits.bytes().all(|b| b.is_ascii_digit());
    digits.parse().ok().filter(|_| four)
}

/// `text`, padded with blanks and not terminated, as every text of the C structures is.
#[must_use]
pub fn padded<const N: usize>(text: &str) -> [u8; N] {
    let mut out = [b' '; N];
    let len = text.len().min(N);
    out[..len].copy_from_slice(&text.as_bytes()[..len]);
    out
}

/// Version of this package.
#[must_use]
pub fn version() -> ck::CK_VERSION {
    let part = |text: &str| text.parse().unwrap_or(0);
    ck::CK_VERSION {
        major: part(env!("CARGO_PKG_VERSION_MAJOR")),
        minor: part(env!("CARGO_PKG_VERSION_MINOR")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_numbered_by_file_name() {
        assert_eq!(slot_number("slot-0042.tenon"), Some(42));
        for other in [
            "slot-42.tenon",
            "slot-00042.tenon",
            "slot-00a2.tenon",
            "slot-0001.gen",
        ] {
            assert_eq!(slot_number(other), None, "{other}");
        }
    }
}
