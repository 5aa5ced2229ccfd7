//! ECB, CBC and CBC with PKCS padding.

use super::super::blocks::{self, BlockMode, Ecb, Padding};
use super::super::{Cipher, no_params};
use super::{Key, Params, aes_key};
use crate::crypto;
use crate::crypto::aes::{Cbc, Direction};
use crate::error::Result;

pub(super) fn ecb(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    no_params(params)?;
    let key = aes_key(key)?.clone();
    let mode = Ecb(move |input: &[u8], out: &mut [u8]| key.ecb(direction, input, out));
    Ok(blocks::begin(direction, Padding::None, mode))
}

pub(super) fn cbc(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    begin_cbc(key, params, direction, Padding::None)
}

pub(super) fn cbc_pad(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    begin_cbc(key, params, direction, Padding::Pkcs)
}

fn begin_cbc(
    key: &Key,
    params: &Params,
    direction: Direction,
    padding: Padding,
) -> Result<Box<dyn Cipher>> {
    let cbc = Cbc::new(aes_key(key)?, direction, blocks::iv(params)?);
    Ok(blocks::begin(direction, padding, cbc))
}

impl BlockMode for Cbc {
    fn run(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()> {
        self.update(input, out)
    }

    fn params(&self) -> Params {
        Params::Iv(self.iv().to_vec())
    }
}

#[cfg(test)]
mod tests;
