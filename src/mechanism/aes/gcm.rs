//! GCM.

use super::super::Cipher;
use super::super::gcm;
use super::{Key, Params, aes_key};
use crate::error::Result;

pub(super) fn encrypt(key: &Key, params: &Params) -> Result<Box<dyn Cipher>> {
    gcm::encrypt(aes_key(key)?, params)
}

pub(super) fn decrypt(key: &Key, params: &Params) -> Result<Box<dyn Cipher>> {
    gcm::decrypt(aes_key(key)?, params)
}

#[cfg(test)]
mod tests;
