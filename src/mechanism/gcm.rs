//! GCM. Encryption streams; decryption releases nothing before the tag is verified.

use zeroize::Zeroize;

use super::buffer::Buffer;
use super::op::Resumable;
use super::params::Iv;
use super::{Cipher, Params, bad_param};
use crate::crypto;
use crate::crypto::aes::{self, GCM_MAX, TAG, gcm_limits};
use crate::crypto::sm4;
use crate::error::Result;

/// A cipher's key, as GCM needs it. The contracts are those of `aes::Key` and `aes::GcmStream`.
pub(super) trait GcmKey: Clone + Send + Sync + 'static {
    type Stream: GcmStream;

    fn stream(&self, iv: &[u8], aad: &[u8]) -> crypto::Result<Self::Stream>;
    fn seal(
        &self,
        message: &GcmMessage<Self>,
        plain: &[u8],
        out: &mut [u8],
    ) -> crypto::Result<usize>;
    fn open(
        &self,
        message: &GcmMessage<Self>,
        sealed: &[u8],
        out: &mut [u8],
    ) -> crypto::Result<usize>;
}

/// GCM encryption in progress, of any block cipher: `update` writes as many bytes as it takes, `tag` ends the
/// message.
pub(super) trait GcmStream: Send {
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()>;
    fn tag(self) -> crypto::Result<[u8; TAG]>;
}

macro_rules! ciphers {
    ($($cipher:ident),+) => {$(
        impl GcmKey for $cipher::Key {
            type Stream = $cipher::GcmStream;

            fn stream(&self, iv: &[u8], aad: &[u8]) -> crypto::Result<Self::Stream> {
                $cipher::GcmStream::new(self, iv, aad)
            }

            fn seal(
                &self,
                of: &GcmMessage<Self>,
                plain: &[u8],
                out: &mut [u8],
            ) -> crypto::Result<usize> {
                self.gcm_seal(&of.iv, &of.aad, of.tag_len, plain, out)
            }

            fn open(
                &self,
                of: &GcmMessage<Self>,
                sealed: &[u8],
                out: &mut [u8],
            ) -> crypto::Result<usize> {
                self.gcm_open(&of.iv, &of.aad, of.tag_len, sealed, out)
            }
        }

        impl GcmStream for $cipher::GcmStream {
            fn update(&mut self, input: &[u8], out: &mut [u8]) -> crypto::Result<()> {
                self.update(input, out)
            }

            fn tag(self) -> crypto::Result<[u8; TAG]> {
                self.tag()
            }
        }
    )+};
}

ciphers!(aes, sm4);

pub(super) fn encrypt<K: GcmKey>(key: &K, params: &Params) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(GcmEncryption {
        message: GcmMessage::new(key, params)?,
        stream: None,
    }))
}

pub(super) fn decrypt<K: GcmKey>(key: &K, params: &Params) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(GcmDecryption {
        message: GcmMessage::new(key, params)?,
        sealed: Buffer::default(),
    }))
}

/// A message without its text.
pub(super) struct GcmMessage<K> {
    key: K,
    iv: Iv,
    aad: Vec<u8>,
    tag_len: usize,
}

impl<K: GcmKey> GcmMessage<K> {
    fn new(key: &K, params: &Params) -> Result<Self> {
        let Params::Gcm { iv, aad, tag_len } = params else {
            return no_gcm_params();
        };
        gcm_limits(iv.len(), *tag_len)?;
        Ok(Self {
            key: key.clone(),
            iv: iv.clone(),
            aad: aad.clone(),
            tag_len: *tag_len,
        })
    }

    /// As `Resumable::rest`. Wiping no bytes at no address takes the processor longer than a short message.
    fn rest(&mut self) -> bool {
        if !self.aad.is_empty() {
            self.aad.zeroize();
        }
        true
    }

    /// As `new`, with the key that the message before had.
    fn begin_again(&mut self, params: &Params) -> Result<()> {
        let Params::Gcm { iv, aad, tag_len } = params else {
            return no_gcm_params();
        };
        gcm_limits(iv.len(), *tag_len)?;
        self.iv.clear();
        self.iv.extend_from_slice(iv);
        self.aad.extend_from_slice(aad);
        self.tag_len = *tag_len;
        Ok(())
    }
}

fn no_gcm_params<T>() -> Result<T> {
    bad_param("GCM takes CK_GCM_PARAMS")
}

struct GcmEncryption<K: GcmKey> {
    message: GcmMessage<K>,
    /// From the first part on; a message in one piece needs none.
    stream: Option<K::Stream>,
}

impl<K: GcmKey> GcmEncryption<K> {
    fn take_stream(&mut self) -> Result<K::Stream> {
        if let Some(stream) = self.stream.take() {
            return Ok(stream);
        }
        let GcmMessage { key, iv, aad, .. } = &self.message;
        Ok(key.stream(iv, aad)?)
    }
}

impl<K: GcmKey> Resumable for GcmEncryption<K> {
    fn rest(&mut self) -> bool {
        self.stream = None;
        self.message.rest()
    }

    fn begin_again(&mut self, params: &Params) -> Result<()> {
        self.message.begin_again(params)
    }
}

impl<K: GcmKey> Cipher for GcmEncryption<K> {
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
        Ok(self.message.key.seal(&self.message, input, out)?)
    }
}

struct GcmDecryption<K: GcmKey> {
    message: GcmMessage<K>,
    sealed: Buffer,
}

impl<K: GcmKey> Resumable for GcmDecryption<K> {
    fn rest(&mut self) -> bool {
        if !self.sealed.is_empty() {
            self.sealed = Buffer::default();
        }
        self.message.rest()
    }

    fn begin_again(&mut self, params: &Params) -> Result<()> {
        self.message.begin_again(params)
    }
}

impl<K: GcmKey> Cipher for GcmDecryption<K> {
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
        Ok(self.message.key.open(&self.message, &self.sealed, out)?)
    }

    fn one_shot(&mut self, input: &[u8], out: &mut [u8]) -> Result<usize> {
        Ok(self.message.key.open(&self.message, input, out)?)
    }
}
