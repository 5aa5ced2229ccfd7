//! DER of X-Wing keys (section 5.8 of the draft): the bytes of a key, without a wrapping of their own, and no
//! parameters.

use crate::crypto::encoding::{
    self, AlgorithmIdentifierRef, ObjectIdentifier, PrivateKeyInfoRef, SubjectPublicKeyInfoRef,
    public_key,
};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::key::XWingMaterial;

/// id-XWing.
pub(crate) const OID: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.62253.25722");

const ALGORITHM: AlgorithmIdentifierRef<'static> = AlgorithmIdentifierRef {
    oid: OID,
    parameters: None,
};

impl XWingMaterial {
    /// Takes the private key in PKCS #8.
    pub(crate) fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        check(&info.algorithm)?;
        Self::checked(info.private_key.as_bytes(), public_key(info)?)
    }

    /// PKCS #8 version 1 DER.
    pub(crate) fn to_pkcs8(&self) -> Result<Secret> {
        encoding::pkcs8(ALGORITHM, &self.seed)
    }
}

/// SubjectPublicKeyInfo DER of a public key.
pub fn spki(public: &[u8]) -> Result<Vec<u8>> {
    encoding::spki(ALGORITHM, public)
}

/// The public key in SubjectPublicKeyInfo, of which nothing is proven.
pub(crate) fn from_spki<'a>(info: &SubjectPublicKeyInfoRef<'a>) -> Result<&'a [u8]> {
    check(&info.algorithm)?;
    Ok(info.subject_public_key.raw_bytes())
}

fn check(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<()> {
    if algorithm.parameters.is_some() {
        return Err(Error::InvalidKey("X-Wing takes no algorithm parameters"));
    }
    Ok(())
}
