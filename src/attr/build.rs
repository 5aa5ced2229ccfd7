//! From a caller's template to the attributes of a new object.

use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype;
use crate::secret::Secret;

use super::attributes::Attributes;
use super::consistent::consistent;
use super::raw::{self, RawAttribute, RawTemplate, RawValue};
use super::row::{Change, Fallback, How, Need, Row, Showing};
use super::table;
use super::value::Value;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Maker {
    /// The SO is logged in.
    pub so: bool,
}

/// A new object, but for what the token alone knows.
#[derive(Debug)]
pub(crate) struct Built {
    /// Attributes: what the function implies, what the template gives, and defaults.
    pub attributes: Attributes,
    /// Key material that the template gives, in its order: CKA_VALUE, CKA_PRIVATE_EXPONENT ….
    pub secrets: Vec<(ck::CK_ATTRIBUTE_TYPE, Secret)>,
}

/// Validates `template` and makes the attributes of a new object (section 4.1.1).
///
/// `implied` is what the function, the mechanism, and CKA_UNWRAP_TEMPLATE or CKA_DERIVE_TEMPLATE
/// fix; the template may repeat it. The token sets afterwards what it alone knows: see
/// `finish_key_facts`, and CKA_UNIQUE_ID, CKA_CHECK_VALUE, public parts, ….
///
/// Errors: CKR_ATTRIBUTE_TYPE_INVALID (unknown attribute), CKR_ATTRIBUTE_VALUE_INVALID (wrong
/// type, length or value), CKR_ATTRIBUTE_READ_ONLY (not for this caller or function to say),
/// CKR_TEMPLATE_INCOMPLETE, CKR_TEMPLATE_INCONSISTENT (other object's attribute, contradiction).
pub(crate) fn build(
    how: How,
    implied: &Attributes,
    template: &RawTemplate,
    maker: &Maker,
) -> Result<Built> {
    let object = Object::of(how, implied, template)?;
    let mut built = Built {
        attributes: implied.clone(),
        secrets: Vec::new(),
    };
    for (kind, value) in implied.iter() {
        let row = object.row(kind)?;
        if row.need(how) == Need::Forbidden || !raw::within_limits(&row, value) {
            return Err(Error::new(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "the key to which this would apply cannot have it",
            )
            .at(row.name));
        }
    }
    for attribute in template {
        let row = object.row(attribute.kind)?;
        if row.need(how) == Need::Forbidden {
            return Err(read_only(&row, "the template must not give this"));
        }
        built.take(&row, attribute, maker)?;
    }
    object.require(how, &built)?;
    object.fill(&mut built.attributes);
    consistent(&built.attributes)?;
    if how != How::Generate && object.key_type.is_some() && built.attributes.bool(ck::CKA_TRUSTED) {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "only keys that the token generated can be trusted",
        );
    }
    Ok(built)
}

impl Built {
    fn take(&mut self, row: &Row, attribute: &RawAttribute, maker: &Maker) -> Result<()> {
        let value = raw::parse(row, attribute)?;
        permitted(row, &value, maker)?;
        if row.reveal == Showing::UnlessSensitive {
            return self.take_secret(row, attribute);
        }
        match self.attributes.get(row.kind) {
            None => self.attributes.set(row.kind, value),
            Some(present) if *present == value => {}
            Some(_) => return Err(contradiction(row)),
        }
        Ok(())
    }

    fn take_secret(&mut self, row: &Row, attribute: &RawAttribute) -> Result<()> {
        let RawValue::Bytes(secret) = &attribute.value else {
            return Err(raw::malformed(row.kind));
        };
        match self.secrets.iter().find(|(kind, _)| *kind == row.kind) {
            None => self.secrets.push((row.kind, secret.clone())),
            Some((_, present)) if present.ct_eq(secret) => {}
            Some(_) => return Err(contradiction(row)),
        }
        Ok(())
    }

    fn has(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
        self.attributes.get(kind).is_some() || self.secrets.iter().any(|(k, _)| *k == kind)
    }
}

/// Class and key type: what selects the rows.
struct Object {
    class: ck::CK_OBJECT_CLASS,
    key_type: Option<ck::CK_KEY_TYPE>,
}

