//! CCM of a whole message (NIST SP 800-38C).

use std::ffi::c_int;
use std::ptr;

use aws_lc_sys as ffi;

use super::{Context, Direction};
use crate::crypto::{Error, Result};

/// A CCM message without its text.
pub(in crate::crypto) struct CcmMessage<'a> {
    /// 16, 24 or 32 bytes.
    pub(in crate::crypto) key: &'a [u8],
    /// 7 to 13 bytes.
    pub(in crate::crypto) nonce: &'a [u8],
    pub(in crate::crypto) aad: &'a [u8],
    /// 4, 6, 8, 10, 12, 14 or 16 bytes.
    pub(in crate::crypto) tag_len: usize,
}

impl CcmMessage<'_> {
    /// Writes ciphertext ‖ tag, which must fill `out` exactly.
    pub(in crate::crypto) fn seal(&self, plain: &[u8], out: &mut [u8]) -> Result<()> {
        let (text, tag) = split(out, plain.len(), self.tag_len);
        let tag_len = c_len(self.tag_len)?;
        let mut context = self.begin(Direction::Encrypt, ptr::null_mut(), plain.len())?;
        context.update_chunk(plain, text.as_mut_ptr())?;
        context.control(ffi::EVP_CTRL_AEAD_GET_TAG, tag_len, tag.as_mut_ptr())
    }

    /// Writes the plaintext of ciphertext ‖ tag, which must fill `out` exactly. `out` holds zeros
    /// when the tag is wrong.
    pub(in crate::crypto) fn open(&self, sealed: &[u8], out: &mut [u8]) -> Result<()> {
        let (text, tag) = sealed.split_at(out.len());
        assert_eq!(tag.len(), self.tag_len, "the tag is whole");
        // aws-lc only reads the tag.
        let tag = tag.as_ptr().cast_mut();
        let mut context = self.begin(Direction::Decrypt, tag, text.len())?;
        if context.update_chunk(text, out.as_mut_ptr()).is_err() {
            out.fill(0);
            return Err(Error::BadCiphertext);
        }
        Ok(())
    }

    /// `tag` is NULL, or valid for the tag's length.
    fn begin(&self, direction: Direction, tag: *mut u8, text_len: usize) -> Result<Context> {
        // SAFETY: these return pointers to constant tables.
        let cipher = unsafe {
            match self.key.len() {
                16 => ffi::EVP_aes_128_ccm(),
                24 => ffi::EVP_aes_192_ccm(),
                32 => ffi::EVP_aes_256_ccm(),
                _ => return Err(Error::KeySize),
            }
        };
        let mut context = Context::new()?;
        context.init(cipher, ptr::null(), ptr::null(), direction)?;
        let nonce_len = c_len(self.nonce.len())?;
        context.control(ffi::EVP_CTRL_AEAD_SET_IVLEN, nonce_len, ptr::null_mut())?;
        context.control(ffi::EVP_CTRL_AEAD_SET_TAG, c_len(self.tag_len)?, tag)?;
        let (key, nonce) = (self.key.as_ptr(), self.nonce.as_ptr());
        context.init(ptr::null(), key, nonce, direction)?;
        context.announce(text_len)?;
        if !self.aad.is_empty() {
            context.update_chunk(self.aad, ptr::null_mut())?;
        }
        Ok(context)
    }
}

impl Context {
    /// Says how long the text will be, since CCM authenticates the length first.
    fn announce(&mut self, text_len: usize) -> Result<()> {
        let len = c_len(text_len)?;
        let (mut written, out) = (0, ptr::null_mut());
        // SAFETY: the context is live; with both buffers NULL, aws-lc takes the length alone.
        let ok = unsafe {
            ffi::EVP_CipherUpdate(self.0.as_ptr(), out, &raw mut written, ptr::null(), len)
        };
        if ok != 1 {
            return Err(Error::Internal("EVP_CipherUpdate"));
        }
        Ok(())
    }
}

fn split(out: &mut [u8], text: usize, tag: usize) -> (&mut [u8], &mut [u8]) {
    assert_eq!(out.len(), text + tag, "the output is text and tag");
    out.split_at_mut(text)
}

fn c_len(len: usize) -> Result<c_int> {
    c_int::try_from(len).map_err(|_| Error::InputLength)
}
