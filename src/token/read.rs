//! C_GetAttributeValue and C_GetObjectSize.

use crate::attr::{self, Reveal, Revealed, Value};
use crate::ck;
use crate::error::Result;
use crate::keytype;
use crate::policy::Action;

use super::Token;
use super::cache::object::{Handle, Home, Object};
use super::external::approval;
use super::external::shares::waiting_numbers;
use super::external::version;
use super::record::external::{ended, has_profile, is_external, revealed_state, sharing};
use crate::clock::UnixTime;

impl Token {
    /// C_GetAttributeValue: the value of each of `kinds`, or why it is not revealed.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn attributes(
        &self,
        handle: Handle,
        kinds: &[ck::CK_ATTRIBUTE_TYPE],
    ) -> Result<Vec<Revealed>> {
        let (object, now) = self.object_now(handle)?;
        let kinds = kinds.iter();
        kinds
            .map(|kind| self.attribute(&object, *kind, now))
            .collect()
    }

    fn attribute(
        &self,
        object: &Object,
        kind: ck::CK_ATTRIBUTE_TYPE,
        now: UnixTime,
    ) -> Result<Revealed> {
        if let Some(revealed) = self.computed(object, kind, now)? {
            return Ok(revealed);
        }
        match attr::reveal(&object.attributes, kind) {
            Reveal::Value(value) => Ok(attr::revealed(value)),
            Reveal::Sensitive => Ok(Revealed::Sensitive),
            Reveal::Invalid => Ok(Revealed::Invalid),
            Reveal::Material => self.revealed_material(object, kind),
        }
    }

    /// The value of an attribute that follows from others; `None` where the attribute itself says it.
    fn computed(
        &self,
        object: &Object,
        kind: ck::CK_ATTRIBUTE_TYPE,
        now: UnixTime,
    ) -> Result<Option<Revealed>> {
        if let Home::Provided(provided) = object.home {
            return self.provided_value(provided, kind);
        }
        let attributes = &object.attributes;
        let external = is_external(attributes);
        let time = |at: UnixTime| Some(attr::revealed(&Value::time(at)));
        Ok(match kind {
            ck::CKA_TENON_KEY_STATE => Some(revealed_state(&object.facts, now)),
            ck::CKA_TENON_VERSIONS if has_profile(attributes) => {
                let versions = version::versions(&self.state, &self.keys(), &object.uid)?;
                Some(Revealed::Value(version::json(&versions).into_bytes()))
            }
            ck::CKA_TENON_IMPORTED_AT if external => {
                time(attributes.time(ck::INTERNAL_IMPORTED_AT).unwrap_or(0))
            }
            ck::CKA_TENON_ENDED_AT if external => time(ended(attributes, now).0),
            ck::CKA_TENON_APPROVAL if attributes.get(ck::CKA_TENON_QUORUM).is_some() => {
                Some(Revealed::Value(approval::json(attributes).into_bytes()))
            }
            ck::CKA_TENON_SHARE if sharing(attributes).is_some() => {
                Some(Revealed::Value(waiting_numbers(attributes, now)))
            }
            ck::CKA_EC_POINT if self.state.config.edwards_point_raw => {
                let point = attributes.bytes(kind);
                let raw = point.and_then(|point| keytype::raw_point(attributes.key_type(), point));
                raw.map(|raw| Revealed::Value(raw.to_vec()))
            }
            ck::CKA_TENON_RECEIPT | ck::CKA_TENON_RECEIPT_SIGNATURE => {
                Some(self.revealed_receipt(object, kind))
            }
            _ => None,
        })
    }

    /// A value out of the material of a key whose attributes allow reading it.
    fn revealed_material(&self, object: &Object, kind: ck::CK_ATTRIBUTE_TYPE) -> Result<Revealed> {
        let keys = self.keys();
        if self.decide(Action::Reveal, object, &keys, false).is_err() {
            return Ok(Revealed::Sensitive);
        }
        let value = self
            .material(object, &keys)?
            .and_then(|material| material.secret_value(kind).cloned());
        Ok(value.map_or(Revealed::Invalid, |value| Revealed::Value(value.to_vec())))
    }

    /// C_GetObjectSize: length of the encoded attributes in bytes.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID.
    pub fn object_size(&self, handle: Handle) -> Result<u64> {
        Ok(self.object(handle)?.attributes.encode().len() as u64)
    }
}
