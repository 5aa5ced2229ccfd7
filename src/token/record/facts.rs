//! The facts of an object that policy judges, read from its attributes.

use crate::attr::{Attributes, Value};
use crate::ck;
use crate::policy::{Facts, KeyFacts, Pieces, Use, dates};

use super::external;

pub(crate) fn facts(attributes: &Attributes, enforce_dates: bool) -> Facts {
    let class = attributes.class();
    let set = attributes.set_flags();
    let set = |kind| set.contains(&kind);
    let is_key = class == ck::CKO_PUBLIC_KEY || ck::holds_secret(class);
    Facts {
        token: set(ck::CKA_TOKEN),
        private: set(ck::CKA_PRIVATE),
        modifiable: set(ck::CKA_MODIFIABLE),
        copyable: set(ck::CKA_COPYABLE),
        destroyable: set(ck::CKA_DESTROYABLE),
        key: is_key.then(|| key_facts(attributes, class, set, enforce_dates)),
    }
}

/// `set` says which attributes are TRUE.
fn key_facts(
    attributes: &Attributes,
    class: ck::CK_OBJECT_CLASS,
    set: impl Fn(ck::CK_ATTRIBUTE_TYPE) -> bool,
    enforce_dates: bool,
) -> KeyFacts {
    const USES: [Use; 11] = [
        Use::Encrypt,
        Use::Decrypt,
        Use::Sign,
        Use::SignRecover,
        Use::Verify,
        Use::VerifyRecover,
        Use::Wrap,
        Use::Unwrap,
        Use::Derive,
        Use::Encapsulate,
        Use::Decapsulate,
    ];
    let secret = class != ck::CKO_PUBLIC_KEY;
    let date = |kind| attributes.bytes(kind).filter(|_| enforce_dates);
    KeyFacts {
        secret,
        sensitive: set(ck::CKA_SENSITIVE),
        extractable: set(ck::CKA_EXTRACTABLE),
        wrap_with_trusted: set(ck::CKA_WRAP_WITH_TRUSTED),
        trusted: ck::is_secret_key(class) && set(ck::CKA_TRUSTED),
        value_len: value_len(attributes),
        pieces: attributes
            .ulongs(ck::INTERNAL_PIECES)
            .map(Pieces::from_stored),
        uses: USES
            .into_iter()
            .filter(|what| set(what.attribute()))
            .collect(),
        allowed: attributes
            .ulongs(ck::CKA_ALLOWED_MECHANISMS)
            .map(<[_]>::to_vec),
        not_before: date(ck::CKA_START_DATE).and_then(dates::day_begins),
        not_after: date(ck::CKA_END_DATE).and_then(dates::day_ends),
        expires_at: external::ends_at(attributes),
        gone_at: external::gone_at(attributes),
        external: external::facts(attributes),
    }
}

fn value_len(attributes: &Attributes) -> usize {
    let len = attributes.ulong(ck::CKA_VALUE_LEN).unwrap_or(0);
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// Stores of which pieces a secret key's value consists.
pub(crate) fn set_pieces(attributes: &mut Attributes, pieces: &Pieces) {
    match pieces.stored() {
        Some(numbers) => attributes.set(ck::INTERNAL_PIECES, Value::Ulongs(numbers)),
        None => drop(attributes.remove(ck::INTERNAL_PIECES)),
    }
}

pub(in crate::token) fn set_origin(attributes: &mut Attributes, origin: ck::CK_ULONG) {
    if ck::holds_secret(attributes.class()) {
        attributes.set(ck::CKA_TENON_ORIGIN, Value::Ulong(origin));
    }
}
