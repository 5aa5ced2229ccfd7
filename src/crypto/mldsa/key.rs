//! Keys and signatures.

use crate::crypto::prehash::Randomness;
use crate::crypto::sys::pqdsa::PqdsaKey;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::deterministic;
use super::representative::public_hash;
use super::set::{MlDsaMaterial, ParameterSet};

/// An ML-DSA public key (FIPS 204 section 5), with the hash that its messages begin with.
pub(crate) struct PublicKey {
    set: ParameterSet,
    key: PqdsaKey,
    hash: [u8; 64],
}

impl PublicKey {
    /// A key from its encoded form. `InvalidKey` where it has not the length of the parameter set.
    pub(crate) fn new(set: ParameterSet, bytes: &[u8]) -> Result<Self> {
        Ok(Self {
            set,
            key: PqdsaKey::public(set.nid(), bytes)?,
            hash: public_hash(bytes),
        })
    }

    #[must_use]
    pub(crate) fn set(&self) -> ParameterSet {
        self.set
    }

    /// What message representatives of this key begin with.
    #[must_use]
    pub(crate) fn hash(&self) -> &[u8; 64] {
        &self.hash
    }

    /// Verifies a signature of a message representative. `SignatureLength`, `BadSignature`.
    pub(crate) fn verify(&self, mu: &[u8; 64], signature: &[u8]) -> Result<()> {
        if signature.len() != self.set.signature_len() {
            return Err(Error::SignatureLength);
        }
        self.key.verify(mu, signature)
    }
}

/// An ML-DSA private key, ready to sign.
pub(crate) struct PrivateKey {
    set: ParameterSet,
    key: PqdsaKey,
    expanded: Secret,
    hash: [u8; 64],
}

impl PrivateKey {
    /// A key from values that `MlDsaMaterial` proved or `generate` made.
    pub(crate) fn new(material: &MlDsaMaterial) -> Result<Self> {
        Ok(Self {
            set: material.set,
            key: PqdsaKey::private(material.set.nid(), &material.expanded)?,
            expanded: material.expanded.clone(),
            hash: public_hash(&material.public),
        })
    }

    #[must_use]
    pub(crate) fn set(&self) -> ParameterSet {
        self.set
    }

    /// What message representatives of this key begin with.
    #[must_use]
    pub(crate) fn hash(&self) -> &[u8; 64] {
        &self.hash
    }

    /// Signs a message representative: writes a signature to the start of `out`, and returns its length.
    pub(crate) fn sign(
        &self,
        mu: &[u8; 64],
        randomness: Randomness,
        out: &mut [u8],
    ) -> Result<usize> {
        let len = self.set.signature_len();
        let out = out.get_mut(..len).ok_or(Error::Internal("output buffer"))?;
        match randomness {
            Randomness::Fresh => self.key.sign(mu, out)?,
            Randomness::None => deterministic::sign(self.set, &self.expanded, mu, out)?,
        }
        Ok(len)
    }
}
