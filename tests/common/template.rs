//! Templates.

use tenon_pkcs11::api::attr::{RawAttribute, RawValue};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::secret::Secret;

/// A value as a client's template has it.
pub(crate) trait ToAttribute {
    fn attribute(self, kind: ck::CK_ATTRIBUTE_TYPE) -> RawAttribute;
}

fn flat(kind: ck::CK_ATTRIBUTE_TYPE, bytes: &[u8]) -> RawAttribute {
    RawAttribute {
        kind,
        value: RawValue::Bytes(Secret::copy(bytes)),
    }
}

impl ToAttribute for bool {
    fn attribute(self, kind: ck::CK_ATTRIBUTE_TYPE) -> RawAttribute {
        flat(kind, &[u8::from(self)])
    }
}

impl ToAttribute for u64 {
    fn attribute(self, kind: ck::CK_ATTRIBUTE_TYPE) -> RawAttribute {
        flat(kind, &self.to_ne_bytes())
    }
}

impl ToAttribute for &str {
    fn attribute(self, kind: ck::CK_ATTRIBUTE_TYPE) -> RawAttribute {
        flat(kind, self.as_bytes())
    }
}

impl ToAttribute for &[u8] {
    fn attribute(self, kind: ck::CK_ATTRIBUTE_TYPE) -> RawAttribute {
        flat(kind, self)
    }
}

impl<const N: usize> ToAttribute for &[u8; N] {
    fn attribute(self, kind: ck::CK_ATTRIBUTE_TYPE) -> RawAttribute {
        flat(kind, self)
    }
}

impl ToAttribute for &Vec<u8> {
    fn attribute(self, kind: ck::CK_ATTRIBUTE_TYPE) -> RawAttribute {
        flat(kind, self)
    }
}

impl<const N: usize> ToAttribute for [u64; N] {
    fn attribute(self, kind: ck::CK_ATTRIBUTE_TYPE) -> RawAttribute {
        flat(kind, &self.map(u64::to_ne_bytes).concat())
    }
}

impl ToAttribute for Vec<RawAttribute> {
    fn attribute(self, kind: ck::CK_ATTRIBUTE_TYPE) -> RawAttribute {
        RawAttribute {
            kind,
            value: RawValue::Template(self),
        }
    }
}

/// `template` with `changes` in place of what it says of the same attributes.
pub(crate) fn with(
    mut template: Vec<RawAttribute>,
    changes: Vec<RawAttribute>,
) -> Vec<RawAttribute> {
    template.retain(|attribute| changes.iter().all(|change| change.kind != attribute.kind));
    template.extend(changes);
    template
}
