//! CBC with ciphertext stealing (PKCS#11 3.2 section 6.12).

use super::super::Cipher;
use super::super::blocks;
use super::super::whole::{Whole, gathered, wrong_length};
use super::{BLOCK, Key, Params, Result, aes_key};
use crate::crypto;
use crate::crypto::aes::{self, Direction};

pub(super) fn begin(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    Ok(gathered(Message {
        key: aes_key(key)?.clone(),
        direction,
        iv: blocks::iv(params)?,
    }))
}

struct Message {
    key: aes::Key,
    direction: Direction,
    iv: [u8; BLOCK],
}

impl Whole for Message {
    fn bound(&self, input: usize) -> usize {
        input
    }

    fn most(&self) -> usize {
        usize::MAX
    }

    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        match self.key.cts(self.direction, self.iv, input, out) {
            Ok(()) => Ok(input.len()),
            Err(crypto::Error::InputLength) => Err(wrong_length(self.direction).into()),
            Err(other) => Err(other.into()),
        }
    }

    fn direction(&self) -> Direction {
        self.direction
    }
}
