//! ONE table of key types.
//!
//! A row says how a key type is called, which sizes and components its keys have, what they are used
//! for, and which external keys it can be. The lists of key types, the attributes of keys, the documents
//! and the specs of external keys follow from the rows.

mod component;
mod ec;
mod okp;
mod row;
mod rsa;
mod secret;
mod spec;
mod table;
#[cfg(test)]
mod tests;

pub use component::{Component, Need, Search, Shape, Showing};
pub use row::{Class, KeyType, Values};
pub use rsa::modulus_bits;
pub use spec::{Curve, Spec};
pub use table::{EXTERNAL, EXTERNAL_SECRETS, PAIRS, SECRETS, all, find};
