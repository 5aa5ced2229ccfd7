//! Facts of private objects that are known without a login: index rows under the store key.

use crate::attr::Attributes;
use crate::ck;
use crate::store::Posting;

use super::domain::Domain;
use super::external;

/// A fact that is an index row.
#[derive(Clone, Copy)]
pub(in crate::token) enum Fact<'a> {
    /// The object has the life of an external key.
    External,
    /// A material was imported once.
    Bound,
    /// The operator switched the key off.
    Disabled,
    /// The object is an older version of a key.
    Version,
    /// Of this one.
    VersionOf(&'a [u8]),
}

impl Fact<'_> {
    /// No searchable attribute has one of these numbers with such a value, so none has this index.
    pub(in crate::token) fn posting(self, store: &Domain) -> Posting {
        let (kind, value) = match self {
            Self::External => (ck::CKA_TENON_KEY_STATE, &[][..]),
            Self::Bound => (ck::INTERNAL_BINDING, &[][..]),
            Self::Disabled => (ck::CKA_TENON_DISABLED, &[][..]),
            Self::Version => (ck::INTERNAL_VERSION_OF, &[][..]),
            Self::VersionOf(uid) => (ck::INTERNAL_VERSION_OF, uid),
        };
        store.posting(kind, value)
    }
}

/// Index rows of what is told of a private object without a login; none for most.
pub(in crate::token) fn clear_facts(store: &Domain, attributes: &Attributes) -> Vec<Posting> {
    let mut told = Vec::new();
    if let Some(facts) = external::facts(attributes) {
        told.push(Fact::External);
        if facts.bound {
            told.push(Fact::Bound);
        }
        if facts.disabled {
            told.push(Fact::Disabled);
        }
    }
    let owner = external::of_version(attributes);
    if let Some(owner) = &owner {
        told.extend([Fact::Version, Fact::VersionOf(owner)]);
    }
    told.into_iter().map(|fact| fact.posting(store)).collect()
}
