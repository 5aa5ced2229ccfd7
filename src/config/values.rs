//! The settings in force.

use std::path::PathBuf;
use std::time::Duration;

use crate::clock::UnixTime;

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum LogTarget {
    /// Nowhere.
    Off,
    /// The local syslog socket, by plain datagrams.
    #[default]
    Syslog,
    /// Standard error.
    Stderr,
    /// Appended to a file.
    File(PathBuf),
}

/// How much is logged; each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// The token could not do its work.
    #[default]
    Error,
    /// A caller was refused by a rule, or a template was corrected.
    Warning,
    /// Every refusal.
    Info,
    /// Every call.
    Debug,
}

/// Which mechanisms the slots offer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MechanismFilter {
    /// All.
    #[default]
    All,
    /// Only those named.
    Only(Vec<String>),
    /// All but those named.
    Except(Vec<String>),
}

impl MechanismFilter {
    /// Whether the mechanism called `name` is offered.
    #[must_use]
    pub fn offers(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.iter().any(|n| n == name),
            Self::Except(names) => names.iter().all(|n| n != name),
        }
    }
}

/// The settings in force.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Folder of the token files.
    pub token_dir: PathBuf,
    /// Rights that new token files and folders do not have; nothing is left to others.
    pub umask: u32,
    /// Where log lines go.
    pub log_target: LogTarget,
    /// How much is logged.
    pub log_level: LogLevel,
    /// Which mechanisms are offered.
    pub mechanisms: MechanismFilter,
    /// Slots there can be; C_InitToken of a free one makes a file.
    pub slot_limit: u64,
    /// Slots say CKF_REMOVABLE_DEVICE.
    pub removable: bool,
    /// Least length of a new PIN in bytes.
    pub pin_min_length: u64,
    /// Wrong PINs in a row that lock a PIN.
    pub pin_retries: u32,
    /// Argon2id memory of a new PIN in KiB.
    pub pin_memory_kib: u64,
    /// Argon2id passes of a new PIN.
    pub pin_passes: u64,
    /// File whose content is mixed into every PIN as Argon2's secret.
    pub pin_key_file: Option<PathBuf>,
    /// Never write to a token's file.
    pub read_only: bool,
    /// Only read a token's file that this process may not write.
    pub read_only_auto: bool,
    /// Allow a login where the retry counter can live in memory alone.
    pub read_only_login: bool,
    /// How long a change waits for other processes.
    pub busy_timeout: Duration,
    /// How far above a token's clock mark a reading of the clock is believed, in seconds.
    pub clock_leap: UnixTime,
    /// Folder of the files that tell when a token's file is an older copy.
    pub anchor: Option<PathBuf>,
    /// Logins and uses of private and secret keys are recorded too.
    pub audit_use: bool,
    /// Rows that a login compares with their sum at most.
    pub login_rows: u64,
    /// CKA_START_DATE and CKA_END_DATE are enforced.
    pub enforce_dates: bool,
    /// Unwrapped token keys bind to (class, key type, CKA_ID).
    pub bind_by_id: bool,
    /// Changes that callers without a login can make in a day.
    pub public_changes: u64,
    /// One key neither wraps and decrypts, nor unwraps and encrypts.
    pub separate_roles: bool,
    /// Least size in bits of an RSA private key that is made or comes in.
    pub rsa_min_bits: u64,
    /// Material for bound keys may come by CKM_RSA_PKCS.
    pub pkcs1_imports: bool,
    /// CKM_AES_KEY_WRAP_PAD makes PKCS#7 padding and RFC 3394 instead of RFC 5649.
    pub key_wrap_pad_pkcs7: bool,
    /// What is not as it was written, one sentence each.
    pub warnings: Vec<String>,
}
