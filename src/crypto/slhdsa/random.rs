//! The system's randomness in the form in which the crate asks for it.

use std::num::NonZeroU32;

use fips205::{CryptoRng, RngCore, RngError};

use crate::crypto::rand;
use crate::crypto::sys;

/// aws-lc's generator.
pub(super) struct SystemRandom;

impl RngCore for SystemRandom {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        rand::fill(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        rand::fill(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        rand::fill(out);
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), RngError> {
        const FAILED: NonZeroU32 = NonZeroU32::new(RngError::CUSTOM_START).unwrap();
        sys::rand::fill(out).map_err(|_| RngError::from(FAILED))
    }
}

impl CryptoRng for SystemRandom {}
