//! Owning handles over aws-lc: the one place below `crypto` with C pointers.

pub(in crate::crypto) mod aead;
pub(in crate::crypto) mod cipher;
pub(in crate::crypto) mod rand;
