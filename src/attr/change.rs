//! Changes to an object's attributes, in place or in a copy.

use crate::ck;
use crate::error::{Error, Result, refuse};

use super::attributes::Attributes;
use super::build::{Maker, contradiction, permitted, row_for};
use super::consistent::{consistent, only_wraps};
use super::raw::{self, RawAttribute, RawTemplate};
use super::row::{Change, Row};
use super::table;
use super::value::Value;

/// The attributes after C_SetAttributeValue (section 4.1.2).
///
/// CKR_ACTION_PROHIBITED for a trusted certificate, CKR_ATTRIBUTE_READ_ONLY for a change that the
/// attribute does not allow, and the codes of `build`. Whether the object may be changed at all is asked
/// of `policy`.
pub(crate) fn change(
    current: &Attributes,
    template: &RawTemplate,
    maker: &Maker,
) -> Result<Attributes> {
    // Section 4.6: "Trusted certificates cannot be modified."
    let certificate = current.class() == ck::CKO_CERTIFICATE;
    if certificate && current.bool(ck::CKA_TRUSTED) && !maker.so {
        return refuse(ck::CKR_ACTION_PROHIBITED, "the certificate is trusted");
    }
    apply(current, template, maker, |row| row.set)
}

/// The attributes of a copy (section 4.1.3), without CKA_UNIQUE_ID, which the token sets. A copy of
/// a certificate is trusted only if the SO makes it.
///
/// The codes of `change`. Whether the object may be copied at all is asked of `policy`.
pub(crate) fn copy(
    current: &Attributes,
    template: &RawTemplate,
    maker: &Maker,
) -> Result<Attributes> {
    let mut copied = apply(current, template, maker, |row| row.copy)?;
    copied.remove(ck::CKA_UNIQUE_ID);
    // What a user may change in a copy is not what the SO trusted.
    if current.class() == ck::CKO_CERTIFICATE && !maker.so {
        copied.set(ck::CKA_TRUSTED, Value::Bool(false));
    }
    Ok(copied)
}

fn apply(
    current: &Attributes,
    template: &RawTemplate,
    maker: &Maker,
    column: fn(&Row) -> Change,
) -> Result<Attributes> {
    let mut changed = current.clone();
    for (place, attribute) in template.iter().enumerate() {
        let row = row_for(attribute.kind, current.class(), current.key_type())?;
        let rule = column(&row);
        if rule == Change::Never {
            return Err(read_only(&row));
        }
        let value = raw::parse(&row, attribute)?;
        permitted(&row, &value, maker)?;
        if !allows(rule, current.get(row.kind), &value, maker) {
            return Err(read_only(&row));
        }
        if repeats_differently(&template[..place], &row, &value) {
            return Err(contradiction(&row));
        }
        changed.set(row.kind, value);
    }
    if !only_wraps(&changed) {
        changed.remove(ck::INTERNAL_ONLY_WRAPS);
    }
    consistent(&changed)?;
    trust(current, &changed)?;
    Ok(changed)
}

fn allows(rule: Change, present: Option<&Value>, wanted: &Value, maker: &Maker) -> bool {
    if present == Some(wanted) && rule != Change::Never {
        return true;
    }
    match rule {
        Change::Never => false,
        Change::Free => true,
        Change::OnlyToTrue => *wanted == Value::Bool(true),
        Change::OnlyToFalse => *wanted == Value::Bool(false),
        Change::OnlyToEmpty => *wanted == Value::Bytes(Vec::new()),
        // YYYYMMDD sorts as text. No date at all is no limit, so it may become any date.
        Change::OnlyEarlier => dates(present, wanted)
            .is_none_or(|(present, wanted)| !wanted.is_empty() && wanted < present),
        Change::OnlyLater => {
            dates(present, wanted).is_none_or(|(present, wanted)| wanted > present)
        }
        Change::SoOnly => maker.so,
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

fn repeats_differently(before: &[RawAttribute], row: &Row, value: &Value) -> bool {
    before
        .iter()
        .filter(|attribute| attribute.kind == row.kind)
        .any(|attribute| raw::parse(row, attribute).ok().as_ref() != Some(value))
}

/// A key becomes trusted only if the token generated it, and keeps its roles while it is. Of a
/// secret key nobody may know the value, and no other object and no operation begun earlier may
/// have another use of it: either opens what it wraps.
fn trust(current: &Attributes, changed: &Attributes) -> Result<()> {
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
    let secret = current.class() == ck::CKO_SECRET_KEY;
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

fn read_only(row: &Row) -> Error {
    Error::new(
        ck::CKR_ATTRIBUTE_READ_ONLY,
        "attribute cannot be changed so",
    )
    .at(row.name)
}
