//! Keys, and the modes ECB, CBC and GCM.

use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::crypto::block_cipher::{block_cipher, output};
use crate::crypto::sys::{aead, cipher};
use crate::crypto::{Error, Result};
use crate::secret::Secret;

use super::block::{BLOCK, Direction};

/// Length of the whole GCM tag in bytes.
pub(crate) const TAG: usize = 16;

/// Greatest length of a GCM plaintext in bytes: 2^39 - 256 bits (SP 800-38D section 5.2.1.1).
pub(crate) const GCM_MAX: u64 = (1 << 36) - 32;

/// ECB of up to so many bytes goes block by block. For longer input a context is faster: it works
/// on several blocks at once.
const ECB_SHORT: usize = 16 * BLOCK;

/// An AES key of 16, 24 or 32 bytes, with its schedules, each made at its first use.
///
/// Any number of threads may use it at once; a clone shares it.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    bytes: Secret,
    encrypt: OnceLock<cipher::Schedule>,
    decrypt: OnceLock<cipher::Schedule>,
    gcm: OnceLock<aead::Context>,
}

impl Key {
    /// Takes 16, 24 or 32 bytes. `Error::KeySize` for other lengths.
    pub fn new(bytes: &[u8]) -> Result<Self> {
        if !matches!(bytes.len(), 16 | 24 | 32) {
            return Err(Error::KeySize);
        }
        Ok(Self(Arc::new(Inner {
            bytes: Secret::copy(bytes),
            encrypt: OnceLock::new(),
            decrypt: OnceLock::new(),
            gcm: OnceLock::new(),
        })))
    }

    /// The key's value.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }

    /// ECB of whole blocks into the start of `out`. `Error::InputLength` when `input` is not a
    /// multiple of the block or longer than `out`.
    pub fn ecb(&self, direction: Direction, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = output::<BLOCK>(input, out)?;
        if input.len() > ECB_SHORT {
            return cipher::ecb(self.bytes(), direction, input, out);
        }
        let schedule = self.schedule(direction)?;
        let (input, _) = input.as_chunks();
        let (out, _) = out.as_chunks_mut();
        for (from, to) in input.iter().zip(out) {
            schedule.block(from, to);
        }
        Ok(())
    }

    /// GCM encryption of a whole message: writes ciphertext ‖ tag to the start of `out` and
    /// returns their length, `plain.len() + tag_len`.
    ///
    /// `Error::InvalidParameter` as in `gcm_limits`; `Error::InputLength` when `plain` is longer
    /// than GCM allows or than `out` has room for.
    pub fn gcm_seal(
        &self,
        iv: &[u8],
        aad: &[u8],
        tag_len: usize,
        plain: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        gcm_limits(iv.len(), tag_len)?;
        if !gcm_fits(plain.len()) {
            return Err(Error::InputLength);
        }
        let len = plain.len().checked_add(tag_len).ok_or(Error::InputLength)?;
        let out = out.get_mut(..len).ok_or(Error::InputLength)?;
        self.with_tag_len(tag_len, |gcm| gcm.seal(iv, aad, plain, out))?;
        Ok(len)
    }

    /// GCM decryption of a whole message, ciphertext ‖ tag: writes the plaintext to the start of
    /// `out` and returns its length, `sealed.len() - tag_len`.
    ///
    /// `Error::BadCiphertext` for a wrong tag, and then `out` holds zeros where the plaintext would be;
    /// `Error::CiphertextLength` when `sealed` is shorter than a tag, longer than GCM allows, or its
    /// plaintext longer than `out`.
    pub fn gcm_open(
        &self,
        iv: &[u8],
        aad: &[u8],
        tag_len: usize,
        sealed: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        gcm_limits(iv.len(), tag_len)?;
        let len = sealed
            .len()
            .checked_sub(tag_len)
            .ok_or(Error::CiphertextLength)?;
        if !gcm_fits(len) {
            return Err(Error::CiphertextLength);
        }
        let out = out.get_mut(..len).ok_or(Error::CiphertextLength)?;
        self.with_tag_len(tag_len, |gcm| gcm.open(iv, aad, sealed, out))?;
        Ok(len)
    }

