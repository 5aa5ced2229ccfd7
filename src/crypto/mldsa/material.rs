//! The values of an ML-DSA key pair.

use crate::crypto::encoding::MISMATCH;
use crate::crypto::sys::pqdsa::PqdsaKey;
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::set::{ParameterSet, SEED_LEN};

/// A key pair.
#[derive(Debug, Clone)]
pub struct MlDsaMaterial {
    /// Its parameter set.
    pub set: ParameterSet,
    /// 32 bytes; empty for a key that came without its seed.
    pub seed: Secret,
    /// Expanded private key.
    pub expanded: Secret,
    /// Public key.
    pub public: Vec<u8>,
}

impl MlDsaMaterial {
    /// The key pair that FIPS 204 algorithm 6 makes of a seed.
    pub fn from_seed(set: ParameterSet, seed: &[u8]) -> Result<Self> {
        if seed.len() != SEED_LEN {
            return Err(Error::InvalidKey("an ML-DSA seed has 32 bytes"));
        }
        let key = PqdsaKey::private(set.nid(), seed)?;
        Ok(Self {
            set,
            seed: Secret::copy(seed),
            expanded: key.private_bytes(set.private_len())?,
            public: key.public_bytes(set.public_len())?,
        })
    }

    /// The key pair of an expanded private key, whose parts are proven to belong together.
    pub fn from_expanded(set: ParameterSet, expanded: &[u8]) -> Result<Self> {
        if expanded.len() != set.private_len() {
            return Err(Error::InvalidKey(
                "the expanded ML-DSA private key has not the length of its parameter set",
            ));
        }
        let key = PqdsaKey::private(set.nid(), expanded)?;
        Ok(Self {
            set,
            seed: Secret::zeroed(0),
            expanded: Secret::copy(expanded),
            public: key.public_bytes(set.public_len())?,
        })
    }

    /// Takes an imported key: its seed, its expanded form or both; `public`, where there is one, is its
    /// public key. `InvalidKey` where there is neither form, or where they are of different keys.
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
}
