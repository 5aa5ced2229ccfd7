//! Keys, and the modes ECB and CBC.

use std::fmt;
use std::sync::Arc;

use sm4::Sm4;
use sm4::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
    IvState, KeyInit, typenum::U16,
};

use crate::crypto::aes::{BLOCK, Direction};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

/// Length of an SM4 key in bytes (GB/T 32907).
pub(crate) const KEY_LEN: usize = 16;

pub(super) type Block = Array<u8, U16>;

/// An SM4 key with its schedule.
///
/// Immutable, so any number of threads may use it at once; a clone shares it.
#[derive(Clone)]
pub(crate) struct Key(pub(super) Arc<Inner>);

pub(super) struct Inner {
    bytes: Secret,
    pub(super) cipher: Sm4,
}

impl Key {
    /// Takes 16 bytes. `Error::KeySize` for other lengths.
    pub(crate) fn new(bytes: &[u8]) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            bytes: Secret::copy(bytes),
            cipher: Sm4::new_from_slice(bytes).map_err(|_| Error::KeySize)?,
        })))
    }

    #[must_use]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// ECB of whole blocks into the start of `out`. `Error::InputLength` when `input` is not a
    /// multiple of the block or longer than `out`.
    pub(crate) fn ecb(&self, direction: Direction, input: &[u8], out: &mut [u8]) -> Result<()> {
        let (input, out) = blocks(input, out)?;
        match direction {
            Direction::Encrypt => self.0.cipher.encrypt_blocks_b2b(input, out),
            Direction::Decrypt => self.0.cipher.decrypt_blocks_b2b(input, out),
        }
        .map_err(|_| Error::InputLength)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("sm4::Key")
    }
}

/// CBC of a message in progress, without padding.
pub(crate) struct Cbc(Chain);

enum Chain {
    Encrypt(cbc::Encryptor<Sm4>),
    Decrypt(cbc::Decryptor<Sm4>),
}

impl Cbc {
    #[must_use]
    pub(crate) fn new(key: &Key, direction: Direction, iv: [u8; BLOCK]) -> Self {
        let cipher = key.0.cipher.clone();
        Self(match direction {
            Direction::Encrypt => Chain::Encrypt(cbc::Encryptor::inner_iv_init(cipher, &iv.into())),
            Direction::Decrypt => Chain::Decrypt(cbc::Decryptor::inner_iv_init(cipher, &iv.into())),
        })
    }

    /// What the next block is chained to: the last ciphertext block, before it the IV.
    #[must_use]
    pub(crate) fn iv(&self) -> [u8; BLOCK] {
        match &self.0 {
            Chain::Encrypt(chain) => chain.iv_state().into(),
            Chain::Decrypt(chain) => chain.iv_state().into(),
        }
    }

    /// Takes whole blocks and writes as many to the start of `out`. `Error::InputLength` when
    /// `input` is not a multiple of the block or longer than `out`.
    pub(crate) fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let (input, out) = blocks(input, out)?;
        match &mut self.0 {
            Chain::Encrypt(chain) => chain.encrypt_blocks_b2b(input, out),
            Chain::Decrypt(chain) => chain.decrypt_blocks_b2b(input, out),
        }
        .map_err(|_| Error::InputLength)
    }
}

/// The blocks of `input`, and as many of `out`. `Error::InputLength` as in [`Key::ecb`].
fn blocks<'a, 'b>(input: &'a [u8], out: &'b mut [u8]) -> Result<(&'a [Block], &'b mut [Block])> {
    let out = out.get_mut(..input.len()).ok_or(Error::InputLength)?;
    let (input, rest) = Array::slice_as_chunks(input);
    if !rest.is_empty() {
        return Err(Error::InputLength);
    }
    Ok((input, Array::slice_as_chunks_mut(out).0))
}
