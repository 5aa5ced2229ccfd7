//! Attributes as a caller gave them, and their reading into typed values.

use std::fmt;

use crate::ck;
use crate::error::{Error, Result};
use crate::secret::Secret;

use super::date;
use super::row::{AttributeRow, ValueType};
use super::table;
use super::value::Value;

/// Most attributes that a nested template may have.
const NESTED_LIMIT: usize = 64;

/// One attribute of a caller's template, copied out of the caller's memory.
#[derive(Clone)]
pub struct RawAttribute {
    /// CKA_ number.
    pub kind: ck::CK_ATTRIBUTE_TYPE,
    /// Its value.
    pub value: RawValue,
}

/// A caller's template.
pub(crate) type RawTemplate = [RawAttribute];

/// The value of a caller's attribute. Any value may hold key material, so all are wiped when they are dropped.
#[derive(Clone)]
pub enum RawValue {
    /// The bytes at pValue; numbers and CK_BBOOL in C's representation.
    Bytes(Secret),
    /// Array of CK_ATTRIBUTE, as CKA_UNWRAP_TEMPLATE and the other templates within a template are.
    Template(Vec<RawAttribute>),
}

impl fmt::Debug for RawAttribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", table::label(self.kind))
    }
}

impl RawAttribute {
    /// The value as bytes; `None` for a template.
    #[must_use]
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.value {
            RawValue::Bytes(bytes) => Some(bytes),
            RawValue::Template(_) => None,
        }
    }
}

/// Whether `template` gives a value for `kind`.
#[must_use]
pub(crate) fn states(template: &RawTemplate, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
    template.iter().any(|attribute| attribute.kind == kind)
}

/// The bytes that `template` gives first for `kind`, before any rule is applied.
#[must_use]
pub(crate) fn stated_bytes(template: &RawTemplate, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
    let attribute = template.iter().find(|attribute| attribute.kind == kind)?;
    attribute.bytes()
}

/// The number that `template` gives first for the CK_ULONG `kind`.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID when the value has not 8 bytes.
pub(crate) fn stated_ulong(
    template: &RawTemplate,
    kind: ck::CK_ATTRIBUTE_TYPE,
) -> Result<Option<u64>> {
    stated_bytes(template, kind)
        .map(|bytes| ulong(bytes).ok_or_else(|| malformed(kind)))
        .transpose()
}

/// The CK_BBOOL that `template` gives first for `kind`.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID when the value is not CK_TRUE or CK_FALSE.
pub(crate) fn stated_bool(
    template: &RawTemplate,
    kind: ck::CK_ATTRIBUTE_TYPE,
) -> Result<Option<bool>> {
    stated_bytes(template, kind)
        .map(|bytes| bool(bytes).ok_or_else(|| malformed(kind)))
        .transpose()
}

/// The value of `raw` in the type of its row, within the limits of its row.
///
/// # Errors
/// CKR_ATTRIBUTE_VALUE_INVALID; for nested templates also those of `nested`.
pub(super) fn parse(row: &AttributeRow, raw: &RawAttribute) -> Result<Value> {
    let value = read(row.value_type, raw)?;
    if !within_limits(row, &value) {
        return Err(malformed(raw.kind));
    }
    Ok(value)
}

/// A value of the row's type is within the limits of the row: one of the numbers or lengths, or UTF-8.
pub(super) fn within_limits(row: &AttributeRow, value: &Value) -> bool {
    match (row.value_type, value) {
        (ValueType::Among(numbers), Value::Ulong(number)) => numbers.contains(number),
        (ValueType::Sized(lengths), Value::Bytes(bytes)) => lengths.contains(&bytes.len()),
        (ValueType::Utf8, Value::Bytes(bytes)) => std::str::from_utf8(bytes).is_ok(),
        _ => true,
    }
}

/// The value of `raw` in this type. Limits on numbers and lengths are not checked, since a search may compare any
/// value.
pub(super) fn read(value_type: ValueType, raw: &RawAttribute) -> Result<Value> {
    if value_type == ValueType::Template {
        return nested(raw).map(Value::Template);
    }
    let value = raw.bytes().and_then(|bytes| match value_type {
        ValueType::Bool => bool(bytes).map(Value::Bool),
        ValueType::Ulong | ValueType::Among(_) => ulong(bytes).map(Value::Ulong),
        ValueType::Ulongs => ulongs(bytes).map(Value::Ulongs),
        ValueType::Date => date::parse(bytes).map(Value::Bytes),
        ValueType::Bytes | ValueType::Sized(_) | ValueType::Utf8 => {
            Some(Value::Bytes(bytes.to_vec()))
        }
        ValueType::Template => None,
    });
    value.ok_or_else(|| malformed(raw.kind))
}

/// The entries of a nested template, in ascending order of their kinds.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT for a template within a template ("Template Attributes", section 4.7.3), and for
/// key values, since a caller could find a value by trying templates. CKR_ATTRIBUTE_TYPE_INVALID for an unknown
/// attribute.
fn nested(raw: &RawAttribute) -> Result<Vec<(ck::CK_ATTRIBUTE_TYPE, Value)>> {
    let RawValue::Template(entries) = &raw.value else {
        return Err(malformed(raw.kind));
    };
    let unfit = |kind, what| Error::new(ck::CKR_TEMPLATE_INCONSISTENT, what).at(table::label(kind));
    if entries.len() > NESTED_LIMIT {
        return Err(unfit(raw.kind, "nested template has too many attributes"));
    }
    let mut values = Vec::with_capacity(entries.len());
    for entry in entries {
        let Some(row) = table::any_row(entry.kind) else {
            return Err(unknown(entry.kind));
        };
        if row.value_type == ValueType::Template || table::is_material(entry.kind) {
            return Err(unfit(entry.kind, "not possible in a nested template"));
        }
        values.push((entry.kind, read(row.value_type, entry)?));
    }
    values.sort_by_key(|(kind, _)| *kind);
    if values.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(unfit(raw.kind, "nested template names an attribute twice"));
    }
    Ok(values)
}

fn bool(bytes: &[u8]) -> Option<bool> {
    match bytes {
        [ck::CK_FALSE] => Some(false),
        [ck::CK_TRUE] => Some(true),
        _ => None,
    }
}

fn ulong(bytes: &[u8]) -> Option<u64> {
    bytes.try_into().ok().map(u64::from_ne_bytes)
}

fn ulongs(bytes: &[u8]) -> Option<Vec<u64>> {
    let (numbers, rest) = bytes.as_chunks::<8>();
    rest.is_empty()
        .then(|| numbers.iter().map(|n| u64::from_ne_bytes(*n)).collect())
}

/// The refusal of an attribute that no row knows.
pub(super) fn unknown(kind: ck::CK_ATTRIBUTE_TYPE) -> Error {
    Error::new(ck::CKR_ATTRIBUTE_TYPE_INVALID, "attribute is unknown").at(table::label(kind))
}

/// The refusal of a value that its attribute cannot have.
pub(super) fn malformed(kind: ck::CK_ATTRIBUTE_TYPE) -> Error {
    Error::new(
        ck::CKR_ATTRIBUTE_VALUE_INVALID,
        "attribute cannot have this value",
    )
    .at(table::label(kind))
}
