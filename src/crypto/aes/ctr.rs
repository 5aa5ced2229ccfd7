//! CTR (NIST SP 800-38A section 6.5).

use super::{BLOCK, Key};
use crate::crypto::sys::cipher;
use crate::crypto::{Error, Result};

/// CTR (NIST SP 800-38A section 6.5) in progress; encryption and decryption are the same operation.
pub(crate) struct Ctr {
    context: cipher::Context,
    first: u128,
    /// Bytes that the counter went over.
    taken: u128,
    /// Bytes until the counter would run over into the rest of its block, or repeat.
    left: u128,
}

impl Ctr {
    /// Begins with the counter block `counter`, whose last `bits` bits, 1 to 128, are counted up.
    /// `Error::InvalidParameter` for other numbers of bits.
    pub(crate) fn new(key: &Key, counter: &[u8; BLOCK], bits: u32) -> Result<Self> {
        let number = u128::from_be_bytes(*counter);
        let blocks = match bits {
            1..128 => (1 << bits) - number % (1 << bits),
            // The counter may start anywhere: it repeats after 2^128 blocks, which nobody encrypts.
            128 => u128::MAX,
            _ => return Err(Error::InvalidParameter("1 to 128 bits of the block count")),
        };
        Ok(Self {
            context: cipher::Context::ctr(key.bytes(), counter)?,
            first: number,
            taken: 0,
            left: blocks.saturating_mul(BLOCK as u128),
        })
    }

    /// Takes any number of bytes and writes as many to the start of `out`. `Error::InputLength`
    /// when the counter would run over, or `input` is longer than `out`.
    pub(crate) fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = out.get_mut(..input.len()).ok_or(Error::InputLength)?;
        let left = self.left.checked_sub(input.len() as u128);
        self.left = left.ok_or(Error::InputLength)?;
        self.taken += input.len() as u128;
        self.context.update(input, out)
    }

    /// The counter block for the next byte, and how many bytes of its key stream are used up; `None`
    /// where the counter is at its end, and would begin anew.
    #[must_use]
    pub(crate) fn position(&self) -> Option<([u8; BLOCK], usize)> {
        let block = BLOCK as u128;
        let counter = self.first.wrapping_add(self.taken / block);
        let used = usize::try_from(self.taken % block).ok()?;
        (self.left > 0).then(|| (counter.to_be_bytes(), used))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::vectors::records;

    #[test]
    fn known_answers() {
        for record in records(include_str!("../../../tests/vectors/aes_ctr.rsp")) {
            let key = Key::new(&record["key"]).unwrap();
            let counter = record["iv"].as_slice().try_into().unwrap();
            for (from, to) in [("plaintext", "ciphertext"), ("ciphertext", "plaintext")] {
                let mut ctr = Ctr::new(&key, counter, 128).unwrap();
                let mut out = vec![0; record[from].len()];
                let (head, tail) = record[from].split_at(7);
                ctr.update(head, &mut out[..7]).unwrap();
                ctr.update(tail, &mut out[7..]).unwrap();
                assert_eq!(out, record[to]);
            }
        }
    }

    #[test]
    fn the_counter_never_runs_over() {
        let key = Key::new(&[7; 16]).unwrap();
        let mut block = [0xEE; BLOCK];
        block[15] = 0xFE;
        let mut out = [0; 300];
        for (bits, most) in [(1, 32), (2, 32), (8, 32), (128, 300)] {
            let begin = || Ctr::new(&key, &block, bits).unwrap();
            assert!(
                begin().update(&[0; 300][..most], &mut out).is_ok(),
                "{bits}"
            );
            if most < 300 {
                let refused = begin().update(&[0; 300][..most + 1], &mut out);
                assert_eq!(refused, Err(Error::InputLength), "{bits}");
            }
        }
        for bits in [0, 129, u32::MAX] {
            assert!(Ctr::new(&key, &block, bits).is_err());
        }
    }
}
