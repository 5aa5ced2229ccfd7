//! A stored object: opening and sealing it, and what its attributes and material say.

pub(in crate::token) mod clear_fact;
pub(in crate::token) mod damaged;
pub(in crate::token) mod domain;
pub(in crate::token) mod external;
pub(in crate::token) mod facts;
pub(in crate::token) mod key;
pub(in crate::token) mod key_file;
pub(in crate::token) mod material;
pub(in crate::token) mod name;
pub(in crate::token) mod new;
pub(in crate::token) mod numbered;
pub(in crate::token) mod provided;
pub(in crate::token) mod public_half;
pub(in crate::token) mod statement;
pub(in crate::token) mod stored;
pub(in crate::token) mod suspects;
pub(in crate::token) mod uid;
pub(in crate::token) mod vault;
pub(in crate::token) mod waiting;
