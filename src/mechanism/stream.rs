//! Stream ciphers: every byte that goes in comes out at once.

use super::op::Resumable;
use super::saved::Saved;
use super::whole::kept;
use super::{Cipher, Params};
use crate::crypto;
use crate::crypto::aes::Direction;
use crate::error::Result;

pub(super) trait Stream: Resumable + Send {
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

impl<S: Stream> Resumable for Streamed<S> {
    fn save(&self, params: &Params) -> Option<Saved> {
        self.stream.save(params)
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.stream.restore(state)
    }
}

impl<S: Stream> Cipher for Streamed<S> {
    fn update_bound(&self, input: usize) -> usize {
        input
    }

    fn finish_bound(&self) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let done = self.stream.update(input, out);
        kept(done, input.len(), self.direction)
    }

    fn finish(&mut self, _out: &mut [u8]) -> Result<usize> {
        Ok(0)
    }
}
