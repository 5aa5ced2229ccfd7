//! CMAC (PKCS#11 3.2 section 6.14), and the older MACs over AES-CBC (section 6.10).

use super::super::mac::{MAX, Mac, MacFunction, general_len};
use super::super::no_params;
use super::super::saved::unusable;
use super::{Key, Params, Result, aes_key};
use crate::crypto::aes::BLOCK;
use crate::crypto::cbc_mac::CbcMac;
use crate::secret::Secret;

/// The MAC's first `len` bytes.
pub(super) fn begin(mac: CbcMac, params: &Params, len: usize) -> Result<Box<Mac<CbcMac>>> {
    no_params(params)?;
    Ok(Box::new(Mac::new(mac, len)))
}

/// As many of the MAC's first bytes as the parameter says.
pub(super) fn general(mac: CbcMac, params: &Params) -> Result<Box<Mac<CbcMac>>> {
    let len = general_len(params, BLOCK)?;
    Ok(Box::new(Mac::new(mac, len)))
}

pub(super) fn cmac(key: &Key) -> Result<CbcMac> {
    Ok(CbcMac::cmac(aes_key(key)?))
}

pub(super) fn xcbc(key: &Key) -> Result<CbcMac> {
    Ok(CbcMac::xcbc(aes_key(key)?)?)
}

pub(super) fn fips113(key: &Key) -> Result<CbcMac> {
    Ok(CbcMac::fips113(aes_key(key)?))
}

impl MacFunction for CbcMac {
    fn update(&mut self, message: &[u8]) -> Result<()> {
        Ok(Self::update(self, message)?)
    }

    fn finish(&mut self, out: &mut [u8; MAX]) -> Result<()> {
        out[..BLOCK].copy_from_slice(&Self::finish(self)?);
        Ok(())
    }

    fn save(&self) -> Option<Secret> {
        Some(Self::save(self))
    }

    fn restore(&mut self, saved: &[u8]) -> Result<()> {
        Self::restore(self, saved).ok_or_else(unusable)
    }
}
