//! All changes of a token. Each carries the clock mark and an audit record in its transaction.

pub(in crate::token) mod counter;
pub(in crate::token) mod lives;
mod lookup;
pub(in crate::token) mod password_counter;
mod quota;
mod refusals;
mod run;
pub(in crate::token) mod transaction;
pub(in crate::token) mod writer;
