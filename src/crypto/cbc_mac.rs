//! MACs over AES-CBC: CMAC (NIST SP 800-38B), XCBC (RFC 3566), and CBC-MAC as FIPS 113 has it.

use zeroize::Zeroizing;

use super::aes::{self, BLOCK, Direction};
use super::block_cipher::{BlockKey, Chain};
use super::{Error, Result};
use crate::secret::Secret;

/// Bytes that go to the cipher at once: whole blocks.
const AT_ONCE: usize = 1024;

/// A MAC over AES in progress.
pub(crate) type AesMac = CbcMac<aes::Key, BLOCK>;

/// A MAC in progress. Holds the last block back, since the end of the message is combined with a key
/// of its own.
pub(crate) struct CbcMac<K: BlockKey<N>, const N: usize> {
    key: K,
    ending: Ending<N>,
    chain: K::Chain,
    held: Zeroizing<[u8; N]>,
    held_len: usize,
}

/// What the last block is combined with.
enum Ending<const N: usize> {
    /// Keys that follow from the encryption of zeros.
    Cmac,
    /// The first key for a whole block, the second for one that was filled up.
    Xcbc([Zeroizing<[u8; N]>; 2]),
    /// Nothing; zeros fill it up.
    Zeros,
}

impl AesMac {
    /// RFC 3566. Takes a key of 16 bytes (`Error::KeySize`).
    pub(crate) fn xcbc(key: &aes::Key) -> Result<Self> {
        if key.bytes().len() != BLOCK {
            return Err(Error::KeySize);
        }
        let derived = |number| {
            let mut derived = Zeroizing::new([0; BLOCK]);
            key.ecb(Direction::Encrypt, &[number; BLOCK], derived.as_mut_slice())?;
            Ok(derived)
        };
        let ending = Ending::Xcbc([derived(2)?, derived(3)?]);
        Self::new(&aes::Key::new(&*derived(1)?)?, ending)
    }
}

impl<K: BlockKey<N>, const N: usize> CbcMac<K, N> {
    pub(crate) fn cmac(key: &K) -> Result<Self> {
        Self::new(key, Ending::Cmac)
    }

    /// FIPS 113: safe where all messages have one length alone.
    pub(crate) fn fips113(key: &K) -> Result<Self> {
        Self::new(key, Ending::Zeros)
    }

    fn new(key: &K, ending: Ending<N>) -> Result<Self> {
        Ok(Self {
            key: key.clone(),
            ending,
            chain: key.cbc(Direction::Encrypt, [0; N])?,
            held: Zeroizing::new([0; N]),
            held_len: 0,
        })
    }

    pub(crate) fn update(&mut self, message: &[u8]) -> Result<()> {
        let (fill, rest) = message.split_at(message.len().min(N - self.held_len));
        self.hold(fill);
        if rest.is_empty() {
            return Ok(());
        }
        let held = self.held.clone();
        self.chain(held.as_slice())?;
        let (whole, last) = rest.split_at((rest.len() - 1) / N * N);
        whole
            .chunks(AT_ONCE)
            .try_for_each(|blocks| self.chain(blocks))?;
        self.held_len = 0;
        self.hold(last);
        Ok(())
    }

    /// The MAC. A shorter MAC is the beginning of this one. Nothing is taken afterwards.
    pub(crate) fn finish(&mut self) -> Result<[u8; N]> {
        let subkey = self.subkey()?;
        if self.held_len < N {
            self.held[self.held_len..].fill(0);
            if !matches!(self.ending, Ending::Zeros) {
                self.held[self.held_len] = 0x80;
            }
        }
        let mut last = self.held.clone();
        last.iter_mut()
            .zip(subkey.iter())
            .for_each(|(byte, key)| *byte ^= key);
        self.chain(last.as_slice())?;
        Ok(self.chain.iv())
    }

