//! ONE table of key types.
//!
//! A row says how a key type is called, which sizes and components its keys have, what they are used
//! for and which external keys it can be, and carries the code that reads, proves, writes and describes
//! their values and makes them ready for use. The lists of key types, the attributes of keys, the documents,
//! the specs of external keys, import and export follow from the rows.

mod component;
mod convert;
mod dh;
mod dsa;
mod ec;
mod key;
mod material;
mod mldsa;
mod mlkem;
mod name;
mod okp;
mod parameter_set;
mod row;
mod rsa;
mod secret;
mod seeded;
mod slhdsa;
mod spec;
mod table;
#[cfg(test)]
mod tests;
mod values;
mod xwing;

pub(crate) use crate::crypto::mlkem::ParameterSet as MlKemSet;
pub use component::Need;
pub(crate) use component::{Component, SearchBy, Shape, Showing};
pub(crate) use convert::canonical;
pub use convert::{from_spki, public_key};
pub(crate) use dh::{group as dh_group, group_values as dh_group_values};
pub(crate) use dsa::{numbers as dsa_numbers, parameter_values as dsa_parameter_values};
pub(crate) use ec::{curve, uncompressed};
pub use key::Key;
pub(crate) use key::Ready;
pub use material::Material;
pub use name::{NamedKey, name_of, named_secrets, patterns};
pub(crate) use okp::raw_point;
pub use parameter_set::Numbered;
pub(crate) use parameter_set::set_of;
pub use row::{Form, KeyLengths, KeyType};
pub(crate) use row::{KeyPairs, SecretKey};
pub(crate) use rsa::{bits as rsa_bits, modulus_bits};
pub use spec::{Curve, Spec};
pub(crate) use table::{EXTERNAL, EXTERNAL_SECRETS, OTP, PAIRS, SECRETS, WITH_PARAMETERS};
pub use table::{all, find};
pub use values::{PublicValue, PublicValues, Values};
pub(crate) use values::{invalid_key, need, need_number};
