//! Ciphers that need the whole message: parts are gathered.

use super::buffer::Buffer;
use super::op::Resumable;
use super::saved::Saved;
use super::{Cipher, Params};
use crate::crypto;
use crate::crypto::aes::Direction;
use crate::error::Result;

/// A cipher that needs the whole message, or the whole ciphertext, before it writes anything.
pub(super) trait Whole: Send {
    /// Greatest number of bytes that `run` writes for `input` bytes.
    fn bound(&self, input: usize) -> usize;

    /// Whether `bound` is the very length.
    fn exact(&self) -> bool {
        true
    }

    /// Greatest length of the input in bytes.
    fn most(&self) -> usize;

    /// Writes the output to the start of `out` and returns its length.
    fn run(&self, input: &[u8], out: &mut [u8]) -> Result<usize>;

    /// Whether messages (`Encrypt`) or ciphertexts (`Decrypt`) come in.
    fn direction(&self) -> Direction;
}

/// The error for a message or ciphertext of impossible length.
pub(super) fn wrong_length(direction: Direction) -> crypto::Error {
    match direction {
        Direction::Encrypt => crypto::Error::InputLength,
        Direction::Decrypt => crypto::Error::CiphertextLength,
    }
}

/// How many bytes a cipher wrote that writes as many as it takes, `len`.
pub(super) fn kept(done: crypto::Result<()>, len: usize, direction: Direction) -> Result<usize> {
    match done {
        Ok(()) => Ok(len),
        Err(crypto::Error::InputLength) => Err(wrong_length(direction).into()),
        Err(other) => Err(other.into()),
    }
}

/// Collects the parts of the input for a `Whole`.
pub(super) struct Gathered<W> {
    whole: W,
    input: Buffer,
}

pub(super) fn gathered<W: Whole + 'static>(whole: W) -> Box<dyn Cipher> {
    Box::new(Gathered {
        whole,
        input: Buffer::default(),
    })
}

impl<W: Whole> Resumable for Gathered<W> {
    fn save(&self, params: &Params) -> Option<Saved> {
        Some(Saved::new(params.clone(), &self.input))
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.input.extend(state)
    }
}

impl<W: Whole> Cipher for Gathered<W> {
    fn update_bound(&self, _input: usize) -> usize {
        0
    }

    fn finish_bound(&self) -> usize {
        self.whole.bound(self.input.len())
    }

    fn one_shot_bound(&self, input: usize) -> usize {
        self.whole.bound(input)
    }

    fn exact(&self) -> bool {
        self.whole.exact()
    }

    fn update(&mut self, input: &[u8], _out: &mut [u8]) -> Result<usize> {
        if input.len() > self.whole.most().saturating_sub(self.input.len()) {
            return Err(wrong_length(self.whole.direction()).into());
        }
        self.input.extend(input)?;
        Ok(0)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        self.whole.run(&self.input, out)
    }

    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.whole.run(input, out)
    }
}
