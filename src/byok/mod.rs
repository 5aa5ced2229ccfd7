//! The life of an external key: facts in, state and effects out. Pure.
//!
//! Facts are stored, the state is derived from them and never stored (BYOK rules, section 1).

mod algorithm;
mod error;
mod job;
mod lifecycle;
mod matrix;
mod metadata;
pub mod profile;
mod state;
#[cfg(test)]
mod tests;

pub use crate::keytype::{Curve, Spec};
pub use algorithm::{ALGORITHMS, Algorithm, OaepHash, Scheme, WrappingKey};
pub use error::Error;
pub use job::{Job, Refused};
pub use lifecycle::{
    Destruction, Import, Kind, describes, destruction, expiry, import, may, may_change, may_rotate,
};
pub use matrix::{Act, allows};
pub use metadata::{Metadata, parse_tags};
pub use profile::{Profile, Rule, Usage};
pub use state::{Facts, State, expired, state};
