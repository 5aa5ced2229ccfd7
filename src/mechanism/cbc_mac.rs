//! MACs over the CBC mode of a block cipher: CMAC, XCBC, and CBC-MAC as FIPS 113 has it.

use super::mac::{MAX, Mac, MacFunction, general_len};
use super::saved::unusable;
use super::{Params, no_params};
use crate::crypto::block_cipher::BlockKey;
use crate::crypto::cbc_mac::CbcMac;
use crate::error::Result;
use crate::secret::Secret;

/// The MAC's first `len` bytes.
pub(super) fn begin<K: BlockKey<N>, const N: usize>(
    mac: CbcMac<K, N>,
    params: &Params,
    len: usize,
) -> Result<Box<Mac<CbcMac<K, N>>>> {
    no_params(params)?;
    Ok(Box::new(Mac::new(mac, len)))
}

/// As many of the MAC's first bytes as the parameter says.
pub(super) fn general<K: BlockKey<N>, const N: usize>(
    mac: CbcMac<K, N>,
    params: &Params,
) -> Result<Box<Mac<CbcMac<K, N>>>> {
    let len = general_len(params, N)?;
    Ok(Box::new(Mac::new(mac, len)))
}

impl<K: BlockKey<N>, const N: usize> MacFunction for CbcMac<K, N> {
    fn update(&mut self, message: &[u8]) -> Result<()> {
        Ok(Self::update(self, message)?)
    }

    fn finish(&mut self, out: &mut [u8; MAX]) -> Result<()> {
        out[..N].copy_from_slice(&Self::finish(self)?);
        Ok(())
    }

    fn save(&self) -> Option<Secret> {
        Some(Self::save(self))
    }

    fn restore(&mut self, saved: &[u8]) -> Result<()> {
        Self::restore(self, saved).ok_or_else(unusable)
    }
}
