//! Templates.

use tenon_pkcs11::api::attr::{RawAttribute, RawValue};
use tenon_pkcs11::api::ck;
use tenon_pkcs11::api::keytype::{PublicValue, PublicValues};
use tenon_pkcs11::api::secret::Secret;

#[derive(Clone, Default)]
pub(crate) struct Template(Vec<RawAttribute>);

impl Template {
    pub(crate) fn of_class(class: ck::CK_OBJECT_CLASS) -> Self {
        Self::default().number(ck::CKA_CLASS, class)
    }

    /// A CK_BBOOL.
    #[must_use]
    pub(crate) fn flag(self, kind: ck::CK_ATTRIBUTE_TYPE, value: bool) -> Self {
        self.bytes(kind, &[u8::from(value)])
    }

    /// A CK_ULONG.
    #[must_use]
    pub(crate) fn number(self, kind: ck::CK_ATTRIBUTE_TYPE, value: ck::CK_ULONG) -> Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// An array of CK_ULONG.
    #[must_use]
    pub(crate) fn numbers(self, kind: ck::CK_ATTRIBUTE_TYPE, values: &[ck::CK_ULONG]) -> Self {
        let bytes: Vec<_> = values
            .iter()
            .flat_map(|value| value.to_ne_bytes())
            .collect();
        self.bytes(kind, &bytes)
    }

    /// What `other` says, after this.
    #[must_use]
    pub(crate) fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    #[must_use]
    pub(crate) fn bytes(mut self, kind: ck::CK_ATTRIBUTE_TYPE, value: &[u8]) -> Self {
        self.0.push(RawAttribute {
            kind,
            value: RawValue::Bytes(Secret::copy(value)),
        });
        self
    }

    /// With this value in the place of the one that `kind` has.
    #[must_use]
    pub(crate) fn with_changed(mut self, kind: ck::CK_ATTRIBUTE_TYPE, value: &[u8]) -> Self {
        self.0.retain(|attribute| attribute.kind != kind);
        self.bytes(kind, value)
    }

    /// A component of a key.
    #[must_use]
    pub(crate) fn value(self, kind: ck::CK_ATTRIBUTE_TYPE, value: &PublicValue) -> Self {
        match value {
            PublicValue::Ulong(number) => self.number(kind, *number),
            PublicValue::Bytes(bytes) => self.bytes(kind, bytes),
        }
    }

    /// All components of a key.
    #[must_use]
    pub(crate) fn values(self, values: &PublicValues) -> Self {
        let add = |template: Self, (kind, value): &(_, _)| template.value(*kind, value);
        values.iter().fold(self, add)
    }

    /// `value`, if there is one.
    #[must_use]
    pub(crate) fn maybe(
        self,
        kind: ck::CK_ATTRIBUTE_TYPE,
        value: Option<impl AsRef<[u8]>>,
    ) -> Self {
        match value {
            Some(value) => self.bytes(kind, value.as_ref()),
            None => self,
        }
    }

    pub(crate) fn as_slice(&self) -> &[RawAttribute] {
        &self.0
    }
}
