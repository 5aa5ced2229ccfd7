//! The objects that the token provides itself, without storing them: what they are called and what they say.
//!
//! Their handle and their uid follow from what they are. No stored object has such a uid, since those are random.

use crate::attr::{Attributes, Value};
use crate::ck;
use crate::store::Uid;

use super::uid::unique_id;

/// First bytes of the uids of these objects.
const PREFIX: [u8; 7] = *b"builtin";

/// An object that the token provides itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::token) enum Provided {
    /// CKH_CLOCK: the token's time.
    Clock,
    /// CKH_MONOTONIC_COUNTER: a count of the token's changes and of the counter's readings.
    Counter,
    /// A mechanism that is offered, by its CKM_ number.
    Mechanism(ck::CK_MECHANISM_TYPE),
    /// A profile of OASIS that the token conforms to, by its CKP_ number.
    Profile(ck::CK_PROFILE_ID),
}

impl Provided {
    /// Whether the objects of this class are provided by the token.
    pub(in crate::token) fn has_class(class: ck::CK_OBJECT_CLASS) -> bool {
        matches!(
            class,
            ck::CKO_HW_FEATURE | ck::CKO_MECHANISM | ck::CKO_PROFILE
        )
    }

    /// The object with this `number`.
    pub(in crate::token) fn of_number(number: u64) -> Option<Self> {
        match (number & 0xFF, number >> 8) {
            (ck::CKO_HW_FEATURE, ck::CKH_CLOCK) => Some(Self::Clock),
            (ck::CKO_HW_FEATURE, ck::CKH_MONOTONIC_COUNTER) => Some(Self::Counter),
            (ck::CKO_MECHANISM, id) => Some(Self::Mechanism(id)),
            (ck::CKO_PROFILE, id) => Some(Self::Profile(id)),
            _ => None,
        }
    }

    /// A number of its own among these objects, below 2^40: what it is, and its class.
    pub(in crate::token) fn number(self) -> u64 {
        let (class, _, number) = self.identity();
        number << 8 | class
    }

    /// Its uid: the prefix, the class and the number of what it is.
    pub(in crate::token) fn uid(self) -> Uid {
        let (class, _, number) = self.identity();
        let mut uid = [0; 16];
        uid[..7].copy_from_slice(&PREFIX);
        uid[7] = class.to_le_bytes()[0];
        uid[8..].copy_from_slice(&number.to_be_bytes());
        uid
    }

    /// Its attributes, but for those that are computed when they are read.
    pub(in crate::token) fn attributes(self) -> Attributes {
        let (class, kind, number) = self.identity();
        let mut attributes = Attributes::default();
        attributes.set(ck::CKA_CLASS, Value::Ulong(class));
        attributes.set(ck::CKA_UNIQUE_ID, Value::Bytes(unique_id(&self.uid())));
        attributes.set(kind, Value::Ulong(number));
        if self == Self::Clock {
            // The session puts its own error in the place of this one.
            attributes.set(ck::CKA_TENON_LAST_ERROR, Value::Bytes(Vec::new()));
        }
        attributes
    }

    /// CKA_CLASS, and the attribute and number that tell the object from others of its class.
    fn identity(self) -> (ck::CK_OBJECT_CLASS, ck::CK_ATTRIBUTE_TYPE, ck::CK_ULONG) {
        match self {
            Self::Clock => (ck::CKO_HW_FEATURE, ck::CKA_HW_FEATURE_TYPE, ck::CKH_CLOCK),
            Self::Counter => (
                ck::CKO_HW_FEATURE,
                ck::CKA_HW_FEATURE_TYPE,
                ck::CKH_MONOTONIC_COUNTER,
            ),
            Self::Mechanism(id) => (ck::CKO_MECHANISM, ck::CKA_MECHANISM_TYPE, id),
            Self::Profile(id) => (ck::CKO_PROFILE, ck::CKA_PROFILE_ID, id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_found_again_by_its_number() {
        for provided in [
            Provided::Clock,
            Provided::Counter,
            Provided::Mechanism(ck::CKM_TENON_SM3),
            Provided::Profile(ck::CKP_BASELINE_PROVIDER),
        ] {
            assert!(provided.number() < 1 << 40);
            assert_eq!(Provided::of_number(provided.number()), Some(provided));
        }
        assert_eq!(Provided::of_number(0), None);
    }
}
