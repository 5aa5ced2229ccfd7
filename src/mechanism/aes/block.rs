//! ECB, CBC and CBC with PKCS padding: modes of whole blocks.

use zeroize::Zeroizing;

use super::super::Cipher;
use super::super::no_params;
use super::{Key, Params, aes_key, bad_param};
use crate::crypto::aes::{self, BLOCK, Cbc, Direction};
use crate::crypto::{self, padding};
use crate::error::Result;

/// CKM_AES_ECB.
pub(super) fn ecb(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    no_params(params)?;
    let mode = Mode::Ecb(aes_key(key)?.clone());
    Ok(Box::new(Blocks::new(mode, direction, Padding::None)))
}

/// CKM_AES_CBC.
pub(super) fn cbc(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    begin_cbc(key, params, direction, Padding::None)
}

/// CKM_AES_CBC_PAD.
pub(super) fn cbc_pad(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    begin_cbc(key, params, direction, Padding::Pkcs)
}

fn begin_cbc(
    key: &Key,
    params: &Params,
    direction: Direction,
    padding: Padding,
) -> Result<Box<dyn Cipher>> {
    let Params::Iv(iv) = params else {
        return bad_param("CBC takes an IV");
    };
    let Ok(iv) = <[u8; BLOCK]>::try_from(iv.as_slice()) else {
        return bad_param("the IV of CBC has 16 bytes");
    };
    let mode = Mode::Cbc(Cbc::new(aes_key(key)?, direction, iv));
    Ok(Box::new(Blocks::new(mode, direction, padding)))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Padding {
    None,
    Pkcs,
}

/// What turns whole blocks into whole blocks.
enum Mode {
    Ecb(aes::Key),
    Cbc(Cbc),
}

/// A message in progress. Holds the bytes that do not fill a block yet; while decrypting with
/// padding, also the last whole block, because it may be the padded one.
struct Blocks {
    mode: Mode,
    direction: Direction,
    padding: Padding,
    held: Zeroizing<[u8; BLOCK]>,
    held_len: usize,
}

impl Blocks {
    fn new(mode: Mode, direction: Direction, padding: Padding) -> Self {
        Self {
            mode,
            direction,
            padding,
            held: Zeroizing::new([0; BLOCK]),
            held_len: 0,
        }
    }

    /// Bytes that `input` more bytes make ready: whole blocks.
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

    fn run(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        match &mut self.mode {
            Mode::Ecb(key) => key.ecb(self.direction, input, out)?,
            Mode::Cbc(cbc) => cbc.update(input, out)?,
        }
        Ok(())
    }

    fn run_held(&mut self, out: &mut [u8]) -> Result<()> {
        let held = self.held.clone();
        self.held_len = 0;
        self.run(held.as_slice(), out)
    }

    /// A message of `len` bytes ends at the border of a block, where it must.
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

impl Cipher for Blocks {
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
        self.run(whole, out)?;
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
                // Nothing of a message with wrong padding comes out.
                done.fill(0);
                Err(error)
            }
        }
    }
}

#[cfg(test)]
mod tests;
