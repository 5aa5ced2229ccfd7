//! Where values come from: environment, file, defaults.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use super::path;
use super::table::{PATHS, SETTINGS, SOFTHSM_SETTINGS, Setting};
use super::values::Config;
use crate::ck;
use crate::error::{Result, refuse};

/// Begins the variables of settings.
const PREFIX: &str = "TENON_";

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// This variable of the environment.
    Environment(String),
    /// A line of the file, counted from 1.
    File(PathBuf, usize),
    /// Neither the environment nor the file gives a value.
    Default,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment(name) => write!(f, "${name}"),
            Self::File(path, line) => write!(f, "{}:{line}", path.display()),
            Self::Default => f.write_str("default"),
        }
    }
}

/// A setting with the value that it has in this process.
#[derive(Debug)]
pub struct EffectiveSetting {
    /// Its name in the file.
    pub key: &'static str,
    /// Its value as it was written, with paths expanded and made absolute.
    pub value: String,
    /// Where the value comes from.
    pub origin: Origin,
}

/// All settings of a process, with their origins.
#[derive(Debug)]
pub struct Settings {
    /// The file that was read, if there is one.
    pub file: Option<PathBuf>,
    /// In the order of the table.
    pub entries: Vec<EffectiveSetting>,
    /// The same settings as typed values.
    pub config: Config,
}

impl Settings {
    /// The settings of this process.
    ///
    /// # Errors
    /// CKR_GENERAL_ERROR, whose text has a line for each mistake: file and line, or variable, with
    /// the unknown key or the bad value's rule. Also when the file of `TENON_CONF` cannot be read.
    pub fn load() -> Result<Self> {
        Self::of(std::env::vars_os())
    }

    /// As `load`, with the environment as an argument.
    ///
    /// # Errors
    /// As `load`.
    pub fn of(environment: impl Iterator<Item = (OsString, OsString)>) -> Result<Self> {
        // The names of our variables are ASCII, so a name that is no UTF-8 is none of them.
        let environment: Environment = environment
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value)))
            .collect();
        let mut reader = SettingsReader::new(folder(&environment, "HOME"));
        let file = config_file(&environment);
        if let Some(path) = &file {
            match read(path) {
                Ok(text) => reader.read_file(path, &text),
                Err(error) => reader.mistake(path.display(), format!("cannot be read: {error}")),
            }
        }
        reader.read_environment(&environment);
        reader.finish(file, &environment)
    }
}

/// The text of a configuration file, which is far shorter than 1 MiB.
fn read(path: &Path) -> std::io::Result<String> {
    const LARGEST: u64 = 1 << 20;

    const BYTE_ORDER_MARK: char = '\u{FEFF}';

    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    let len = file.take(LARGEST).read_to_string(&mut text)? as u64;
    if len == LARGEST {
        return Err(std::io::Error::other("it is 1 MiB long or longer"));
    }
    Ok(text.trim_start_matches(BYTE_ORDER_MARK).to_owned())
}

type Environment = BTreeMap<String, OsString>;

/// The settings read so far. Defaults come first, then the file, then the environment; a later source replaces
/// the value of an earlier one.
struct SettingsReader {
    config: Config,
    entries: Vec<EffectiveSetting>,
    mistakes: Vec<String>,
    home: Option<PathBuf>,
}

impl SettingsReader {
    fn new(home: Option<PathBuf>) -> Self {
        let entries = SETTINGS.iter().map(|setting| EffectiveSetting {
            key: setting.key,
            value: setting.default.to_owned(),
            origin: Origin::Default,
        });
        Self {
            config: Config::defaults(),
            entries: entries.collect(),
            mistakes: Vec::new(),
            home,
        }
    }

    fn set(&mut self, setting: &Setting, value: &str, origin: Origin) {
        if value.starts_with(['"', '\'']) {
            self.mistake(origin, "a value stands without quotes");
            return;
        }
        let meant = if PATHS.contains(&setting.key) {
            path::expand(value, self.home.as_deref())
        } else {
            Ok(value.to_owned())
        };
        let set = meant.and_then(|value| {
            (setting.set)(&mut self.config, &value)?;
            Ok(value)
        });
        let value = match set {
            Ok(value) => value,
            Err(why) => {
                self.mistake(origin, format!("bad value for `{}`: {why}", setting.key));
                return;
            }
        };
        // What is shown has no password.
        let value = match (&self.config.store_url, setting.key) {
            (Some(target), "store.url") => target.to_string(),
            _ => value,
        };
        let mut entries = self.entries.iter_mut();
        if let Some(entry) = entries.find(|entry| entry.key == setting.key) {
            entry.value = value;
            entry.origin = origin;
        }
    }

    fn mistake(&mut self, place: impl fmt::Display, what: impl fmt::Display) {
        self.mistakes.push(format!("{place}: {what}"));
    }

