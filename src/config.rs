//! ONE table of settings.
//!
//! A setting comes from the environment (`TENON_` + the key in capitals, dots as underscores), else
//! from `softhsm.conf`, else from its default. The file is the one that `TENON_CONF` names, else
//! `tenon/softhsm.conf` in the user's configuration folder, else `/etc/tenon/softhsm.conf`.
//! With none at all the module works, under the user's data folder.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::ck;
use crate::error::{Error, Result};

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
    /// Where log lines go.
    pub log_target: LogTarget,
    /// How much is logged.
    pub log_level: LogLevel,
    /// Which mechanisms are offered.
    pub mechanisms: MechanismFilter,
    /// Slots say CKF_REMOVABLE_DEVICE.
    pub removable: bool,
    /// Least length of a new PIN in bytes.
    pub pin_min_length: u64,
    /// Argon2id memory of a new PIN in KiB.
    pub pin_memory_kib: u64,
    /// Argon2id passes of a new PIN.
    pub pin_passes: u64,
    /// File whose content is mixed into every PIN as Argon2's secret.
    pub pin_key_file: Option<PathBuf>,
    /// Never write to a token's file.
    pub read_only: bool,
    /// Allow a login where the retry counter can live in memory alone.
    pub read_only_login: bool,
    /// How long a change waits for other processes.
    pub busy_timeout: Duration,
    /// CKA_START_DATE and CKA_END_DATE are enforced.
    pub enforce_dates: bool,
    /// Unwrapped token keys bind to (class, key type, CKA_ID).
    pub bind_by_id: bool,
    /// CKM_AES_KEY_WRAP_PAD makes PKCS#7 padding and RFC 3394 instead of RFC 5649.
    pub key_wrap_pad_pkcs7: bool,
}

/// A row of the table.
struct Setting {
    key: &'static str,
    default: &'static str,
    doc: &'static str,
    set: fn(&mut Config, &str) -> std::result::Result<(), String>,
}

static SETTINGS: &[Setting] = &[
    Setting {
        key: "directories.tokendir",
        default: "",
        doc: "Folder of the token files, one file a token. Empty: `tenon` in the user's data folder.",
        set: |config, value| {
            config.token_dir = PathBuf::from(value);
            Ok(())
        },
    },
    Setting {
        key: "log.level",
        default: "ERROR",
        doc: "ERROR, WARNING (refusals by a rule too), INFO (every refusal) or DEBUG (every call).",
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
        set: |config, value| {
            config.log_target = match value {
                "off" => LogTarget::Off,
                "syslog" => LogTarget::Syslog,
                "stderr" => LogTarget::Stderr,
                path if path.starts_with('/') => LogTarget::File(path.into()),
                _ => return Err("expected off, syslog, stderr or an absolute path".into()),
            };
            Ok(())
        },
    },
    Setting {
        key: "slots.mechanisms",
        default: "ALL",
        doc: "ALL, a list of mechanism names separated by commas, or `-` and a list of those left out.",
        set: |config, value| {
            config.mechanisms = match value.strip_prefix('-') {
                Some(list) => MechanismFilter::Except(names(list)),
                None if value == "ALL" => MechanismFilter::All,
                None => MechanismFilter::Only(names(value)),
            };
            Ok(())
        },
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
        key: "store.read_only",
        default: "false",
        doc: "Never write to a token's file: keys are found and used, changes are refused.",
        set: |config, value| flag(value).map(|on| config.read_only = on),
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
        key: "policy.read_only_login",
        default: "false",
        doc: "Allow a login to a read-only store, where wrong PINs are counted in memory alone.",
        set: |config, value| flag(value).map(|on| config.read_only_login = on),
    },
    Setting {
        key: "policy.enforce_dates",
        default: "true",
        doc: "Refuse a key before its CKA_START_DATE and after its CKA_END_DATE (UTC, that day included).",
        set: |config, value| flag(value).map(|on| config.enforce_dates = on),
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
        key: "byok.bind_by_id",
        default: "true",
        doc: "A token key unwrapped with a CKA_ID and without CKA_EXTRACTABLE=TRUE is bound to its first material for ever.",
        set: |config, value| flag(value).map(|on| config.bind_by_id = on),
    },
];

fn flag(value: &str) -> std::result::Result<bool, String> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err("expected true or false".into()),
    }
}

fn number(value: &str, least: u64, most: u64) -> std::result::Result<u64, String> {
    value
        .parse()
        .ok()
        .filter(|n| (least..=most).contains(n))
        .ok_or_else(|| format!("expected a number from {least} to {most}"))
}

fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).collect()
}

impl Config {
    /// The settings of this process: environment, file, defaults.
    ///
    /// # Errors
    /// CKR_GENERAL_ERROR naming the file and line, or the variable, of an unknown key or bad value.
    pub fn load() -> Result<Self> {
        Self::from_environment(&|name| std::env::var_os(name))
    }

