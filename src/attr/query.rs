//! Search templates.

use crate::ck;
use crate::error::Result;
use crate::keytype;
use crate::secret::Secret;

use super::attributes::Attributes;
use super::raw::{self, RawTemplate};
use super::reveal::{Reader, Reveal};
use super::row::{SearchBy, ValueType};
use super::table;
use super::value::{Value, to_bytes};

/// First of the 256 numbers of this token's vendor attributes.
const VENDOR: ck::CK_ATTRIBUTE_TYPE = 0x8054_4E00;

/// The values by which the index finds an object: its indexed attributes that are not empty, as
/// C_GetAttributeValue gives them. CKA_CHECK_VALUE is not indexed, since equal entries would show which keys
/// are equal.
#[must_use]
pub(crate) fn search_terms(attributes: &Attributes) -> Vec<(ck::CK_ATTRIBUTE_TYPE, Vec<u8>)> {
    attributes
        .iter()
        .filter(|(kind, _)| is_searched_by(*kind, SearchBy::Indexed))
        .map(|(kind, value)| (kind, to_bytes(value)))
        .filter(|(_, bytes)| !bytes.is_empty())
        .collect()
}

/// The template of C_FindObjectsInit. An object matches when it has every attribute of the template with the
/// same value. The template may give components of public keys in any form that C_CreateObject takes. Key
/// material is compared where the caller may read it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query {
    /// CKA_CLASS.
    pub class: Option<ck::CK_OBJECT_CLASS>,
    /// CKA_KEY_TYPE.
    pub key_type: Option<ck::CK_KEY_TYPE>,
    /// CKA_TOKEN.
    pub token: Option<bool>,
    /// CKA_PRIVATE.
    pub private: Option<bool>,
    /// The template's indexed attributes that are not empty, in the form of `search_terms`.
    pub terms: Vec<(ck::CK_ATTRIBUTE_TYPE, Vec<u8>)>,
    wanted: Attributes,
    names: Vec<ck::CK_ATTRIBUTE_TYPE>,
    impossible: bool,
}

impl Query {
    /// A query out of a search template. A template with an attribute that is unknown, malformed
    /// or given twice with different values matches no object, and is no error (section 5.7,
    /// C_FindObjectsInit).
    ///
    /// # Errors
    /// Those of `raw::read` for a nested template.
    pub(crate) fn new(template: &RawTemplate) -> Result<Self> {
        let mut query = Self::default();
        for attribute in template {
            query.names.push(attribute.kind);
            let Some(row) = table::any_row(attribute.kind) else {
                query.impossible = true;
                continue;
            };
            let value = match raw::read(row.value_type, attribute) {
                Ok(value) => value,
                Err(error) if row.value_type == ValueType::Template => return Err(error),
                Err(_) => {
                    query.impossible = true;
                    continue;
                }
            };
            if query
                .wanted
                .get(row.kind)
                .is_some_and(|known| *known != value)
            {
                query.impossible = true;
            }
            query.wanted.set(row.kind, value);
        }
        Ok(query.settled())
    }

    /// The queries whose results together are those of the template: one, or as many as there are curves with the
    /// template's compressed CKA_EC_POINT where it has no CKA_EC_PARAMS.
    ///
    /// # Errors
    /// Those of `new`.
    pub(crate) fn each(template: &RawTemplate) -> Result<Vec<Self>> {
        let query = Self::new(template)?;
        let point = query.wanted.bytes(ck::CKA_EC_POINT);
        let point = point.filter(|_| query.wanted.get(ck::CKA_EC_PARAMS).is_none());
        let points = point.map_or_else(Vec::new, keytype::uncompressed);
        if points.is_empty() {
            return Ok(vec![query]);
        }
        let on_curve = |point| {
            let mut one = query.clone();
            one.wanted.set(ck::CKA_EC_POINT, Value::Bytes(point));
            one.settled()
        };
        Ok(points.into_iter().map(on_curve).collect())
    }

    /// The query once its wanted values are complete.
    fn settled(mut self) -> Self {
        let query = &mut self;
        query.wanted = std::mem::take(&mut query.wanted).canonical();
        query.class = query.wanted.ulong(ck::CKA_CLASS);
        query.key_type = query.wanted.ulong(ck::CKA_KEY_TYPE);
        query.token = flag(&query.wanted, ck::CKA_TOKEN);
        query.private = flag(&query.wanted, ck::CKA_PRIVATE);
        query.terms = search_terms(&query.wanted);
        self
    }

    /// Whether the template contradicts itself or names what no object has, so that no object matches.
    #[must_use]
    pub(crate) fn matches_nothing(&self) -> bool {
        self.impossible
    }

    /// The object has every value of the template. An attribute that C_GetAttributeValue does not give
    /// matches no value. `material` gives the key material that may be read; it is asked once all else matches.
    #[must_use]
    pub(crate) fn matches(
        &self,
        attributes: &Attributes,
        material: impl Fn(ck::CK_ATTRIBUTE_TYPE) -> Option<Secret>,
    ) -> bool {
        let reader = Reader::new(attributes);
        let mut hidden = Vec::new();
        let mut wanted = self.wanted.iter();
        let all_but_hidden = wanted.all(|(kind, value)| match reader.reveal(kind) {
            Reveal::Value(own) => own == value,
            Reveal::Material => {
                hidden.push((kind, value));
                true
            }
            Reveal::Sensitive | Reveal::Invalid => false,
        });
        let equal = |(kind, value): (_, &Value)| {
            material(kind).is_some_and(|own| own.ct_eq(&to_bytes(value)))
        };
        !self.impossible && all_but_hidden && hidden.into_iter().all(equal)
    }

    /// The object has every indexed value of the template: what the index claims of each candidate.
    #[must_use]
    pub(crate) fn matches_terms(&self, attributes: &Attributes) -> bool {
        self.terms.iter().all(|(kind, bytes)| {
            let value = attributes.get(*kind);
            value.is_some_and(|value| to_bytes(value) == *bytes)
        })
    }

    /// The template has more than class, key type, CKA_TOKEN, CKA_PRIVATE and indexed values, so that
    /// `matches` must look at each candidate's attributes.
    #[must_use]
    pub(crate) fn needs_attributes(&self) -> bool {
        self.impossible
            || self.wanted.iter().any(|(kind, value)| {
                let indexed =
                    is_searched_by(kind, SearchBy::Indexed) && !to_bytes(value).is_empty();
                !indexed && !is_searched_by(kind, SearchBy::Column)
            })
    }

    /// Whether the template names `kind`.
    #[must_use]
    pub(crate) fn names(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
        self.names.contains(&kind)
    }

    /// Whether the template names a vendor attribute of this token.
    #[must_use]
    pub(crate) fn names_vendor(&self) -> bool {
        self.names.iter().any(|kind| kind & !0xFF == VENDOR)
    }
}

fn is_searched_by(kind: ck::CK_ATTRIBUTE_TYPE, search: SearchBy) -> bool {
    table::any_row(kind).is_some_and(|row| row.search == search)
}

fn flag(attributes: &Attributes, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<bool> {
    attributes
        .get(kind)
        .map(|value| *value == Value::Bool(true))
}
