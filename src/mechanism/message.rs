//! Message-based encryption with AEAD ciphers: the parameters of one message, and the generation of
//! initialization vectors (PKCS#11 3.2 section 6.13).

use std::collections::HashMap;

use super::{Params, bad_param};
use crate::error::Result;
use crate::rng::{Rng, random};

/// The structure that the parameter of a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageKind {
    /// CK_GCM_MESSAGE_PARAMS.
    Gcm,
    /// CK_CCM_MESSAGE_PARAMS.
    Ccm,
    /// CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS.
    ChaCha20Poly1305,
}

/// How those bits of an initialization vector are made that the caller does not fix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generator {
    /// The caller gives the whole vector (CKG_NO_GENERATE).
    None,
    /// As the module chooses (CKG_GENERATE): at random where 96 bits or more are free, else by a
    /// counter with a random beginning.
    Any,
    /// A counter that begins with zero in each session (CKG_GENERATE_COUNTER).
    Counter,
    /// At random (CKG_GENERATE_RANDOM).
    Random,
    /// The caller's value, which is the same for each message, and a counter, combined by XOR
    /// (CKG_GENERATE_COUNTER_XOR). The counter begins with zero for each value of a session.
    CounterXor,
}

/// The parameter of one message of a cipher (CK_GCM_MESSAGE_PARAMS, CK_CCM_MESSAGE_PARAMS).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageParams {
    /// As the caller gave the vector; once a generator has run, as the generator made it.
    pub iv: Vec<u8>,
    /// Bits at the beginning of `iv` that a generator leaves alone.
    pub fixed_bits: usize,
    /// Encryption alone uses it.
    pub generator: Generator,
    /// Length of the tag in bytes.
    pub tag_len: usize,
    /// Given at the beginning of a decryption, made at the end of an encryption.
    pub tag: Option<Vec<u8>>,
    /// ulDataLen of CCM: length of the text in bytes.
    pub data_len: usize,
}

impl MessageParams {
    /// What `Mechanism::encrypt` and `Mechanism::decrypt` take for this message.
    #[must_use]
    pub fn with_aad(&self, kind: MessageKind, aad: &[u8]) -> Params {
        let (iv, aad, tag_len) = (self.iv.clone(), aad.to_vec(), self.tag_len);
        match kind {
            MessageKind::Gcm => Params::Gcm {
                iv: iv.into(),
                aad,
                tag_len,
            },
            MessageKind::Ccm => Params::Ccm {
                data_len: self.data_len,
                nonce: iv,
                aad,
                tag_len,
            },
            MessageKind::ChaCha20Poly1305 => Params::ChaCha20Poly1305 { nonce: iv, aad },
        }
    }
}

/// Fewest free bits for a counter, and for a random part.
const LEAST_COUNTER: usize = 32;
const LEAST_RANDOM: usize = 64;
/// Random bits that do not repeat in practice (NIST SP 800-38D section 8.2.2).
const RANDOM_ENOUGH: usize = 96;

/// The initialization vectors of a session. Its message-based encryptions share them, since a second
/// one with the same key, or with a copy of it, must not repeat the vectors of the first.
pub(crate) struct Ivs {
    /// The next counter of `Generator::Counter`.
    counted: u64,
    /// Where the counter of `Generator::Any` begins, and how far it has come.
    any: (u64, u64),
    /// The next counter of each value that `Generator::CounterXor` has combined.
    combined: HashMap<Vec<u8>, u64>,
    /// The value that `Generator::CounterXor` combines with the counter in this encryption, and the
    /// vector that came out last.
    base: Option<(Vec<u8>, Vec<u8>)>,
}

impl Ivs {
    #[must_use]
    pub(crate) fn new(rng: &dyn Rng) -> Self {
        Self {
            counted: 0,
            any: (u64::from_be_bytes(random(rng)), 0),
            combined: HashMap::new(),
            base: None,
        }
    }

    /// A new encryption of the session begins, which may combine another value.
    pub(crate) fn begin(&mut self) {
        self.base = None;
    }

    /// Replaces the vector in `params` by the next one of the generator that `params` names.
    ///
    /// # Errors
    /// CKR_MECHANISM_PARAM_INVALID where too few bits are left to the generator, when its counter
    /// has had all its values, or when the value changes that CKG_GENERATE_COUNTER_XOR combines.
    pub(crate) fn make(&mut self, params: &mut MessageParams, rng: &dyn Rng) -> Result<()> {
        if params.generator == Generator::None {
            return Ok(());
        }
        let Some(free) = (params.iv.len() * 8).checked_sub(params.fixed_bits) else {
            return bad_param("the initialization vector has fewer bits than are fixed");
        };
        match params.generator {
            Generator::Random => at_random(params, free, rng),
            Generator::Any if free >= RANDOM_ENOUGH => at_random(params, free, rng),
            Generator::Any | Generator::None => {
                let counter = self.any.0.wrapping_add(next(&mut self.any.1, free)?);
                replace(params, &spread(counter, params.iv.len()));
                Ok(())
            }
            Generator::Counter => {
                let counter = next(&mut self.counted, free)?;
                replace(params, &spread(counter, params.iv.len()));
                Ok(())
            }
            Generator::CounterXor => self.combine(params, free),
        }
    }

    fn combine(&mut self, params: &mut MessageParams, free: usize) -> Result<()> {
        let base = match &self.base {
            None => params.iv.clone(),
            Some((base, last)) if params.iv == *base || params.iv == *last => base.clone(),
            Some(_) => return bad_param("the value that the counter is combined with has changed"),
        };
        let counted = self.combined.entry(base.clone()).or_default();
        let counter = spread(next(counted, free)?, base.len());
        let made = base
            .iter()
            .zip(&counter)
            .map(|(base, counter)| base ^ counter);
        let made: Vec<u8> = made.collect();
        params.iv.clone_from(&base);
        replace(params, &made);
        self.base = Some((base, params.iv.clone()));
        Ok(())
    }
}