    /// As `load`, with the environment as an argument.
    ///
    /// # Errors
    /// As `load`.
    pub fn from_environment(variable: &dyn Fn(&str) -> Option<OsString>) -> Result<Self> {
        let mut config = Self::defaults();
        if let Some(path) = config_file(variable) {
            let text = std::fs::read_to_string(&path).map_err(|e| {
                invalid("cannot be read")
                    .at(path.display().to_string())
                    .because(e)
            })?;
            config.read(&text, &path)?;
        }
        for setting in SETTINGS {
            let name = variable_name(setting.key);
            let Some(value) = variable(&name) else {
                continue;
            };
            let Some(value) = value.to_str() else {
                return Err(invalid("is not UTF-8").at(name));
            };
            (setting.set)(&mut config, value.trim()).map_err(|why| invalid(why).at(name))?;
        }
        if config.token_dir.as_os_str().is_empty() {
            config.token_dir = data_folder(variable);
        }
        Ok(config)
    }

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

    fn read(&mut self, text: &str, path: &Path) -> Result<()> {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let here = || format!("{}:{}", path.display(), index + 1);
            let Some((key, value)) = line.split_once('=') else {
                return Err(invalid("is not of the form `key = value`").at(here()));
            };
            let Some(setting) = SETTINGS.iter().find(|s| s.key == key.trim()) else {
                return Err(invalid(format!("has the unknown key `{}`", key.trim())).at(here()));
            };
            (setting.set)(self, value.trim()).map_err(|why| {
                invalid(format!("has a bad value for `{}`: {why}", setting.key)).at(here())
            })?;
        }
        Ok(())
    }

    /// Text of `softhsm.conf.example`: every key with its default and meaning.
    #[must_use]
    pub fn example() -> String {
        let mut text = String::from(
            "# Settings of the Tenon PKCS#11 module. Every line is optional; the values below are the defaults.\n\
             # Each key can also be given by environment: TENON_ and the key in capitals, dots as underscores.\n",
        );
        for setting in SETTINGS {
            let _ = write!(
                text,
                "\n# {}\n# (environment: {})\n# {} = {}\n",
                setting.doc,
                variable_name(setting.key),
                setting.key,
                setting.default
            );
        }
        text
    }
}

fn invalid(why: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    let why: std::borrow::Cow<'static, str> = why.into();
    Error::new(ck::CKR_GENERAL_ERROR, format!("the configuration {why}"))
}

fn variable_name(key: &str) -> String {
    format!("TENON_{}", key.to_ascii_uppercase().replace('.', "_"))
}

fn config_file(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(path) = variable("TENON_CONF") {
        return Some(path.into());
    }
    let user = variable("XDG_CONFIG_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".config")));
    user.into_iter()
        .chain([PathBuf::from("/etc")])
        .map(|folder| folder.join("tenon/softhsm.conf"))
        .find(|path| path.exists())
}

fn data_folder(variable: &dyn Fn(&str) -> Option<OsString>) -> PathBuf {
    let user = variable("XDG_DATA_HOME")
        .map(PathBuf::from)
        .or_else(|| variable("HOME").map(|home| PathBuf::from(home).join(".local/share")));
    user.unwrap_or_else(|| PathBuf::from("/var/lib"))
        .join("tenon")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &[(&str, &str)]) -> Result<Config> {
        Config::from_environment(&|name| {
            variables
                .iter()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| (*value).into())
        })
    }

    #[test]
    fn works_without_any_configuration() {
        let config = with(&[("HOME", "/home/ada")]).unwrap();
        assert_eq!(config.token_dir, Path::new("/home/ada/.local/share/tenon"));
        assert_eq!(config.pin_min_length, 4);
        assert!(config.enforce_dates && config.bind_by_id && !config.read_only);
    }

    #[test]
    fn environment_wins_over_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("softhsm.conf");
        std::fs::write(
            &file,
            "# a comment\n\npin.min_length = 8\nslots.removable = true\n",
        )
        .unwrap();
        let file = file.to_str().unwrap();
        let config = with(&[("TENON_CONF", file), ("TENON_PIN_MIN_LENGTH", "6")]).unwrap();
        assert_eq!(config.pin_min_length, 6);
        assert!(config.removable);
    }

    #[test]
    fn errors_name_file_and_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("softhsm.conf");
        for (text, line, what) in [
            ("\nlog.levl = INFO\n", 2, "unknown key `log.levl`"),
            ("log.level = LOUD\n", 1, "expected ERROR"),
            ("pin.min_length = 3\n", 1, "from 4 to 255"),
            ("nonsense\n", 1, "key = value"),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = with(&[("TENON_CONF", file.to_str().unwrap())])
                .unwrap_err()
                .to_string();
            assert!(error.contains(&format!("softhsm.conf:{line}")), "{error}");
            assert!(error.contains(what), "{error}");
        }
        assert!(with(&[("TENON_CONF", "/nonexistent/x")]).is_err());
        assert!(with(&[("TENON_SLOTS_REMOVABLE", "yes")]).is_err());
    }

    #[test]
    fn example_is_current() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("softhsm.conf.example");
        if std::env::var_os("TENON_REGENERATE").is_some() {
            std::fs::write(&path, Config::example()).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), Config::example());
    }

    #[test]
    fn mechanism_lists() {
        let only = with(&[("TENON_SLOTS_MECHANISMS", "CKM_SHA256, CKM_AES_CBC")]).unwrap();
        assert!(only.mechanisms.offers("CKM_AES_CBC") && !only.mechanisms.offers("CKM_AES_ECB"));
        let except = with(&[("TENON_SLOTS_MECHANISMS", "-CKM_AES_ECB")]).unwrap();
        assert!(
            except.mechanisms.offers("CKM_AES_CBC") && !except.mechanisms.offers("CKM_AES_ECB")
        );
    }
}
