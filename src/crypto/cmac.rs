//! AES-CMAC (NIST SP 800-38B), over AES-CBC.

use zeroize::Zeroizing;

use super::Result;
use super::aes::{BLOCK, Cbc, Direction, Key};
use crate::secret::Secret;

/// Blocks that go to the cipher at once.
const AT_ONCE: usize = 64;

/// A MAC in progress. Holds the last block back, since the end of the message is combined with a key
/// of its own.
pub(crate) struct Cmac {
    key: Key,
    chain: Cbc,
    held: Zeroizing<[u8; BLOCK]>,
    held_len: usize,
}

impl Cmac {
    #[must_use]
    pub(crate) fn new(key: &Key) -> Self {
        Self {
            key: key.clone(),
            chain: Cbc::new(key, Direction::Encrypt, [0; BLOCK]),
            held: Zeroizing::new([0; BLOCK]),
            held_len: 0,
        }
    }

    pub(crate) fn update(&mut self, message: &[u8]) -> Result<()> {
        let (fill, rest) = message.split_at(message.len().min(BLOCK - self.held_len));
        self.hold(fill);
        if rest.is_empty() {
            return Ok(());
        }
        let held = self.held.clone();
        self.chain(held.as_slice())?;
        let (whole, last) = rest.split_at((rest.len() - 1) / BLOCK * BLOCK);
        whole
            .chunks(AT_ONCE * BLOCK)
            .try_for_each(|blocks| self.chain(blocks))?;
        self.held_len = 0;
        self.hold(last);
        Ok(())
    }

    /// The MAC. A shorter MAC is the beginning of this one.
    pub(crate) fn finish(mut self) -> Result<[u8; BLOCK]> {
        let mut subkey = Zeroizing::new([0; BLOCK]);
        self.key
            .ecb(Direction::Encrypt, &[0; BLOCK], subkey.as_mut_slice())?;
        double(&mut subkey);
        if self.held_len < BLOCK {
            self.held[self.held_len] = 0x80;
            self.held[self.held_len + 1..].fill(0);
            double(&mut subkey);
        }
        let mut last = self.held.clone();
        last.iter_mut()
            .zip(subkey.iter())
            .for_each(|(byte, key)| *byte ^= key);
        self.chain(last.as_slice())?;
        Ok(self.chain.iv())
    }

    /// What has been taken, as `restore` wants it.
    #[must_use]
    pub(crate) fn save(&self) -> Secret {
        let mut saved = Secret::zeroed(BLOCK + self.held_len);
        let (chain, held) = saved.split_at_mut(BLOCK);
        chain.copy_from_slice(&self.chain.iv());
        held.copy_from_slice(&self.held[..self.held_len]);
        saved
    }

    /// Goes on where a MAC with the same key was saved. `None` for bytes that `save` did not give.
    pub(crate) fn restore(&mut self, saved: &[u8]) -> Option<()> {
        let (iv, held) = saved.split_first_chunk()?;
        if held.len() > BLOCK {
            return None;
        }
        self.chain = Cbc::new(&self.key, Direction::Encrypt, *iv);
        self.held_len = 0;
        self.hold(held);
        Some(())
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.held[self.held_len..][..bytes.len()].copy_from_slice(bytes);
        self.held_len += bytes.len();
    }

    fn chain(&mut self, blocks: &[u8]) -> Result<()> {
        let mut out = Zeroizing::new([0; AT_ONCE * BLOCK]);
        self.chain.update(blocks, out.as_mut_slice())
    }
}

/// Section 6.1: doubles in GF(2^128), in constant time.
fn double(block: &mut [u8; BLOCK]) {
    let number = u128::from_be_bytes(*block);
    let carry = (number >> 127) * 0x87;
    *block = ((number << 1) ^ carry).to_be_bytes();
}
