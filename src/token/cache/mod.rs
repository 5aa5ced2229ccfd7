//! Objects in memory: their handles, and their keys once those are ready.

pub(in crate::token) mod object;
pub(in crate::token) mod objects;
