//! Names that a service gives to key specs and to wrapping algorithms.

use std::borrow::Cow;

use crate::ck;
use crate::keytype::Spec;

use super::usage::Usage;

/// A name for keys of one spec.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecName {
    /// As the service writes it.
    pub name: Cow<'static, str>,
    /// The keys.
    pub spec: Spec,
    /// Whether the keys encrypt (else they sign), where the name says so.
    pub encrypts: Option<bool>,
}

/// A name for a wrapping algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AlgorithmName {
    /// As the service writes it.
    pub name: &'static str,
    /// CKA_TENON_WRAP_ALGORITHM.
    pub number: ck::CK_ULONG,
    /// Bits of the RSA wrapping key, where the name says them.
    pub bits: Option<u64>,
}

impl SpecName {
    /// Whether this is a name for keys of this spec and usage.
    pub(super) fn fits(&self, spec: Spec, usage: Usage) -> bool {
        let used = self
            .encrypts
            .is_none_or(|encrypts| encrypts == usage.encrypt);
        self.spec == spec && used
    }

    /// A name that no service has for itself, like RSA_2048 or HMAC_160.
    pub(super) fn general(text: &str) -> Option<Self> {
        let spec = Spec::named(&text.to_ascii_uppercase().replace('-', "_"))?;
        Some(Self {
            name: spec.name().into(),
            spec,
            encrypts: None,
        })
    }
}

/// Whether two spellings are one name: capitals do not count, and a hyphen is an underscore.
pub(super) fn same(a: &str, b: &str) -> bool {
    let plain = |byte: u8| match byte {
        b'-' => b'_',
        other => other.to_ascii_uppercase(),
    };
    a.bytes().map(plain).eq(b.bytes().map(plain))
}
