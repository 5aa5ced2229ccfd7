//! C_GetAttributeValue and C_GetObjectSize.

use smallvec::SmallVec;

use crate::attr::{self, Reveal, Revealed, Shown, Value};
use crate::ck;
use crate::error::Result;
use crate::keytype;
use crate::policy::Action;

use super::Token;
use super::cache::object::{Handle, Home, Object};
use super::external::approval;
use super::external::version;
use super::record::external::{ended, has_profile, is_external, revealed_state, sharing};
use super::record::waiting::waiting_numbers;
use crate::clock::UnixTime;

/// Answers of C_GetAttributeValue, in the order of the template. A few of them need no memory of their own.
pub(crate) type Answers<'a> = SmallVec<[Shown<'a>; 8]>;

impl Token {
    /// C_GetAttributeValue: gives `take` the value of each of `kinds`, or why it is not revealed.
    ///
    /// # Errors
    /// CKR_OBJECT_HANDLE_INVALID, and those of `take`.
    pub(crate) fn attributes<T>(
        &self,
        handle: Handle,
        kinds: &[ck::CK_ATTRIBUTE_TYPE],
        take: impl FnOnce(Answers<'_>) -> Result<T>,
    ) -> Result<T> {
        let (object, now) = self.object_now(handle)?;
        let reader = object.reader();
        let mut answers = Answers::new();
        for kind in kinds {
            answers.push(match self.computed(&object, *kind, now)? {
                Some(revealed) => Shown::Made(revealed),
                None => match reader.reveal(*kind) {
                    Reveal::Value(value) => Shown::Own(value),
                    Reveal::Sensitive => Shown::Made(Revealed::Sensitive),
                    Reveal::Invalid => Shown::Made(Revealed::Invalid),
                    Reveal::Material => Shown::Made(self.revealed_material(&object, *kind)?),
                },
            });
        }
        take(answers)
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
        let time = |at: UnixTime| Some(attr::revealed(&Value::time(at)));
        Ok(match kind {
            ck::CKA_TENON_KEY_STATE => Some(revealed_state(&object.facts, now)),
            ck::CKA_TENON_VERSIONS if has_profile(attributes) => {
                let versions = version::versions(&self.state, &self.keys(), &object.uid)?;
                let versions = versions.iter().map(|(version, _)| version);
                Some(Revealed::Value(version::json(versions).into_bytes()))
            }
            ck::CKA_TENON_IMPORTED_AT if is_external(attributes) => {
                time(attributes.time(ck::INTERNAL_IMPORTED_AT).unwrap_or(0))
            }
            ck::CKA_TENON_ENDED_AT if is_external(attributes) => time(ended(attributes, now).0),
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
                Some(self.revealed_receipt(object, kind)?)
            }
            ck::CKA_TENON_RECEIPTS if is_external(attributes) => {
                Some(self.revealed_receipts(object)?)
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