    fn read_file(&mut self, path: &Path, text: &str) {
        // The line of each key that was read: a key that is set twice is a mistake.
        let mut lines = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or_default().trim();
            if text.is_empty() {
                continue;
            }
            let here = Origin::File(path.to_owned(), line);
            let Some((key, value)) = text.split_once('=') else {
                self.mistake(here, "expected `key = value`");
                continue;
            };
            let (key, value) = (key.trim(), value.trim());
            if let Some(first) = lines.insert(key, line) {
                self.mistake(here, format!("`{key}` is already set in line {first}"));
                continue;
            }
            if let Some(setting) = SETTINGS.iter().find(|setting| setting.key == key) {
                self.set(setting, value, here);
            } else if let Some(softhsm) = SOFTHSM_SETTINGS.iter().find(|softhsm| softhsm.key == key)
            {
                if let Err(why) = (softhsm.check)(value) {
                    self.mistake(here, format!("bad value for `{key}`: {why}"));
                }
            } else {
                self.mistake(here, format!("unknown key `{key}`"));
            }
        }
    }

    fn read_environment(&mut self, environment: &Environment) {
        for (name, value) in environment {
            let is_named = |key| variable_name(key) == *name;
            let Some(setting) = SETTINGS.iter().find(|setting| is_named(setting.key)) else {
                let mut groups = SETTINGS
                    .iter()
                    .filter_map(|setting| setting.key.split_once('.').map(|(group, _)| group));
                if groups.any(|group| name.starts_with(&format!("{}_", variable_name(group)))) {
                    self.mistake(format_args!("${name}"), "no setting has this variable");
                }
                continue;
            };
            let here = Origin::Environment(name.clone());
            match value.to_str() {
                Some(value) => self.set(setting, value.trim(), here),
                None => self.mistake(here, "is not UTF-8"),
            }
        }
    }

    fn finish(mut self, file: Option<PathBuf>, environment: &Environment) -> Result<Settings> {
        if self.config.token_dir.as_os_str().is_empty() {
            self.config.token_dir = data_folder(environment);
        }
        self.make_absolute();
        self.keep_others_out();
        if !self.mistakes.is_empty() {
            return refuse(ck::CKR_GENERAL_ERROR, self.mistakes.join("\n"));
        }
        Ok(Settings {
            file,
            entries: self.entries,
            config: self.config,
        })
    }
}

impl SettingsReader {
    /// Makes relative paths absolute, with a warning: each program has another working folder, so a relative path
    /// would mean another token in each.
    fn make_absolute(&mut self) {
        let config = &mut self.config;
        let paths = [
            ("directories.tokendir", Some(&mut config.token_dir)),
            ("pin.key_file", config.pin_key_file.as_mut()),
            ("store.anchor", config.anchor.as_mut()),
            ("store.key_file", config.store_key_file.as_mut()),
        ];
        for (key, path) in paths {
            let Some(path) = path.filter(|path| path.is_relative()) else {
                continue;
            };
            match std::path::absolute(&*path) {
                Ok(absolute) => {
                    config.warnings.push(format!(
                        "`{key}` is the relative path {}, taken as {}: write an absolute one",
                        path.display(),
                        absolute.display()
                    ));
                    let mut entries = self.entries.iter_mut();
                    if let Some(entry) = entries.find(|entry| entry.key == key) {
                        entry.value = absolute.display().to_string();
                    }
                    *path = absolute;
                }
                Err(error) => self.mistakes.push(format!(
                    "{}: bad value for `{key}`: the relative path has no meaning here: {error}",
                    path.display()
                )),
            }
        }
    }

    /// Completes `objectstore.umask`, with a warning, where it would let other users than owner and group use the
    /// token files.
    fn keep_others_out(&mut self) {
        const OTHERS: u32 = 0o007;
        let config = &mut self.config;
        let umask = config.umask | OTHERS;
        if umask != config.umask {
            config.warnings.push(format!(
                "`objectstore.umask` {:04o} would let everybody use the tokens: {umask:04o} is taken",
                config.umask
            ));
            config.umask = umask;
        }
    }
}

/// The variable of a key, or the beginning of those of a group.
pub(super) fn variable_name(key: &str) -> String {
    format!("{PREFIX}{}", key.to_ascii_uppercase().replace('.', "_"))
}

/// The folder that a variable names; an empty one and a relative one count as none (XDG Base
/// Directory).
fn folder(environment: &Environment, name: &str) -> Option<PathBuf> {
    environment
        .get(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
}

fn config_file(environment: &Environment) -> Option<PathBuf> {
    if let Some(path) = environment.get("TENON_CONF") {
        return Some(path.into());
    }
    let user = folder(environment, "XDG_CONFIG_HOME")
        .or_else(|| folder(environment, "HOME").map(|home| home.join(".config")));
    user.into_iter()
        .chain([PathBuf::from("/etc")])
        .map(|folder| folder.join("tenon/softhsm.conf"))
        .find(|path| path.exists())
}

fn data_folder(environment: &Environment) -> PathBuf {
    folder(environment, "XDG_DATA_HOME")
        .or_else(|| folder(environment, "HOME").map(|home| home.join(".local/share")))
        .unwrap_or_else(|| PathBuf::from("/var/lib"))
        .join("tenon")
}
