//! The life of an external key: facts in, state and effects out. Pure.
//!
//! Facts are stored, the state is derived from them and never stored (BYOK rules, section 1).

mod algorithm;
mod approval;
mod error;
mod independence;
mod job;
mod lifecycle;
mod matrix;
mod metadata;
pub(crate) mod profile;
mod share;
mod state;
#[cfg(test)]
mod tests;

pub use crate::keytype::{Curve, Spec};
pub use algorithm::{ALGORITHMS, Algorithm, OaepHash, WrappingKey, WrappingScheme};
pub use approval::Deed;
pub(crate) use approval::{ApprovalRefusal, MOST_CUSTODIANS};
pub(crate) use error::{BAD_BLOB, Error, Undying};
pub(crate) use independence::{ENVELOPES_ALONE, is_independent};
pub use job::Job;
pub(crate) use job::Refused;
pub(crate) use lifecycle::{
    Destination, Destruction, Equal, Import, Imported, KeyKind, Rotated, describes, destruction,
    expiry, import, may, may_change, may_import_next, may_rotate, of_next_version, rotates,
};
pub(crate) use matrix::Act;
pub use metadata::parse_tags;
pub use profile::{AlgorithmName, Profile, Rotation, Rule, SpecName, Usage};
pub(crate) use share::{ShareRefusal, may_bring};
pub(crate) use state::{ExternalFacts, OlderVersion, state};
pub use state::{State, expired};
