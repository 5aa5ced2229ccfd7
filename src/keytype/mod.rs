//! ONE table of key types.
//!
//! A row says how a key type is called, which sizes and components its keys have, what they are used
//! for and which external keys it can be, and carries the code that reads, proves, writes and describes
//! their values and makes them ready for use. The lists of key types, the attributes of keys, the documents,
//! the specs of external keys, import and export follow from the rows.

mod component;
mod convert;
mod ec;
mod key;
mod material;
mod okp;
mod row;
mod rsa;
mod secret;
mod spec;
mod table;
#[cfg(test)]
mod tests;
mod values;

pub use component::{Component, Need, Search, Shape, Showing};
pub use ec::curve;
pub use key::{Key, Ready};
pub use material::{KeyPair, Material};
pub use row::{Form, KeyLengths, KeyPairs, KeyType, SecretKey};
pub use rsa::modulus_bits;
pub use spec::{Curve, Spec};
pub use table::{EXTERNAL, EXTERNAL_SECRETS, PAIRS, SECRETS, all, find};
pub use values::{PublicValue, PublicValues, Values};
