//! GCM. Encryption streams; decryption releases nothing before the tag is verified.

use super::super::Cipher;
use super::super::buffer::Buffer;
use super::{Key, Params, aes_key, bad_param};
use crate::crypto;
use crate::crypto::aes::{self, GCM_MAX, GcmStream};
use crate::error::Result;

/// C_EncryptInit.
pub(super) fn encrypt(key: &Key, params: &Params) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(Encrypt {
        message: Message::new(key, params)?,
        stream: None,
    }))
}

/// C_DecryptInit.
pub(super) fn decrypt(key: &Key, params: &Params) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(Decrypt {
        message: Message::new(key, params)?,
        sealed: Buffer::default(),
    }))
}

/// What belongs to a message beside its text.
struct Message {
    key: aes::Key,
    iv: Vec<u8>,
    aad: Vec<u8>,
    tag_len: usize,
}

impl Message {
    fn new(key: &Key, params: &Params) -> Result<Self> {
        let Params::Gcm { iv, aad, tag_len } = params else {
            return bad_param("GCM takes CK_GCM_PARAMS");
        };
        aes::gcm_limits(iv.len(), *tag_len)?;
        Ok(Self {
            key: aes_key(key)?.clone(),
            iv: iv.clone(),
            aad: aad.clone(),
            tag_len: *tag_len,
        })
    }

    fn open(&self, sealed: &[u8], out: &mut [u8]) -> Result<usize> {
        let Self {
            key,
            iv,
            aad,
            tag_len,
        } = self;
        Ok(key.gcm_open(iv, aad, *tag_len, sealed, out)?)
    }
}

struct Encrypt {
    message: Message,
    /// From the first part on; a message that comes whole needs none.
    stream: Option<GcmStream>,
}

impl Encrypt {
    fn take_stream(&mut self) -> Result<GcmStream> {
        if let Some(stream) = self.stream.take() {
            return Ok(stream);
        }
        let Message { key, iv, aad, .. } = &self.message;
        Ok(GcmStream::new(key, iv, aad)?)
    }
}

impl Cipher for Encrypt {
    fn update_bound(&self, input: usize) -> usize {
        input
    }

    fn finish_bound(&self) -> usize {
        self.message.tag_len
    }

    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let mut stream = self.take_stream()?;
        stream.update(input, out)?;
        self.stream = Some(stream);
        Ok(input.len())
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let tag = self.take_stream()?.tag()?;
        let tag = &tag[..self.message.tag_len];
        out[..tag.len()].copy_from_slice(tag);
        Ok(tag.len())
    }

    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        let Message {
            key,
            iv,
            aad,
            tag_len,
        } = &self.message;
        Ok(key.gcm_seal(iv, aad, *tag_len, input, out)?)
    }
}

struct Decrypt {
    message: Message,
    sealed: Buffer,
}

impl Cipher for Decrypt {
    fn update_bound(&self, _input: usize) -> usize {
        0
    }

    fn finish_bound(&self) -> usize {
        self.one_shot_bound(self.sealed.len())
    }

    fn one_shot_bound(&self, input: usize) -> usize {
        input.saturating_sub(self.message.tag_len)
    }

    fn update(&mut self, input: &[u8], _out: &mut [u8]) -> Result<usize> {
        let len = self.sealed.len().saturating_add(input.len());
        let text = u64::try_from(self.one_shot_bound(len)).unwrap_or(u64::MAX);
        if text > GCM_MAX {
            return Err(crypto::Error::CiphertextLength.into());
        }
        self.sealed.extend(input)?;
        Ok(0)
    }

    fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        self.message.open(&self.sealed, out)
    }

    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        self.message.open(input, out)
    }
}

#[cfg(test)]
mod tests;
