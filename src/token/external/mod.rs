//! The life of external keys and import jobs in the store. What may be done is decided by `byok` and
//! `policy`; this does it.

pub(in crate::token) mod end;
pub(in crate::token) mod import;
pub(in crate::token) mod job;
pub(in crate::token) mod monitor;
pub(in crate::token) mod sweep;
pub(in crate::token) mod template;
pub(in crate::token) mod version;
