//! Changes to an object's attributes, in place or in a copy.

use crate::ck;
use crate::error::{Error, Result, refuse};

use super::attributes::Attributes;
use super::build::{Requester, contradiction, permitted, row_for};
use super::consistent::{consistent, only_wraps};
use super::inherit::note_former_uses;
use super::raw::{self, RawAttribute, RawTemplate};
use super::row::{AttributeRow, ChangeRule};
use super::table;
use super::value::Value;

/// The attributes after C_SetAttributeValue (section 4.1.2).
///
/// Whether the object may be changed at all is decided by `policy`, not here.
///
/// # Errors
/// CKR_ACTION_PROHIBITED for a trusted certificate, CKR_ATTRIBUTE_READ_ONLY for a change that the
/// attribute does not allow, and those of `build`.
pub(crate) fn change(
    current: &Attributes,
    template: &RawTemplate,
    requester: &Requester,
) -> Result<Attributes> {
    // Section 4.6: "Trusted certificates cannot be modified."
    let certificate = current.class() == ck::CKO_CERTIFICATE;
    if certificate && current.bool(ck::CKA_TRUSTED) && !requester.is_so {
        return refuse(ck::CKR_ACTION_PROHIBITED, "the certificate is trusted");
    }
    apply(current, template, requester, |row| row.set)
}

/// The attributes of a copy (section 4.1.3), without CKA_UNIQUE_ID, which the token sets. A copy of
/// a certificate is trusted only if the security officer makes it. Whether the object may be copied at all is
/// decided by `policy`, not here.
///
/// # Errors
/// Those of `change`.
pub(crate) fn copy(
    current: &Attributes,
    template: &RawTemplate,
    requester: &Requester,
) -> Result<Attributes> {
    let mut copied = apply(current, template, requester, |row| row.copy)?;
    copied.remove(ck::CKA_UNIQUE_ID);
    // The user may have changed the copy, so that the security officer's trust does not cover it.
    if current.class() == ck::CKO_CERTIFICATE && !requester.is_so {
        copied.set(ck::CKA_TRUSTED, Value::Bool(false));
    }
    Ok(copied)
}

fn apply(
    current: &Attributes,
    template: &RawTemplate,
    requester: &Requester,
    column: fn(&AttributeRow) -> ChangeRule,
) -> Result<Attributes> {
    let mut changed = current.clone();
    for (place, attribute) in template.iter().enumerate() {
        let row = row_for(attribute.kind, current.class(), current.subtype())?;
        let rule = column(row);
        if rule == ChangeRule::Never {
            return Err(read_only(row));
        }
        let value = raw::parse(row, attribute)?;
        permitted(row, &value, requester)?;
        if !allows(rule, current.get(row.kind), &value, requester) {
            return Err(read_only(row));
        }
        if repeats_differently(&template[..place], row, &value) {
            return Err(contradiction(row));
        }
        changed.set(row.kind, value);
    }
    note_former_uses(current, &mut changed);
    if !only_wraps(&changed) {
        changed.remove(ck::INTERNAL_ONLY_WRAPS);
    }
    consistent(&changed).map_err(as_inconsistent)?;
    check_trust(current, &changed)?;
    Ok(changed)
}

/// A change is never incomplete (section 4.1.2).
fn as_inconsistent(mut error: Error) -> Error {
    if error.rv == ck::CKR_TEMPLATE_INCOMPLETE {
        error.rv = ck::CKR_TEMPLATE_INCONSISTENT;
    }
    error
}

fn allows(
    rule: ChangeRule,
    present: Option<&Value>,
    wanted: &Value,
    requester: &Requester,
) -> bool {
    if present == Some(wanted) && rule != ChangeRule::Never {
        return true;
    }
    match rule {
        ChangeRule::Never => false,
        ChangeRule::Free => true,
        ChangeRule::OnlyToTrue => *wanted == Value::Bool(true),
        ChangeRule::OnlyToFalse => *wanted == Value::Bool(false),
        ChangeRule::OnlyToEmpty => *wanted == Value::Bytes(Vec::new()),
        // YYYYMMDD sorts as text. No date at all is no limit, so it may become any date.
        ChangeRule::OnlyEarlier => dates(present, wanted)
            .is_none_or(|(present, wanted)| !wanted.is_empty() && wanted < present),
        ChangeRule::OnlyLater => {
            dates(present, wanted).is_none_or(|(present, wanted)| wanted > present)
        }
        ChangeRule::SoOnly => requester.is_so,
    }
}

/// The date that is there and the wanted one; `None` where none is there.
fn dates<'a>(present: Option<&'a Value>, wanted: &'a Value) -> Option<(&'a [u8], &'a [u8])> {
    match (present, wanted) {
        (Some(Value::Bytes(present)), Value::Bytes(wanted)) if !present.is_empty() => {
            Some((present, wanted))
        }
        _ => None,
    }
}

fn repeats_differently(before: &[RawAttribute], row: &AttributeRow, value: &Value) -> bool {
    before
        .iter()
        .filter(|attribute| attribute.kind == row.kind)
        .any(|attribute| raw::parse(row, attribute).ok().as_ref() != Some(value))
}

/// Refuses CKA_TRUSTED for a key that the token did not generate, and another use for a key that is trusted.
/// A secret key is trusted only if its value never left the token and it never had another use than wrapping:
/// whoever knows the value, a copy, or an operation begun earlier would open what it wraps. It stays trusted for the same
/// reason: an ordinary key gets other uses, and shows what it unwraps.
fn check_trust(current: &Attributes, changed: &Attributes) -> Result<()> {
    let secret = ck::is_secret_key(current.class());
    if secret && current.bool(ck::CKA_TRUSTED) && !changed.bool(ck::CKA_TRUSTED) {
        return refuse(
            ck::CKR_ATTRIBUTE_READ_ONLY,
            "a secret key stays trusted, since without that it would open what it has wrapped: destroy it instead",
        );
    }
    if current.key_type().is_none() || !changed.bool(ck::CKA_TRUSTED) {
        return Ok(());
    }
    if !current.bool(ck::CKA_LOCAL) {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "only keys that the token generated can be trusted",
        );
    }
    let unknown = current.bool(ck::CKA_ALWAYS_SENSITIVE) && current.bool(ck::CKA_NEVER_EXTRACTABLE);
    if secret && !(unknown && current.bool(ck::INTERNAL_ONLY_WRAPS)) {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "a trusted secret key never was CKA_EXTRACTABLE, CKA_COPYABLE or of another use than wrapping: generate it so",
        );
    }
    let kept = |usage: &u64| current.bool(*usage) == changed.bool(*usage);
    if current.bool(ck::CKA_TRUSTED) && !table::USAGES.iter().all(kept) {
        return refuse(
            ck::CKR_ATTRIBUTE_READ_ONLY,
            "the roles of a trusted key are fixed",
        );
    }
    Ok(())
}

fn read_only(row: &AttributeRow) -> Error {
    Error::new(
        ck::CKR_ATTRIBUTE_READ_ONLY,
        "this attribute cannot be changed in this way",
    )
    .at(row.name)
}
