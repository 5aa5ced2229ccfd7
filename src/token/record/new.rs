//! A new object that is not stored yet.

use crate::attr::{Attributes, Value};
use crate::ck;
use crate::keytype::Material;
use crate::rng::{Rng, random};
use crate::store::Uid;

use super::uid::unique_id;
use super::vault::Record;

pub(in crate::token) struct New {
    pub(in crate::token) attributes: Attributes,
    pub(in crate::token) material: Option<Material>,
    pub(in crate::token) uid: Uid,
}

impl New {
    /// An object with a random uid.
    pub(in crate::token) fn named(
        rng: &dyn Rng,
        attributes: Attributes,
        material: Option<Material>,
    ) -> Self {
        Self::with_uid(rng, None, attributes, material)
    }

    /// An object with this uid, or with a random one.
    pub(in crate::token) fn with_uid(
        rng: &dyn Rng,
        uid: Option<Uid>,
        mut attributes: Attributes,
        material: Option<Material>,
    ) -> Self {
        let uid = uid.unwrap_or_else(|| random(rng));
        attributes.set(ck::CKA_UNIQUE_ID, Value::Bytes(unique_id(&uid)));
        Self {
            attributes,
            material,
            uid,
        }
    }

    /// The record to be stored as the first version.
    pub(in crate::token) fn record(&self) -> Record {
        Record {
            uid: self.uid,
            version: 0,
            attributes: self.attributes.clone(),
            trust_unproven: false,
        }
    }
}
