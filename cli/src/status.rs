//! What commands answer, and the exit status.

/// A command's answer. The error is one sentence for the user.
pub(crate) type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// At the end of every help.
pub(crate) const EXIT_STATUS: &str = "Exit status: 0 done, 1 refused or failed, 2 wrong usage.";

/// Exit status of what was refused or failed.
pub(crate) const FAILED: u8 = 1;

/// Exit status of arguments that are wrong.
pub(crate) const WRONG_USAGE: u8 = 2;
