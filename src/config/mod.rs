//! ONE table of settings.
//!
//! A setting comes from the environment (`TENON_` + the key in capitals, dots as underscores), else
//! from `softhsm.conf`, else from its default. The file is the one that `TENON_CONF` names, else
//! `tenon/softhsm.conf` in the user's configuration folder, else `/etc/tenon/softhsm.conf`.
//! Without a file the defaults hold, with tokens in the user's data folder. All mistakes are reported at once,
//! each with its place. A variable that no setting has is a mistake only when it begins as those of a group of
//! settings do (`TENON_POLICY_…`); other variables may belong to other programs.
//!
//! The file is read as SoftHSM's SimpleConfigLoader reads its own: a line ends at the first `#`,
//! wherever that stands; the rest is a name, `=` and a value without the blanks around it; true and
//! false may be in capitals. It knows no quotes: they would be part of the value, so a value that
//! begins with one is refused. In the environment `#` and `=` have no meaning; the rest holds there too.

mod example;
mod path;
mod source;
mod table;
mod target;
#[cfg(test)]
mod tests;
mod values;

use crate::error::Result;

pub use source::{Origin, Settings};
pub use target::Target;
pub(crate) use target::{Host, Tls};
pub use values::{AuditUse, Choice, Config, LogLevel, LogTarget, MechanismFilter};

impl Config {
    /// The settings of this process: environment, file, defaults.
    ///
    /// # Errors
    /// As `Settings::load`.
    pub fn load() -> Result<Self> {
        Ok(Settings::load()?.config)
    }
}
