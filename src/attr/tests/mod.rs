//! Tests of the attribute rules, and what they share.

mod change;
mod codec;
mod footnotes;
mod matrix;
mod nested;
mod objects;
mod query;
mod rules;

use crate::ck::{self, CK_ATTRIBUTE_TYPE, CK_RV};
use crate::error::Result;
use crate::secret::Secret;

use super::value::to_bytes;
use super::{Attributes, CreatedBy, RawAttribute, RawValue, Requester, Value, build};

const USER: Requester = Requester {
    is_so: false,
    every_use: true,
};
const SO: Requester = Requester {
    is_so: true,
    every_use: true,
};

/// An attribute and its value.
type Entry = (CK_ATTRIBUTE_TYPE, Value);

/// A caller's attribute.
fn raw(kind: CK_ATTRIBUTE_TYPE, value: &Value) -> RawAttribute {
    let value = match value {
        Value::Template(entries) => RawValue::Template(
            entries
                .iter()
                .map(|(kind, value)| raw(*kind, value))
                .collect(),
        ),
        flat => RawValue::Bytes(Secret::copy(&to_bytes(flat))),
    };
    RawAttribute { kind, value }
}

fn raws(entries: &[Entry]) -> Vec<RawAttribute> {
    entries
        .iter()
        .map(|(kind, value)| raw(*kind, value))
        .collect()
}

fn text(value: &str) -> Value {
    Value::Bytes(value.as_bytes().to_vec())
}

fn flag(value: bool) -> Value {
    Value::Bool(value)
}

fn attributes(entries: &[Entry]) -> Attributes {
    let mut attributes = Attributes::default();
    for (kind, value) in entries {
        attributes.set(*kind, value.clone());
    }
    attributes
}

/// The return value of `result`.
fn rv<T>(result: &Result<T>) -> CK_RV {
    result
        .as_ref()
        .map_or_else(|error| error.rv, |_| ck::CKR_OK)
}

/// Class and key type of an AES key, and `more`.
fn aes(more: &[Entry]) -> Vec<Entry> {
    let mut entries = vec![
        (ck::CKA_CLASS, Value::Ulong(ck::CKO_SECRET_KEY)),
        (ck::CKA_KEY_TYPE, Value::Ulong(ck::CKK_AES)),
    ];
    entries.extend_from_slice(more);
    entries
}

/// The attributes of an AES key that a user unwraps with `more` in the template.
fn unwrapped(more: &[Entry]) -> Result<Attributes> {
    let template = raws(&aes(more));
    build(CreatedBy::Unwrap, &Attributes::default(), &template, &USER).map(|built| built.attributes)
}

/// An X.509 certificate, and `more`.
fn certificate(more: &[Entry]) -> Vec<Entry> {
    let mut entries = vec![
        (ck::CKA_CLASS, Value::Ulong(ck::CKO_CERTIFICATE)),
        (ck::CKA_CERTIFICATE_TYPE, Value::Ulong(ck::CKC_X_509)),
        (ck::CKA_SUBJECT, text("CN=x")),
    ];
    entries.extend_from_slice(more);
    entries
}

/// Half of a generated pair, from an empty template.
fn pair_half(class: u64, key_type: u64) -> Attributes {
    let mut implied = attributes(&[
        (ck::CKA_CLASS, Value::Ulong(class)),
        (ck::CKA_KEY_TYPE, Value::Ulong(key_type)),
        (ck::CKA_MODULUS_BITS, Value::Ulong(2048)),
        (ck::CKA_EC_PARAMS, text("oid")),
    ]);
    implied.remove(if key_type == ck::CKK_RSA {
        ck::CKA_EC_PARAMS
    } else {
        ck::CKA_MODULUS_BITS
    });
    build(CreatedBy::Generate, &implied, &[], &USER)
        .unwrap()
        .attributes
}
