//! AES-GMAC (NIST SP 800-38D): the tag of a GCM message that is additional data alone.

use super::Result;
use super::aes::{BLOCK, Key, TAG, gcm_limits};
use super::sys::cipher::Context;

/// A MAC of a message in progress. Messages under one key must have different IVs.
pub(crate) struct Gmac(Context);

impl Gmac {
    /// `Error::InvalidParameter` when the IV has not 1 to 1024 bytes.
    pub(crate) fn new(key: &Key, iv: &[u8]) -> Result<Self> {
        gcm_limits(iv.len(), TAG)?;
        Context::gcm(key.bytes(), iv, &[]).map(Self)
    }

    pub(crate) fn update(&mut self, message: &[u8]) -> Result<()> {
        self.0.additional(message)
    }

    /// The MAC, 16 bytes. A shorter MAC is the beginning of this one. Nothing is taken afterwards.
    pub(crate) fn finish(&mut self) -> Result<[u8; BLOCK]> {
        self.0.tag()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crypto::Error;

    fn mac(key: &[u8], iv: &[u8], parts: &[&[u8]]) -> Result<[u8; BLOCK]> {
        let mut mac = Gmac::new(&Key::new(key)?, iv)?;
        for part in parts {
            mac.update(part)?;
        }
        mac.finish()
    }

    #[test]
    fn an_iv_is_needed_and_nothing_is_taken_after_the_end() {
        let iv = Err(Error::InvalidParameter("the IV has 1 to 1024 bytes"));
        assert_eq!(mac(&[0; 16], &[], &[]), iv);
        assert_eq!(mac(&[0; 16], &[0; 1025], &[]), iv);
        let mut over = Gmac::new(&Key::new(&[0; 16]).unwrap(), &[0; 12]).unwrap();
        over.finish().unwrap();
        assert!(over.update(b"more").is_err());
    }
}
