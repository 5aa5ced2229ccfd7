//! Stand-in for the room of attributes.

use crate::ck::CK_ATTRIBUTE_TYPE;
use crate::secret::Secret;

/// An attribute of a caller's template.
#[derive(Debug)]
pub struct RawAttribute {
    /// CKA_ number.
    pub kind: CK_ATTRIBUTE_TYPE,
    /// Its value.
    pub value: RawValue,
}

/// Value of an attribute in a caller's template.
#[derive(Debug)]
pub enum RawValue {
    /// Bytes.
    Bytes(Secret),
    /// A nested template.
    Template(Vec<RawAttribute>),
}

/// The answer to a question for an attribute.
pub enum Revealed {
    /// The value.
    Value(Vec<u8>),
    /// A nested template.
    Template(Vec<(CK_ATTRIBUTE_TYPE, Revealed)>),
    /// CKR_ATTRIBUTE_SENSITIVE.
    Sensitive,
    /// CKR_ATTRIBUTE_TYPE_INVALID.
    Invalid,
}
