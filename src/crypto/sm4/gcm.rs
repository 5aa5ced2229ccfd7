//! GCM (NIST SP 800-38D) over SM4: a counter of 32 bits, and GHASH.

use ctr::cipher::{BlockCipherEncrypt, InnerIvInit, StreamCipher};
use ctr::{Ctr32BE, CtrCore};
use ghash::GHash;
use ghash::universal_hash::UniversalHash;
use sm4::Sm4;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::Key;
use crate::crypto::aes::{BLOCK, GCM_MAX, TAG, gcm_limits};
use crate::crypto::soft_cipher::Block;
use crate::crypto::{Error, Result};

/// The IV length that needs no GHASH (section 7.1).
const SHORT_IV: usize = 12;

impl Key {
    /// GCM encryption of a whole message: writes ciphertext ‖ tag to the start of `out` and
    /// returns their length. Errors as those of AES.
    pub(crate) fn gcm_seal(
        &self,
        iv: &[u8],
        aad: &[u8],
        tag_len: usize,
        plain: &[u8],
        out: &mut [u8],
    ) -> Result<usize> {
        gcm_limits(iv.len(), tag_len)?;
        let len = plain.len().checked_add(tag_len).ok_or(Error::InputLength)?;
        let out = out.get_mut(..len).ok_or(Error::InputLength)?;
        let (text, tag) = out.split_at_mut(plain.len());
        let mut stream = GcmStream::new(self, iv, aad)?;
        stream.update(plain, text)?;
        tag.copy_from_slice(&stream.tag()?[..tag_len]);
        Ok(len)
    }

    /// GCM decryption of a whole message, ciphertext ‖ tag: writes the plaintext to the start of
    /// `out` and returns its length. Errors as those of AES.
    pub(crate) fn gcm_open(
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
        let out = out.get_mut(..len).ok_or(Error::CiphertextLength)?;
        let (text, tag) = sealed.split_at(len);
        let GcmStream { mut keys, mut hash } = GcmStream::new(self, iv, aad)?;
        hash.judge(len).map_err(|_| Error::CiphertextLength)?;
        hash.add(text);
        if !bool::from(hash.tag()[..tag_len].ct_eq(tag)) {
            out.fill(0);
            return Err(Error::BadCiphertext);
        }
        keys.apply_keystream_b2b(text, out);
        Ok(len)
    }
}

/// GCM encryption in progress. Decryption has none: no plaintext may be given out before its tag is
/// verified.
pub(crate) struct GcmStream {
    keys: Ctr32BE<Sm4>,
    hash: TagHash,
}

impl GcmStream {
    /// Begins a message. `Error::InvalidParameter` as in [`gcm_limits`].
    pub(crate) fn new(key: &Key, iv: &[u8], aad: &[u8]) -> Result<Self> {
        gcm_limits(iv.len(), TAG)?;
        let cipher = key.cipher();
        let mut subkey = Zeroizing::new(Block::default());
        cipher.encrypt_block(&mut subkey);
        let ghash = GHash::new(&subkey);
        let counter = CtrCore::inner_iv_init(cipher.clone(), &first_counter(&ghash, iv));
        let mut keys = Ctr32BE::from_core(counter);
        // The first block of the key stream masks the tag.
        let mut mask = Zeroizing::new([0; TAG]);
        keys.apply_keystream(mask.as_mut_slice());
        Ok(Self {
            keys,
            hash: TagHash::new(ghash, aad, mask),
        })
    }

    /// Takes any number of bytes and writes as many to the start of `out`. `Error::InputLength`
    /// when the message gets longer than GCM allows or `input` is longer than `out`.
    pub(crate) fn update(&mut self, input: &[u8], out: &mut [u8]) -> Result<()> {
        let out = out.get_mut(..input.len()).ok_or(Error::InputLength)?;
        self.hash.judge(input.len())?;
        self.keys.apply_keystream_b2b(input, out);
        self.hash.add(out);
        Ok(())
    }

    /// Ends the message. A shorter tag is the beginning of this one.
    pub(crate) fn tag(self) -> Result<[u8; TAG]> {
        Ok(self.hash.tag())
    }
}

/// J0 of section 7.1.
fn first_counter(ghash: &GHash, iv: &[u8]) -> Block {
    let mut block = Block::default();
    if iv.len() == SHORT_IV {
        block[..SHORT_IV].copy_from_slice(iv);
        block[BLOCK - 1] = 1;
        return block;
    }
    let mut ghash = ghash.clone();
    ghash.update_padded(iv);
    block[BLOCK / 2..].copy_from_slice(&bits(iv.len() as u64));
    ghash.update(&[block]);
    ghash.finalize()
}

/// The tag in progress: GHASH over the additional data, the ciphertext and both their lengths.
struct TagHash {
    ghash: GHash,
    mask: Zeroizing<[u8; TAG]>,
    aad_len: u64,
    text_len: u64,
    /// Ciphertext that does not fill a block yet, followed by zeros.
    held: Block,
}

impl TagHash {
    fn new(mut ghash: GHash, aad: &[u8], mask: Zeroizing<[u8; TAG]>) -> Self {
        ghash.update_padded(aad);
        Self {
            ghash,
            mask,
            aad_len: aad.len() as u64,
            text_len: 0,
            held: Block::default(),
        }
    }

    fn held_len(&self) -> usize {
        // Below 16.
        (self.text_len % BLOCK as u64) as usize
    }

    /// `Error::InputLength` when `more` bytes make the message longer than GCM allows. For every
    /// message of an allowed length the key stream is long enough.
    fn judge(&self, more: usize) -> Result<()> {
        if self.text_len.saturating_add(more as u64) > GCM_MAX {
            return Err(Error::InputLength);
        }
        Ok(())
    }

    fn add(&mut self, text: &[u8]) {
        let held_len = self.held_len();
        self.text_len += text.len() as u64;
        let (fill, rest) = text.split_at(text.len().min(BLOCK - held_len));
        self.held[held_len..][..fill.len()].copy_from_slice(fill);
        if held_len + fill.len() < BLOCK {
            return;
        }
        self.ghash.update(&[self.held]);
        let (whole, rest) = Block::slice_as_chunks(rest);
        self.ghash.update(whole);
        self.held = Block::default();
        self.held[..rest.len()].copy_from_slice(rest);
    }

    fn tag(mut self) -> [u8; TAG] {
        if self.held_len() != 0 {
            self.ghash.update(&[self.held]);
        }
        let mut lengths = Block::default();
        let (aad, text) = lengths.split_at_mut(BLOCK / 2);
        aad.copy_from_slice(&bits(self.aad_len));
        text.copy_from_slice(&bits(self.text_len));
        self.ghash.update(&[lengths]);
        let mut tag: [u8; TAG] = self.ghash.finalize().into();
        for (byte, mask) in tag.iter_mut().zip(self.mask.iter()) {
            *byte ^= mask;
        }
        tag
    }
}

/// A length in bits. No message is as long as 2^61 bytes.
fn bits(bytes: u64) -> [u8; 8] {
    (8 * bytes).to_be_bytes()
}
