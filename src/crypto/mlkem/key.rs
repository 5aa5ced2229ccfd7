//! Keys, encapsulation and decapsulation.

use crate::crypto::sys::kem::KemKey;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::set::{MlKemMaterial, ParameterSet};

/// Bytes of a shared secret.
pub(crate) const SECRET_LEN: usize = 32;

/// The modulus of coefficients.
const Q: u16 = 3329;

/// An ML-KEM encapsulation key (FIPS 203).
pub(crate) struct PublicKey {
    set: ParameterSet,
    key: KemKey,
}

impl PublicKey {
    /// A key from its encoded form. `InvalidKey` where it has not the length of the parameter set, or a
    /// coefficient is not below the modulus (FIPS 203 section 7.2).
    pub(crate) fn new(set: ParameterSet, bytes: &[u8]) -> Result<Self> {
        let coefficients = bytes.get(..set.vector_len()).unwrap_or_default();
        if coefficients.chunks_exact(3).any(|two| !below_modulus(two)) {
            return Err(Error::InvalidKey(
                "a coefficient of the ML-KEM public key is not below the modulus",
            ));
        }
        Ok(Self {
            set,
            key: KemKey::public(set.nid(), bytes)?,
        })
    }

    #[must_use]
    pub(crate) fn set(&self) -> ParameterSet {
        self.set
    }

    /// A ciphertext and its secret, 32 bytes.
    pub(crate) fn encapsulate(&self) -> Result<(Vec<u8>, Secret)> {
        let mut ciphertext = vec![0; self.set.ciphertext_len()];
        let secret = self.key.encapsulate(&mut ciphertext)?;
        Ok((ciphertext, secret))
    }
}

/// Whether the two numbers of 12 bits in three bytes are below the modulus.
fn below_modulus(bytes: &[u8]) -> bool {
    let [a, b, c] = [bytes[0], bytes[1], bytes[2]].map(u16::from);
    a | (b & 0x0F) << 8 < Q && b >> 4 | c << 4 < Q
}

/// An ML-KEM decapsulation key (FIPS 203).
pub(crate) struct PrivateKey {
    set: ParameterSet,
    key: KemKey,
}

impl PrivateKey {
    /// A key from values that `MlKemMaterial` proved or `generate` made.
    pub(crate) fn new(material: &MlKemMaterial) -> Result<Self> {
        let MlKemMaterial {
            set,
            expanded,
            public,
            ..
        } = material;
        Ok(Self {
            set: *set,
            key: KemKey::pair(set.nid(), public, expanded)?,
        })
    }

    #[must_use]
    pub(crate) fn set(&self) -> ParameterSet {
        self.set
    }

    /// The secret of a ciphertext, 32 bytes; of one that the public key did not make a pseudo-random one,
    /// always the same. `CiphertextLength`.
    pub(crate) fn decapsulate(&self, ciphertext: &[u8]) -> Result<Secret> {
        if ciphertext.len() != self.set.ciphertext_len() {
            return Err(Error::CiphertextLength);
        }
        self.key.decapsulate(ciphertext)
    }
}
