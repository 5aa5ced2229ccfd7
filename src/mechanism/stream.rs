//! Stream ciphers: every byte that goes in comes out at once. Their states are not saved.

use super::Cipher;
use super::op::Resumable;
use super::whole::wrong_length;
use crate::crypto;
use crate::crypto::aes::Direction;
use crate::error::Result;

pub(super) trait Stream: Send {
    /// Takes any number of bytes and writes as many to the start of `out`. `InputLength` where the message
    /// gets longer than the cipher allows.
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()>;
}

pub(super) fn begin<S: Stream + 'static>(stream: S, direction: Direction) -> Box<dyn Cipher> {
    Box::new(Streamed { stream, direction })
}

struct Streamed<S> {
    stream: S,
    direction: Direction,
}

impl<S: Stream> Resumable for Streamed<S> {}

impl<S: Stream> Cipher for Streamed<S> {
    fn update_bound(&self, input: usize) -> usize {
        input
    }

    fn finish_bound(&self) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        match self.stream.update(input, out) {
            Ok(()) => Ok(input.len()),
            Err(crypto::Error::InputLength) => Err(wrong_length(self.direction).into()),
            Err(other) => Err(other.into()),
        }
    }

    fn finish(&mut self, _out: &mut [u8]) -> Result<usize> {
        Ok(0)
    }
}
