//! The system's randomness, and what callers add to it.

use std::sync::OnceLock;

use parking_lot::Mutex;

use crate::crypto::hash::hmac_sha256;
use crate::crypto::kdf::hkdf_sha256;
use crate::crypto::sys;
use crate::rng::{Rng, random};
use crate::secret::Secret;

/// aws-lc's generator, seeded and reseeded by the kernel's, and again after a fork. Takes no seed.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, out: &mut [u8]) {
        fill(out);
    }

    fn seed(&self, _: &[u8]) {}
}

/// `SystemRng`, and from the first seed on a mask over it that is derived from all seeds: whoever
/// knows only the generator's state, or only the seeds, knows nothing of the output.
#[derive(Default)]
pub(crate) struct SeededRng(OnceLock<Mutex<Secret>>);

/// The longest output of one derivation by HKDF-SHA-256, in bytes (RFC 5869 section 2.3).
const MASKED: usize = 255 * 32;

impl Rng for SeededRng {
    fn fill(&self, out: &mut [u8]) {
        fill(out);
        let Some(pool) = self.0.get() else {
            return;
        };
        let pool = pool.lock().clone();
        for part in out.chunks_mut(MASKED) {
            let salt: [u8; 32] = random(&SystemRng);
            let mut mask = Secret::zeroed(part.len());
            hkdf_sha256(&pool, &salt, &[b"tenon seeds 1"], &mut mask);
            for (byte, mask) in part.iter_mut().zip(mask.iter()) {
                *byte ^= mask;
            }
        }
    }

    fn seed(&self, seed: &[u8]) {
        let mut pool = self.0.get_or_init(|| Mutex::new(Secret::zeroed(32))).lock();
        *pool = Secret::from(hmac_sha256(&pool, &[seed]).to_vec());
    }
}

/// Fills `out` with random bytes fit for keys.
///
/// # Panics
///
/// When the generator fails: there is nothing safe to go on with.
pub fn fill(out: &mut [u8]) {
    #[expect(
        clippy::expect_used,
        reason = "no operation may go on without randomness"
    )]
    sys::rand::fill(out).expect("the random generator works");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng::random;

    #[test]
    fn fills_every_byte_with_something_new() {
        let mut ever_set = [0_u8; 64];
        for _ in 0..64 {
            let sample: [u8; 64] = random(&SystemRng);
            ever_set
                .iter_mut()
                .zip(sample)
                .for_each(|(all, byte)| *all |= byte);
        }
        assert_eq!(
            ever_set, [0xFF; 64],
            "each bit is set at least once in 64 samples"
        );
        assert_ne!(random::<32>(&SystemRng), random::<32>(&SystemRng));
    }

    #[test]
    fn a_seed_changes_nothing_for_the_worse() {
        let rng = SeededRng::default();
        for seed in [&b""[..], &[0; 100], b"the same", b"the same"] {
            let before: [u8; 32] = random(&rng);
            rng.seed(seed);
            let mut long = vec![0; 3 * MASKED + 1];
            rng.fill(&mut long);
            let ones: u32 = long.iter().map(|byte| byte.count_ones()).sum();
            let bits = u32::try_from(long.len() * 8).unwrap();
            assert!(ones.abs_diff(bits / 2) < bits / 100, "{ones} of {bits}");
            assert_ne!(before, random::<32>(&rng));
        }
    }

    #[test]
    fn every_seed_counts() {
        let pool = |seeds: &[&[u8]]| {
            let rng = SeededRng::default();
            seeds.iter().for_each(|seed| rng.seed(seed));
            rng.0.get().map(|pool| pool.lock().to_vec())
        };
        assert_eq!(pool(&[]), None);
        let known = [
            pool(&[b"a"]),
            pool(&[b"a", b"b"]),
            pool(&[b"ab"]),
            pool(&[b"b", b"a"]),
        ];
        for (place, one) in known.iter().enumerate() {
            assert!(known[place + 1..].iter().all(|other| one != other));
        }
    }

    #[test]
    fn takes_an_empty_buffer() {
        fill(&mut []);
    }
}
