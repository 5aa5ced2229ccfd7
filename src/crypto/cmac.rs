//! AES-CMAC (NIST SP 800-38B).

use super::Result;
use super::aes::{BLOCK, Key};
use super::sys::cmac;

pub(crate) struct Cmac(cmac::Cmac);

impl Cmac {
    pub(crate) fn new(key: &Key) -> Result<Self> {
        cmac::Cmac::new(key.bytes()).map(Self)
    }

    pub(crate) fn update(&mut self, message: &[u8]) -> Result<()> {
        self.0.update(message)
    }

    /// A shorter MAC is the beginning of this one.
    pub(crate) fn finish(mut self) -> Result<[u8; BLOCK]> {
        self.0.finish()
    }
}
