//! AES-CMAC (PKCS#11 3.2 section 6.14).

use super::super::mac::{MAX, Mac, MacFunction, general_len};
use super::super::no_params;
use super::super::saved::unusable;
use super::{Key, Params, Result, aes_key};
use crate::crypto::aes::BLOCK;
use crate::crypto::cmac::Cmac;
use crate::error::Error;
use crate::secret::Secret;

pub(super) fn whole(key: &Key, params: &Params) -> Result<Box<Mac<CmacState>>> {
    no_params(params)?;
    begin(key, BLOCK)
}

pub(super) fn general(key: &Key, params: &Params) -> Result<Box<Mac<CmacState>>> {
    begin(key, general_len(params, BLOCK)?)
}

fn begin(key: &Key, len: usize) -> Result<Box<Mac<CmacState>>> {
    let state = CmacState(Some(Cmac::new(aes_key(key)?)));
    Ok(Box::new(Mac::new(state, len)))
}

/// `None` once the MAC is taken.
pub(super) struct CmacState(Option<Cmac>);

impl MacFunction for CmacState {
    fn update(&mut self, message: &[u8]) -> Result<()> {
        match &mut self.0 {
            Some(cmac) => Ok(cmac.update(message)?),
            None => Err(over()),
        }
    }

    fn finish(&mut self, out: &mut [u8; MAX]) -> Result<()> {
        let mac = self.0.take().ok_or_else(over)?.finish()?;
        out[..BLOCK].copy_from_slice(&mac);
        Ok(())
    }

    fn save(&self) -> Option<Secret> {
        self.0.as_ref().map(Cmac::save)
    }

    fn restore(&mut self, saved: &[u8]) -> Result<()> {
        let cmac = self.0.as_mut().ok_or_else(over)?;
        cmac.restore(saved).ok_or_else(unusable)
    }
}

fn over() -> Error {
    Error::new(crate::ck::CKR_GENERAL_ERROR, "the MAC is already taken")
}
