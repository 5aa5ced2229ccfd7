//! From a caller's template to the attributes of a new object.

use crate::ck;
use crate::error::{Error, Result, refuse};
use crate::keytype;
use crate::secret::Secret;

use super::attributes::Attributes;
use super::consistent::consistent;
use super::raw::{self, RawAttribute, RawTemplate, RawValue};
use super::row::{AttributeRow, ChangeRule, CreatedBy, Fallback, Need, Showing};
use super::table;
use super::value::Value;

/// Who calls the function that the template is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Requester {
    /// The security officer is logged in.
    pub is_so: bool,
    /// A key whose template names no use wraps, unwraps and recovers too where its type can, as such keys of SoftHSM2 do;
    /// else it has uses for data alone.
    pub every_use: bool,
}

/// The uses that `Requester::every_use` adds by default.
const BEYOND_DATA: [ck::CK_ATTRIBUTE_TYPE; 4] = [
    ck::CKA_WRAP,
    ck::CKA_UNWRAP,
    ck::CKA_SIGN_RECOVER,
    ck::CKA_VERIFY_RECOVER,
];

/// The attributes and the material of an object that is being made.
#[derive(Debug)]
pub(crate) struct NewObject {
    /// What the function implies, what the template gives, and defaults. What only the token knows, such as
    /// CKA_UNIQUE_ID, is not set yet.
    pub attributes: Attributes,
    /// Key material that the template gives, in the template's order: CKA_VALUE, CKA_PRIVATE_EXPONENT ….
    pub secrets: Vec<(ck::CK_ATTRIBUTE_TYPE, Secret)>,
}

/// Validates `template` and makes the attributes of a new object (section 4.1.1).
///
/// `implied` holds the attributes that the function, the mechanism, and CKA_UNWRAP_TEMPLATE or
/// CKA_DERIVE_TEMPLATE fix; the template may repeat them. The token adds afterwards what only it knows:
/// `finish_key_facts`, CKA_UNIQUE_ID, CKA_CHECK_VALUE, the public components.
///
/// # Errors
/// - CKR_ATTRIBUTE_TYPE_INVALID: the token has no such attribute.
/// - CKR_ATTRIBUTE_VALUE_INVALID: wrong type, length or value.
/// - CKR_ATTRIBUTE_READ_ONLY: this function or this requester may not give the attribute.
/// - CKR_TEMPLATE_INCOMPLETE: the template lacks an attribute that it must give.
/// - CKR_TEMPLATE_INCONSISTENT: an attribute of other objects, or values that contradict each other.
pub(crate) fn build(
    created_by: CreatedBy,
    implied: &Attributes,
    template: &RawTemplate,
    requester: &Requester,
) -> Result<NewObject> {
    let object_type = ObjectType::of(created_by, implied, template)?;
    let mut object = NewObject {
        attributes: implied.to_be_filled(),
        secrets: Vec::new(),
    };
    for (kind, value) in implied.iter() {
        let row = object_type.row(kind)?;
        if row.need(created_by) == Need::Forbidden || !raw::within_limits(row, value) {
            return Err(Error::new(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "the mechanism, or the template of the unwrapping or base key, gives an attribute that this key cannot have",
            )
            .at(row.name));
        }
    }
    for attribute in template {
        let row = object_type.row(attribute.kind)?;
        if row.need(created_by) == Need::Forbidden {
            return Err(read_only(row, "the template must not give this"));
        }
        object.take(row, attribute, requester)?;
    }
    object_type.require(created_by, &object)?;
    object_type.fill(created_by, &mut object.attributes, requester);
    consistent(&object.attributes)?;
    if created_by != CreatedBy::Generate
        && object_type.key_type().is_some()
        && object.attributes.bool(ck::CKA_TRUSTED)
    {
        return refuse(
            ck::CKR_TEMPLATE_INCONSISTENT,
            "only keys that the token generated can be trusted",
        );
    }
    Ok(object)
}

