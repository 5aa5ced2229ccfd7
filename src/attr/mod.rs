//! ONE table of attributes, the rules that interpret it, and typed attributes.
//!
//! Nothing here reads a store, a clock or a key. The values of secret and private keys are called
//! *material*. `Attributes` never hold material: `build` returns it beside them.
//!
//! "The specification" is PKCS#11 3.2; footnotes are those of its table "Common footnotes for
//! object attribute tables" (section 4.2).

mod attributes;
mod build;
mod change;
mod codec;
mod consistent;
mod date;
mod describe;
mod facts;
mod inherit;
mod query;
mod raw;
mod reveal;
mod row;
mod table;
mod value;

#[cfg(test)]
mod document;
#[cfg(test)]
mod tests;

pub(crate) use attributes::Attributes;
pub(crate) use build::{NewObject, Requester, build, is_use_or_protection, repeats};
pub(crate) use change::{change, copy};
pub use describe::{AttributeInfo, ValueForm, known_attributes};
pub(crate) use facts::finish_key_facts;
pub(crate) use inherit::{
    SECRET_USES, imply, inherit_guards, inherit_limits, inherit_protection, inherit_uses,
    note_uses_of_copies,
};
pub(crate) use query::{Query, search_terms};
pub use raw::{RawAttribute, RawValue};
pub(crate) use raw::{stated_bool, stated_bytes, stated_ulong, states};
pub use reveal::Revealed;
pub(crate) use reveal::{Reader, Reveal, Rows, Shown, revealed};
pub(crate) use row::CreatedBy;
pub(crate) use table::label;
pub use table::{is_material, name};
pub(crate) use value::Value;
