//! Modes of whole blocks of 16 bytes, ECB and CBC, with and without PKCS padding, whatever the cipher.

use zeroize::Zeroizing;

use super::op::Resumable;
use super::saved::{Saved, unusable};
use super::{Cipher, Params, bad_param};
use crate::crypto::aes::{BLOCK, Direction};
use crate::crypto::{self, padding};
use crate::error::Result;

pub(super) fn iv(params: &Params) -> Result<[u8; BLOCK]> {
    let Params::Iv(iv) = params else {
        return bad_param("CBC takes an IV");
    };
    match iv.as_slice().try_into() {
        Ok(iv) => Ok(iv),
        Err(_) => bad_param("the IV of CBC has 16 bytes"),
    }
}

/// A mode of whole blocks, with its key.
pub(super) trait BlockMode: Send {
    /// Takes whole blocks and writes as many to the start of `out`.
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()>;

    /// The mechanism's parameter with which another message goes on behind these blocks.
    fn params(&self) -> Params;
}

/// ECB, which treats each block alike: the function takes whole blocks, as `run` does.
pub(super) struct Ecb<F>(pub(super) F);

impl<F> BlockMode for Ecb<F>
where
    F: FnMut(&[u8], &mut [u8]) -> crypto::Result<()> + Send,
{
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()> {
        self.0(input, out)
    }

    fn params(&self) -> Params {
        Params::None
    }
}

/// Begins a message.
pub(super) fn begin<M>(direction: Direction, padding: Padding, mode: M) -> Box<dyn Cipher>
where
    M: BlockMode + 'static,
{
    Box::new(Blocks {
        mode,
        direction,
        padding,
        held: Zeroizing::new([0; BLOCK]),
        held_len: 0,
    })
}

/// What becomes of a message that does not end with a block.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Padding {
    /// The message is refused.
    None,
    /// Every message is padded (PKCS#7).
    Pkcs,
}

/// A message in progress. Holds the bytes that do not fill a block yet; while decrypting with
/// padding, also the last whole block, because it may be the padded one.
struct Blocks<M> {
    mode: M,
    direction: Direction,
    padding: Padding,
    held: Zeroizing<[u8; BLOCK]>,
    held_len: usize,
}

impl<M: BlockMode> Blocks<M> {
    /// Number of bytes, in whole blocks, that come out when `input` more bytes come in.
    fn ready(&self, input: usize) -> usize {
        let total = self.held_len.saturating_add(input);
        let known = match (self.direction, self.padding) {
            (Direction::Decrypt, Padding::Pkcs) => total.saturating_sub(1),
            _ => total,
        };
        known / BLOCK * BLOCK
    }

    fn hold(&mut self, rest: &[u8]) {
        self.held[self.held_len..][..rest.len()].copy_from_slice(rest);
        self.held_len += rest.len();
    }

    fn run_held(&mut self, out: &mut [u8]) -> Result<()> {
        let held = self.held.clone();
        self.held_len = 0;
        Ok(self.mode.run(held.as_slice(), out)?)
    }

    /// Refuses a message of `len` bytes that must end with a block and does not.
    fn judge_len(&self, len: usize) -> Result<()> {
        let whole = len.is_multiple_of(BLOCK);
        match (self.direction, self.padding) {
            (Direction::Encrypt, Padding::Pkcs) => Ok(()),
            (Direction::Encrypt, Padding::None) if !whole => Err(crypto::Error::InputLength.into()),
            (Direction::Decrypt, Padding::None) if !whole => {
                Err(crypto::Error::CiphertextLength.into())
            }
            (Direction::Decrypt, Padding::Pkcs) if !whole || len == 0 => {
                Err(crypto::Error::CiphertextLength.into())
            }
            _ => Ok(()),
        }
    }
}

impl<M: BlockMode> Resumable for Blocks<M> {
    fn save(&self, _params: &Params) -> Option<Saved> {
        Some(Saved::new(self.mode.params(), &self.held[..self.held_len]))
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        if state.len() > BLOCK {
            return Err(unusable());
        }
        self.hold(state);
        Ok(())
    }
}

impl<M: BlockMode> Cipher for Blocks<M> {
    fn update_bound(&self, input: usize) -> usize {
        self.ready(input)
    }

    fn finish_bound(&self) -> usize {
        match (self.direction, self.padding) {
            (_, Padding::None) => 0,
            (Direction::Encrypt, Padding::Pkcs) => BLOCK,
            (Direction::Decrypt, Padding::Pkcs) => BLOCK - 1,
        }
    }

    fn exact(&self) -> bool {
        self.direction == Direction::Encrypt || self.padding == Padding::None
    }

    fn update(&mut self, mut input: &[u8], out: &mut [u8]) -> Result<usize> {
        let ready = self.ready(input.len());
        if ready == 0 {
            self.hold(input);
            return Ok(0);
        }
        let mut out = &mut out[..ready];
        if self.held_len > 0 {
            let (fill, rest) = input.split_at(BLOCK - self.held_len);
            let (first, others) = out.split_at_mut(BLOCK);
            self.hold(fill);
            self.run_held(first)?;
            (input, out) = (rest, others);
        }
        let (whole, rest) = input.split_at(out.len());
        self.mode.run(whole, out)?;
        self.hold(rest);
        Ok(ready)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        self.judge_len(self.held_len)?;
        match (self.direction, self.padding) {
            (_, Padding::None) => Ok(0),
            (Direction::Encrypt, Padding::Pkcs) => {
                padding::pad(&mut self.held, self.held_len);
                self.run_held(&mut out[..BLOCK])?;
                Ok(BLOCK)
            }
            (Direction::Decrypt, Padding::Pkcs) => {
                let mut last = Zeroizing::new([0; BLOCK]);
                self.run_held(last.as_mut_slice())?;
                let len = padding::unpad(&last)?;
                out[..len].copy_from_slice(&last[..len]);
                Ok(len)
            }
        }
    }

    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.judge_len(input.len())?;
        let written = self.update(input, out)?;
        let (done, rest) = out.split_at_mut(written);
        match self.finish(rest) {
            Ok(last) => Ok(written + last),
            Err(error) => {
                // No part of a message with wrong padding may come out.
                done.fill(0);
                Err(error)
            }
        }
    }
}
