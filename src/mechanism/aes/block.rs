//! ECB, CBC and CBC with PKCS padding.

use super::super::Cipher;
use super::super::blocks::{self, Padding};
use super::{Key, Params, aes_key};
use crate::crypto::aes::Direction;
use crate::error::Result;

pub(super) fn ecb(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    blocks::ecb(aes_key(key)?, params, direction)
}

pub(super) fn cbc(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    blocks::cbc(aes_key(key)?, params, direction, Padding::None)
}

pub(super) fn cbc_pad(key: &Key, params: &Params, direction: Direction) -> Result<Box<dyn Cipher>> {
    blocks::cbc(aes_key(key)?, params, direction, Padding::Pkcs)
}

#[cfg(test)]
mod tests;
