//! CCM (NIST SP 800-38C). A message is encrypted whole: its length is authenticated first.

use super::Key;
use crate::crypto::sys::cipher::ccm::CcmMessage;
use crate::crypto::{Error, Result};

/// Greatest length of a CCM plaintext, and of its additional data, in bytes.
pub(crate) const CCM_MAX: usize = 1 << 30;

impl Key {
    /// CCM encryption: writes ciphertext ‖ tag to the start of `out` and returns their length,
    /// `plain.len() + tag_len`.
    ///
    /// `Error::InvalidParameter` as in `ccm_limits`; `Error::InputLength` when `plain` is longer
    /// than the nonce leaves room for, or than `out` has.
    pub fn ccm_seal(
        &self,
        nonce: &[u8],
        aad: &[u8],
        tag_len: usize,
        plain: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let message = self.message(nonce, aad, tag_len)?;
        if plain.len() > longest(nonce.len()) {
            return Err(Error::InputLength);
        }
        let len = plain.len() + tag_len;
        let out = out.get_mut(..len).ok_or(Error::InputLength)?;
        message.seal(plain, out)?;
        Ok(len)
    }

    /// CCM decryption of ciphertext ‖ tag: writes the plaintext to the start of `out` and returns
    /// its length, `sealed.len() - tag_len`.
    ///
    /// `Error::BadCiphertext` for a wrong tag, and then `out` holds zeros where the plaintext would be;
    /// `Error::CiphertextLength` for an impossible length, or a plaintext longer than `out`.
    pub fn ccm_open(
        &self,
        nonce: &[u8],
        aad: &[u8],
        tag_len: usize,
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        let message = self.message(nonce, aad, tag_len)?;
        let len = sealed
            .len()
            .checked_sub(tag_len)
            .filter(|len| *len <= longest(nonce.len()))
            .ok_or(Error::CiphertextLength)?;
        let out = out.get_mut(..len).ok_or(Error::CiphertextLength)?;
        message.open(sealed, out)?;
        Ok(len)
    }

    fn message<'a>(
        &'a self,
        nonce: &'a [u8],
        aad: &'a [u8],
        tag_len: usize,
    ) -> Result<CcmMessage<'a>> {
        ccm_limits(nonce.len(), tag_len)?;
        if aad.len() > CCM_MAX {
            return Err(Error::InvalidParameter("the additional data are too long"));
        }
        Ok(CcmMessage {
            key: self.bytes(),
            nonce,
            aad,
            tag_len,
        })
    }
}

/// Judges the lengths of a CCM nonce (7 to 13 bytes) and tag (4, 6 … 16 bytes; SP 800-38C
/// appendix A.1). `Error::InvalidParameter` says which is wrong.
pub(crate) fn ccm_limits(nonce_len: usize, tag_len: usize) -> Result<()> {
    if !matches!(nonce_len, 7..=13) {
        return Err(Error::InvalidParameter("the nonce has 7 to 13 bytes"));
    }
    if !matches!(tag_len, 4 | 6 | 8 | 10 | 12 | 14 | 16) {
        return Err(Error::InvalidParameter(
            "the tag has 4, 6, 8, 10, 12, 14 or 16 bytes",
        ));
    }
    Ok(())
}

/// A nonce of n bytes leaves 15 - n bytes to count the text's length in (SP 800-38C appendix A.1).
fn longest(nonce_len: usize) -> usize {
    match nonce_len {
        13 => (1 << 16) - 1,
        12 => (1 << 24) - 1,
        _ => CCM_MAX,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_whose_tag_is_wrong_is_wiped() {
        let key = Key::new(&[7; 16]).unwrap();
        let mut sealed = [0; 24];
        key.ccm_seal(&[1; 13], b"aad", 4, &[5; 20], &mut sealed)
            .unwrap();
        sealed[3] ^= 1;
        let mut out = [0xEE; 20];
        let opened = key.ccm_open(&[1; 13], b"aad", 4, &sealed, &mut out);
        assert_eq!((opened, out), (Err(Error::BadCiphertext), [0; 20]));
    }

    #[test]
    fn texts_are_no_longer_than_the_nonce_leaves_room_for() {
        let key = Key::new(&[7; 16]).unwrap();
        let text = vec![0; 1 << 16];
        let mut out = vec![0; (1 << 16) + 4];
        let most = &text[1..];
        assert!(key.ccm_seal(&[1; 13], b"", 4, most, &mut out).is_ok());
        let refused = key.ccm_seal(&[1; 13], b"", 4, &text, &mut out);
        assert_eq!(refused, Err(Error::InputLength));
        assert!(key.ccm_seal(&[1; 12], b"", 4, &text, &mut out).is_ok());
    }
}
