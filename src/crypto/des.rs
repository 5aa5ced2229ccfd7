//! Triple DES (NIST SP 800-67), with two keys or three, in the modes ECB and CBC.
//!
//! The S-boxes are tables, so whoever shares the processor's caches may learn something of the key.

use std::fmt;

use super::aes::Direction;
use super::block_cipher::{block_cipher, output};
use super::sys::cipher::Context;
use super::{Error, Result};
use crate::secret::Secret;

/// Length of a block in bytes.
pub(crate) const BLOCK: usize = 8;
/// Length in bytes of two keys.
pub(crate) const TWO_KEYS: usize = 16;
/// Length in bytes of three keys.
pub(crate) const THREE_KEYS: usize = 24;

/// Two keys, of which the first is the third too, or three. The parity bits count for nothing.
#[derive(Clone)]
pub(crate) struct Key(Secret);

impl Key {
    /// Takes 16 or 24 bytes. `Error::KeySize` for other lengths.
    pub(crate) fn new(bytes: &[u8]) -> Result<Self> {
        match bytes.len() {
            TWO_KEYS | THREE_KEYS => Ok(Self(Secret::copy(bytes))),
            _ => Err(Error::KeySize),
        }
    }

    /// The key's value.
    #[must_use]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn ecb(&self, direction: Direction, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = output::<BLOCK>(input, out)?;
        self.context(direction, None)?.update(input, out)
    }

    fn context(&self, direction: Direction, iv: Option<&[u8; BLOCK]>) -> Result<Context> {
        let mut keys = Secret::zeroed(THREE_KEYS);
        let (own, last) = keys.split_at_mut(self.0.len());
        own.copy_from_slice(&self.0);
        last.copy_from_slice(&self.0[..last.len()]);
        match keys.first_chunk() {
            Some(keys) => Context::triple_des(keys, direction, iv),
            None => Err(Error::KeySize),
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "des::Key({} bytes)", self.0.len())
    }
}

/// CBC of a message in progress, without padding.
pub(crate) struct Cbc {
    context: Context,
    direction: Direction,
    iv: [u8; BLOCK],
}

impl Cbc {
    pub(crate) fn new(key: &Key, direction: Direction, iv: [u8; BLOCK]) -> Result<Self> {
        Ok(Self {
            context: key.context(direction, Some(&iv))?,
            direction,
            iv,
        })
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = output::<BLOCK>(input, out)?;
        self.context.update(input, out)?;
        let sealed = match self.direction {
            Direction::Encrypt => &*out,
            Direction::Decrypt => input,
        };
        if let Some(last) = sealed.last_chunk() {
            self.iv = *last;
        }
        Ok(())
    }

    fn iv(&self) -> [u8; BLOCK] {
        self.iv
    }

    /// The context keeps the vector that it was made with.
    fn begin_again(&mut self, _: [u8; BLOCK]) -> bool {
        false
    }
}

block_cipher!(Key, Cbc, BLOCK, 0x1B, Cbc::new);

/// Sets the lowest bit of each byte, so that an odd number of bits is set (FIPS 46-3).
pub(crate) fn set_parity(key: &mut [u8]) {
    for byte in key {
        let even = (*byte >> 1).count_ones().is_multiple_of(2);
        *byte = *byte & 0xFE | u8::from(even);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::cbc_mac::CbcMac;
    use crate::crypto::vectors::records;

    fn key(record: &std::collections::HashMap<&str, Vec<u8>>) -> Key {
        Key::new(&record["key"]).unwrap()
    }

    #[test]
    fn known_answers_of_ecb() {
        for record in records(include_str!("../../tests/vectors/des3_ecb.rsp")) {
            let (plain, sealed) = (&record["plaintext"], &record["ciphertext"]);
            let mut out = vec![0; plain.len()];
            key(&record)
                .ecb(Direction::Encrypt, plain, &mut out)
                .unwrap();
            assert_eq!(out, *sealed);
            key(&record)
                .ecb(Direction::Decrypt, sealed, &mut out)
                .unwrap();
            assert_eq!(out, *plain);
        }
    }

    #[test]
    fn known_answers_of_cbc_in_parts() {
        for record in records(include_str!("../../tests/vectors/des3_cbc.rsp")) {
            let iv: [u8; BLOCK] = record["iv"][..].try_into().unwrap();
            let (plain, sealed) = (&record["plaintext"], &record["ciphertext"]);
            for (direction, from, to) in [
                (Direction::Encrypt, plain, sealed),
                (Direction::Decrypt, sealed, plain),
            ] {
                let mut out = vec![0; from.len()];
                let mut cbc = Cbc::new(&key(&record), direction, iv).unwrap();
                let half = from.len() / 16 * 8;
                cbc.update(&from[..half], &mut out[..half]).unwrap();
                let mut cbc = Cbc::new(&key(&record), direction, cbc.iv()).unwrap();
                cbc.update(&from[half..], &mut out[half..]).unwrap();
                assert_eq!(out, *to);
            }
        }
    }

    #[test]
    fn known_answers_of_cmac() {
        for record in records(include_str!("../../tests/vectors/des3_cmac.rsp")) {
            let mut mac = CbcMac::cmac(&key(&record)).unwrap();
            let (head, tail) = record["message"].split_at(record["message"].len() / 3);
            mac.update(head).unwrap();
            mac.update(tail).unwrap();
            let whole: [u8; BLOCK] = mac.finish().unwrap();
            assert_eq!(whole[..record["mac"].len()], record["mac"]);
        }
    }

    #[test]
    fn every_byte_gets_odd_parity() {
        let mut key: Vec<u8> = (0..=255).collect();
        set_parity(&mut key);
        for (byte, with_parity) in (0..=255_u8).zip(key) {
            assert_eq!((byte ^ with_parity) & 0xFE, 0);
            assert_eq!(with_parity.count_ones() % 2, 1);
        }
    }

    #[test]
    fn lengths_that_are_none_are_refused() {
        for len in [0, 8, 15, 17, 23, 25, 32] {
            assert_eq!(Key::new(&vec![0; len]).err(), Some(Error::KeySize));
        }
        let key = Key::new(&[1; 24]).unwrap();
        let refused = key.ecb(Direction::Encrypt, &[0; 12], &mut [0; 16]);
        assert_eq!(refused, Err(Error::InputLength));
        let refused = key.ecb(Direction::Encrypt, &[0; 16], &mut [0; 8]);
        assert_eq!(refused, Err(Error::InputLength));
    }
}
