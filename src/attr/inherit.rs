//! What a key inherits from the keys that it is made of: the limits of their lives, and, where it holds bytes
//! of them, what protects those bytes.

use crate::ck;
use crate::error::{Error, Result};

use super::attributes::Attributes;
use super::consistent::{consistent, has_no_use_but};
use super::raw::{RawTemplate, stated_bool};
use super::table;
use super::value::Value;

/// The uses that a secret key can have.
pub(crate) const SECRET_USES: [ck::CK_ATTRIBUTE_TYPE; 7] = [
    ck::CKA_ENCRYPT,
    ck::CKA_DECRYPT,
    ck::CKA_SIGN,
    ck::CKA_VERIFY,
    ck::CKA_WRAP,
    ck::CKA_UNWRAP,
    ck::CKA_DERIVE,
];

/// Adds an attribute to `implied`, those that are fixed for a derived object.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT where it has another value there.
pub(crate) fn imply(
    implied: &mut Attributes,
    kind: ck::CK_ATTRIBUTE_TYPE,
    value: Value,
) -> Result<()> {
    if implied.get(kind).is_some_and(|present| *present != value) {
        return Err(Error::new(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "the keys of which this one is derived, their CKA_DERIVE_TEMPLATE and the mechanism demand different values",
        )
        .at(table::name(kind).unwrap_or_default()));
    }
    implied.set(kind, value);
    Ok(())
}

/// Adds to `implied` what a secret key inherits from `parent`, of whose bytes it is made: what keeps those
/// bytes closed, and what a copy could not change.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT where another operand, or a CKA_DERIVE_TEMPLATE, demands otherwise.
pub(crate) fn inherit_protection(implied: &mut Attributes, parent: &Attributes) -> Result<()> {
    for (kind, strict) in [
        (ck::CKA_SENSITIVE, true),
        (ck::CKA_EXTRACTABLE, false),
        (ck::CKA_WRAP_WITH_TRUSTED, true),
        (ck::CKA_PRIVATE, true),
        (ck::CKA_MODIFIABLE, false),
    ] {
        if parent.bool(kind) == strict {
            imply(implied, kind, Value::Bool(strict))?;
        }
    }
    for kind in [
        ck::CKA_ALLOWED_MECHANISMS,
        ck::CKA_WRAP_TEMPLATE,
        ck::CKA_UNWRAP_TEMPLATE,
        ck::CKA_DERIVE_TEMPLATE,
    ] {
        if let Some(value) = parent.get(kind) {
            imply(implied, kind, value.clone())?;
        }
    }
    Ok(())
}

/// Adds to `implied` what guards a secret key that a function of TLS derives of `parent` (sections 6.39 and 6.40): whatever
/// guards that; and, where the template does not say otherwise or the key is guarded `exactly` so, what does not.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT where a CKA_DERIVE_TEMPLATE demands less.
pub(crate) fn inherit_guards(
    implied: &mut Attributes,
    parent: &Attributes,
    template: &RawTemplate,
    exactly: bool,
) -> Result<()> {
    for (kind, strict) in [(ck::CKA_SENSITIVE, true), (ck::CKA_EXTRACTABLE, false)] {
        let own = parent.bool(kind);
        let open =
            implied.get(kind).is_none() && (exactly || stated_bool(template, kind)?.is_none());
        if own == strict || open {
            imply(implied, kind, Value::Bool(own))?;
        }
    }
    if parent.bool(ck::CKA_WRAP_WITH_TRUSTED) {
        imply(implied, ck::CKA_WRAP_WITH_TRUSTED, Value::Bool(true))?;
    }
    Ok(())
}

/// Adds to `implied` that a secret key lacks the uses which not all of `parents` have, of whose bytes it is made.
/// A parent that only ever had CKA_DERIVE bounds nothing: it may be split into keys of any use.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT where a CKA_DERIVE_TEMPLATE demands such a use.
pub(crate) fn inherit_uses(implied: &mut Attributes, parents: &[&Attributes]) -> Result<()> {
    let Some(allowed) = common_uses(parents) else {
        return Ok(());
    };
    for kind in SECRET_USES
        .into_iter()
        .filter(|kind| !allowed.contains(kind))
    {
        imply(implied, kind, Value::Bool(false))?;
    }
    Ok(())
}

/// Notes in a secret key made of the bytes of `parents` which uses `inherit_uses` left it. Where it has
/// none of them now, keys made of its own bytes still have no others.
pub(crate) fn note_uses_of_copies(attributes: &mut Attributes, parents: &[&Attributes]) {
    if let Some(allowed) = common_uses(parents) {
        attributes.set(ck::INTERNAL_USES_OF_COPIES, Value::Ulongs(allowed));
    }
}

fn common_uses(parents: &[&Attributes]) -> Option<Vec<ck::CK_ATTRIBUTE_TYPE>> {
    let bounds = parents.iter().filter_map(|key| uses_of_copies(key));
    bounds.reduce(|one, other| {
        let both = one.into_iter().filter(|kind| other.contains(kind));
        both.collect()
    })
}

