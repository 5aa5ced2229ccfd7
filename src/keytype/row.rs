//! The columns of the table of key types.

use crate::ck;
use crate::crypto;
use crate::crypto::encoding::{ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef};
use crate::error::Result;
use crate::secret::Secret;

use super::component::Component;
use super::key::Key;
use super::material::Material;
use super::spec::Spec;
use super::values::{PublicValue, PublicValues, Values};

/// A key type.
pub struct KeyType {
    /// CKK_ number.
    pub id: ck::CK_KEY_TYPE,
    /// CKK_ name.
    pub name: &'static str,
    /// Name in sentences, as "EC Edwards".
    pub title: &'static str,
    /// The attribute that says how large a new key is: CKA_VALUE_LEN in bytes, CKA_MODULUS_BITS in
    /// bits, CKA_EC_PARAMS.
    pub size: ck::CK_ATTRIBUTE_TYPE,
    /// The only size there is, in the unit of `size`, which a template may then leave out.
    pub only_size: Option<ck::CK_ULONG>,
    /// Uses of a key whose template names none.
    pub uses: &'static [ck::CK_ATTRIBUTE_TYPE],
    /// Components of public keys; empty for secret keys.
    pub public: &'static [Component],
    /// Components of private or secret keys.
    pub held: &'static [Component],
    /// Names of such keys, the most usual one first; none where no command makes such keys.
    pub names: &'static [KeyName],
    /// The services' names for external keys of this type, by size. Of a size's names the first is shown.
    pub spec_names: &'static [(&'static str, Spec)],
    /// The spec of an external key with these attributes. `None` in the row where no external key
    /// is of this type, `None` from the function where no external key has this size.
    pub spec: Option<fn(&dyn Values) -> Option<Spec>>,
    /// The domain parameters of which key pairs are made; `None` where pairs need none.
    pub parameters: Option<&'static DomainParameters>,
    /// Which classes of objects hold such keys, with the code for their values.
    pub form: Form,
}

/// Domain parameters: CKO_DOMAIN_PARAMETERS objects.
pub struct DomainParameters {
    /// Components of such objects.
    pub components: &'static [Component],
    /// All components, from those that C_CreateObject was given, after proving that they are domain parameters.
    /// CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE.
    pub describe: fn(&dyn Values) -> Result<PublicValues>,
}

/// A name for the keys of a type, or for those of them that have one size.
pub struct KeyName {
    /// The whole name, or its part before a colon and the size.
    pub word: &'static str,
    /// What the name says of the size.
    pub size: NamedSize,
    /// CKM_ number of the mechanism that makes such keys.
    pub made_by: ck::CK_MECHANISM_TYPE,
}

/// What a name says of a key's size.
#[derive(Clone, Copy)]
pub enum NamedSize {
    /// The name has no colon, and stands for this size.
    Only(fn() -> PublicValue),
    /// A number of bits follows.
    Bits,
    /// A number of bytes follows.
    Bytes,
    /// The name of a curve follows.
    Curve,
}

/// Which classes of objects hold the keys of a type.
pub enum Form {
    /// CKO_SECRET_KEY or another class of secret keys.
    Secret(SecretKey),
    /// CKO_PUBLIC_KEY and CKO_PRIVATE_KEY.
    Pair(KeyPairs),
}

/// A type of secret keys: objects whose CKA_VALUE is a string of bytes.
pub struct SecretKey {
    /// CKO_ number of the objects.
    pub class: ck::CK_OBJECT_CLASS,
    pub lengths: KeyLengths,
    /// A rule beyond the length; `None` where every value of these lengths is a key.
    pub check: Option<Check>,
    /// Whether keys are found with less work than their length promises, so that no bytes of a key which must not be
    /// read become such a key.
    pub weak: bool,
    /// Makes a value of one of these lengths ready for use. `KeySize`, and the errors of `check`.
    pub ready: fn(&Secret) -> crypto::Result<Key>,
    /// CKA_CHECK_VALUE, of which the first three bytes count (section 4.10.2).
    pub check_value: fn(&[u8]) -> crypto::Result<Vec<u8>>,
}

