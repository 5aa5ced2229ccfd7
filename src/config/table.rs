//! The rows: what can be set, and the settings of SoftHSM that need no counterpart.

use std::path::PathBuf;
use std::time::Duration;

use super::values::{AuditUse, Config, LogLevel, LogTarget, MechanismFilter};

pub(super) struct Setting {
    /// Its name in the file.
    pub(super) key: &'static str,
    /// Its value where neither the environment nor the file gives one.
    pub(super) default: &'static str,
    /// One line for the example.
    pub(super) doc: &'static str,
    /// Puts the value into the configuration; the error names the values that are allowed.
    pub(super) set: fn(&mut Config, &str) -> Result<(), String>,
}

/// A setting of SoftHSM that is accepted and has no effect, so that SoftHSM's files can be used.
pub(super) struct SoftHsmSetting {
    /// Its name in the file.
    pub(super) key: &'static str,
    /// Its values, and why it has no effect.
    pub(super) doc: &'static str,
    /// Refuses values that SoftHSM refuses; the error names those that are allowed.
    pub(super) check: fn(&str) -> Result<(), String>,
}

pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        key: "directories.tokendir",
        default: "",
        doc: "Folder of the token files, one file a token and a log beside it while it is in use: `tenon backup` copies both. Empty: `tenon` in the user's data folder.",
        set: |config, value| {
            config.token_dir = PathBuf::from(value);
            Ok(())
        },
    },
    Setting {
        key: "objectstore.umask",
        default: "0077",
        doc: "Octal: rights that new token files (0666) and folders (0777) do not have, whatever the umask of the process; 0007 lets a group share a token. Others never get any.",
        set: |config, value| {
            let umask = u32::from_str_radix(value, 8).ok();
            config.umask = umask
                .filter(|umask| *umask <= 0o777)
                .ok_or("expected an octal number up to 0777")?;
            if config.umask & 0o700 != 0 {
                return Err("it would take the rights of the files' owner away; 0077 leaves them to him alone".into());
            }
            Ok(())
        },
    },
    Setting {
        key: "log.level",
        default: "ERROR",
        doc: "ERROR, WARNING (refusals by a rule too), INFO (every refusal) or DEBUG (every call). The program tenon tells refusals to its user alone.",
        set: |config, value| {
            config.log_level = match value.to_ascii_uppercase().as_str() {
                "ERROR" => LogLevel::Error,
                "WARNING" => LogLevel::Warning,
                "INFO" => LogLevel::Info,
                "DEBUG" => LogLevel::Debug,
                _ => return Err("expected ERROR, WARNING, INFO or DEBUG".into()),
            };
            Ok(())
        },
    },
    Setting {
        key: "log.target",
        default: "syslog",
        doc: "off, syslog, stderr, or the absolute path of a file to append to.",
        set: |config, value| target(value).map(|target| config.log_target = target),
    },
    Setting {
        key: "log.trace",
        default: "off",
        doc: "A line for each call: arguments by name, result, microseconds, process and thread, without PINs, data and values of keys. off, syslog, stderr, or the absolute path of a file.",
        set: |config, value| {
            let target = target(value)?;
            config.trace = (target != LogTarget::Off).then_some(target);
            Ok(())
        },
    },
    Setting {
        key: "log.trace_format",
        default: "text",
        doc: "text, or json: each line of the trace is a JSON object.",
        set: |config, value| {
            config.trace_json = match value {
                "text" => false,
                "json" => true,
                _ => return Err("expected text or json".into()),
            };
            Ok(())
        },
    },
    Setting {
        key: "log.trace_mib",
        default: "64",
        doc: "MiB, 1 to 65536. A trace file that would become longer gets .1 behind its name, in the place of an older one, and a new one is begun.",
        set: |config, value| number(value, 1, 65_536).map(|n| config.trace_mib = n),
    },
    Setting {
        key: "slots.mechanisms",
        default: "ALL",
        doc: "ALL, a list of mechanism names separated by commas, or `-` and a list of those left out. Of old mechanisms docs/mechanisms.md says that they are off by default: a list that names them offers them too, and `ALL,` before the list keeps all others.",
        set: |config, value| {
            config.mechanisms = if let Some(list) = value.strip_prefix('-') {
                MechanismFilter::Except(names(list)?)
            } else if let Some(list) = value.strip_prefix("ALL,") {
                MechanismFilter::AllAnd(names(list)?)
            } else if value == "ALL" {
                MechanismFilter::All
            } else {
                MechanismFilter::Only(names(value)?)
            };
            Ok(())
        },
    },
    Setting {
        key: "slots.limit",
        default: "10000",
        doc: "A free slot is offered while its number is below this, 1 to 10000. Whoever can open the library makes a token there without a PIN.",
        set: |config, value| number(value, 1, 10_000).map(|n| config.slot_limit = n),
    },
    Setting {
        key: "slots.removable",
        default: "false",
        doc: "Slots say that their tokens can be removed.",
        set: |config, value| flag(value).map(|on| config.removable = on),
    },
    Setting {
        key: "pin.min_length",
        default: "4",
        doc: "Least length of a new PIN in bytes, 4 to 255.",
        set: |config, value| number(value, 4, 255).map(|n| config.pin_min_length = n),
    },
    Setting {
        key: "pin.retries",
        default: "10",
        doc: "Wrong PINs in a row that lock a PIN, 3 to 100. The count is the token's; each process locks by its own setting.",
        set: |config, value| {
            number(value, 3, 100).map(|n| config.pin_retries = u32::try_from(n).unwrap_or(3))
        },
    },
    Setting {
        key: "pin.memory_kib",
        default: "19456",
        doc: "Argon2id memory for a new PIN in KiB, 19456 (19 MiB) to 4194304; 65536 is a good choice for servers.",
        set: |config, value| number(value, 19_456, 4_194_304).map(|n| config.pin_memory_kib = n),
    },
    Setting {
        key: "pin.passes",
        default: "2",
        doc: "Argon2id passes for a new PIN, 2 to 100.",
        set: |config, value| number(value, 2, 100).map(|n| config.pin_passes = n),
    },
    Setting {
        key: "pin.key_file",
        default: "",
        doc: "File whose content (16 to 4096 bytes) is mixed into every PIN. Without it no PIN opens the token.",
        set: |config, value| {
            config.pin_key_file = (!value.is_empty()).then(|| value.into());
            Ok(())
        },
    },
    Setting {
        key: "store.url",
        default: "",
        doc: "The tokens are in this database of PostgreSQL instead of files, for hosts that share them: postgresql://USER@HOST,HOST/DATABASE?sslrootcert=FILE, as libpq has it; empty for files. The password is in the URL or in the file that `passfile` names.",
        set: |config, value| {
            config.store_url = match value {
                "" => None,
                url => Some(super::Target::parse(url)?),
            };
            Ok(())
        },
    },
    Setting {
        key: "store.key_file",
        default: "",
        doc: "File with numbered keys, under which the tokens' keys are sealed besides: `tenon store rotate` gives it a new one and destroys the old one, so that older copies of the tokens open no key any more. `tenon init` and `tenon store rotate` make it. Keep a copy, apart from those of the tokens: without it no key can be used.",
        set: |config, value| {
            config.store_key_file = (!value.is_empty()).then(|| value.into());
            Ok(())
        },
    },
    Setting {
        key: "store.read_only",
        default: "false",
        doc: "true: never write to a token's file; keys are found and used, changes are refused. auto: so where this process may not write it; a login is allowed then, and wrong PINs are counted in memory alone. false: such a file is an error.",
        set: |config, value| {
            config.read_only_auto = value == "auto";
            config.read_only = match value {
                "auto" => false,
                _ => flag(value).map_err(|_| "expected true, false or auto".to_owned())?,
            };
            Ok(())
        },
    },
    Setting {
        key: "store.busy_timeout_ms",
        default: "10000",
        doc: "How long a change waits for other processes that write the same token, in milliseconds.",
        set: |config, value| {
            number(value, 0, 600_000).map(|n| config.busy_timeout = Duration::from_millis(n))
        },
    },
    Setting {
        key: "store.anchor",
        default: "",
        doc: "Folder on other storage, which must exist: each change of a token is noted there, so that an older copy of its file is refused.",
        set: |config, value| {
            config.anchor = (!value.is_empty()).then(|| value.into());
            Ok(())
        },
    },
    Setting {
        key: "clock.leap",
        default: "8",
        doc: "Days, 1 to 400. A clock that shows more than so many days after the latest time that a token has seen is in doubt: it refuses what has expired, and erases it a day later.",
        set: |config, value| number(value, 1, 400).map(|days| config.clock_leap = days * 86_400),
    },
    Setting {
        key: "clock.skew",
        default: "60",
        doc: "Seconds, 1 to 86400. A host whose clock differs by more from that of the database in `store.url` does not move a token's time, and erases nothing because of it.",
        set: |config, value| number(value, 1, 86_400).map(|seconds| config.clock_skew = seconds),
    },
    Setting {
        key: "actor",
        default: "",
        doc: "For whom the program acts, as each audit record of its says beside user, process, program and host: a service, a job, a ticket; at most 255 bytes.",
        set: |config, value| {
            if value.len() > 255 || value.contains(char::is_control) {
                return Err("expected at most 255 bytes without control characters".into());
            }
            value.clone_into(&mut config.actor);
            Ok(())
        },
    },
    Setting {
        key: "audit.use",
        default: "false",
        doc: "true: record every login and every use of a private or secret key, not changes and refusals alone. Of the uses of one second the first alone waits for the disk, so those of the last second may be missing after a power failure. strict: each use waits for the disk.",
        set: |config, value| {
            config.audit_use = match value.to_ascii_lowercase().as_str() {
                "false" => AuditUse::Off,
                "true" => AuditUse::On,
                "strict" => AuditUse::Strict,
                _ => return Err("expected true, false or strict".into()),
            };
            Ok(())
        },
    },
    Setting {
        key: "audit.login_rows",
        default: "100000",
        doc: "A login compares the rows of private and secret keys with the sum that the token keeps of them, where there are at most so many; 0 leaves it to `tenon audit verify` and `tenon doctor`.",
        set: |config, value| number(value, 0, 1_000_000_000).map(|n| config.login_rows = n),
    },
    Setting {
        key: "policy.read_only_login",
        default: "false",
        doc: "Allow a login with `store.read_only = true`, where wrong PINs are counted in memory alone.",
        set: |config, value| flag(value).map(|on| config.read_only_login = on),
    },
    Setting {
        key: "policy.enforce_dates",
        default: "true",
        doc: "Refuse a key before its CKA_START_DATE and after its CKA_END_DATE (UTC, that day included).",
        set: |config, value| flag(value).map(|on| config.enforce_dates = on),
    },
    Setting {
        key: "policy.public_changes",
        default: "1000",
        doc: "Changes of public objects that callers without a login can make in a token in a day, 0 to 1000000.",
        set: |config, value| number(value, 0, 1_000_000).map(|n| config.public_changes = n),
    },
    Setting {
        key: "byok.bind_by_id",
        default: "true",
        doc: "A token key unwrapped with a CKA_ID and without CKA_EXTRACTABLE=TRUE is bound to its first material for ever.",
        set: |config, value| flag(value).map(|on| config.bind_by_id = on),
    },
    Setting {
        key: "policy.rsa_min_bits",
        default: "1024",
        doc: "Least size of an RSA private key that is generated, created or unwrapped, 1024 to 8192 bits; 2048 or 3072 keeps weak ones out.",
        set: |config, value| number(value, 1024, 8192).map(|n| config.rsa_min_bits = n),
    },
    Setting {
        key: "policy.separate_roles",
        default: "false",
        doc: "Refuse a key, or key pair, that both wraps and decrypts, or both unwraps and encrypts; no key gains a use later.",
        set: |config, value| flag(value).map(|on| config.separate_roles = on),
    },
    Setting {
        key: "byok.pkcs1",
        default: "false",
        doc: "Let the material of bound keys come by CKM_RSA_PKCS too, although its padding is a weak one.",
        set: |config, value| flag(value).map(|on| config.pkcs1_imports = on),
    },
    Setting {
        key: "wrap.key_wrap_pad",
        default: "rfc5649",
        doc: "What CKM_AES_KEY_WRAP_PAD makes: rfc5649, or pkcs7 (padding, then RFC 3394) for NSS and openCryptoki. Both are unwrapped.",
        set: |config, value| {
            config.key_wrap_pad_pkcs7 = match value {
                "rfc5649" => false,
                "pkcs7" => true,
                _ => return Err("expected rfc5649 or pkcs7".into()),
            };
            Ok(())
        },
    },
    Setting {
        key: "compat.edwards_point",
        default: "der",
        doc: "How CKA_EC_POINT of Ed25519 and X25519 keys reads: der, an OCTET STRING, which GnuTLS 3.7 and OpenSC 0.23 need to read public keys, or raw, the bare bytes of PKCS #11 3.1 and later, which OpenSC from 0.27 needs. Templates may give either.",
        set: |config, value| {
            config.edwards_point_raw = match value {
                "der" => false,
                "raw" => true,
                _ => return Err("expected der or raw".into()),
            };
            Ok(())
        },
    },
];

