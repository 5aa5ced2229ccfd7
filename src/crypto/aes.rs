//! AES (FIPS 197) in the modes ECB, CBC and CTR (NIST SP 800-38A), CCM (SP 800-38C), GCM
//! (SP 800-38D) and XTS (SP 800-38E).

mod block;
mod ccm;
mod ctr;
mod key;
#[cfg(test)]
mod tests;
mod xts;

pub use block::{BLOCK, Direction};
pub use ccm::{CCM_MAX, ccm_limits};
pub use ctr::Ctr;
pub use key::{Cbc, GCM_MAX, GcmStream, Key, TAG, gcm_limits};
pub use xts::{XTS_MAX, Xts};
