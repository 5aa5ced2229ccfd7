//! Material from and to PKCS #8, the stored form and ready keys, by the rows of the table.

use crate::ck;
use crate::crypto::encoding::{ObjectIdentifier, private_key_info, public_key_info};
use crate::crypto::{Error, Result};
use crate::error;
use crate::secret::Secret;

use super::key::Key;
use super::material::Material;
use super::row::{Form, KeyPairs, KeyType};
use super::table::{all, find};
use super::values::{PublicValues, Values};

/// First byte of the stored form of a secret key.
const SECRET: u8 = 1;

impl Material {
    /// Takes a private key from PKCS #8 DER, version 1 or 2, with nothing after it at any level and with
    /// all values proven to belong together. RSA has two primes, EC a named curve. Attributes are allowed
    /// and ignored.
    pub fn from_pkcs8(der: &[u8]) -> Result<Self> {
        let info = private_key_info(der)?;
        let pairs = pairs_of(info.algorithm.oid);
        let (_, pairs) = pairs.ok_or(Error::InvalidKey("PKCS #8 of an unknown algorithm"))?;
        (pairs.from_pkcs8)(&info)
    }

    /// The stored form: its first byte, and the values that follow.
    pub fn stored(&self) -> Result<(u8, Vec<&[u8]>)> {
        let pair = match self {
            Self::Secret(value) => return Ok((SECRET, vec![value])),
            Self::Pair(pair) => pair,
        };
        match find(pair.key_type()).map(|row| &row.form) {
            Some(Form::Pair(pairs)) => Ok((pairs.stored_kind, pair.parts())),
            _ => Err(Error::Internal("a key pair of no type")),
        }
    }

    /// Takes the values of the stored form, which were authenticated, so that only their number is
    /// checked. `None` for another number, or for a first byte that no key type has.
    #[must_use]
    pub fn from_stored(kind: u8, parts: &[&[u8]]) -> Option<Self> {
        if kind == SECRET {
            let [value] = parts else { return None };
            return Some(Self::Secret(Secret::copy(value)));
        }
        let (_, pairs) = pairs().find(|(_, pairs)| pairs.stored_kind == kind)?;
        (pairs.from_parts)(parts)
    }

    /// The key, ready for use. `key_type` says what kind of secret key it is; a pair knows its own
    /// type.
    pub fn ready(&self, key_type: Option<ck::CK_KEY_TYPE>) -> Result<Key> {
        let value = match self {
            Self::Pair(pair) => return pair.ready(),
            Self::Secret(value) => value,
        };
        match key_type.and_then(find).map(|row| &row.form) {
            Some(Form::Secret(secret)) => (secret.ready)(value),
            _ => Err(Error::InvalidKey("not a secret key of a known type")),
        }
    }
}

/// The components of public keys of `key_type`, or of the first type that they fit, among these values,
/// in the form that all keys have them. Nothing where a value has no such form.
pub(crate) fn canonical(key_type: Option<ck::CK_KEY_TYPE>, key: &dyn Values) -> PublicValues {
    let mut rows = pairs().filter(|(row, _)| key_type.is_none_or(|only| row.id == only));
    let found = rows.find_map(|(_, pairs)| {
        let values = (pairs.canonical)(key).ok();
        values.filter(|values| !values.is_empty())
    });
    found.unwrap_or_default()
}

/// Type and components of the public key in SubjectPublicKeyInfo DER. Nothing is proven of the
/// components: `InvalidKey` where the DER has none, or an unknown algorithm.
pub fn from_spki(der: &[u8]) -> Result<(&'static KeyType, PublicValues)> {
    let (row, _, values) = read_spki(der)?;
    Ok((row, values))
}

/// The public key in SubjectPublicKeyInfo DER, ready for use. Errors as those of `KeyPairs::public`.
pub fn public_key(der: &[u8]) -> error::Result<Key> {
    let (_, pairs, values) = read_spki(der)?;
    (pairs.public)(&values)
}

fn read_spki(der: &[u8]) -> Result<(&'static KeyType, &'static KeyPairs, PublicValues)> {
    let info = public_key_info(der)?;
    let pairs = pairs_of(info.algorithm.oid);
    let (row, pairs) = pairs.ok_or(Error::InvalidKey("a public key of an unknown algorithm"))?;
    Ok((row, pairs, (pairs.from_spki)(&info)?))
}

/// The pairs whose keys are encoded under this algorithm identifier.
fn pairs_of(oid: ObjectIdentifier) -> Option<(&'static KeyType, &'static KeyPairs)> {
    pairs().find(|(_, pairs)| pairs.oids.contains(&oid))
}

fn pairs() -> impl Iterator<Item = (&'static KeyType, &'static KeyPairs)> {
    all().filter_map(|row| match &row.form {
        Form::Pair(pairs) => Some((row, pairs)),
        Form::Secret(_) => None,
    })
}