impl NewObject {
    fn take(
        &mut self,
        row: &AttributeRow,
        attribute: &RawAttribute,
        requester: &Requester,
    ) -> Result<()> {
        let value = raw::parse(row, attribute)?;
        permitted(row, &value, requester)?;
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

    fn take_secret(&mut self, row: &AttributeRow, attribute: &RawAttribute) -> Result<()> {
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

/// Whether `kind` is a use of a key, or protects it: what ordinary clients name in every template.
pub(crate) fn is_use_or_protection(kind: ck::CK_ATTRIBUTE_TYPE) -> bool {
    let protection = [ck::CKA_SENSITIVE, ck::CKA_EXTRACTABLE, ck::CKA_PRIVATE];
    table::USAGES.contains(&kind) || protection.contains(&kind)
}

/// Refuses an attribute in the template of a function that gives material to a key that is there, unless the key has
/// this very value. Key material is never compared.
///
/// # Errors
/// Where the key has another value, or none: as `build`, CKR_ATTRIBUTE_READ_ONLY where the function's template must not
/// give the attribute, else CKR_TEMPLATE_INCONSISTENT.
pub(crate) fn repeats(
    created_by: CreatedBy,
    present: &Attributes,
    attribute: &RawAttribute,
) -> Result<()> {
    let kind = attribute.kind;
    let known = table::any_row(kind).ok_or_else(|| raw::unknown(kind))?;
    if !table::is_material(kind) {
        let value = raw::read(known.value_type, attribute)?;
        if present.get(kind) == Some(&value) {
            return Ok(());
        }
    }
    let row = row_for(kind, present.class(), present.key_type())?;
    if row.need(created_by) == Need::Forbidden {
        return Err(read_only(
            row,
            "only the value that the key has may be given",
        ));
    }
    let what =
        "the key has another value: leave the attribute out, or give the value that the key has";
    Err(Error::new(ck::CKR_TEMPLATE_INCONSISTENT, what).at(row.name))
}

/// Class and subtype of an object, which select the rows of its attributes.
struct ObjectType {
    class: ck::CK_OBJECT_CLASS,
    /// CKA_KEY_TYPE of a key or of domain parameters, CKA_CERTIFICATE_TYPE of a certificate.
    subtype: Option<ck::CK_ULONG>,
    /// The rows of its attributes, in ascending order of the kinds.
    rows: &'static [AttributeRow],
}

impl ObjectType {
    fn of(created_by: CreatedBy, implied: &Attributes, template: &RawTemplate) -> Result<Self> {
        let given = |kind| match implied.ulong(kind) {
            Some(number) => Ok(Some(number)),
            None => raw::stated_ulong(template, kind),
        };
        let class = given(ck::CKA_CLASS)?.ok_or_else(|| missing("CKA_CLASS"))?;
        if !table::CLASSES.contains(&class) {
            return Err(raw::malformed(ck::CKA_CLASS));
        }
        if !makes(created_by, class) {
            return refuse(
                ck::CKR_TEMPLATE_INCONSISTENT,
                "this function does not make objects of this class",
            );
        }
        let subtype = match class {
            ck::CKO_DATA | ck::CKO_TRUST => None,
            ck::CKO_CERTIFICATE => {
                let kind = given(ck::CKA_CERTIFICATE_TYPE)?;
                let kind = kind.ok_or_else(|| missing("CKA_CERTIFICATE_TYPE"))?;
                if !table::CERTIFICATES.contains(&kind) {
                    return Err(raw::malformed(ck::CKA_CERTIFICATE_TYPE));
                }
                Some(kind)
            }
            _ => Some(given(ck::CKA_KEY_TYPE)?.ok_or_else(|| missing("CKA_KEY_TYPE"))?),
        };
        Ok(Self {
            class,
            subtype,
            rows: table::rows_of(class, subtype),
        })
    }

    fn key_type(&self) -> Option<ck::CK_KEY_TYPE> {
        self.subtype.filter(|_| self.class != ck::CKO_CERTIFICATE)
    }

    fn row(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Result<&'static AttributeRow> {
        table::row_in(self.rows, kind).map_or_else(|| Err(elsewhere(kind)), Ok)
    }

    fn require(&self, created_by: CreatedBy, object: &NewObject) -> Result<()> {
        let absent = self
            .rows
            .iter()
            .find(|row| row.need(created_by) == Need::Required && !object.has(row.kind));
        match absent {
            Some(row) => Err(missing(row.name)),
            None => Ok(()),
        }
    }

    fn fill(&self, created_by: CreatedBy, attributes: &mut Attributes, requester: &Requester) {
        let given_away = created_by == CreatedBy::Create || attributes.bool(ck::CKA_EXTRACTABLE);
        let sensitive = attributes.bool(ck::CKA_WRAP_WITH_TRUSTED) || !given_away;
        let gives_usage = table::USAGES.iter().any(|usage| attributes.bool(*usage));
        let default_uses = self.key_type().and_then(keytype::find).map(|row| row.uses);
        attributes.fill(
            self.rows,
            |row| row.kind,
            |row| {
                Some(match row.default {
                    Fallback::Absent | Fallback::Unset => return None,
                    Fallback::No => Value::Bool(false),
                    Fallback::Yes => Value::Bool(true),
                    Fallback::Sensitive => Value::Bool(sensitive),
                    Fallback::Usage => {
                        let fits = default_uses.is_some_and(|uses| uses.contains(&row.kind));
                        let given = requester.every_use || !BEYOND_DATA.contains(&row.kind);
                        Value::Bool(fits && given && !gives_usage)
                    }
                    Fallback::Empty => Value::Bytes(Vec::new()),
                    Fallback::Bytes(bytes) => Value::Bytes(bytes.to_vec()),
                    Fallback::Number(number) => Value::Ulong(number),
                })
            },
        );
    }
}

/// Whether a function makes objects of this class.
fn makes(created_by: CreatedBy, class: ck::CK_OBJECT_CLASS) -> bool {
    match created_by {
        CreatedBy::Create => true,
        CreatedBy::Generate => matches!(
            class,
            ck::CKO_PUBLIC_KEY
                | ck::CKO_PRIVATE_KEY
                | ck::CKO_SECRET_KEY
                | ck::CKO_OTP_KEY
                | ck::CKO_DOMAIN_PARAMETERS
        ),
        CreatedBy::Unwrap => ck::holds_secret(class),
        CreatedBy::Derive => matches!(class, ck::CKO_DATA | ck::CKO_SECRET_KEY),
        CreatedBy::Copy => false,
    }
}

/// The row of `kind` for an object of this class and subtype.
///
/// # Errors
/// CKR_ATTRIBUTE_TYPE_INVALID for an unknown attribute, CKR_TEMPLATE_INCONSISTENT for one that only other
/// objects have.
pub(super) fn row_for(
    kind: ck::CK_ATTRIBUTE_TYPE,
    class: ck::CK_OBJECT_CLASS,
    subtype: Option<ck::CK_ULONG>,
) -> Result<&'static AttributeRow> {
    table::row(kind, class, subtype).map_or_else(|| Err(elsewhere(kind)), Ok)
}

/// The refusal of an attribute that the object cannot have.
fn elsewhere(kind: ck::CK_ATTRIBUTE_TYPE) -> Error {
    let Some(row) = table::any_row(kind) else {
        return raw::unknown(kind);
    };
    let what = "not an attribute of objects of this class and type";
    Error::new(ck::CKR_TEMPLATE_INCONSISTENT, what).at(row.name)
}

/// Refuses a value that the requester may not give. Only the security officer may give CKA_TRUSTED=TRUE
/// (footnote 10). An attribute that the template of C_UnwrapKey or C_DeriveKey may not contain is refused in
/// CKA_UNWRAP_TEMPLATE, CKA_DERIVE_TEMPLATE or CKA_DECAPSULATE_TEMPLATE too, because it would apply to every
/// key that is unwrapped, derived or decapsulated with that key.
pub(super) fn permitted(row: &AttributeRow, value: &Value, requester: &Requester) -> Result<()> {
    let needs_so = |row: &AttributeRow, value: &Value| {
        row.set == ChangeRule::SoOnly && *value == Value::Bool(true) && !requester.is_so
    };
    let template_of = match row.kind {
        ck::CKA_UNWRAP_TEMPLATE => Some(CreatedBy::Unwrap),
        ck::CKA_DERIVE_TEMPLATE | ck::CKA_DECAPSULATE_TEMPLATE => Some(CreatedBy::Derive),
        _ => None,
    };
    let allowed = match (value, template_of) {
        (Value::Template(entries), Some(created_by)) => entries.iter().all(|(kind, value)| {
            let mut rows = table::rows().filter(|row| row.kind == *kind);
            rows.any(|row| row.need(created_by) != Need::Forbidden && !needs_so(&row, value))
        }),
        _ => !needs_so(row, value),
    };
    if !allowed {
        return Err(read_only(
            row,
            "only the security officer may give this value, or the function's own template may not contain it",
        ));
    }
    Ok(())
}

fn read_only(row: &AttributeRow, what: &'static str) -> Error {
    Error::new(ck::CKR_ATTRIBUTE_READ_ONLY, what).at(row.name)
}

fn missing(name: &'static str) -> Error {
    Error::new(ck::CKR_TEMPLATE_INCOMPLETE, "the template must give this").at(name)
}

/// The refusal of a second, different value.
pub(super) fn contradiction(row: &AttributeRow) -> Error {
    Error::new(
        ck::CKR_TEMPLATE_INCONSISTENT,
        "the attribute has two different values: the template gives both, or gives one where function or mechanism fixes another",
    )
    .at(row.name)
}
