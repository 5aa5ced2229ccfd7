//! Which attributes there are, for people who look at objects.

use crate::ck;

use super::row::Shape;
use super::table::rows;

/// What the bytes that C_GetAttributeValue gives stand for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// CK_BBOOL.
    Bool,
    /// CK_ULONG.
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

/// An attribute that some objects have.
#[derive(Debug, Clone, Copy)]
pub struct Described {
    /// CKA_ number.
    pub kind: ck::CK_ATTRIBUTE_TYPE,
    /// CKA_ name.
    pub name: &'static str,
    /// Its type.
    pub form: Form,
}

/// Every attribute once, in the order of the table.
#[must_use]
pub fn described() -> Vec<Described> {
    let mut all: Vec<Described> = Vec::new();
    for row in rows() {
        if all.iter().any(|known| known.kind == row.kind) {
            continue;
        }
        all.push(Described {
            kind: row.kind,
            name: row.name,
            form: match row.shape {
                Shape::Bool => Form::Bool,
                Shape::Ulong | Shape::Among(_) => Form::Ulong,
                Shape::Ulongs => Form::Ulongs,
                Shape::Utf8 | Shape::Date => Form::Text,
                Shape::Bytes | Shape::Sized(_) => Form::Bytes,
                Shape::Template => Form::Template,
            },
        });
    }
    all
}