/// Settings whose value is the path of a file or a folder, where it is not empty.
pub(super) const PATHS: [&str; 6] = [
    "directories.tokendir",
    "log.target",
    "log.trace",
    "pin.key_file",
    "store.anchor",
    "store.key_file",
];

/// Settings of SoftHSM without a counterpart here.
pub(super) static SOFTHSM_SETTINGS: &[SoftHsmSetting] = &[
    SoftHsmSetting {
        key: "objectstore.backend",
        doc: "file or db: tokens are always databases.",
        check: |value| match value {
            "file" | "db" => Ok(()),
            _ => Err("expected file or db".into()),
        },
    },
    SoftHsmSetting {
        key: "library.reset_on_fork",
        doc: "true or false: a forked child always begins anew with C_Initialize.",
        check: |value| flag(value).map(drop),
    },
];

fn target(value: &str) -> Result<LogTarget, String> {
    Ok(match value {
        "off" => LogTarget::Off,
        "syslog" => LogTarget::Syslog,
        "stderr" => LogTarget::Stderr,
        path if path.starts_with('/') => LogTarget::File(path.into()),
        _ => return Err("expected off, syslog, stderr or an absolute path".into()),
    })
}

fn flag(value: &str) -> Result<bool, String> {
    match value.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected true or false".into()),
    }
}

fn number(value: &str, least: u64, most: u64) -> Result<u64, String> {
    value
        .parse()
        .ok()
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| format!("expected a number from {least} to {most}"))
}

fn names(list: &str) -> Result<Vec<String>, String> {
    let names: Vec<_> = list.split(',').map(|name| name.trim().to_owned()).collect();
    let named = |name: &String| {
        let mut bytes = name.bytes();
        name.starts_with("CKM_") && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
    };
    if !names.iter().all(named) {
        return Err("expected ALL, or names that begin with CKM_ separated by commas".into());
    }
    Ok(names)
}

impl Config {
    /// The defaults, with an empty token folder.
    #[must_use]
    pub fn defaults() -> Self {
        let mut config = Self::default();
        for setting in SETTINGS {
            let set = (setting.set)(&mut config, setting.default);
            debug_assert!(set.is_ok(), "the default of {} is not allowed", setting.key);
        }
        config
    }
}