    fn subkey(&self) -> Result<Zeroizing<[u8; N]>> {
        let whole = self.held_len == N;
        let mut subkey = Zeroizing::new([0; N]);
        match &self.ending {
            Ending::Zeros => {}
            Ending::Xcbc([of_whole, of_filled]) => {
                subkey.copy_from_slice(if whole { &**of_whole } else { &**of_filled });
            }
            Ending::Cmac => {
                self.key
                    .ecb(Direction::Encrypt, &[0; N], subkey.as_mut_slice())?;
                double(&mut subkey, K::CARRY);
                if !whole {
                    double(&mut subkey, K::CARRY);
                }
            }
        }
        Ok(subkey)
    }

    /// What has been taken, as `restore` wants it.
    #[must_use]
    pub(crate) fn save(&self) -> Secret {
        let mut saved = Secret::zeroed(N + self.held_len);
        let (chain, held) = saved.split_at_mut(N);
        chain.copy_from_slice(&self.chain.iv());
        held.copy_from_slice(&self.held[..self.held_len]);
        saved
    }

    /// Goes on where a MAC with the same key was saved. `None` for bytes that `save` did not give.
    pub(crate) fn restore(&mut self, saved: &[u8]) -> Option<()> {
        let (iv, held) = saved.split_first_chunk()?;
        if held.len() > N {
            return None;
        }
        self.chain = self.key.cbc(Direction::Encrypt, *iv).ok()?;
        self.held_len = 0;
        self.hold(held);
        Some(())
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.held[self.held_len..][..bytes.len()].copy_from_slice(bytes);
        self.held_len += bytes.len();
    }

    /// Takes whole blocks, at most `AT_ONCE` bytes.
    fn chain(&mut self, blocks: &[u8]) -> Result<()> {
        if blocks.len() == N {
            let mut out = Zeroizing::new([0; N]);
            return self.chain.update(blocks, out.as_mut_slice());
        }
        let mut out = Zeroizing::new([0; AT_ONCE]);
        self.chain.update(blocks, out.as_mut_slice())
    }
}

/// SP 800-38B section 6.1: doubles in GF(2^8N), in constant time. `carry` is the field's polynomial.
fn double<const N: usize>(block: &mut [u8; N], carry: u8) {
    let mut carried = 0;
    for byte in block.iter_mut().rev() {
        let out = *byte >> 7;
        *byte = *byte << 1 | carried;
        carried = out;
    }
    block[N - 1] ^= carry & carried.wrapping_neg();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::vectors::records;

    fn in_parts(mut mac: AesMac, message: &[u8], first: usize) -> [u8; BLOCK] {
        let (head, tail) = message.split_at(first.min(message.len()));
        mac.update(head).unwrap();
        mac.update(tail).unwrap();
        mac.finish().unwrap()
    }

    #[test]
    fn known_answers_of_xcbc() {
        for record in records(include_str!("../../tests/vectors/aes_xcbc.rsp")) {
            let key = aes::Key::new(&record["key"]).unwrap();
            for first in [0, 1, 16, 33] {
                let mac = AesMac::xcbc(&key).unwrap();
                let found = in_parts(mac, &record["message"], first);
                assert_eq!(found[..], record["mac"]);
            }
        }
        let long = aes::Key::new(&[1; 32]).unwrap();
        assert_eq!(AesMac::xcbc(&long).err(), Some(Error::KeySize));
    }

    #[test]
    fn the_mac_of_fips_113_is_the_end_of_cbc() {
        let key = aes::Key::new(&[7; 32]).unwrap();
        let message: Vec<u8> = (0..100).collect();
        for len in 0..message.len() {
            let mut filled = message[..len].to_vec();
            filled.resize(len.max(1).next_multiple_of(BLOCK), 0);
            let mut sealed = vec![0; filled.len()];
            let mut cbc = aes::Cbc::new(&key, Direction::Encrypt, [0; BLOCK]);
            cbc.update(&filled, &mut sealed).unwrap();
            for first in [0, 1, 16, 33] {
                let found = in_parts(AesMac::fips113(&key).unwrap(), &message[..len], first);
                assert_eq!(found[..], sealed[sealed.len() - BLOCK..]);
            }
        }
    }
}
