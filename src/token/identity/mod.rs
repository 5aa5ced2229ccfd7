//! Who the token is and who is logged in: PINs, time, anchor, attestation key, audit record.

pub(in crate::token) mod anchor;
pub(in crate::token) mod attestation;
pub(in crate::token) mod audit;
pub(in crate::token) mod creation;
pub(in crate::token) mod guess;
pub(in crate::token) mod passage;
pub(in crate::token) mod pin;
pub(in crate::token) mod rows;
pub(in crate::token) mod sessions;
pub(in crate::token) mod state;
pub(in crate::token) mod time;
