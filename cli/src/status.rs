//! What commands answer, and the exit status.

use std::fmt;

/// A command's answer. The error is one sentence for the user.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// At the end of every help.
pub(crate) const EXIT_STATUS: &str = "Exit status: 0 done, 1 refused or failed, 2 wrong usage.";

/// Exit status of arguments that are wrong.
pub(crate) const WRONG_USAGE: u8 = 2;

/// An argument that is wrong, which only the key that it is about could tell.
#[derive(Debug)]
pub(crate) struct WrongUsage(pub(crate) String);

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}
