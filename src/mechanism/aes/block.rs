//! ECB, CBC and CBC with PKCS padding.

use super::super::blocks::{self, Padding};
use super::super::{Cipher, no_params};
use super::{Key, Params, aes_key};
use crate::crypto::aes::{Cbc, Direction};
use crate::error::Result;

pub(super) fn ecb(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    no_params(params)?;
    let key = aes_key(key)?.clone();
    Ok(blocks::begin(
        direction,
        Padding::None,
        move |input, out| key.ecb(direction, input, out),
    ))
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
    let mut cbc = Cbc::new(aes_key(key)?, direction, blocks::iv(params)?);
    Ok(blocks::begin(direction, padding, move |input, out| {
        cbc.update(input, out)
    }))
}

#[cfg(test)]
mod tests;
