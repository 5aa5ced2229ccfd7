//! The columns of the attribute table.

use crate::ck;

use crate::keytype::{self, Component};

pub(super) use crate::keytype::{Need, SearchBy, Showing};

/// The function that makes an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CreatedBy {
    /// C_CreateObject.
    Create,
    /// C_GenerateKey, and each half of C_GenerateKeyPair.
    Generate,
    /// C_UnwrapKey.
    Unwrap,
    /// C_DeriveKey.
    Derive,
    /// C_CopyObject. `copy` takes its template; `build` refuses it.
    Copy,
}

/// One attribute of some objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct AttributeRow {
    pub(super) kind: ck::CK_ATTRIBUTE_TYPE,
    pub(super) name: &'static str,
    pub(super) value_type: ValueType,
    /// The objects that have it.
    pub(super) objects: ObjectSet,
    /// Its value when neither the template nor the function gives one.
    pub(super) default: Fallback,
    /// In the template of C_CreateObject (footnotes 1 and 2).
    pub(super) create: Need,
    /// In the template of C_GenerateKey and C_GenerateKeyPair (footnotes 3 and 4).
    pub(super) generate: Need,
    /// In the template of C_UnwrapKey (footnotes 5 and 6).
    pub(super) unwrap: Need,
    /// In the template of C_DeriveKey.
    pub(super) derive: Need,
    /// In the template of C_SetAttributeValue (footnotes 8, 10, 11 and 12).
    pub(super) set: ChangeRule,
    /// In the template of C_CopyObject (footnote 8 and section 4.1.3).
    pub(super) copy: ChangeRule,
    /// When C_GetAttributeValue gives its value (footnote 7).
    pub(super) reveal: Showing,
    /// How C_FindObjects finds it.
    pub(super) search: SearchBy,
}

impl AttributeRow {
    /// Whether the row is for objects of this class and subtype.
    pub(super) fn fits(&self, class: ck::CK_OBJECT_CLASS, subtype: Option<ck::CK_ULONG>) -> bool {
        let ObjectSet { classes, subtypes } = self.objects;
        let has = |subtype| subtypes.contains(&subtype);
        classes.contains(&class) && (subtypes.is_empty() || subtype.is_some_and(has))
    }

    /// The row of a key's component.
    pub(super) fn of_component(
        component: &Component,
        class: &'static ck::CK_OBJECT_CLASS,
        key_type: &'static ck::CK_KEY_TYPE,
    ) -> Self {
        Self {
            kind: component.kind,
            name: component.name,
            value_type: component.shape.into(),
            objects: ObjectSet {
                classes: std::slice::from_ref(class),
                subtypes: std::slice::from_ref(key_type),
            },
            default: component.default.map_or(Fallback::Absent, Fallback::Bytes),
            create: component.create,
            generate: component.generate,
            unwrap: component.unwrap,
            derive: Need::Forbidden,
            set: ChangeRule::Never,
            copy: ChangeRule::Never,
            reveal: component.reveal,
            search: component.search,
        }
    }

    /// Whether the template of this function must, may or must not give the attribute. The template of
    /// C_CopyObject only changes an object that is there: see `copy`.
    pub(super) fn need(&self, created_by: CreatedBy) -> Need {
        match created_by {
            CreatedBy::Create => self.create,
            CreatedBy::Generate => self.generate,
            CreatedBy::Unwrap => self.unwrap,
            CreatedBy::Derive => self.derive,
            CreatedBy::Copy => Need::Forbidden,
        }
    }
}

/// The objects that a row is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct ObjectSet {
    /// CKO_ numbers.
    pub(super) classes: &'static [ck::CK_OBJECT_CLASS],
    /// Their subtypes: the CKK_ numbers of keys, or the CKC_ numbers of certificates. Empty: all.
    pub(super) subtypes: &'static [ck::CK_ULONG],
}

/// Type of a value and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueType {
    /// CK_BBOOL: one byte, CK_TRUE or CK_FALSE.
    Bool,
    /// CK_ULONG.
    Ulong,
    /// CK_ULONG, one of these.
    Among(&'static [u64]),
    /// Any bytes.
    Bytes,
    /// Bytes of one of these lengths.
    Sized(&'static [usize]),
    /// UTF-8.
    Utf8,
    /// CK_DATE or empty.
    Date,
    /// Array of CK_ULONG.
    Ulongs,
    /// Array of CK_ATTRIBUTE.
    Template,
}

impl From<keytype::Shape> for ValueType {
    fn from(value_type: keytype::Shape) -> Self {
        match value_type {
            keytype::Shape::Ulong => Self::Ulong,
            keytype::Shape::Among(numbers) => Self::Among(numbers),
            keytype::Shape::Bytes => Self::Bytes,
            keytype::Shape::Sized(lengths) => Self::Sized(lengths),
        }
    }
}

/// The value of an attribute that neither the template nor the function gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// The object lacks it, or the token sets it afterwards.
    Absent,
    /// CK_FALSE.
    No,
    /// CK_TRUE.
    Yes,
    /// CK_FALSE when the application supplies the value, or the key has CKA_EXTRACTABLE without
    /// CKA_WRAP_WITH_TRUSTED; else CK_TRUE.
    Sensitive,
    /// CK_TRUE when the template asks for no usage at all and keys of this type have the usage then
    /// (`Requester::every_use`), else CK_FALSE.
    Usage,
    /// No bytes.
    Empty,
    /// Nothing is stored, and the attribute reads as an empty value; a number as 0.
    Unset,
    /// These bytes.
    Bytes(&'static [u8]),
    /// This number.
    Number(u64),
}

/// What a template that changes an object, or its copy, may do to an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeRule {
    /// Read-only.
    Never,
    /// To any value.
    Free,
    /// From CK_FALSE to CK_TRUE.
    OnlyToTrue,
    /// From CK_TRUE to CK_FALSE.
    OnlyToFalse,
    /// To no bytes.
    OnlyToEmpty,
    /// A date: set where there was none, or made earlier.
    OnlyEarlier,
    /// A date: set where there was none, or made later.
    OnlyLater,
    /// To any value by the security officer; by others not at all.
    SoOnly,
}
