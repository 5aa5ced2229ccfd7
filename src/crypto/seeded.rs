//! Key pairs that come as a seed, as an expanded private key, or as both: ML-DSA and ML-KEM. Their DER is
//! one but for the object identifiers, which alone say the parameter set (RFC 9881, RFC 9935).

use crate::secret::Secret;

use super::encoding::{self, MISMATCH, PrivateKeyInfoRef, public_key, seeded};
use super::parameter_set::{NamedSet, algorithm, parameter_set};
use super::sys::rand;
use super::{Error, Result};

/// A parameter set of an algorithm with such keys.
pub trait SeededSet: NamedSet {
    /// Bytes of a seed.
    const SEED_LEN: usize;
    /// Why a seed of another length is refused.
    const SEED_REFUSAL: &'static str;
    /// Why an expanded key of another length is refused.
    const EXPANDED_REFUSAL: &'static str;

    /// Bytes of an expanded private key.
    fn private_len(self) -> usize;

    /// The expanded private key and the public key of a seed, which has the right length.
    ///
    /// # Errors
    /// `Internal`.
    fn expand(self, seed: &[u8]) -> Result<(Secret, Vec<u8>)>;

    /// The public key of an expanded private key of the right length, whose parts are proven to belong
    /// together.
    ///
    /// # Errors
    /// `InvalidKey`.
    fn public_of(self, expanded: &[u8]) -> Result<Vec<u8>>;
}

/// A key pair.
#[derive(Debug, Clone)]
pub struct SeededMaterial<S> {
    /// Its parameter set.
    pub set: S,
    /// Empty for a key that came without its seed.
    pub seed: Secret,
    /// Expanded private key; of ML-KEM the decapsulation key.
    pub expanded: Secret,
    /// Public key; of ML-KEM the encapsulation key.
    pub public: Vec<u8>,
}

impl<S: SeededSet> SeededMaterial<S> {
    /// The key pair that the algorithm's standard makes of a seed.
    ///
    /// # Errors
    /// `InvalidKey` for a seed of another length; `Internal`.
    pub fn from_seed(set: S, seed: &[u8]) -> Result<Self> {
        if seed.len() != S::SEED_LEN {
            return Err(Error::InvalidKey(S::SEED_REFUSAL));
        }
        let (expanded, public) = set.expand(seed)?;
        Ok(Self {
            set,
            seed: Secret::copy(seed),
            expanded,
            public,
        })
    }

    /// The key pair of an expanded private key, whose parts are proven to belong together.
    ///
    /// # Errors
    /// `InvalidKey`.
    pub fn from_expanded(set: S, expanded: &[u8]) -> Result<Self> {
        if expanded.len() != set.private_len() {
            return Err(Error::InvalidKey(S::EXPANDED_REFUSAL));
        }
        Ok(Self {
            set,
            seed: Secret::zeroed(0),
            expanded: Secret::copy(expanded),
            public: set.public_of(expanded)?,
        })
    }

    /// Takes an imported key: its seed, its expanded form or both; `public`, where there is one, is its
    /// public key.
    ///
    /// # Errors
    /// `InvalidKey` where there is neither form, or where they are of different keys.
    pub fn checked(
        set: S,
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

    /// Takes the private key in PKCS #8: a seed, an expanded key, or both (RFC 9881 and RFC 9935, section 6).
    ///
    /// # Errors
    /// `InvalidKey`.
    pub fn from_pkcs8(info: &PrivateKeyInfoRef<'_>) -> Result<Self> {
        let set = parameter_set(&info.algorithm)?;
        let [seed, expanded] = seeded::read(info.private_key.as_bytes())?;
        Self::checked(set, seed, expanded, public_key(info)?)
    }

    /// PKCS #8 version 1 DER: of the seed where it is known, else of the expanded key.
    ///
    /// # Errors
    /// `Internal`.
    pub fn to_pkcs8(&self) -> Result<Secret> {
        pkcs8(self.set, &self.seed, &self.expanded)
    }
}

/// Makes a key pair.
///
/// # Errors
/// `Internal`.
pub fn generate<S: SeededSet>(set: S) -> Result<SeededMaterial<S>> {
    let mut seed = Secret::zeroed(S::SEED_LEN);
    rand::fill(&mut seed)?;
    SeededMaterial::from_seed(set, &seed)
}

/// PKCS #8 DER of a private key; an empty seed is none.
pub(super) fn pkcs8<S: SeededSet>(set: S, seed: &[u8], expanded: &[u8]) -> Result<Secret> {
    let inner = seeded::write(seed, expanded)?;
    encoding::pkcs8(algorithm(set), &inner)
}
