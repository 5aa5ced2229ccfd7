//! ONE table of settings.
//!
//! A setting comes from the environment (`TENON_` + the key in capitals, dots as underscores), else
//! from `softhsm.conf`, else from its default. The file is the one that `TENON_CONF` names, else
//! `tenon/softhsm.conf` in the user's configuration folder, else `/etc/tenon/softhsm.conf`.
//! With none at all the module works, under the user's data folder. Everything that is wrong is
//! reported at once, each mistake with its place. A misspelt variable is a mistake when it begins as
//! those of a group of settings do (`TENON_POLICY_…`); all others are somebody else's.
//!
//! The file is read as SoftHSM's SimpleConfigLoader reads its own: a line ends at the first `#`,
//! wherever that stands; the rest is a name, `=` and a value without the blanks around it; true and
//! false may be in capitals. It knows no quotes: they would be part of the value, so a value that
//! begins with one is refused. Nothing of this holds for the environment.

mod example;
mod path;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod values;

use crate::error::Result;

pub use source::{Origin, Settings};
pub use values::{Config, LogLevel, LogTarget, MechanismFilter};

impl Config {
    /// The settings of this process: environment, file, defaults.
    ///
    /// # Errors
    /// As `Settings::load`.
    pub fn load() -> Result<Self> {
        Ok(Settings::load()?.config)
    }
}
