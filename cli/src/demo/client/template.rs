//! Templates as the C functions take them.

use tenon_pkcs11::ck::*;

use super::ulong;

/// Attributes to give to a call.
#[derive(Clone, Default)]
pub(in crate::demo) struct Template(Vec<(CK_ATTRIBUTE_TYPE, Vec<u8>)>);

impl Template {
    pub(in crate::demo) fn new() -> Self {
        Self::default()
    }

    /// CK_BBOOLs that are TRUE.
    #[must_use]
    pub(in crate::demo) fn yes(self, kinds: &[CK_ATTRIBUTE_TYPE]) -> Self {
        kinds
            .iter()
            .fold(self, |template, kind| template.bytes(*kind, &[CK_TRUE]))
    }

    /// A CK_ULONG.
    #[must_use]
    pub(in crate::demo) fn number(self, kind: CK_ATTRIBUTE_TYPE, value: CK_ULONG) -> Self {
        self.bytes(kind, &value.to_ne_bytes())
    }

    /// Any other value.
    #[must_use]
    pub(in crate::demo) fn bytes(mut self, kind: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Self {
        self.0.push((kind, value.to_vec()));
        self
    }

    /// The C form, which points into `self`.
    pub(super) fn attributes(&self) -> Vec<CK_ATTRIBUTE> {
        self.0
            .iter()
            .map(|(kind, value)| CK_ATTRIBUTE {
                type_: *kind,
                pValue: value.as_ptr().cast_mut().cast(),
                ulValueLen: ulong(value.len()),
            })
            .collect()
    }
}
