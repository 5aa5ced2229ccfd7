//! Facts of private objects that can be read without a login: index rows under the store key.

use crate::attr::Attributes;
use crate::ck;
use crate::store::Posting;

use super::domain::Domain;
use super::external;

#[derive(Clone, Copy)]
pub(in crate::token) enum Fact<'a> {
    /// The object is a key with a profile: an external or a managed one.
    OfProfile,
    /// The token generated the key's material.
    Generated,
    /// Material was imported at least once.
    Bound,
    /// The operator disabled the key.
    Disabled,
    /// The object is an older version of an external key.
    Version,
    /// The object is an older version of the key with this uid.
    VersionOf(&'a [u8]),
}

impl Fact<'_> {
    /// The index row of the fact. No searchable attribute has such a number and value.
    pub(in crate::token) fn posting(self, store: &Domain) -> Posting {
        let (kind, value) = match self {
            Self::OfProfile => (ck::CKA_TENON_KEY_STATE, &[][..]),
            Self::Generated => (ck::CKA_TENON_ORIGIN, &[][..]),
            Self::Bound => (ck::INTERNAL_BINDING, &[][..]),
            Self::Disabled => (ck::CKA_TENON_DISABLED, &[][..]),
            Self::Version => (ck::INTERNAL_VERSION_OF, &[][..]),
            Self::VersionOf(uid) => (ck::INTERNAL_VERSION_OF, uid),
        };
        store.posting(kind, value)
    }
}

/// The index rows of what may be known of a private object without a login; none for most objects.
pub(in crate::token) fn clear_facts(store: &Domain, attributes: &Attributes) -> Vec<Posting> {
    let mut told = Vec::new();
    if let Some(facts) = external::facts(attributes) {
        told.push(Fact::OfProfile);
        if facts.generated {
            told.push(Fact::Generated);
        }
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
