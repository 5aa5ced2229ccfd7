//! Keys of ciphers that RustCrypto computes, SM4 and Camellia, and the modes ECB and CBC (NIST SP 800-38A sections 6.1 and
//! 6.2).
//!
//! The S-boxes are tables, so whoever shares the processor's caches may learn something of the key.

use std::fmt;
use std::sync::Arc;

use sm4::cipher::{
    Array, BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, InnerIvInit,
    IvState, typenum::U16,
};

use super::aes::{BLOCK, Direction};
use super::block_cipher::{BlockKey, Chain};
use super::{Error, Result};
use crate::secret::Secret;

pub(super) type Block = Array<u8, U16>;

/// A cipher with blocks of 16 bytes, with the schedule of its key.
pub(crate) trait SoftCipher:
    BlockCipherEncrypt<BlockSize = U16> + BlockCipherDecrypt + Clone + Send + Sync + 'static
{
    /// Its name in `Debug`.
    const NAME: &'static str;

    /// `None` where no key has this length.
    fn schedule(key: &[u8]) -> Option<Self>;
}

/// A key with its schedule.
///
/// Immutable, so any number of threads may use it at once; a clone shares it.
pub(crate) struct Key<C>(Arc<Inner<C>>);

struct Inner<C> {
    bytes: Secret,
    cipher: C,
}

impl<C> Key<C> {
    /// The key's value.
    #[must_use]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    pub(super) fn cipher(&self) -> &C {
        &self.0.cipher
    }
}

impl<C: SoftCipher> Key<C> {
    /// `Error::KeySize` for a length that no key has.
    pub(crate) fn new(bytes: &[u8]) -> Result<Self> {
        Ok(Self(Arc::new(Inner {
            bytes: Secret::copy(bytes),
            cipher: C::schedule(bytes).ok_or(Error::KeySize)?,
        })))
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

impl<C> Clone for Key<C> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<C: SoftCipher> fmt::Debug for Key<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::Key({} bytes)", C::NAME, self.0.bytes.len())
    }
}

/// CBC of a message in progress, without padding.
pub(crate) enum Cbc<C: SoftCipher> {
    Encrypt(cbc::Encryptor<C>),
    Decrypt(cbc::Decryptor<C>),
}

impl<C: SoftCipher> BlockKey<BLOCK> for Key<C> {
    type Chain = Cbc<C>;
    const CARRY: u8 = 0x87;

    fn ecb(&self, direction: Direction, input: &[u8], out: &mut [u8]) -> Result<()> {
        self.ecb(direction, input, out)
    }

    fn cbc(&self, direction: Direction, iv: [u8; BLOCK]) -> Result<Cbc<C>> {
        let cipher = self.0.cipher.clone();
        Ok(match direction {
            Direction::Encrypt => Cbc::Encrypt(cbc::Encryptor::inner_iv_init(cipher, &iv.into())),
            Direction::Decrypt => Cbc::Decrypt(cbc::Decryptor::inner_iv_init(cipher, &iv.into())),
        })
    }
}

impl<C: SoftCipher> Chain<BLOCK> for Cbc<C> {
    fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let (input, out) = blocks(input, out)?;
        match self {
            Self::Encrypt(chain) => chain.encrypt_blocks_b2b(input, out),
            Self::Decrypt(chain) => chain.decrypt_blocks_b2b(input, out),
        }
        .map_err(|_| Error::InputLength)
    }

    fn iv(&self) -> [u8; BLOCK] {
        match self {
            Self::Encrypt(chain) => chain.iv_state().into(),
            Self::Decrypt(chain) => chain.iv_state().into(),
        }
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::crypto::vectors::records;

    const DIRECTIONS: [(Direction, &str, &str); 2] = [
        (Direction::Encrypt, "plaintext", "ciphertext"),
        (Direction::Decrypt, "ciphertext", "plaintext"),
    ];

    /// The records of an `.rsp` file with keys, plaintexts and ciphertexts.
    pub(crate) fn ecb_known_answers<C: SoftCipher>(vectors: &str) {
        for record in records(vectors) {
            let key = Key::<C>::new(&record["key"]).unwrap();
            for (direction, from, to) in DIRECTIONS {
                let mut out = vec![0; record[from].len()];
                key.ecb(direction, &record[from], &mut out).unwrap();
                assert_eq!(out, record[to]);
            }
        }
    }

    /// As `ecb_known_answers`, with initialization vectors: in one chain, and with a chain that begins anew after the
    /// first block.
    pub(crate) fn cbc_known_answers<C: SoftCipher>(vectors: &str) {
        for record in records(vectors) {
            let key = Key::<C>::new(&record["key"]).unwrap();
            let iv = record["iv"][..].try_into().unwrap();
            for (direction, from, to) in DIRECTIONS {
                let (head, tail) = record[from].split_at(BLOCK);
                for anew in [false, true] {
                    let mut out = vec![0; record[from].len()];
                    let mut cbc = key.cbc(direction, iv).unwrap();
                    cbc.update(head, &mut out[..BLOCK]).unwrap();
                    if anew {
                        cbc = key.cbc(direction, cbc.iv()).unwrap();
                    }
                    cbc.update(tail, &mut out[BLOCK..]).unwrap();
                    assert_eq!(out, record[to]);
                }
            }
        }
    }
}
