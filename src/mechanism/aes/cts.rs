//! CBC with ciphertext stealing (PKCS#11 3.2 section 6.12).

use super::super::Cipher;
use super::super::blocks;
use super::super::whole::{Whole, gathered, kept};
use super::{BLOCK, Key, Params, Result, aes_key};
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
        let done = self.key.cts(self.direction, self.iv, input, out);
        kept(done, input.len(), self.direction)
    }

    fn direction(&self) -> Direction {
        self.direction
    }
}
