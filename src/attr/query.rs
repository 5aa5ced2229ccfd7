//! Search templates.

use crate::ck;
use crate::error::Result;

use super::attributes::Attributes;
use super::raw::{self, RawTemplate};
use super::reveal::{Reveal, reveal};
use super::row::{Search, Shape};
use super::table;
use super::value::{Value, to_bytes};

/// First of the 256 numbers of this token's vendor attributes.
const VENDOR: ck::CK_ATTRIBUTE_TYPE = 0x8054_4E00;

/// What an object is found by in the index: its searchable attributes that are not empty.
/// CKA_CHECK_VALUE is none, so that the index cannot show which keys are equal.
#[must_use]
pub(crate) fn search_terms(attributes: &Attributes) -> Vec<(ck::CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    attributes
        .iter()
        .filter(|(kind, _)| searches(*kind, Search::Indexed))
        .map(|(kind, value)| (kind, to_bytes(value)))
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect()
}

/// The template of C_FindObjectsInit: an object matches when it has every attribute with the very
/// value, the components of public keys in any form that C_CreateObject takes. Key material is never
/// compared.
#[derive(Debug, Default)]
pub(crate) struct Query {
    /// CKA_CLASS.
    pub class: Option<ck::CK_OBJECT_CLASS>,
    /// CKA_KEY_TYPE.
    pub key_type: Option<ck::CK_KEY_TYPE>,
    /// CKA_TOKEN.
    pub token: Option<bool>,
    /// CKA_PRIVATE.
    pub private: Option<bool>,
    /// Searchable attributes that are not empty, as `search_terms` has them for objects.
    pub terms: Vec<(ck::CK_ATTRIBUTE_TYPE, Vec<u8>)>,
    wanted: Attributes,
    names: Vec<ck::CK_ATTRIBUTE_TYPE>,
    nothing: bool,
}

impl Query {
    /// A query out of a search template. Attributes that are unknown, malformed, key material or
    /// contradictory match no object and are no error (section 5.7, C_FindObjectsInit); a nested
    /// template is judged as in `build`.
    pub(crate) fn new(template: &RawTemplate) -> Result<Self> {
        let mut query = Self::default();
        for attribute in template {
            query.names.push(attribute.kind);
            let Some(row) = table::any_row(attribute.kind) else {
                query.nothing = true;
                continue;
            };
            let value = match raw::read(row.shape, attribute) {
                Ok(value) => value,
                Err(error) if row.shape == Shape::Template => return Err(error),
                Err(_) => {
                    query.nothing = true;
                    continue;
                }
            };
            if query
                .wanted
                .get(row.kind)
                .is_some_and(|known| *known != value)
            {
                query.nothing = true;
            }
            query.wanted.set(row.kind, value);
        }
        query.wanted = query.wanted.canonical();
        query.class = query.wanted.ulong(ck::CKA_CLASS);
        query.key_type = query.wanted.ulong(ck::CKA_KEY_TYPE);
        query.token = flag(&query.wanted, ck::CKA_TOKEN);
        query.private = flag(&query.wanted, ck::CKA_PRIVATE);
        query.terms = search_terms(&query.wanted);
        Ok(query)
    }

    /// No object can match.
    #[must_use]
    pub(crate) fn matches_nothing(&self) -> bool {
        self.nothing
    }

    /// The object matches. What cannot be read is not found by its value.
    #[must_use]
    pub(crate) fn matches(&self, attributes: &Attributes) -> bool {
        let mut wanted = self.wanted.iter();
        !self.nothing
            && wanted.all(|(kind, value)| reveal(attributes, kind) == Reveal::Value(value))
    }

    /// The object has every value that the template names of an indexed attribute, as the index says
    /// of a candidate.
    #[must_use]
    pub(crate) fn matches_terms(&self, attributes: &Attributes) -> bool {
        self.terms.iter().all(|(kind, bytes)| {
            let value = attributes.get(*kind);
            value.is_some_and(|value| to_bytes(value) == *bytes)
        })
    }

    /// Class, key type, token, private and the terms do not decide: `matches` must look at the
    /// object.
    #[must_use]
    pub(crate) fn needs_attributes(&self) -> bool {
        self.nothing
            || self.wanted.iter().any(|(kind, value)| {
                let indexed = searches(kind, Search::Indexed) && !to_bytes(value).is_empty();
                !indexed && !searches(kind, Search::Column)
            })
    }

    /// The template names `kind`.
    #[must_use]
    pub(crate) fn names(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
        self.names.contains(&kind)
    }

    /// The template names a vendor attribute of this token.
    #[must_use]
    pub(crate) fn names_vendor(&self) -> bool {
        self.names.iter().any(|kind| kind & !0xFF == VENDOR)
    }
}

fn searches(kind: ck::CK_ATTRIBUTE_TYPE, way: Search) -> bool {
    table::any_row(kind).is_some_and(|row| row.search == way)
}

fn flag(attributes: &Attributes, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<bool> {
    attributes
        .get(kind)
        .map(|value| *value == Value::Bool(true))
}
