//! MACs over AES-CBC: CMAC (NIST SP 800-38B), XCBC (RFC 3566), and CBC-MAC as FIPS 113 has it.

use zeroize::Zeroizing;

use super::aes::{BLOCK, Cbc, Direction, Key};
use super::{Error, Result};
use crate::secret::Secret;

/// Blocks that go to the cipher at once.
const AT_ONCE: usize = 64;

/// A MAC in progress. Holds the last block back, since the end of the message is combined with a key
/// of its own.
pub(crate) struct CbcMac {
    key: Key,
    ending: Ending,
    chain: Cbc,
    held: Zeroizing<[u8; BLOCK]>,
    held_len: usize,
}

/// What the last block is combined with.
enum Ending {
    /// Keys that follow from the encryption of zeros.
    Cmac,
    /// The first key for a whole block, the second for one that was filled up.
    Xcbc([Zeroizing<[u8; BLOCK]>; 2]),
    /// Nothing; zeros fill it up.
    Zeros,
}

impl CbcMac {
    #[must_use]
    pub(crate) fn cmac(key: &Key) -> Self {
        Self::new(key, Ending::Cmac)
    }

    /// RFC 3566. Takes a key of 16 bytes (`Error::KeySize`).
    pub(crate) fn xcbc(key: &Key) -> Result<Self> {
        if key.bytes().len() != BLOCK {
            return Err(Error::KeySize);
        }
        let derived = |number| {
            let mut derived = Zeroizing::new([0; BLOCK]);
            key.ecb(Direction::Encrypt, &[number; BLOCK], derived.as_mut_slice())?;
            Ok(derived)
        };
        let ending = Ending::Xcbc([derived(2)?, derived(3)?]);
        Ok(Self::new(&Key::new(&*derived(1)?)?, ending))
    }

    /// FIPS 113: safe where all messages have one length alone.
    #[must_use]
    pub(crate) fn fips113(key: &Key) -> Self {
        Self::new(key, Ending::Zeros)
    }

    fn new(key: &Key, ending: Ending) -> Self {
        Self {
            key: key.clone(),
            ending,
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
        self.chain::<BLOCK>(held.as_slice())?;
        let (whole, last) = rest.split_at((rest.len() - 1) / BLOCK * BLOCK);
        whole
            .chunks(AT_ONCE * BLOCK)
            .try_for_each(|blocks| self.chain::<{ AT_ONCE * BLOCK }>(blocks))?;
        self.held_len = 0;
        self.hold(last);
        Ok(())
    }

    /// The MAC. A shorter MAC is the beginning of this one. Nothing is taken afterwards.
    pub(crate) fn finish(&mut self) -> Result<[u8; BLOCK]> {
        let subkey = self.subkey()?;
        if self.held_len < BLOCK {
            self.held[self.held_len..].fill(0);
            if !matches!(self.ending, Ending::Zeros) {
                self.held[self.held_len] = 0x80;
            }
        }
        let mut last = self.held.clone();
        last.iter_mut()
            .zip(subkey.iter())
            .for_each(|(byte, key)| *byte ^= key);
        self.chain::<BLOCK>(last.as_slice())?;
        Ok(self.chain.iv())
    }

    fn subkey(&self) -> Result<Zeroizing<[u8; BLOCK]>> {
        let whole = self.held_len == BLOCK;
        let mut subkey = Zeroizing::new([0; BLOCK]);
        match &self.ending {
            Ending::Zeros => {}
            Ending::Xcbc([of_whole, of_filled]) => {
                subkey.copy_from_slice(if whole { &**of_whole } else { &**of_filled });
            }
            Ending::Cmac => {
                self.key
                    .ecb(Direction::Encrypt, &[0; BLOCK], subkey.as_mut_slice())?;
                double(&mut subkey);
                if !whole {
                    double(&mut subkey);
                }
            }
        }
        Ok(subkey)
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

    /// Takes whole blocks, at most `ROOM` bytes.
    fn chain<const ROOM: usize>(&mut self, blocks: &[u8]) -> Result<()> {
        let mut out = Zeroizing::new([0; ROOM]);
        self.chain.update(blocks, out.as_mut_slice())
    }
}

/// SP 800-38B section 6.1: doubles in GF(2^128), in constant time.
fn double(block: &mut [u8; BLOCK]) {
    let number = u128::from_be_bytes(*block);
    let carry = (number >> 127) * 0x87;
    *block = ((number << 1) ^ carry).to_be_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::vectors::records;

    fn in_parts(mut mac: CbcMac, message: &[u8], first: usize) -> [u8; BLOCK] {
        let (head, tail) = message.split_at(first.min(message.len()));
        mac.update(head).unwrap();
        mac.update(tail).unwrap();
        mac.finish().unwrap()
    }

    #[test]
    fn known_answers_of_xcbc() {
        for record in records(include_str!("../../tests/vectors/aes_xcbc.rsp")) {
            let key = Key::new(&record["key"]).unwrap();
            for first in [0, 1, 16, 33] {
                let mac = CbcMac::xcbc(&key).unwrap();
                let found = in_parts(mac, &record["message"], first);
                assert_eq!(found[..], record["mac"]);
            }
        }
        let long = Key::new(&[1; 32]).unwrap();
        assert_eq!(CbcMac::xcbc(&long).err(), Some(Error::KeySize));
    }

    #[test]
    fn the_mac_of_fips_113_is_the_end_of_cbc() {
        let key = Key::new(&[7; 32]).unwrap();
        let message: Vec<u8> = (0..100).collect();
        for len in 0..message.len() {
            let mut filled = message[..len].to_vec();
            filled.resize(len.max(1).next_multiple_of(BLOCK), 0);
            let mut sealed = vec![0; filled.len()];
            let mut cbc = Cbc::new(&key, Direction::Encrypt, [0; BLOCK]);
            cbc.update(&filled, &mut sealed).unwrap();
            for first in [0, 1, 16, 33] {
                let found = in_parts(CbcMac::fips113(&key), &message[..len], first);
                assert_eq!(found[..], sealed[sealed.len() - BLOCK..]);
            }
        }
    }
}
