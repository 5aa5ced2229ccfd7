//! Attributes as a caller gave them, and their reading into typed values.

use std::fmt;

use crate::ck;
use crate::error::{Error, Result};
use crate::secret::Secret;

use super::date;
use super::row::{Row, Shape};
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

/// The value of a caller's attribute. Any may hold key material, so all are treated so.
#[derive(Clone)]
pub enum RawValue {
    /// pValue and ulValueLen.
    Bytes(Secret),
    /// Array of CK_ATTRIBUTE: CKA_WRAP_TEMPLATE, CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE.
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

/// What `template` says of `kind`, before any rule is applied: the bytes of its first mention.
#[must_use]
pub(crate) fn stated_bytes(template: &RawTemplate, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
    let attribute = template.iter().find(|attribute| attribute.kind == kind)?;
    attribute.bytes()
}

/// What `template` says of the CK_ULONG `kind`. CKR_ATTRIBUTE_VALUE_INVALID when it is not 8 bytes.
pub(crate) fn stated_ulong(
    template: &RawTemplate,
    kind: ck::CK_ATTRIBUTE_TYPE,
) -> Result<Option<u64>> {
    stated_bytes(template, kind)
        .map(|bytes| ulong(bytes).ok_or_else(|| malformed(kind)))
        .transpose()
}

/// What `template` says of the CK_BBOOL `kind`. CKR_ATTRIBUTE_VALUE_INVALID when it is not CK_TRUE
/// or CK_FALSE.
pub(crate) fn stated_bool(
    template: &RawTemplate,
    kind: ck::CK_ATTRIBUTE_TYPE,
) -> Result<Option<bool>> {
    stated_bytes(template, kind)
        .map(|bytes| bool(bytes).ok_or_else(|| malformed(kind)))
        .transpose()
}

/// The value of `raw` in the type that `row` gives it, within the limits that `row` sets.
/// CKR_ATTRIBUTE_VALUE_INVALID, or for nested templates also the codes of `nested`.
pub(super) fn parse(row: &Row, raw: &RawAttribute) -> Result<Value> {
    let value = read(row.shape, raw)?;
    if !within_limits(row, &value) {
        return Err(malformed(raw.kind));
    }
    Ok(value)
}

/// The value, which is of the row's type, is within the limits that `row` sets.
pub(super) fn within_limits(row: &Row, value: &Value) -> bool {
    match (row.shape, value) {
        (Shape::Among(numbers), Value::Ulong(number)) => numbers.contains(number),
        (Shape::Sized(lengths), Value::Bytes(bytes)) => lengths.contains(&bytes.len()),
        (Shape::Utf8, Value::Bytes(bytes)) => std::str::from_utf8(bytes).is_ok(),
        _ => true,
    }
}

/// The value of `raw` in the type of `shape`, whatever its limits: what a search compares.
pub(super) fn read(shape: Shape, raw: &RawAttribute) -> Result<Value> {
    if shape == Shape::Template {
        return nested(raw).map(Value::Template);
    }
    let value = raw.bytes().and_then(|bytes| match shape {
        Shape::Bool => bool(bytes).map(Value::Bool),
        Shape::Ulong | Shape::Among(_) => ulong(bytes).map(Value::Ulong),
        Shape::Ulongs => ulongs(bytes).map(Value::Ulongs),
        Shape::Date => date::parse(bytes).map(Value::Bytes),
        Shape::Bytes | Shape::Sized(_) | Shape::Utf8 => Some(Value::Bytes(bytes.to_vec())),
        Shape::Template => None,
    });
    value.ok_or_else(|| malformed(raw.kind))
}

/// The entries of a nested template, in ascending order of their kinds. Recursion is denied with
/// CKR_TEMPLATE_INCONSISTENT ("Template Attributes", section 4.7.3); so are key values, since a
/// template that compares them would be an oracle for them.
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
        if row.shape == Shape::Template || table::is_material(entry.kind) {
            return Err(unfit(entry.kind, "not possible in a nested template"));
        }
        values.push((entry.kind, read(row.shape, entry)?));
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
