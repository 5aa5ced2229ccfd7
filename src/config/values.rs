//! The settings as typed values.

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

/// Whether uses of private and secret keys, and logins, are recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum AuditUse {
    /// They are not.
    #[default]
    Off,
    /// They are. Of the uses of one second the first alone waits for the disk.
    On,
    /// They are, and each waits for the disk.
    Strict,
}

/// Which mechanisms the slots offer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum MechanismFilter {
    /// All that are offered by default.
    #[default]
    All,
    /// All that are offered by default, and those named.
    AllAnd(Vec<String>),
    /// Only those named.
    Only(Vec<String>),
    /// All that are offered by default, but those named.
    Except(Vec<String>),
}

/// What a filter says of one mechanism.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// It is offered with all its uses, also where it is off by default.
    Named,
    /// It is offered as far as it is by default.
    Unnamed,
    /// It is not offered.
    LeftOut,
}

impl MechanismFilter {
    /// What the filter says of the mechanism called `name`.
    #[must_use]
    pub fn choice(&self, name: &str) -> Choice {
        let named = self.names().iter().any(|n| n == name);
        match (self, named) {
            (Self::Only(_) | Self::AllAnd(_), true) => Choice::Named,
            (Self::Only(_), false) | (Self::Except(_), true) => Choice::LeftOut,
            (Self::All | Self::AllAnd(_) | Self::Except(_), _) => Choice::Unnamed,
        }
    }

    /// The names in the filter.
    #[must_use]
    pub fn names(&self) -> &[String] {
        match self {
            Self::All => &[],
            Self::AllAnd(names) | Self::Only(names) | Self::Except(names) => names,
        }
    }
}

/// The settings of a process, as typed values.
#[derive(Debug, Clone, Default)]
pub struct Config {
    /// Folder of the token files.
    pub token_dir: PathBuf,
    /// Mode bits that new token files (0666) and folders (0777) do not get. Contains 0007, so that other users than
    /// owner and group get no right.
    pub umask: u32,
    /// Where log lines go.
    pub log_target: LogTarget,
    /// How much is logged.
    pub log_level: LogLevel,
    /// Where each call is traced; `None` for nowhere.
    pub trace: Option<LogTarget>,
    /// The lines of the trace are JSON objects.
    pub trace_json: bool,
    /// MiB of a trace file, beyond which another one is begun.
    pub trace_mib: u64,
    /// Which mechanisms are offered.
    pub mechanisms: MechanismFilter,
    /// Numbers of slots are below this.
    pub slot_limit: u64,
    /// C_GetSlotInfo sets CKF_REMOVABLE_DEVICE.
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
    /// The database that has the tokens in the place of the folder; `None` for none.
    pub store_url: Option<super::Target>,
    /// Open a token although its database has lost changes, so that the security officer can accept that. No setting.
    pub shows_losses: bool,
    /// File with the numbered keys under which material is wrapped besides.
    pub store_key_file: Option<PathBuf>,
    /// Never write to a token's file.
    pub read_only: bool,
    /// Open a token's file read-only where this process may not write it, instead of refusing it.
    pub read_only_auto: bool,
    /// Allow a login with `read_only`, where wrong PINs can be counted in memory alone.
    pub read_only_login: bool,
    /// How long a change waits for other processes that write the same token.
    pub busy_timeout: Duration,
    /// Seconds by which the clock may be ahead of the latest time that the token has seen; a clock further ahead is
    /// in doubt.
    pub clock_leap: UnixTime,
    /// Seconds by which the clock may differ from that of the tokens' database.
    pub clock_skew: UnixTime,
    /// Folder of the anchors, which tell that a token's file was replaced by an older copy.
    pub anchor: Option<PathBuf>,
    /// For whom the program acts; empty where nothing says so.
    pub actor: String,
    /// Logins and uses of private and secret keys are recorded too.
    pub audit_use: AuditUse,
    /// Greatest number of rows of keys that a login compares with the sum that the token keeps of them.
    pub login_rows: u64,
    /// CKA_START_DATE and CKA_END_DATE are enforced.
    pub enforce_dates: bool,
    /// A token key that is unwrapped with a CKA_ID and without CKA_EXTRACTABLE=TRUE is bound to its first material.
    pub bind_by_id: bool,
    /// Changes of public objects that callers without a login can make in a token in a day.
    pub public_changes: u64,
    /// Keys and key pairs that both wrap and decrypt, or both unwrap and encrypt, are refused.
    pub separate_roles: bool,
    /// Least size in bits of an RSA private key that is generated, created or unwrapped.
    pub rsa_min_bits: u64,
    /// Material for bound keys may come by CKM_RSA_PKCS.
    pub pkcs1_imports: bool,
    /// CKM_AES_KEY_WRAP_PAD wraps by PKCS#7 padding and RFC 3394 instead of RFC 5649.
    pub key_wrap_pad_pkcs7: bool,
    /// CKA_EC_POINT of an Edwards or Montgomery key reads as the bare bytes instead of a DER OCTET STRING.
    pub edwards_point_raw: bool,
    /// What was taken otherwise than it was written, one sentence each, for the log.
    pub warnings: Vec<String>,
}
