//! AES (FIPS 197) in the modes ECB, CBC, CFB, OFB and CTR (NIST SP 800-38A), CBC with ciphertext stealing, CCM (SP 800-38C), GCM
//! (SP 800-38D) and XTS (SP 800-38E).

mod block;
mod ccm;
mod ctr;
mod cts;
mod feedback;
mod key;
#[cfg(test)]
mod tests;
mod xts;

pub use block::Direction;
pub(crate) use block::{BLOCK, Feedback};
pub(crate) use ccm::ccm_limits;
pub(crate) use ctr::Ctr;
pub(crate) use feedback::FeedbackStream;
pub use key::{Cbc, Key};
pub(crate) use key::{GCM_MAX, GcmStream, TAG, gcm_limits};
pub(crate) use xts::{XTS_MAX, Xts};