    /// The key's own context makes tags of 16 bytes; a shorter tag needs a context of its own.
    fn with_tag_len<T>(
        &self,
        tag_len: usize,
        work: impl FnOnce(&aead::Context) -> Result<T>,
    ) -> Result<T> {
        if tag_len == TAG {
            return work(once(&self.0.gcm, || {
                aead::Context::aes_gcm(self.bytes(), TAG)
            })?);
        }
        work(&aead::Context::aes_gcm(self.bytes(), tag_len)?)
    }

    fn schedule(&self, direction: Direction) -> Result<&cipher::Schedule> {
        let schedule = match direction {
            Direction::Encrypt => &self.0.encrypt,
            Direction::Decrypt => &self.0.decrypt,
        };
        once(schedule, || cipher::Schedule::new(self.bytes(), direction))
    }
}

/// What is in `cell`, made by `make` where nothing is in it yet.
fn once<T>(cell: &OnceLock<T>, make: impl FnOnce() -> Result<T>) -> Result<&T> {
    if let Some(made) = cell.get() {
        return Ok(made);
    }
    let made = make()?;
    Ok(cell.get_or_init(|| made))
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "aes::Key({} bytes)", self.bytes().len())
    }
}

/// CBC (NIST SP 800-38A section 6.2) of a message in progress, without padding.
pub struct Cbc {
    key: Key,
    direction: Direction,
    iv: [u8; BLOCK],
}

impl Cbc {
    /// Begins with `iv`.
    #[must_use]
    pub fn new(key: &Key, direction: Direction, iv: [u8; BLOCK]) -> Self {
        Self {
            key: key.clone(),
            direction,
            iv,
        }
    }

    /// What the next block is chained to: the last ciphertext block, before it the IV.
    #[must_use]
    pub fn iv(&self) -> [u8; BLOCK] {
        self.iv
    }

    /// Begins another message under the same key.
    pub(crate) fn begin_again(&mut self, iv: [u8; BLOCK]) -> bool {
        self.iv = iv;
        true
    }

    /// Takes whole blocks and writes as many to the start of `out`. `Error::InputLength` when
    /// `input` is not a multiple of the block or longer than `out`.
    pub fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = output::<BLOCK>(input, out)?;
        self.key
            .schedule(self.direction)?
            .cbc(&mut self.iv, input, out);
        Ok(())
    }
}

block_cipher!(Key, Cbc, BLOCK, 0x87, |key, direction, iv| Ok(Cbc::new(
    key, direction, iv
)));

/// GCM encryption in progress. Decryption has none: no plaintext may be given out before its tag is
/// verified.
pub(crate) struct GcmStream {
    context: cipher::Context,
    /// Bytes of plaintext that the message may still get.
    pub(super) left: u64,
}

impl GcmStream {
    /// Begins a message. `Error::InvalidParameter` as in [`gcm_limits`].
    pub(crate) fn new(key: &Key, iv: &[u8], aad: &[u8]) -> Result<Self> {
        gcm_limits(iv.len(), TAG)?;
        Ok(Self {
            context: cipher::Context::gcm(key.bytes(), iv, aad)?,
            left: GCM_MAX,
        })
    }

    /// Takes any number of bytes and writes as many to the start of `out`. `Error::InputLength`
    /// when the message gets longer than GCM allows or `input` is longer than `out`.
    pub(crate) fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = out.get_mut(..input.len()).ok_or(Error::InputLength)?;
        let left = u64::try_from(input.len())
            .ok()
            .and_then(|len| self.left.checked_sub(len));
        self.left = left.ok_or(Error::InputLength)?;
        self.context.update(input, out)
    }

    /// Ends the message. A shorter tag is the beginning of this one.
    pub(crate) fn tag(mut self) -> Result<[u8; TAG]> {
        self.context.tag()
    }
}

/// Judges the lengths of a GCM IV (1 to 1024 bytes) and tag (4, 8, or 12 to 16 bytes, SP 800-38D
/// section 5.2.1.2). `Error::InvalidParameter` says which is wrong.
pub(crate) fn gcm_limits(iv_len: usize, tag_len: usize) -> Result<()> {
    if !matches!(iv_len, 1..=1024) {
        return Err(Error::InvalidParameter("the IV has 1 to 1024 bytes"));
    }
    if !matches!(tag_len, 4 | 8 | 12..=TAG) {
        return Err(Error::InvalidParameter(
            "the tag has 4, 8, or 12 to 16 bytes",
        ));
    }
    Ok(())
}

fn gcm_fits(len: usize) -> bool {
    u64::try_from(len).is_ok_and(|len| len <= GCM_MAX)
}
