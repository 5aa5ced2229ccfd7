//! Randomness as an argument.

use crate::secret::Secret;

/// A source of random bytes that are fit for keys.
pub trait Rng: Send + Sync {
    /// Fills `out`. Panics when the source fails: there is nothing safe to go on with.
    fn fill(&self, out: &mut [u8]);

    /// Mixes `seed` into all random bytes that come later. No seed makes them easier to guess.
    fn seed(&self, seed: &[u8]);
}

/// `N` random bytes that need not stay secret: nonces, salts, identifiers.
pub fn random<const N: usize>(rng: &dyn Rng) -> [u8; N] {
    let mut out = [0; N];
    rng.fill(&mut out);
    out
}

/// A random secret of `len` bytes.
pub fn secret(rng: &dyn Rng, len: usize) -> Secret {
    let mut out = Secret::zeroed(len);
    rng.fill(&mut out);
    out
}
