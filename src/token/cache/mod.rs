//! Objects in memory: their handles, their attributes, and their keys ready for use.

pub(in crate::token) mod handles;
pub(in crate::token) mod object;
pub(in crate::token) mod objects;
pub(in crate::token) mod presence;
mod session_index;
