//! The columns of the attribute table.

use crate::ck;

use crate::keytype::{self, Component};

pub(super) use crate::keytype::{Need, Search, Showing};

/// How an object comes into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    /// C_CreateObject.
    Create,
    /// C_GenerateKey, and each half of C_GenerateKeyPair.
    Generate,
    /// C_UnwrapKey.
    Unwrap,
    /// C_DeriveKey.
    Derive,
    /// C_CopyObject. Its templates are for `copy`; `build` refuses them.
    Copy,
}

/// One attribute of some objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// CKA_ number.
    pub(super) kind: ck::CK_ATTRIBUTE_TYPE,
    /// CKA_ name.
    pub(super) name: &'static str,
    /// Type of the value.
    pub(super) shape: Shape,
    /// The objects that have it.
    pub(super) objects: Objects,
    /// What it is when nobody says.
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
    pub(super) set: Change,
    /// In the template of C_CopyObject (footnote 8 and section 4.1.3).
    pub(super) copy: Change,
    /// To whom it is shown (footnote 7).
    pub(super) reveal: Showing,
    /// How C_FindObjects finds it.
    pub(super) search: Search,
}

impl Row {
    /// The row is for objects of this class and key type.
    pub(super) fn fits(&self, class: ck::CK_OBJECT_CLASS, key: Option<ck::CK_KEY_TYPE>) -> bool {
        let Objects { classes, key_type } = self.objects;
        classes.contains(&class) && key_type.is_none_or(|only| key == Some(only))
    }

    /// The row of a key's component.
    pub(super) fn of_component(
        component: &Component,
        class: &'static ck::CK_OBJECT_CLASS,
        key_type: ck::CK_KEY_TYPE,
    ) -> Self {
        Self {
            kind: component.kind,
            name: component.name,
            shape: component.shape.into(),
            objects: Objects {
                classes: std::slice::from_ref(class),
                key_type: Some(key_type),
            },
            default: component.default.map_or(Fallback::Absent, Fallback::Bytes),
            create: component.create,
            generate: component.generate,
            unwrap: component.unwrap,
            derive: Need::Forbidden,
            set: Change::Never,
            copy: Change::Never,
            reveal: component.reveal,
            search: component.search,
        }
    }

    /// What a template that makes an object says of this attribute. `How::Copy` starts from an
    /// object, not from a template.
    pub(super) fn need(&self, how: How) -> Need {
        match how {
            How::Create => self.create,
            How::Generate => self.generate,
            How::Unwrap => self.unwrap,
            How::Derive => self.derive,
            How::Copy => Need::Forbidden,
        }
    }
}

/// A set of objects.
#[derive(Debug, Clone, Copy)]
pub(super) struct Objects {
    /// CKO_ numbers.
    pub(super) classes: &'static [ck::CK_OBJECT_CLASS],
    /// CKK_ number, where all are keys of this type.
    pub(super) key_type: Option<ck::CK_KEY_TYPE>,
}

/// Type of a value and its limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
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

impl From<keytype::Shape> for Shape {
    fn from(shape: keytype::Shape) -> Self {
        match shape {
            keytype::Shape::Ulong => Self::Ulong,
            keytype::Shape::Among(numbers) => Self::Among(numbers),
            keytype::Shape::Bytes => Self::Bytes,
            keytype::Shape::Sized(lengths) => Self::Sized(lengths),
        }
    }
}

/// What an attribute is when neither the template nor the function says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// The object lacks it, or the token sets it afterwards.
    Absent,
    /// CK_FALSE.
    No,
    /// CK_TRUE.
    Yes,
    /// CK_TRUE when the template asks for no usage at all and keys of this type have the usage then,
    /// else CK_FALSE.
    Usage,
    /// No bytes.
    Empty,
    /// These bytes.
    Bytes(&'static [u8]),
    /// This number.
    Number(u64),
}

/// An attribute's place in a template that changes an object or its copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change {
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
    /// By the SO.
    SoOnly,
}
