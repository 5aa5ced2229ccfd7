//! The attributes that hold the components of a key.

use crate::ck;

/// An attribute that the keys of one type have, or one half of their pairs. No template of
/// C_DeriveKey has it, and nothing changes it once the key is there.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    /// CKA_ number.
    pub kind: ck::CK_ATTRIBUTE_TYPE,
    /// CKA_ name.
    pub name: &'static str,
    /// Type and limits of the value.
    pub shape: Shape,
    /// What a template that leaves it out stands for.
    pub default: Option<&'static [u8]>,
    /// In the template of C_CreateObject.
    pub create: Need,
    /// In the templates of C_GenerateKey and C_GenerateKeyPair.
    pub generate: Need,
    /// In the template of C_UnwrapKey.
    pub unwrap: Need,
    /// Who may read it.
    pub reveal: Showing,
    /// How C_FindObjects finds it.
    pub search: Search,
}

/// Type and limits of a component's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// CK_ULONG.
    Ulong,
    /// CK_ULONG, one of these.
    Among(&'static [ck::CK_ULONG]),
    /// Any bytes.
    Bytes,
    /// Bytes of one of these lengths.
    Sized(&'static [usize]),
}

/// An attribute's place in a template that makes an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Must be there, unless the function or mechanism says it.
    Required,
    /// May be there.
    Optional,
    /// Must not be there.
    Forbidden,
}

/// Who may read an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// Whoever sees the object.
    Always,
    /// It is key material: nobody while CKA_SENSITIVE or CKA_WRAP_WITH_TRUSTED is true or
    /// CKA_EXTRACTABLE is false.
    UnlessSensitive,
}

/// How a search finds an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Search {
    /// It is a column of its own.
    Column,
    /// By the blind index, when it is not empty.
    Indexed,
    /// By looking at each candidate.
    Checked,
}

/// Rows of components: R, O, F say that templates of [create generate unwrap] must, may, must not
/// have the attribute; then come reading and searching.
macro_rules! components {
    ($($kind:ident $shape:expr, $default:expr,
       [$create:ident $generate:ident $unwrap:ident] $reveal:ident $search:ident;)*) => {{
        #[allow(unused_imports)]
        use crate::keytype::component::{
            Component, Need::{Forbidden as F, Optional as O, Required as R},
            Search::{Checked, Indexed}, Shape::{Among, Bytes, Sized, Ulong},
            Showing::{Always, UnlessSensitive},
        };
        &[$(Component {
            kind: crate::ck::$kind,
            name: stringify!($kind),
            shape: $shape,
            default: $default,
            create: $create,
            generate: $generate,
            unwrap: $unwrap,
            reveal: $reveal,
            search: $search,
        }),*]
    }};
}
pub(super) use components;
