//! AES-GMAC (PKCS#11 3.2 section 6.13.4): the message is the additional data of an empty GCM text.

use super::super::mac::{MAX, Mac, MacFunction};
use super::{Key, Params, aes_key, bad_param};
use crate::crypto::aes::{TAG, gcm_limits};
use crate::crypto::gmac::Gmac;
use crate::error::Result;

/// As much of the MAC as ulTagBits says.
pub(super) fn begin(key: &Key, params: &Params) -> Result<Box<Mac<Gmac>>> {
    let Params::Gcm { iv, aad, tag_len } = params else {
        return bad_param("GMAC takes CK_GCM_PARAMS");
    };
    if !aad.is_empty() {
        return bad_param("GMAC's additional data are the message itself");
    }
    gcm_limits(iv.len(), *tag_len)?;
    let gmac = Gmac::new(aes_key(key)?, iv)?;
    Ok(Box::new(Mac::new(gmac, *tag_len)))
}

impl MacFunction for Gmac {
    fn update(&mut self, message: &[u8]) -> Result<()> {
        Ok(self.update(message)?)
    }

    fn finish(&mut self, out: &mut [u8; MAX]) -> Result<()> {
        out[..TAG].copy_from_slice(&self.finish()?);
        Ok(())
    }
}
