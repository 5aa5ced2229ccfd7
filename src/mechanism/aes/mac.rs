//! CMAC (PKCS#11 3.2 section 6.14), and the older MACs over AES-CBC (section 6.10).

use super::super::mac::{MAX, Mac, MacFunction, general_len};
use super::super::no_params;
use super::super::saved::unusable;
use super::{Key, Params, Result, aes_key};
use crate::crypto::aes::BLOCK;
use crate::crypto::cbc_mac::CbcMac;
use crate::error::Error;
use crate::secret::Secret;

/// The MAC's first `len` bytes.
pub(super) fn begin(mac: CbcMac, params: &Params, len: usize) -> Result<Box<Mac<MacState>>> {
    no_params(params)?;
    Ok(Box::new(Mac::new(MacState(Some(mac)), len)))
}

/// As many of the MAC's first bytes as the parameter says.
pub(super) fn general(mac: CbcMac, params: &Params) -> Result<Box<Mac<MacState>>> {
    let len = general_len(params, BLOCK)?;
    Ok(Box::new(Mac::new(MacState(Some(mac)), len)))
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

/// `None` once the MAC is taken.
pub(super) struct MacState(Option<CbcMac>);

impl MacFunction for MacState {
    fn update(&mut self, message: &[u8]) -> Result<()> {
        match &mut self.0 {
            Some(mac) => Ok(mac.update(message)?),
            None => Err(over()),
        }
    }

    fn finish(&mut self, out: &mut [u8; MAX]) -> Result<()> {
        let mac = self.0.take().ok_or_else(over)?.finish()?;
        out[..BLOCK].copy_from_slice(&mac);
        Ok(())
    }

    fn save(&self) -> Option<Secret> {
        self.0.as_ref().map(CbcMac::save)
    }

    fn restore(&mut self, saved: &[u8]) -> Result<()> {
        let mac = self.0.as_mut().ok_or_else(over)?;
        mac.restore(saved).ok_or_else(unusable)
    }
}

fn over() -> Error {
    Error::new(crate::ck::CKR_GENERAL_ERROR, "the MAC is already taken")
}