impl Object {
    fn of(how: How, implied: &Attributes, template: &RawTemplate) -> Result<Self> {
        let says = |kind| match implied.ulong(kind) {
            Some(number) => Ok(Some(number)),
            None => raw::stated_ulong(template, kind),
        };
        let class = says(ck::CKA_CLASS)?.ok_or_else(|| missing("CKA_CLASS"))?;
        let key_type = match class {
            ck::CKO_DATA | ck::CKO_CERTIFICATE => None,
            ck::CKO_PUBLIC_KEY | ck::CKO_PRIVATE_KEY | ck::CKO_SECRET_KEY => {
                Some(says(ck::CKA_KEY_TYPE)?.ok_or_else(|| missing("CKA_KEY_TYPE"))?)
            }
            _ => return Err(raw::malformed(ck::CKA_CLASS)),
        };
        let possible = match how {
            How::Create => true,
            How::Generate => key_type.is_some(),
            How::Unwrap => matches!(class, ck::CKO_PRIVATE_KEY | ck::CKO_SECRET_KEY),
            How::Derive => matches!(class, ck::CKO_DATA | ck::CKO_SECRET_KEY),
            How::Copy => false,
        };
        if !possible {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "this function does not make objects of this class",
            );
        }
        Ok(Self { class, key_type })
    }

    fn row(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Result<Row> {
        row_for(kind, self.class, self.key_type)
    }

    fn rows(&self) -> impl Iterator<Item = Row> {
        table::rows_of(self.class, self.key_type)
    }

    fn require(&self, how: How, built: &Built) -> Result<()> {
        let absent = self
            .rows()
            .find(|row| row.need(how) == Need::Required && !built.has(row.kind));
        match absent {
            Some(row) => Err(missing(row.name)),
            None => Ok(()),
        }
    }

    fn fill(&self, attributes: &mut Attributes) {
        let says_usage = table::USAGES.iter().any(|usage| attributes.bool(*usage));
        let usual = self.key_type.and_then(keytype::find).map(|row| row.uses);
        for row in self.rows() {
            if attributes.get(row.kind).is_some() {
                continue;
            }
            let value = match row.default {
                Fallback::Absent => continue,
                Fallback::No => Value::Bool(false),
                Fallback::Yes => Value::Bool(true),
                Fallback::Usage => {
                    let fits = usual.is_some_and(|uses| uses.contains(&row.kind));
                    Value::Bool(fits && !says_usage)
                }
                Fallback::Empty => Value::Bytes(Vec::new()),
                Fallback::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
                Fallback::Number(number) => Value::Ulong(number),
            };
            attributes.set(row.kind, value);
        }
    }
}

/// The row of `kind` for an object. CKR_ATTRIBUTE_TYPE_INVALID for an unknown attribute,
/// CKR_TEMPLATE_INCONSISTENT for one of other objects.
pub(super) fn row_for(
    kind: ck::CK_ATTRIBUTE_TYPE,
    class: ck::CK_OBJECT_CLASS,
    key_type: Option<ck::CK_KEY_TYPE>,
) -> Result<Row> {
    if let Some(row) = table::row(kind, class, key_type) {
        return Ok(row);
    }
    let elsewhere = table::any_row(kind).ok_or_else(|| raw::unknown(kind))?;
    let what = "not an attribute of this class and key type";
    Err(Error::new(ck::CKR_TEMPLATE_INCONSISTENT, what).at(elsewhere.name))
}

/// Refuses a value that this caller may not give: CKA_TRUSTED=TRUE is the security officer's to say
/// (footnote 10). An attribute that the template of C_UnwrapKey or C_DeriveKey may not contain is refused
/// in CKA_UNWRAP_TEMPLATE or CKA_DERIVE_TEMPLATE too, which would say it of every key to come.
pub(super) fn permitted(row: &Row, value: &Value, maker: &Maker) -> Result<()> {
    let of_so = |row: &Row, value: &Value| {
        row.set == Change::SoOnly && *value == Value::Bool(true) && !maker.so
    };
    let template_of = match row.kind {
        ck::CKA_UNWRAP_TEMPLATE => Some(How::Unwrap),
        ck::CKA_DERIVE_TEMPLATE => Some(How::Derive),
        _ => None,
    };
    let allowed = match (value, template_of) {
        (Value::Template(entries), Some(how)) => entries.iter().all(|(kind, value)| {
            let mut rows = table::rows().filter(|row| row.kind == *kind);
            rows.any(|row| row.need(how) != Need::Forbidden && !of_so(&row, value))
        }),
        _ => !of_so(row, value),
    };
    if !allowed {
        return Err(read_only(row, "not for this caller to give"));
    }
    Ok(())
}

fn read_only(row: &Row, what: &'static str) -> Error {
    Error::new(ck::CKR_ATTRIBUTE_READ_ONLY, what).at(row.name)
}

fn missing(name: &'static str) -> Error {
    Error::new(ck::CKR_TEMPLATE_INCOMPLETE, "the template must give this").at(name)
}

/// The refusal of a second, different value.
pub(super) fn contradiction(row: &Row) -> Error {
    Error::new(
        ck::CKR_TEMPLATE_INCONSISTENT,
        "attribute has two different values",
    )
    .at(row.name)
}
