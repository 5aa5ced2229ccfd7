//! `tenon byok`, with the openssl program as the outside party.

mod common;
mod custody;
mod formats;
mod hpke;
mod life;
mod monitor;
pub(super) mod openssl;
mod profiles;
mod proofs;
mod receipt;
mod requests;
mod rotation;
mod shares;
mod sources;
mod tokens;
mod wrap;
mod wrap_ec;

pub(super) use common::{bring, create};
