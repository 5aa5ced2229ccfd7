//! The values of an ML-KEM key pair.

use crate::crypto::encoding::{MISMATCH, PrivateKeyInfoRef, public_key, seeded};
use crate::crypto::sys::kem::KemKey;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::der::{parameter_set, pkcs8};
use super::set::ParameterSet;

/// Bytes of a seed.
pub(super) const SEED_LEN: usize = 64;

/// A key pair.
#[derive(Debug, Clone)]
pub struct MlKemMaterial {
    /// Its parameter set.
    pub set: ParameterSet,
    /// d ‖ z, 64 bytes; empty for a key that came without its seed.
    pub seed: Secret,
    /// Decapsulation key.
    pub expanded: Secret,
    /// Encapsulation key.
    pub public: Vec<u8>,
}

impl MlKemMaterial {
    /// The key pair that FIPS 203 algorithm 16 makes of a seed.
    pub fn from_seed(set: ParameterSet, seed: &[u8]) -> Result<Self> {
        if seed.len() != SEED_LEN {
            return Err(Error::InvalidKey("an ML-KEM seed has 64 bytes"));
        }
        let key = KemKey::from_pkcs8(&pkcs8(set, seed, &[])?)?;
        Ok(Self {
            set,
            seed: Secret::copy(seed),
            expanded: key.private_bytes(set.private_len())?,
            public: key.public_bytes(set.public_len())?,
        })
    }

    /// The key pair of a decapsulation key, which holds its encapsulation key. The two are proven to belong
    /// together.
    pub fn from_expanded(set: ParameterSet, expanded: &[u8]) -> Result<Self> {
        if expanded.len() != set.private_len() {
            return Err(Error::InvalidKey(
                "the ML-KEM decapsulation key has not the length of its parameter set",
            ));
        }
        let start = set.vector_len();
        let public = &expanded[start..start + set.public_len()];
        KemKey::pair(set.nid(), public, expanded)?.check_pair()?;
        Ok(Self {
            set,
            seed: Secret::zeroed(0),
            expanded: Secret::copy(expanded),
            public: public.to_vec(),
        })
    }

    /// Takes an imported key: its seed, its decapsulation key or both; `public`, where there is one, is its
    /// encapsulation key. `InvalidKey` where there is neither form, or where they are of different keys.
    pub fn checked(
        set: ParameterSet,
        seed: Option<&[u8]>,
        expanded: Option<&[u8]>,
        public: Option<&[u8]>,
    ) -> Result<Self> {
        let key = match (seed, expanded) {
            (Some(seed), _) => Self::from_seed(set, seed)?,
            (None, Some(expanded)) => Self::from_expanded(set, expanded)?,
            (None, None) => {
                return Err(Error::InvalidKey("neither a seed nor an expanded key"));
            }
        };
        if expanded.is_some_and(|expanded| !key.expanded.ct_eq(expanded)) {
            return Err(Error::InvalidKey(
                "the expanded key is not that of the seed",
            ));
        }
        if public.is_some_and(|public| public != key.public) {
            return Err(MISMATCH);
        }
        Ok(key)
    }

    /// Takes the private key in PKCS #8: a seed, an expanded key, or both (RFC 9935 section 6).
    pub fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        let set = parameter_set(&info.algorithm)?;
        let [seed, expanded] = seeded::read(info.private_key.as_bytes())?;
        Self::checked(set, seed, expanded, public_key(info)?)
    }

    /// PKCS #8 version 1 DER: of the seed where it is known, else of the expanded key.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        pkcs8(self.set, &self.seed, &self.expanded)
    }
}
