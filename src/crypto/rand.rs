//! The system's randomness.

use crate::crypto::sys;
use crate::rng::Rng;

/// aws-lc's generator, seeded and reseeded by the kernel's, and again after a fork.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemRng;

impl Rng for SystemRng {
    fn fill(&self, out: &mut [u8]) {
        fill(out);
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
    fn takes_an_empty_buffer() {
        fill(&mut []);
    }
}
