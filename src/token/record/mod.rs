//! A stored object: sealing its row and material, and what its attributes and material say.

pub(in crate::token) mod key;
pub(in crate::token) mod material;
pub(in crate::token) mod vault;
