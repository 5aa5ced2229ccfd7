//! A typed attribute value.

use std::fmt;

use zeroize::Zeroize;

use crate::ck;
use crate::clock::UnixTime;
use crate::keytype::PublicValue;

/// The value of an attribute. Never key material.
#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Value {
    /// CK_BBOOL.
    Bool(bool),
    /// CK_ULONG.
    Ulong(u64),
    /// Byte arrays, strings, big integers; dates (0 or 8 ASCII digits, YYYYMMDD) and times
    /// (8 bytes, big-endian Unix seconds).
    Bytes(Vec<u8>),
    /// Array of CK_ULONG: CKA_ALLOWED_MECHANISMS.
    Ulongs(Vec<u64>),
    /// Array of attributes in ascending order of their kinds: CKA_WRAP_TEMPLATE and its like.
    Template(Vec<(ck::CK_ATTRIBUTE_TYPE, Value)>),
}

impl Value {
    /// A time: 8 bytes, big-endian Unix seconds.
    pub(crate) fn time(at: UnixTime) -> Self {
        Self::Bytes(at.to_be_bytes().to_vec())
    }
}

impl Value {
    /// How many bytes of memory the value takes beside itself.
    pub(super) fn len_in_memory(&self) -> usize {
        match self {
            Self::Bool(_) | Self::Ulong(_) => 0,
            Self::Bytes(bytes) => bytes.len(),
            Self::Ulongs(numbers) => size_of_val(numbers.as_slice()),
            Self::Template(entries) => {
                let values = entries.iter().map(|(_, value)| value.len_in_memory());
                size_of_val(entries.as_slice()) + values.sum::<usize>()
            }
        }
    }
}

impl From<PublicValue> for Value {
    fn from(value: PublicValue) -> Self {
        match value {
            PublicValue::Ulong(number) => Self::Ulong(number),
            PublicValue::Bytes(bytes) => Self::Bytes(bytes),
        }
    }
}

/// Wipes the bytes: a private data object's value is a secret, and any attribute of a private object may be.
impl Drop for Value {
    fn drop(&mut self) {
        if let Self::Bytes(bytes) = self {
            bytes.zeroize();
        }
    }
}

impl fmt::Debug for Value {
    /// Types and lengths alone, so that no label or subject gets into a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(_) => f.write_str("Bool"),
            Self::Ulong(_) => f.write_str("Ulong"),
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Ulongs(numbers) => write!(f, "Ulongs({})", numbers.len()),
            Self::Template(entries) => write!(f, "Template({})", entries.len()),
        }
    }
}

/// The C representation of `value`, as C_GetAttributeValue gives it: CK_BBOOL one byte, CK_ULONG
/// 8 bytes in the machine's order. Empty for a template, which has no flat form.
#[must_use]
pub(crate) fn to_bytes(value: &Value) -> Vec<u8> {
    match value {
        Value::Bool(flag) => vec![u8::from(*flag)],
        Value::Ulong(number) => number.to_ne_bytes().to_vec(),
        Value::Bytes(bytes) => bytes.clone(),
        Value::Ulongs(numbers) => numbers.iter().flat_map(|n| n.to_ne_bytes()).collect(),
        Value::Template(_) => Vec::new(),
    }
}
