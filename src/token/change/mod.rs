//! The one way to change a token, so that no caller forgets the clock mark or the audit record.

pub(in crate::token) mod lives;
mod quota;
mod refusals;
mod run;
pub(in crate::token) mod transaction;
pub(in crate::token) mod writer;
