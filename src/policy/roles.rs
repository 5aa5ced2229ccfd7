//! Uses that one key does not have together where `policy.separate_roles` is set.

use crate::ck;
use crate::error::{Result, refuse};

use super::action::Effect;
use super::facts::{Facts, Use};

/// Uses that undo each other: CKA_DECRYPT opens what CKA_WRAP and CKA_ENCAPSULATE send out, and CKA_UNWRAP
/// and CKA_DECAPSULATE make a key of what CKA_ENCRYPT gives.
const OPPOSITES: [(Use, Use); 4] = [
    (Use::Wrap, Use::Decrypt),
    (Use::Encapsulate, Use::Decrypt),
    (Use::Unwrap, Use::Encrypt),
    (Use::Decapsulate, Use::Encrypt),
];

pub(super) fn combine(facts: &Facts) -> Result<Effect> {
    let uses = facts.key.as_ref().map_or(&[][..], |key| &key.uses);
    let both = |(one, other): &(Use, Use)| uses.contains(one) && uses.contains(other);
    if OPPOSITES.iter().any(both) {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "`policy.separate_roles` keeps CKA_WRAP and CKA_ENCAPSULATE from CKA_DECRYPT, and CKA_UNWRAP and CKA_DECAPSULATE from CKA_ENCRYPT",
        );
    }
    Ok(Effect::Done)
}

/// The token does not know what a key was used for before, and each use undoes another: even CKA_SIGN of an AES key
/// tells the key stream by which the key unwrapped. So no use is gained.
pub(super) fn gain<T>() -> Result<T> {
    refuse(
        ck::CKR_ATTRIBUTE_READ_ONLY,
        "with `policy.separate_roles` a key is not given a use later: name all of them when the key is made",
    )
}
