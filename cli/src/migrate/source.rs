//! An object as another module keeps it.

use std::collections::BTreeMap;

use tenon_pkcs11::api::attr::{RawAttribute, RawValue};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype::{self, KeyType, PublicValue, PublicValues, name_of};
use tenon_pkcs11::api::secret::Secret;

use crate::object::{class_name, ulong};
use crate::output::{hex, printable};

/// Attributes by their numbers, values in C's representation.
pub(super) type Attributes = BTreeMap<ck::CK_ATTRIBUTE_TYPE, RawValue>;

/// A CK_BBOOL.
pub(super) fn flag(value: bool) -> RawValue {
    RawValue::Bytes(Secret::copy(&[u8::from(value)]))
}

/// A CK_ULONG.
pub(super) fn number(value: ck::CK_ULONG) -> RawValue {
    RawValue::Bytes(Secret::copy(&value.to_ne_bytes()))
}

/// An array of CK_ULONG.
pub(super) fn numbers(values: &[ck::CK_ULONG]) -> RawValue {
    let bytes: Vec<_> = values
        .iter()
        .flat_map(|value| value.to_ne_bytes())
        .collect();
    RawValue::Bytes(Secret::copy(&bytes))
}

/// Any bytes.
pub(super) fn bytes(value: &[u8]) -> RawValue {
    RawValue::Bytes(Secret::copy(value))
}

/// An array of CK_ATTRIBUTE.
pub(super) fn template(entries: Attributes) -> RawValue {
    let entries = entries.into_iter();
    RawValue::Template(
        entries
            .map(|(kind, value)| RawAttribute { kind, value })
            .collect(),
    )
}

pub(super) struct SourceObject {
    /// What the other module's store calls the object: a file name or a number.
    pub(super) name: String,
    pub(super) attributes: Attributes,
    /// Attributes that the object has, and whose value could not be read.
    pub(super) unread: Vec<ck::CK_ATTRIBUTE_TYPE>,
}

impl SourceObject {
    /// The value of `kind` as bytes; empty where there is none.
    pub(super) fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> &[u8] {
        match self.attributes.get(&kind) {
            Some(RawValue::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    pub(super) fn number(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        ulong(self.bytes(kind))
    }

    /// Whether the CK_BBOOL `kind` is there and true.
    pub(super) fn flag(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
        self.bytes(kind) == [ck::CK_TRUE]
    }

    pub(super) fn class(&self) -> &'static str {
        class_name(self.number(ck::CKA_CLASS))
    }

    pub(super) fn label(&self) -> String {
        printable(self.bytes(ck::CKA_LABEL))
    }

    pub(super) fn id(&self) -> String {
        hex(self.bytes(ck::CKA_ID))
    }

    /// CKA_KEY_TYPE as the token has it: SoftHSM calls a key on curve25519 an Edwards key.
    pub(super) fn key_type(&self) -> Option<ck::CK_KEY_TYPE> {
        let told = self.number(ck::CKA_KEY_TYPE)?;
        let is_montgomery =
            told == ck::CKK_EC_EDWARDS && CURVE25519.contains(&self.bytes(ck::CKA_EC_PARAMS));
        Some(if is_montgomery {
            ck::CKK_EC_MONTGOMERY
        } else {
            told
        })
    }

    /// Whether the object is a key of a type that this module does not have.
    pub(super) fn is_unknown_key(&self) -> bool {
        self.key_type()
            .is_some_and(|key_type| keytype::find(key_type).is_none())
    }

    /// What people call the key, with its size where this program knows the type; empty for what is no key.
    pub(super) fn key(&self) -> String {
        let Some(key_type) = self.key_type() else {
            return String::new();
        };
        if let Some(row) = keytype::find(key_type) {
            return name_of(key_type, &self.sizes(row));
        }
        let other = OTHER_KEYS.iter().find(|(id, _)| *id == key_type);
        other.map_or_else(
            || format!("key type {key_type:#x}"),
            |(_, name)| (*name).to_owned(),
        )
    }

    fn sizes(&self, row: &KeyType) -> PublicValues {
        let sizes = row.sizes().map(|(kind, is_number)| {
            let value = match kind {
                ck::CKA_VALUE_LEN => Some(self.bytes(ck::CKA_VALUE).len() as ck::CK_ULONG),
                ck::CKA_MODULUS_BITS => Some(bits(self.bytes(ck::CKA_MODULUS))),
                _ => self.number(kind).filter(|_| is_number),
            };
            let bytes = || PublicValue::Bytes(self.bytes(kind).to_vec());
            (kind, value.map_or_else(bytes, PublicValue::Ulong))
        });
        sizes.collect()
    }
}

/// CKA_EC_PARAMS of curve25519: the name (PKCS #11 3.2 section 6.3) and the OID 1.3.101.110 (RFC 8410).
const CURVE25519: [&[u8]; 2] = [b"\x13\x0acurve25519", b"\x06\x03\x2b\x65\x6e"];

/// Names of key types that SoftHSM has and this module has not.
const OTHER_KEYS: [(ck::CK_KEY_TYPE, &str); 2] = [(0x13, "des"), (0x30, "gost")];

/// The length of a number in bits.
fn bits(number: &[u8]) -> ck::CK_ULONG {
    let significant = number.iter().skip_while(|byte| **byte == 0);
    let bytes: Vec<_> = significant.collect();
    match bytes.first() {
        Some(first) => {
            let whole = bytes.len() as ck::CK_ULONG * 8;
            whole - ck::CK_ULONG::from(first.leading_zeros())
        }
        None => 0,
    }
}
