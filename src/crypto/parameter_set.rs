//! Parameter sets, of which each has an object identifier of its own, and no algorithm parameters
//! (RFC 9881, RFC 9909, RFC 9935).

use std::fmt::Debug;

use super::encoding::{self, AlgorithmIdentifierRef, ObjectIdentifier};
use super::{Error, Result};

/// A parameter set of an algorithm.
pub trait NamedSet: Copy + Eq + Debug + Send + Sync + 'static {
    /// All of the algorithm's, the shortest keys first.
    const SETS: &'static [Self];
    /// Why an AlgorithmIdentifier with parameters is refused.
    const PARAMETERS_REFUSAL: &'static str;
    /// Why an AlgorithmIdentifier of another algorithm is refused.
    const ALGORITHM_REFUSAL: &'static str;

    /// The name in the algorithm's standard.
    fn name(self) -> &'static str;

    /// The algorithm in PKCS #8 and SubjectPublicKeyInfo.
    fn oid(self) -> ObjectIdentifier;
}

/// The parameter set that an AlgorithmIdentifier names. `InvalidKey` for another algorithm, or with
/// parameters, which there are none of.
pub(crate) fn parameter_set<S: NamedSet>(algorithm: &AlgorithmIdentifierRef<'_>) -> Result<S> {
    if algorithm.parameters.is_some() {
        return Err(Error::InvalidKey(S::PARAMETERS_REFUSAL));
    }
    let named = S::SETS.iter().find(|set| set.oid() == algorithm.oid);
    named
        .copied()
        .ok_or(Error::InvalidKey(S::ALGORITHM_REFUSAL))
}

/// SubjectPublicKeyInfo DER of a public key (RFC 9881 section 4, RFC 9909 section 4, RFC 9935 section 5).
pub fn spki<S: NamedSet>(set: S, public: &[u8]) -> Result<Vec<u8>> {
    encoding::spki(algorithm(set), public)
}

pub(super) fn algorithm<S: NamedSet>(set: S) -> AlgorithmIdentifierRef<'static> {
    AlgorithmIdentifierRef {
        oid: set.oid(),
        parameters: None,
    }
}
