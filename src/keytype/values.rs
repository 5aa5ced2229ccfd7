//! Values by their attributes, as templates, objects and keys have them.

use crate::ck;
use crate::crypto;
use crate::error::{Error, Result};

/// Values of a key by their attributes.
pub trait Values {
    /// The value of a byte array or big integer.
    fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]>;
    /// The value of a CK_ULONG.
    fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG>;
}

impl<const N: usize> Values for [(ck::CK_ATTRIBUTE_TYPE, ck::CK_ULONG); N] {
    fn bytes(&self, _: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        None
    }

    fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        self.iter().find(|(of, _)| *of == kind).map(|(_, n)| *n)
    }
}

/// Public values, as they are described.
impl Values for PublicValues {
    fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.iter().find_map(|(of, value)| match value {
            PublicValue::Bytes(bytes) if *of == kind => Some(&**bytes),
            _ => None,
        })
    }

    fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        self.iter().find_map(|(of, value)| match value {
            PublicValue::Ulong(number) if *of == kind => Some(*number),
            _ => None,
        })
    }
}

/// A value that anybody may read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PublicValue {
    /// CK_ULONG.
    Ulong(ck::CK_ULONG),
    /// Byte array or big integer.
    Bytes(Vec<u8>),
}

/// Values that anybody may read, by their attributes.
pub type PublicValues = Vec<(ck::CK_ATTRIBUTE_TYPE, PublicValue)>;

/// The component `kind`, called `name`. CKR_TEMPLATE_INCOMPLETE without it.
pub(crate) fn need<'a>(
    values: &'a dyn Values,
    kind: ck::CK_ATTRIBUTE_TYPE,
    name: &'static str,
) -> Result<&'a [u8]> {
    values.bytes(kind).ok_or_else(|| missing(name))
}

/// The number `kind`, called `name`. CKR_TEMPLATE_INCOMPLETE without it.
pub(crate) fn need_number(
    values: &dyn Values,
    kind: ck::CK_ATTRIBUTE_TYPE,
    name: &'static str,
) -> Result<ck::CK_ULONG> {
    values.ulong(kind).ok_or_else(|| missing(name))
}

/// What is said where a key is invalid: `what`, with `rv`. Other errors stay as they are.
pub(crate) fn invalid_key(error: crypto::Error, rv: ck::CK_RV, what: &'static str) -> Error {
    let known = Error::from(error);
    match error {
        crypto::Error::InvalidKey(_) => Error::new(rv, what).because(known),
        _ => known,
    }
}

/// Those of the components `kinds` that are given, big-endian numbers without leading zeros.
pub(super) fn given_numbers(key: &dyn Values, kinds: &[ck::CK_ATTRIBUTE_TYPE]) -> PublicValues {
    let number = |kind: &ck::CK_ATTRIBUTE_TYPE| {
        let number = without_zeros(key.bytes(*kind)?).to_vec();
        Some((*kind, PublicValue::Bytes(number)))
    };
    kinds.iter().filter_map(number).collect()
}

fn missing(name: &'static str) -> Error {
    let what = "the key's value is incomplete";
    Error::new(ck::CKR_TEMPLATE_INCOMPLETE, what).at(name)
}

/// A number without the zeros that some clients put before it.
pub(super) fn without_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}
