//! Number, name and type of every attribute, for programs that show objects.

use crate::ck;

use super::row::ValueType;
use super::table::rows;

/// How to read the bytes that C_GetAttributeValue gives for an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueForm {
    /// CK_BBOOL: one byte, 0 or 1.
    Bool,
    /// CK_ULONG: 8 bytes in the machine's order.
    Ulong,
    /// Array of CK_ULONG.
    Ulongs,
    /// UTF-8 or a CK_DATE.
    Text,
    /// Any bytes.
    Bytes,
    /// Array of CK_ATTRIBUTE.
    Template,
}

/// An attribute that the token knows.
#[derive(Debug, Clone, Copy)]
pub struct AttributeInfo {
    /// CKA_ number.
    pub kind: ck::CK_ATTRIBUTE_TYPE,
    /// CKA_ name.
    pub name: &'static str,
    /// Its type.
    pub form: ValueForm,
}

/// Every attribute that the token knows, each once, in the order of the table.
#[must_use]
pub fn known_attributes() -> Vec<AttributeInfo> {
    let mut all: Vec<AttributeInfo> = Vec::new();
    for row in rows() {
        if all.iter().any(|known| known.kind == row.kind) {
            continue;
        }
        all.push(AttributeInfo {
            kind: row.kind,
            name: row.name,
            form: match row.value_type {
                ValueType::Bool => ValueForm::Bool,
                ValueType::Ulong | ValueType::Among(_) => ValueForm::Ulong,
                ValueType::Ulongs => ValueForm::Ulongs,
                ValueType::Utf8 | ValueType::Date => ValueForm::Text,
                ValueType::Bytes | ValueType::Sized(_) => ValueForm::Bytes,
                ValueType::Template => ValueForm::Template,
            },
        });
    }
    all
}