/// The number that INTERNAL_USES_OF_COPIES has in tokens of earlier builds. Today's meaning of it is a text, of which
/// a list is told by its type.
const FORMER_USES_OF_COPIES: ck::CK_ATTRIBUTE_TYPE = ck::INTERNAL_ENDED_BY;

/// The uses that a key may have which is made of this one's bytes; `None` where it may have any.
fn uses_of_copies(key: &Attributes) -> Option<Vec<ck::CK_ATTRIBUTE_TYPE>> {
    if !only_derives(key) {
        return Some(
            SECRET_USES
                .into_iter()
                .filter(|kind| key.bool(*kind))
                .collect(),
        );
    }
    let stored = key.ulongs(ck::INTERNAL_USES_OF_COPIES);
    let stored = stored.or_else(|| key.ulongs(FORMER_USES_OF_COPIES))?;
    Some(stored.to_vec())
}

fn only_derives(key: &Attributes) -> bool {
    has_no_use_but(&[ck::CKA_DERIVE], key)
}

/// Notes in `after` the uses that a secret key had before a change took all but CKA_DERIVE from it. Without
/// the note a key made of its bytes could have uses that the key itself never had.
pub(super) fn note_former_uses(before: &Attributes, after: &mut Attributes) {
    let had = uses_of_copies(before).filter(|_| only_derives(after));
    if let (true, Some(uses)) = (ck::is_secret_key(before.class()), had) {
        after.set(ck::INTERNAL_USES_OF_COPIES, Value::Ulongs(uses));
    }
}

/// Gives a key that is made of `parents` the limits of their lives: the latest CKA_START_DATE, the
/// earliest CKA_END_DATE and the earliest CKA_TENON_EXPIRES_AT. Stricter dates of its own stay.
///
/// # Errors
/// CKR_TEMPLATE_INCONSISTENT where a date of its own is laxer, or the key would end before it begins.
pub(crate) fn inherit_limits(attributes: &mut Attributes, parents: &[&Attributes]) -> Result<()> {
    // Dates and times sort as bytes.
    let limits = |kind| parents.iter().filter_map(move |parent| limit(parent, kind));
    let begin = limits(ck::CKA_START_DATE).max();
    inherit(attributes, ck::CKA_START_DATE, begin, |own, given| {
        own >= given
    })?;
    for kind in [ck::CKA_END_DATE, ck::CKA_TENON_EXPIRES_AT] {
        inherit(attributes, kind, limits(kind).min(), |own, given| {
            own <= given
        })?;
    }
    consistent(attributes)
}

/// A date or time that limits a key's life: neither the empty date nor the time 0 does.
fn limit(attributes: &Attributes, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
    let bytes = attributes.bytes(kind)?;
    bytes.iter().any(|byte| *byte != 0).then_some(bytes)
}

fn inherit(
    attributes: &mut Attributes,
    kind: ck::CK_ATTRIBUTE_TYPE,
    given: Option<&[u8]>,
    strict: fn(&[u8], &[u8]) -> bool,
) -> Result<()> {
    let Some(given) = given else {
        return Ok(());
    };
    match limit(attributes, kind) {
        None => attributes.set(kind, Value::Bytes(given.to_vec())),
        Some(own) if strict(own, given) => {}
        Some(_) => {
            return Err(Error::new(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "a key begins no sooner and ends no later than the keys that it is made of: leave the date out, or give one within theirs",
            )
            .at(table::name(kind).unwrap_or_default()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A token of an earlier build has the note under the number that is INTERNAL_ENDED_BY today.
    #[test]
    fn a_note_of_former_uses_by_its_earlier_number_still_bounds_copies() {
        let key = |note: Option<(ck::CK_ATTRIBUTE_TYPE, Value)>| {
            let mut key = Attributes::default();
            key.set(ck::CKA_CLASS, Value::Ulong(ck::CKO_SECRET_KEY));
            key.set(ck::CKA_DERIVE, Value::Bool(true));
            if let Some((kind, value)) = note {
                key.set(kind, value);
            }
            key
        };
        let list = || Value::Ulongs(vec![ck::CKA_SIGN]);
        for number in [ck::INTERNAL_USES_OF_COPIES, ck::INTERNAL_ENDED_BY] {
            let noted = key(Some((number, list())));
            assert_eq!(uses_of_copies(&noted), Some(vec![ck::CKA_SIGN]));
            let mut implied = Attributes::default();
            inherit_uses(&mut implied, &[&noted]).unwrap();
            assert_eq!(implied.get(ck::CKA_ENCRYPT), Some(&Value::Bool(false)));
        }
        assert_eq!(uses_of_copies(&key(None)), None);
        let ended = Value::Bytes(b"expired".to_vec());
        assert_eq!(
            uses_of_copies(&key(Some((ck::INTERNAL_ENDED_BY, ended)))),
            None
        );
    }
}