/// The next counter of `free` bits, where so many were `counted`.
fn next(counted: &mut u64, free: usize) -> Result<u64> {
    if free < LEAST_COUNTER {
        return bad_param("a counter needs 32 bits of the initialization vector");
    }
    let last = if free < 64 { (1 << free) - 1 } else { u64::MAX };
    if *counted > last {
        return bad_param("the counter of the initialization vectors has had all its values");
    }
    let counter = *counted;
    *counted = counter.saturating_add(1);
    Ok(counter)
}

fn at_random(params: &mut MessageParams, free: usize, rng: &dyn Rng) -> Result<()> {
    if free < LEAST_RANDOM {
        return bad_param("random initialization vectors need 64 bits that are not fixed");
    }
    let mut bytes = vec![0; params.iv.len()];
    rng.fill(&mut bytes);
    replace(params, &bytes);
    Ok(())
}

/// Sets all bits but the fixed ones to those of `made`.
fn replace(params: &mut MessageParams, made: &[u8]) {
    let fixed = params.fixed_bits;
    for (at, (byte, made)) in params.iv.iter_mut().zip(made).enumerate() {
        let fixed_here = fixed.saturating_sub(at * 8).min(8);
        let free: u8 = 0xFF_u8
            .checked_shr(u32::try_from(fixed_here).unwrap_or(8))
            .unwrap_or(0);
        *byte = (*byte & !free) | (made & free);
    }
}

/// `number` at the end of `len` bytes, big-endian.
fn spread(number: u64, len: usize) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let mut spread = vec![0; len];
    for (to, from) in spread.iter_mut().rev().zip(bytes.iter().rev()) {
        *to = *from;
    }
    spread
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::rand::SystemRng;

    fn params(generator: Generator, iv: &[u8], fixed_bits: usize) -> MessageParams {
        MessageParams {
            iv: iv.to_vec(),
            fixed_bits,
            generator,
            tag_len: 16,
            tag: None,
            data_len: 0,
        }
    }

    #[test]
    fn a_counter_begins_with_zero_behind_the_fixed_bits() {
        let mut ivs = Ivs::new(&SystemRng);
        for counter in 0..300_u64 {
            let mut params = params(Generator::Counter, &[0xFF; 12], 28);
            ivs.make(&mut params, &SystemRng).unwrap();
            let mut expected = [0xFF, 0xFF, 0xFF, 0xF0, 0, 0, 0, 0, 0, 0, 0, 0];
            expected[4..].copy_from_slice(&counter.to_be_bytes());
            assert_eq!(params.iv, expected);
        }
    }

    #[test]
    fn a_counter_is_combined_with_one_value() {
        let mut ivs = Ivs::new(&SystemRng);
        let base = [0xA5; 12];
        let mut params = params(Generator::CounterXor, &base, 32);
        for counter in 0..3_u8 {
            ivs.make(&mut params, &SystemRng).unwrap();
            assert_eq!(params.iv[..11], base[..11]);
            assert_eq!(params.iv[11], 0xA5 ^ counter);
        }
        params.iv = base.to_vec();
        ivs.make(&mut params, &SystemRng).unwrap();
        assert_eq!(params.iv[11], 0xA5 ^ 3);
        params.iv = vec![0xA6; 12];
        assert!(ivs.make(&mut params, &SystemRng).is_err());
    }

    #[test]
    fn what_is_made_at_random_keeps_the_fixed_bits_and_differs() {
        for (generator, len, fixed) in [
            (Generator::Random, 12, 32),
            (Generator::Any, 12, 0),
            (Generator::Any, 12, 32),
            (Generator::Any, 7, 0),
        ] {
            let mut ivs = Ivs::new(&SystemRng);
            let mut seen = std::collections::HashSet::new();
            for _ in 0..1000 {
                let mut params = params(generator, &vec![0xEE; len], fixed);
                ivs.make(&mut params, &SystemRng).unwrap();
                assert!(params.iv[..fixed / 8].iter().all(|byte| *byte == 0xEE));
                assert!(seen.insert(params.iv));
            }
        }
    }

    #[test]
    fn too_few_bits_are_refused() {
        for (generator, len, fixed) in [
            (Generator::Counter, 12, 65),
            (Generator::CounterXor, 12, 65),
            (Generator::Any, 12, 65),
            (Generator::Random, 12, 33),
            (Generator::Random, 7, 0),
            (Generator::Random, 1, 0),
            (Generator::Counter, 12, 97),
            (Generator::Counter, 3, 0),
        ] {
            let mut params = params(generator, &vec![0; len], fixed);
            assert!(Ivs::new(&SystemRng).make(&mut params, &SystemRng).is_err());
        }
        let mut params = params(Generator::None, &[7; 12], 500);
        Ivs::new(&SystemRng).make(&mut params, &SystemRng).unwrap();
        assert_eq!(params.iv, [7; 12]);
    }

    #[test]
    fn a_counter_ends_with_its_last_value() {
        let mut ivs = Ivs::new(&SystemRng);
        ivs.counted = u64::from(u32::MAX);
        let mut last = params(Generator::Counter, &[0; 8], 32);
        ivs.make(&mut last, &SystemRng).unwrap();
        assert_eq!(last.iv[4..], [0xFF; 4]);
        assert!(ivs.make(&mut last, &SystemRng).is_err());
    }
}
