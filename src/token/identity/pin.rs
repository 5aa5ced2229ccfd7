//! A PIN's row: the master key wrapped under it, and the count of wrong guesses.
//!
//! The row carries a tag under the store key. A missing or damaged row counts as a locked PIN. Whoever
//! can write the file can guess offline, and only Argon2id makes that slow.

use crate::ck;
use crate::config::Config;
use crate::crypto::kdf::{self, Argon2Params};
use crate::crypto::seal;
use crate::error::{Error, Result, refuse};
use crate::policy::Login;
use crate::rng::{Rng, random};
use crate::secret::{Secret, read_beginning};

use crate::token::record::domain::{Domain, Serial};

/// Greatest length of a PIN in bytes; the least is `pin.min_length`.
pub(in crate::token) const MAX_LENGTH: usize = 255;

const VERSION: u8 = 1;
const SALT_LEN: usize = 16;
const TAG_LEN: usize = 32;
/// Weaker parameters in the file are refused (OWASP's minimum for Argon2id).
const FLOOR: Argon2Params = Argon2Params {
    memory_kib: 19_456,
    passes: 2,
    lanes: 1,
};
/// Greater parameters in the file are refused too, since a login would take too long. The settings have
/// the same limits.
const CEILING_MEMORY_KIB: u32 = 4_194_304;
const CEILING_PASSES: u32 = 100;

/// Whose PIN it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::token) enum Role {
    So,
    User,
}

impl Role {
    /// Name in `meta` of the PIN's row.
    pub(in crate::token) fn row(self) -> &'static str {
        match self {
            Self::So => "pin.so",
            Self::User => "pin.user",
        }
    }

    pub(in crate::token) fn login(self) -> Login {
        match self {
            Self::So => Login::So,
            Self::User => Login::User,
        }
    }
}

#[derive(Debug, Clone)]
pub(in crate::token) struct PinRow {
    /// Wrong guesses since the last right one.
    pub(in crate::token) failures: u32,
    /// `None` until C_InitPIN has set the user's PIN.
    wrap: Option<Wrap>,
}

#[derive(Debug, Clone)]
struct Wrap {
    params: Argon2Params,
    salt: [u8; SALT_LEN],
    sealed: Vec<u8>,
}

/// Whether a PIN is set, locked or close to being locked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::token) struct PinStatus {
    pub(in crate::token) initialized: bool,
    /// Wrong guesses that are answered before the PIN is locked; 0 for a locked PIN.
    pub(in crate::token) tries_left: u32,
    /// Whether there were wrong guesses since the last right one.
    pub(in crate::token) guessed: bool,
}

impl PinStatus {
    /// For a PIN whose row is missing or damaged.
    pub(in crate::token) const DAMAGED: Self = Self {
        initialized: true,
        tries_left: 0,
        guessed: true,
    };

    pub(in crate::token) fn locked(self) -> bool {
        self.tries_left == 0
    }

    pub(in crate::token) fn final_try(self) -> bool {
        self.guessed && self.tries_left == 1
    }

    pub(in crate::token) fn count_low(self) -> bool {
        self.guessed && !self.locked()
    }
}

impl PinRow {
    /// The row of a user's PIN that was not set yet.
    pub(in crate::token) fn unset() -> Self {
        Self {
            failures: 0,
            wrap: None,
        }
    }

    /// Wraps `master` under the new `pin`.
    pub(in crate::token) fn set(
        config: &Config,
        rng: &dyn Rng,
        serial: &Serial,
        role: Role,
        pin: &[u8],
        master: &Secret,
    ) -> Result<Self> {
        check_new(config, pin)?;
        let params = Argon2Params {
            memory_kib: u32::try_from(config.pin_memory_kib).unwrap_or(CEILING_MEMORY_KIB),
            passes: u32::try_from(config.pin_passes).unwrap_or(FLOOR.passes),
            lanes: FLOOR.lanes,
        };
        let salt = random(rng);
        let key = stretch(config, &params, &salt, pin)?;
        Ok(Self {
            failures: 0,
            wrap: Some(Wrap {
                params,
                salt,
                sealed: seal::seal(&key, random(rng), &place(serial, role), master)?,
            }),
        })
    }

    /// The master key, if `pin` is right. Runs Argon2id, which takes tens of milliseconds.
    ///
    /// # Errors
    /// CKR_PIN_INCORRECT, CKR_USER_PIN_NOT_INITIALIZED.
    pub(in crate::token) fn open(
        &self,
        config: &Config,
        serial: &Serial,
        role: Role,
        pin: &[u8],
    ) -> Result<Secret> {
        let Some(wrap) = &self.wrap else {
            return Err(not_initialized());
        };
        if pin.len() > MAX_LENGTH {
            return refuse(ck::CKR_PIN_INCORRECT, "the PIN is wrong");
        }
        let key = stretch(config, &wrap.params, &wrap.salt, pin)?;
        seal::open(&key, &place(serial, role), &wrap.sealed)
            .map_err(|_| Error::new(ck::CKR_PIN_INCORRECT, "the PIN is wrong"))
    }

    /// Whether C_InitToken or C_InitPIN has set the PIN.
    pub(in crate::token) fn is_set(&self) -> bool {
        self.wrap.is_some()
    }

    /// Whether both rows are of the same PIN, whatever was guessed at it since it was set.
    pub(in crate::token) fn same_pin(&self, other: &Self) -> bool {
        let salt = |row: &Self| row.wrap.as_ref().map(|wrap| wrap.salt);
        salt(self) == salt(other)
    }

