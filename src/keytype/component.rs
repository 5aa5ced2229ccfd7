//! The attributes that hold the components of a key.

use crate::ck;

/// An attribute that holds one component of a key. No template of C_DeriveKey may contain it, and
/// it cannot be changed once the key exists.
#[derive(Debug, Clone, Copy)]
pub struct Component {
    pub kind: ck::CK_ATTRIBUTE_TYPE,
    pub name: &'static str,
    pub shape: Shape,
    /// The value where a template leaves the attribute out.
    pub default: Option<&'static [u8]>,
    /// In the template of C_CreateObject.
    pub create: Need,
    /// In the templates of C_GenerateKey and C_GenerateKeyPair.
    pub generate: Need,
    /// In the template of C_UnwrapKey.
    pub unwrap: Need,
    pub reveal: Showing,
    pub search: SearchBy,
}

/// Type and limits of a component's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    Ulong,
    Among(&'static [ck::CK_ULONG]),
    Bytes,
    /// Lengths in bytes.
    Sized(&'static [usize]),
}

/// An attribute's place in a template that makes an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Must be there, unless the function or the mechanism already gives the value.
    Required,
    /// May be there.
    Optional,
    /// Must not be there.
    Forbidden,
}

/// Who may read a component by C_GetAttributeValue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Showing {
    /// Everybody who can see the object.
    Always,
    /// Nobody while CKA_SENSITIVE or CKA_WRAP_WITH_TRUSTED is true or CKA_EXTRACTABLE is false,
    /// since it is key material.
    UnlessSensitive,
}

/// How C_FindObjects finds objects by an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SearchBy {
    /// The store has a column for it.
    Column,
    /// By the store's blind index, unless the value is empty.
    Indexed,
    /// By reading the value of each candidate.
    Checked,
}

/// Rows of components. R, O, F: the templates of [create generate unwrap] must, may, must not
/// contain the attribute. Then come who may read it and how a search finds it.
macro_rules! components {
    ($($kind:ident $shape:expr, $default:expr,
       [$create:ident $generate:ident $unwrap:ident] $reveal:ident $search:ident;)*) => {{
        #[allow(unused_imports)]
        use crate::keytype::component::{
            Component, Need::{Forbidden as F, Optional as O, Required as R},
            SearchBy::{Checked, Indexed}, Shape::{Among, Bytes, Sized, Ulong},
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
