//! What C_GetAttributeValue may show.

use zeroize::Zeroize;

use crate::ck;

use super::attributes::Attributes;
use super::row::Showing;
use super::table;
use super::value::{Value, to_bytes};

/// What to answer for one attribute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reveal<'a> {
    /// This value.
    Value(&'a Value),
    /// Key material that may be read: the token fills it in, or has none
    /// (CKR_ATTRIBUTE_TYPE_INVALID).
    Material,
    /// CKR_ATTRIBUTE_SENSITIVE.
    Sensitive,
    /// CKR_ATTRIBUTE_TYPE_INVALID.
    Invalid,
}

/// What to answer when `kind` is asked of an object (footnote 7). A key that leaves only under
/// trusted keys is not read in the clear either.
#[must_use]
pub(crate) fn reveal(attributes: &Attributes, kind: ck::CK_ATTRIBUTE_TYPE) -> Reveal<'_> {
    let Some(row) = table::row(kind, attributes.class(), attributes.key_type()) else {
        return Reveal::Invalid;
    };
    let open = !attributes.bool(ck::CKA_SENSITIVE)
        && attributes.bool(ck::CKA_EXTRACTABLE)
        && !attributes.bool(ck::CKA_WRAP_WITH_TRUSTED);
    match row.reveal {
        Showing::Always => attributes.get(kind).map_or(Reveal::Invalid, Reveal::Value),
        Showing::UnlessSensitive if open => Reveal::Material,
        Showing::UnlessSensitive => Reveal::Sensitive,
    }
}

/// An attribute as C_GetAttributeValue answers it.
#[derive(Debug, PartialEq, Eq)]
pub enum Revealed {
    /// Its C representation.
    Value(Vec<u8>),
    /// An array of attributes.
    Template(Vec<(ck::CK_ATTRIBUTE_TYPE, Revealed)>),
    /// CKR_ATTRIBUTE_SENSITIVE.
    Sensitive,
    /// CKR_ATTRIBUTE_TYPE_INVALID.
    Invalid,
}

impl Zeroize for Revealed {
    fn zeroize(&mut self) {
        match self {
            Self::Value(bytes) => bytes.zeroize(),
            Self::Template(entries) => entries.iter_mut().for_each(|(_, value)| value.zeroize()),
            Self::Sensitive | Self::Invalid => {}
        }
    }
}

/// The C representation of `value`.
#[must_use]
pub(crate) fn revealed(value: &Value) -> Revealed {
    match value {
        Value::Template(entries) => Revealed::Template(
            entries
                .iter()
                .map(|(kind, value)| (*kind, revealed(value)))
                .collect(),
        ),
        flat => Revealed::Value(to_bytes(flat)),
    }
}
