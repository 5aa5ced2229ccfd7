//! The values of keys, as they are generated, imported and stored.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use crate::ck;
use crate::crypto;
use crate::error::Result;
use crate::secret::Secret;

use super::key::Key;
use super::values::{PublicValues, Values};

/// The values of a private or secret key. A clone of a pair shares them.
#[derive(Debug, Clone)]
pub enum Material {
    /// Raw bytes of a secret key.
    Secret(Secret),
    /// A key pair, of whatever type.
    Pair(Arc<dyn KeyPair>),
}

/// The values of a key pair of one type, proven to belong together.
pub trait KeyPair: Any + fmt::Debug + Send + Sync {
    /// CKK_ number of the type.
    fn key_type(&self) -> ck::CK_KEY_TYPE;

    /// The values in the order of the stored form. Their number and order never change.
    fn parts(&self) -> Vec<&[u8]>;

    /// What a binding binds: parameters, then one or two values; equal for equal keys, and empty
    /// where there is none. Never changes, since bindings are stored.
    fn canonical(&self) -> [&[u8]; 3];

    /// PKCS #8 version 1 DER of the private key.
    fn to_pkcs8(&self) -> crypto::Result<Secret>;

    /// SubjectPublicKeyInfo DER of the public key (RFC 5280 section 4.1.2.7).
    fn spki(&self) -> crypto::Result<Vec<u8>>;

    /// What the private half says of the public key: public components and CKA_PUBLIC_KEY_INFO.
    fn describe(&self) -> Result<PublicValues>;

    /// What the public half says of itself, where that is more.
    fn describe_public(&self) -> Result<PublicValues> {
        self.describe()
    }

    /// The component `kind` of the private key, where that is key material, in the encoding of the
    /// attribute; `None` for any other attribute.
    fn secret_value(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&Secret>;

    /// The private key, ready for use.
    fn ready(&self) -> crypto::Result<Key>;

    /// Whether the size or curve and the public values in the template, where it has them, are the
    /// key's.
    fn fits(&self, template: &dyn Values) -> bool;
}

impl Material {
    /// The material of a key pair.
    #[must_use]
    pub fn pair(pair: impl KeyPair) -> Self {
        Self::Pair(Arc::new(pair))
    }

    /// The values of a key pair whose type has values of the kind `T`; `None` for any other key.
    #[must_use]
    pub fn of<T: KeyPair>(&self) -> Option<&T> {
        match self {
            Self::Secret(_) => None,
            Self::Pair(pair) => {
                let pair: &dyn Any = &**pair;
                pair.downcast_ref()
            }
        }
    }

    /// PKCS #8 version 1 DER of a key pair's private key. `InvalidKey` for a secret key, which has no
    /// such form.
    pub fn to_pkcs8(&self) -> crypto::Result<Secret> {
        match self {
            Self::Secret(_) => Err(crypto::Error::InvalidKey(
                "a secret key has no PKCS #8 form",
            )),
            Self::Pair(pair) => pair.to_pkcs8(),
        }
    }

    /// SubjectPublicKeyInfo DER of a key pair; `None` for a secret key.
    #[must_use]
    pub fn spki(&self) -> Option<Vec<u8>> {
        match self {
            Self::Secret(_) => None,
            Self::Pair(pair) => pair.spki().ok(),
        }
    }

    /// What a binding binds (BYOK rules, section 1): the raw bytes of a secret key, or parameters
    /// and values by which the type of a pair tells two keys apart.
    #[must_use]
    pub fn canonical(&self) -> [&[u8]; 3] {
        match self {
            Self::Secret(value) => [b"", value, b""],
            Self::Pair(pair) => pair.canonical(),
        }
    }

    /// The value of the component `kind`, where that is key material.
    #[must_use]
    pub fn secret_value(&self, kind: ck::CK_ATTRIBUTE_TYPE) -> Option<&Secret> {
        match self {
            Self::Secret(value) => (kind == ck::CKA_VALUE).then_some(value),
            Self::Pair(pair) => pair.secret_value(kind),
        }
    }
}
