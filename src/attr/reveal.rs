//! What C_GetAttributeValue may show.

use crate::ck;

use super::attributes::Attributes;
use super::row::{AttributeRow, Fallback, Showing, ValueType};
use super::table;
use super::value::{Value, to_bytes};

/// How C_GetAttributeValue answers for one attribute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Reveal<'a> {
    /// This value.
    Value(&'a Value),
    /// Key material that may be read. The token fills in its value; where the key has none, the answer is
    /// CKR_ATTRIBUTE_TYPE_INVALID.
    Material,
    /// CKR_ATTRIBUTE_SENSITIVE.
    Sensitive,
    /// CKR_ATTRIBUTE_TYPE_INVALID.
    Invalid,
}

/// The rows of the attributes that objects of one class and subtype have.
#[derive(Clone, Copy)]
pub(crate) struct Rows(&'static [AttributeRow]);

impl Rows {
    pub(crate) fn of(attributes: &Attributes) -> Self {
        Self(table::rows_of(attributes.class(), attributes.subtype()))
    }
}

/// Reads attributes of one object.
pub(crate) struct Reader<'a> {
    attributes: &'a Attributes,
    /// Those of objects of this class and subtype.
    rows: &'static [AttributeRow],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(attributes: &'a Attributes) -> Self {
        Self::of_rows(attributes, Rows::of(attributes))
    }

    /// As `new`, with the rows of these attributes.
    pub(crate) fn of_rows(attributes: &'a Attributes, rows: Rows) -> Self {
        Self {
            attributes,
            rows: rows.0,
        }
    }

    /// What to answer when `kind` is asked of the object (footnote 7). The value of a key with
    /// CKA_WRAP_WITH_TRUSTED=TRUE is not read either: it leaves the token only wrapped by trusted keys.
    #[must_use]
    pub(crate) fn reveal(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Reveal<'a> {
        let Some(row) = table::row_in(self.rows, kind) else {
            return Reveal::Invalid;
        };
        match row.reveal {
            Showing::Always => {
                let value = self.attributes.get(kind).or_else(|| unset(row));
                value.map_or(Reveal::Invalid, Reveal::Value)
            }
            Showing::UnlessSensitive if is_open(self.attributes) => Reveal::Material,
            Showing::UnlessSensitive => Reveal::Sensitive,
        }
    }
}

/// What an attribute of the specification reads as while the object holds no value for it; `None` where the
/// object then lacks the attribute.
fn unset(row: &AttributeRow) -> Option<&'static Value> {
    static ZERO: Value = Value::Ulong(0);
    static NO_BYTES: Value = Value::Bytes(Vec::new());
    static NO_NUMBERS: Value = Value::Ulongs(Vec::new());
    static NO_ENTRIES: Value = Value::Template(Vec::new());
    if row.default != Fallback::Unset {
        return None;
    }
    match row.value_type {
        ValueType::Ulong | ValueType::Among(_) => Some(&ZERO),
        ValueType::Bytes | ValueType::Sized(_) | ValueType::Utf8 | ValueType::Date => {
            Some(&NO_BYTES)
        }
        ValueType::Ulongs => Some(&NO_NUMBERS),
        ValueType::Template => Some(&NO_ENTRIES),
        ValueType::Bool => None,
    }
}

/// Whether the value of a key may be read.
fn is_open(attributes: &Attributes) -> bool {
    !attributes.bool(ck::CKA_SENSITIVE)
        && attributes.bool(ck::CKA_EXTRACTABLE)
        && !attributes.bool(ck::CKA_WRAP_WITH_TRUSTED)
}

/// The answer of C_GetAttributeValue for one attribute.
#[derive(Debug, PartialEq, Eq)]
pub enum Revealed {
    /// Its value in C's representation: CK_BBOOL one byte, CK_ULONG 8 bytes in the machine's order.
    Value(Vec<u8>),
    /// An array of attributes, each with its CKA_ number.
    Template(Vec<(ck::CK_ATTRIBUTE_TYPE, Revealed)>),
    /// CKR_ATTRIBUTE_SENSITIVE.
    Sensitive,
    /// CKR_ATTRIBUTE_SENSITIVE too: the value is read with the user's login alone.
    NeedsLogin,
    /// CKR_ATTRIBUTE_TYPE_INVALID.
    Invalid,
}

/// An answer of C_GetAttributeValue before it is copied.
pub(crate) enum Shown<'a> {
    /// The object's own value.
    Own(&'a Value),
    /// What was made for this answer, and refusals.
    Made(Revealed),
}

impl From<Shown<'_>> for Revealed {
    fn from(shown: Shown<'_>) -> Self {
        match shown {
            Shown::Own(value) => revealed(value),
            Shown::Made(revealed) => revealed,
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
