//! What message authentication codes share: they are signed and verified by the same computation,
//! and may be cut to their beginning.

use subtle::ConstantTimeEq;

use super::op::Resumable;
use super::saved::{Saved, unusable};
use super::{Params, Signer, Verifier};
use crate::ck;
use crate::error::{Result, refuse};
use crate::secret::Secret;

/// Greatest length of a MAC in bytes.
pub(super) const MAX: usize = 64;

/// A function whose output, or the beginning of it, is a MAC.
pub(super) trait MacFunction: Send {
    fn update(&mut self, message: &[u8]) -> Result<()>;

    /// Writes the whole MAC to the start of `out`. Nothing is taken afterwards.
    fn finish(&mut self, out: &mut [u8; MAX]) -> Result<()>;

    /// As `Resumable::save`, with the parameter as it was.
    fn save(&self) -> Option<Secret> {
        None
    }

    /// As `Resumable::restore`.
    fn restore(&mut self, _saved: &[u8]) -> Result<()> {
        Err(unusable())
    }

    /// As `Resumable::rest`.
    fn rest(&mut self) -> bool {
        false
    }

    /// As `Resumable::begin_again`: how many bytes of the output count.
    fn begin_again(&mut self, _params: &Params) -> Result<usize> {
        Err(unusable())
    }
}

/// A MAC of which the first `len` bytes count.
pub(super) struct Mac<F> {
    function: F,
    len: usize,
}

impl<F: MacFunction> Mac<F> {
    pub(super) fn new(function: F, len: usize) -> Self {
        Self { function, len }
    }
}

/// The length of a MAC in a CK_MAC_GENERAL_PARAMS: 1 byte to `whole`.
pub(super) fn general_len(params: &Params, whole: usize) -> Result<usize> {
    match params {
        Params::MacLen(len) if (1..=whole).contains(len) => Ok(*len),
        _ => refuse(
            ck::CKR_MECHANISM_PARAM_INVALID,
            "the mechanism takes the length of the MAC: 1 byte to the whole",
        ),
    }
}

impl<F: MacFunction> Resumable for Mac<F> {
    fn save(&self, params: &Params) -> Option<Saved> {
        Some(Saved::new(params.clone(), &self.function.save()?))
    }

    fn restore(&mut self, state: &[u8]) -> Result<()> {
        self.function.restore(state)
    }

    fn rest(&mut self) -> bool {
        self.function.rest()
    }

    fn begin_again(&mut self, params: &Params) -> Result<()> {
        self.len = self.function.begin_again(params)?;
        Ok(())
    }
}

impl<F: MacFunction> Signer for Mac<F> {
    fn len(&self) -> usize {
        self.len
    }

    fn update(&mut self, message: &[u8]) -> Result<()> {
        self.function.update(message)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut whole = [0; MAX];
        self.function.finish(&mut whole)?;
        out[..self.len].copy_from_slice(&whole[..self.len]);
        Ok(self.len)
    }
}

impl<F: MacFunction> Verifier for Mac<F> {
    fn update(&mut self, message: &[u8]) -> Result<()> {
        self.function.update(message)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        if signature.len() != self.len {
            return refuse(ck::CKR_SIGNATURE_LEN_RANGE, "the MAC has another length");
        }
        let mut whole = [0; MAX];
        self.function.finish(&mut whole)?;
        if !bool::from(whole[..self.len].ct_eq(signature)) {
            return refuse(ck::CKR_SIGNATURE_INVALID, "the MAC does not verify");
        }
        Ok(())
    }
}
