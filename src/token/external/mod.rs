//! External keys and import jobs in the store. What may be done is decided by `byok` and `policy`; this
//! does it.

mod create;
mod end;
mod import;
mod job;
mod monitor;
mod name;
mod receipt;
pub(in crate::token) mod template;
mod version;

pub(super) use end::{erase, erase_all, remove};
pub(super) use import::Arrival;
pub(super) use job::{job, may_wrap, orders_job, target, way};
pub use monitor::{SealedKey, SealedVersion};
pub use receipt::Receipt;
pub use version::Version;