/// A type of key pairs: CKO_PUBLIC_KEY and CKO_PRIVATE_KEY objects.
pub struct KeyPairs {
    /// The algorithm in PKCS #8 and SubjectPublicKeyInfo: the one that is written, then others that are
    /// read.
    pub oids: &'static [ObjectIdentifier],
    /// Takes the private key in PKCS #8, with all values proven to belong together.
    pub from_pkcs8: fn(&PrivateKeyInfoRef<'_>) -> crypto::Result<Material>,
    /// The components of the public key in SubjectPublicKeyInfo, of which nothing is proven yet.
    pub from_spki: fn(&SubjectPublicKeyInfoRef<'_>) -> crypto::Result<PublicValues>,
    /// First byte of the stored form. It never changes; types whose parts are alike share it.
    pub stored_kind: u8,
    /// Takes the values of the stored form, which were authenticated; `None` for another number of
    /// them.
    pub from_parts: fn(&[&[u8]]) -> Option<Material>,
    /// Takes the components of a private key that C_CreateObject was given, after proving that they
    /// belong together. CKR_TEMPLATE_INCOMPLETE, CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE,
    /// CKR_DOMAIN_PARAMS_INVALID, CKR_CURVE_NOT_SUPPORTED.
    pub from_values: fn(&dyn Values) -> Result<Material>,
    /// Makes a public key ready for use from its components; errors as those of `from_values`.
    pub public: fn(&dyn Values) -> Result<Key>,
    /// The attributes of a public key in the form that all public keys have, from its components;
    /// errors as those of `from_values`.
    pub describe: fn(&dyn Values) -> Result<PublicValues>,
    /// The components of public keys among these values, in the form that all keys have them, where
    /// clients may give several forms; some components may be missing. Errors as those of
    /// `from_values`.
    pub canonical: fn(&dyn Values) -> Result<PublicValues>,
}

/// Judges the value of a secret key that has a length of its type. `InvalidKey` says what is wrong.
pub(super) type Check = fn(&[u8]) -> crypto::Result<()>;

/// Lengths in bytes that the value of a secret key may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyLengths {
    /// Exactly this one.
    Exactly(usize),
    /// One of these.
    Among(&'static [usize]),
    /// Any but zero.
    Any,
}

impl KeyLengths {
    /// Whether a key of this type may have `len` bytes.
    #[must_use]
    pub fn fit(self, len: usize) -> bool {
        match self {
            Self::Exactly(only) => len == only,
            Self::Among(lengths) => lengths.contains(&len),
            Self::Any => len != 0,
        }
    }
}

impl KeyType {
    /// Whether the keys are secret keys; else they are pairs.
    #[must_use]
    pub const fn is_secret(&self) -> bool {
        matches!(self.form, Form::Secret(_))
    }

    /// CKO_ number of the objects that hold secret keys of this type; `None` for pairs.
    #[must_use]
    pub const fn secret_class(&self) -> Option<ck::CK_OBJECT_CLASS> {
        match &self.form {
            Form::Secret(secret) => Some(secret.class),
            Form::Pair(_) => None,
        }
    }

    /// Components of the objects of `class`; empty where no key of this type is of that class.
    #[must_use]
    pub fn components(&self, class: ck::CK_OBJECT_CLASS) -> &'static [Component] {
        match (&self.form, class) {
            (Form::Pair(_), ck::CKO_PUBLIC_KEY) => self.public,
            (Form::Pair(_), ck::CKO_PRIVATE_KEY) => self.held,
            (Form::Secret(secret), class) if class == secret.class => self.held,
            (_, ck::CKO_DOMAIN_PARAMETERS) => self.parameters.map_or(&[], |of| of.components),
            _ => &[],
        }
    }
}