    /// Row bytes: version ‖ failures ‖ set? ‖ Argon2 memory, passes, lanes ‖ salt ‖ wrapped key ‖ tag.
    pub(in crate::token) fn encode(&self, store: &Domain, role: Role) -> Vec<u8> {
        let mut out = vec![VERSION];
        out.extend_from_slice(&self.failures.to_be_bytes());
        if let Some(wrap) = &self.wrap {
            out.push(1);
            for n in [
                wrap.params.memory_kib,
                wrap.params.passes,
                wrap.params.lanes,
            ] {
                out.extend_from_slice(&n.to_be_bytes());
            }
            out.extend_from_slice(&wrap.salt);
            out.extend_from_slice(&wrap.sealed);
        } else {
            out.push(0);
        }
        let tag = store.tag(&[role.row().as_bytes(), &out]);
        out.extend_from_slice(&tag);
        out
    }

    /// # Errors
    /// CKR_PIN_LOCKED for a row that is missing, damaged or too weak.
    pub(in crate::token) fn decode(store: &Domain, role: Role, row: Option<&[u8]>) -> Result<Self> {
        row.and_then(|row| Self::parse(store, role, row)).ok_or_else(|| {
            Error::new(
                ck::CKR_PIN_LOCKED,
                "the PIN's row is missing or damaged, which counts as locked: restore the token's file from a backup",
            )
            .at(role.row())
        })
    }

    fn parse(store: &Domain, role: Role, row: &[u8]) -> Option<Self> {
        let (body, tag) = row.split_at_checked(row.len().checked_sub(TAG_LEN)?)?;
        let expected = Secret::copy(&store.tag(&[role.row().as_bytes(), body]));
        if !expected.ct_eq(tag) {
            return None;
        }
        let (head, rest) = body.split_at_checked(6)?;
        if head[0] != VERSION {
            return None;
        }
        let failures = number(&head[1..5])?;
        if head[5] == 0 {
            return rest.is_empty().then_some(Self {
                failures,
                wrap: None,
            });
        }
        let (numbers, rest) = rest.split_at_checked(12)?;
        let (salt, sealed) = rest.split_at_checked(SALT_LEN)?;
        let params = Argon2Params {
            memory_kib: number(&numbers[..4])?,
            passes: number(&numbers[4..8])?,
            lanes: number(&numbers[8..])?,
        };
        let weak = params.memory_kib < FLOOR.memory_kib
            || params.passes < FLOOR.passes
            || params.lanes < FLOOR.lanes;
        let endless = params.memory_kib > CEILING_MEMORY_KIB || params.passes > CEILING_PASSES;
        (!weak && !endless).then(|| Self {
            failures,
            wrap: salt.try_into().ok().map(|salt| Wrap {
                params,
                salt,
                sealed: sealed.to_vec(),
            }),
        })
    }
}

pub(in crate::token) fn not_initialized() -> Error {
    Error::new(
        ck::CKR_USER_PIN_NOT_INITIALIZED,
        "the user's PIN has not been set: the security officer does that with C_InitPIN",
    )
}

/// Whether the PIN has only spaces, line ends and zeros, as a file, variable or buffer has that was not
/// filled yet. Such a PIN cannot be set.
pub(in crate::token) fn is_blank(pin: &[u8]) -> bool {
    pin.iter()
        .all(|byte| *byte == 0 || byte.is_ascii_whitespace())
}

/// Refuses what must not become a PIN.
///
/// # Errors
/// CKR_PIN_LEN_RANGE; CKR_PIN_INVALID for one that is blank.
pub fn check_new(config: &Config, pin: &[u8]) -> Result<()> {
    if is_blank(pin) && !pin.is_empty() {
        return refuse(ck::CKR_PIN_INVALID, "a PIN is more than blanks");
    }
    let least = usize::try_from(config.pin_min_length).unwrap_or(MAX_LENGTH);
    if (least..=MAX_LENGTH).contains(&pin.len()) {
        return Ok(());
    }
    refuse(
        ck::CKR_PIN_LEN_RANGE,
        format!("a PIN has {least} to {MAX_LENGTH} bytes"),
    )
}

fn stretch(config: &Config, params: &Argon2Params, salt: &[u8], pin: &[u8]) -> Result<Secret> {
    let Some(path) = &config.pin_key_file else {
        return Ok(kdf::argon2id(params, pin, salt, None)?);
    };
    let secret = read_beginning(path, KEY_FILE_MAX).map_err(|e| {
        Error::new(
            ck::CKR_DEVICE_ERROR,
            "the key file of `pin.key_file` cannot be read",
        )
        .at(path.display().to_string())
        .because(e)
    })?;
    if !(16..=KEY_FILE_MAX).contains(&secret.len()) {
        return Err(Error::new(
            ck::CKR_DEVICE_ERROR,
            "the key file of `pin.key_file` must have 16 to 4096 bytes",
        )
        .at(path.display().to_string()));
    }
    Ok(kdf::argon2id(params, pin, salt, Some(&secret))?)
}

/// The greatest length of the file of `pin.key_file`, in bytes.
const KEY_FILE_MAX: usize = 4096;
fn place(serial: &Serial, role: Role) -> Vec<u8> {
    [b"tenon master key ", &serial[..], role.row().as_bytes()].concat()
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_be_bytes)
}
