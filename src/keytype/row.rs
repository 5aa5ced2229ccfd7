//! The columns of the table of key types.

use crate::ck;

use super::component::Component;
use super::spec::Spec;

/// A key type.
pub struct KeyType {
    /// CKK_ number.
    pub id: ck::CK_KEY_TYPE,
    /// CKK_ name.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The objects that hold such keys.
    pub class: Class,
    /// The attribute that says how large a new key is: CKA_VALUE_LEN in bytes, CKA_MODULUS_BITS in
    /// bits, CKA_EC_PARAMS.
    pub size: ck::CK_ATTRIBUTE_TYPE,
    /// The only size there is, in the unit of `size`: templates need not say it.
    pub only_size: Option<ck::CK_ULONG>,
    /// What a key may be used for whose template names no use.
    pub uses: &'static [ck::CK_ATTRIBUTE_TYPE],
    /// What public keys hold; none for secret keys.
    pub public: &'static [Component],
    /// What private or secret keys hold.
    pub held: &'static [Component],
    /// Kind and size of an external key of this type, from its attributes; `None` in the row where no
    /// external key is of this type, `None` from the function where none has this size.
    pub spec: Option<fn(&dyn Values) -> Option<Spec>>,
}

/// The objects that hold the keys of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// CKO_SECRET_KEY.
    Secret,
    /// CKO_PUBLIC_KEY and CKO_PRIVATE_KEY.
    Pair,
}

/// Values of a key by their attributes.
pub trait Values {
    /// The value of a byte array or big integer.
    fn bytes(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]>;
    /// The value of a CK_ULONG.
    fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG>;
}

impl KeyType {
    /// What the objects of `class` hold: nothing where no key of this type is of that class.
    #[must_use]
    pub fn components(&self, class: ck::CK_OBJECT_CLASS) -> &'static [Component] {
        match (self.class, class) {
            (Class::Pair, ck::CKO_PUBLIC_KEY) => self.public,
            (Class::Pair, ck::CKO_PRIVATE_KEY) | (Class::Secret, ck::CKO_SECRET_KEY) => self.held,
            _ => &[],
        }
    }
}

/// Numbers alone.
impl<const N: usize> Values for [(ck::CK_ATTRIBUTE_TYPE, ck::CK_ULONG); N] {
    fn bytes(&self, _: ck::CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        None
    }

    fn ulong(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<ck::CK_ULONG> {
        self.iter().find(|(of, _)| *of == kind).map(|(_, n)| *n)
    }
}
