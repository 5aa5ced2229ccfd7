//! Carrying out the life of external keys, managed keys and import jobs in the store, as `byok` and `policy` decide.

pub(in crate::token) mod alias;
pub(in crate::token) mod approval;
pub(in crate::token) mod end;
pub(in crate::token) mod import;
pub(in crate::token) mod job;
pub(in crate::token) mod managed;
pub(in crate::token) mod monitor;
mod public_half;
pub(in crate::token) mod shares;
pub(in crate::token) mod sweep;
pub(in crate::token) mod template;
pub(in crate::token) mod version;
