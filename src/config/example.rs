//! The example of a settings file.

use std::fmt::Write as _;

use super::source;
use super::table::{SETTINGS, SOFTHSM_SETTINGS};
use super::values::Config;

impl Config {
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
                source::variable_name(setting.key),
                setting.key,
                setting.default
            );
        }
        text.push_str("\n# Settings of SoftHSM that are accepted and have no effect:\n");
        for softhsm in SOFTHSM_SETTINGS {
            let _ = writeln!(text, "# {} = {}", softhsm.key, softhsm.doc);
        }
        text
    }
}
